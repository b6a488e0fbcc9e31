"""Specification of `learn.gates`: when the person is asked."""

import math

import numpy as np
import pytest
from test_learn_support import toy_obs, toy_policy

from data.errors import UserError
from learn.gates import EnsembleGate, EveryStepGate, HumanGate, build_gate, gate_names, rank_p_value


class Doubts:
    """A policy whose doubt is the observation's only number."""

    def doubt(self, obs) -> float:
        return float(obs["x"][0])


def asked(gate: EnsembleGate, scores) -> np.ndarray:
    return np.array([gate.asks(gate.score({"x": np.array([s])})) for s in scores])


def test_the_human_gate_never_asks_and_every_step_always() -> None:
    for gate, answer in ((HumanGate(), False), (EveryStepGate(), True)):
        assert math.isnan(gate.score(toy_obs()))
        assert gate.asks(gate.score(toy_obs())) is answer


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
def test_the_ensemble_gate_asks_at_the_wished_rate(rate: float) -> None:
    scores = np.random.default_rng(0).exponential(size=4000)
    assert asked(EnsembleGate(Doubts(), rate), scores)[100:].mean() == pytest.approx(rate, abs=0.02)


def test_the_rate_returns_after_doubt_has_shifted() -> None:
    rng = np.random.default_rng(0)
    gate = EnsembleGate(Doubts(), 0.1, window=200)
    asked(gate, rng.uniform(0.0, 1.0, 1000))
    after = asked(gate, rng.uniform(5.0, 6.0, 2000))
    assert after[:20].mean() > 0.5
    assert after[500:].mean() == pytest.approx(0.1, abs=0.03)


def test_the_window_forgets_exactly_the_oldest() -> None:
    scores = [3.0, 1.0, 2.0, 1.0, 5.0, 4.0]
    gate = EnsembleGate(Doubts(), 0.5, window=3)
    asked(gate, scores)
    assert list(gate._newest) == scores[-3:]
    assert gate._sorted == sorted(scores[-3:])


def test_the_most_doubtful_state_is_the_one_asked_about() -> None:
    answers = asked(EnsembleGate(Doubts(), 0.1), [*np.linspace(1.0, 0.5, 50), 2.0])
    assert answers.tolist() == [False] * 50 + [True]


def test_nothing_is_asked_before_the_rate_can_be_known() -> None:
    assert not asked(EnsembleGate(Doubts(), 0.1), np.arange(9.0)).any()
    assert asked(EnsembleGate(Doubts(), 0.1), np.arange(10.0))[-1]


def test_constant_doubt_never_asks() -> None:
    assert not asked(EnsembleGate(Doubts(), 0.5), np.zeros(100)).any()


def test_the_ensemble_gates_score_is_the_policys_doubt() -> None:
    policy = toy_policy(members=3)
    assert EnsembleGate(policy).score(toy_obs()) == policy.doubt(toy_obs())


def test_rank_p_value_counts_itself_and_the_ties() -> None:
    assert rank_p_value([], 1.0) == 1.0
    assert rank_p_value([1.0, 2.0, 2.0, 3.0], 2.0) == pytest.approx(4 / 5)
    assert rank_p_value([1.0, 2.0, 2.0, 3.0], 9.0) == pytest.approx(1 / 5)


def test_gates_are_built_by_name() -> None:
    policy = toy_policy(members=2)
    built = [type(build_gate(name, policy, members=2)) for name in gate_names()]
    assert built == [HumanGate, EveryStepGate, EnsembleGate]


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: build_gate("oracle", toy_policy(), 1), "--gate oracle is not known; allowed: ensemble, every-step, human"),
        (lambda: build_gate("ensemble", toy_policy(), 1), "at least 2 members, this one has 1"),
        (lambda: EnsembleGate(Doubts(), 1.5), "not between 0 and 1"),
        (lambda: EnsembleGate(Doubts(), 0.01, window=10), "never asks"),
    ],
)
def test_impossible_gates_are_refused(build, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        build()
