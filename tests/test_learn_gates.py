"""Specification of `learn.gates`: when the person is asked, by which gate, and when the wheel is handed back."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_learn_support import expert_session, toy_obs, toy_policy

from data.errors import UserError
from data.session import Session
from learn.driver import Driver
from learn.gates import BetaSchedule, GateConfig, build_gate, gate_names, gate_table
from learn.gates.agreement import Agreement
from learn.gates.table import GATES
from learn.policies import Policy, PolicyConfig, build_policy
from learn.train import TrainConfig, train
from teleop.pilot import Pilot

ACTION = np.zeros(2, np.float32)
HAND_OVER = {"lazy", "thrifty"}
RATED = [name for name in gate_names() if name not in ("human", "foresight", "every-step")]


# -- two that need no score --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "answer"), [("human", False), ("every-step", True)])
def test_the_human_gate_never_asks_and_every_step_always(kind: str, answer: bool) -> None:
    gate = build_gate(GateConfig(kind), toy_policy())
    assert math.isnan(gate.score(toy_obs()))
    assert all(gate.asks(gate.score(toy_obs(k))) is answer for k in range(20))
    assert not gate.hands_over
    assert gate.hands_back(math.nan, ACTION, ACTION + 1.0)
    assert GateConfig(kind).wished_share == float(answer)


# -- all that have one -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return expert_session(tmp_path_factory.mktemp("toy") / "session", 12)


def policy_for(kind: str) -> Policy:
    config = PolicyConfig(("goal", "position"), (2, 2), 2, hidden=(16,), members=2)
    return build_policy(replace(config, kind="flow", chunk=2, integration_steps=2) if kind == "loss" else config)


@pytest.mark.parametrize("kind", RATED)
def test_every_other_gate_asks_at_the_wished_rate_and_the_seed_decides_where(kind: str, toy: Session) -> None:
    policy, answers = policy_for(kind), []
    for _ in range(2):
        gate = build_gate(GateConfig(kind, rate=0.25), policy, toy, seed=3)
        scores = [gate.score(toy_obs(k)) for k in range(300)]
        answers.append([(score, gate.asks(score)) for score in scores])
    assert answers[0] == answers[1]
    assert np.isfinite(scores).all()
    assert np.mean([asks for _, asks in answers[0]]) == pytest.approx(0.25, rel=0.2)


@pytest.mark.parametrize("kind", RATED)
def test_only_lazy_and_thrifty_leave_the_person_at_the_wheel_until_they_agree_and_that_counts(kind: str, toy: Session) -> None:
    gate = build_gate(GateConfig(kind, rate=0.1, in_a_row=3), policy_for(kind), toy)
    score = gate.score(toy_obs())
    stays = kind in HAND_OVER
    assert gate.hands_over == stays
    assert gate.hands_back(score, ACTION, ACTION + 1.0) != stays
    assert [gate.hands_back(score, ACTION, ACTION) for _ in range(3)] == [not stays, not stays, True]
    for _ in range(30):
        gate.hands_back(score, ACTION, ACTION + 1.0)
    asked = [gate.asks(gate.score(toy_obs(k))) for k in range(100)]
    assert any(asked) != stays  # 34 answers are a tenth of 340 states


def test_the_ensemble_gate_s_score_is_the_policy_s_doubt(toy: Session) -> None:
    policy = toy_policy(members=3)
    for session in (None, toy):
        assert build_gate(GateConfig("ensemble"), policy, session).score(toy_obs()) == policy.doubt(toy_obs())


@pytest.mark.parametrize("kind", ["human", "foresight", "every-step", "knn", "ensemble"])
def test_a_pilot_takes_the_gates(kind: str, toy: Session) -> None:
    policy = policy_for(kind)
    pilot = Pilot(Driver(policy), build_gate(GateConfig(kind, rate=0.9), policy, toy), label_budget=9)
    assert any(pilot.asks(toy_obs(k))[0] for k in range(9)) == (kind not in ("human", "foresight"))


@pytest.fixture(scope="module")
def panda(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, Policy]:
    session = Session.open(recorded)
    return session, train(session, TrainConfig(steps=100, hidden=(32,), members=2), tmp_path_factory.mktemp("panda")).policy


@pytest.mark.parametrize("kind", ["ensemble", "lazy", "thrifty", "knn"])
def test_gates_learn_from_a_real_session_of_the_panda(kind: str, panda: tuple[Session, Policy]) -> None:
    session, policy = panda
    gate = build_gate(GateConfig(kind, rate=0.25), policy, session)
    obs = session.read(0).obs
    known = [{key: value[t] for key, value in obs.items()} for t in range(40)]
    elsewhere = [{key: value + np.float32(0.3) for key, value in one.items()} for one in known]
    scores = [np.mean([gate.score(one) for one in states]) for states in (known, elsewhere)]
    assert np.isfinite(scores).all()
    if kind != "lazy":  # which has learned where it errs among what it knows, not what it knows
        assert scores[1] > 1.5 * scores[0]


# -- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "members", "with_session", "complaint"),
    [
        ("ensemble", 1, True, "--gate ensemble needs a policy with at least 2 members, this one has 1; train it with --members 5"),
        ("thrifty", 1, True, "--gate thrifty needs a policy with at least 2 members"),
        ("loss", 2, True, "--gate loss needs a flow, whose own loss it looks at, not bc; train --policy flow or visual-flow"),
        ("lazy", 2, False, "--gate lazy learns from a session, and there is none"),
        ("thrifty", 2, False, "--gate thrifty learns from a session"),
        ("knn", 2, False, "--gate knn learns from a session"),
        ("loss", 2, False, "--gate loss needs a flow"),
    ],
)
def test_gates_say_what_they_need(kind: str, members: int, with_session: bool, complaint: str, toy: Session) -> None:
    with pytest.raises(UserError, match=complaint):
        build_gate(GateConfig(kind), toy_policy(members), toy if with_session else None)


def test_one_episode_is_not_enough_to_tell_what_is_held_out(tmp_path: Path) -> None:
    session = expert_session(tmp_path / "session", 1)
    for kind in ("lazy", "thrifty"):
        with pytest.raises(UserError, match="there is one; record more"):
            build_gate(GateConfig(kind), toy_policy(2), session)
    gate = build_gate(GateConfig("knn"), toy_policy(2), session)
    assert math.isfinite(gate.score(toy_obs()))


def test_another_task_s_session_is_refused(recorded: Path) -> None:
    with pytest.raises(UserError, match="has no goal, position, which the policy sees"):
        build_gate(GateConfig("knn"), toy_policy(), Session.open(recorded))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"kind": "oracle"}, "--gate oracle is not known; allowed: ensemble, every-step, foresight, human, knn, lazy, loss, thrifty"),
        ({"rate": 1.5}, "--rate 1.5 is not between 0 and 1"),
        ({"in_a_row": 0}, "--in-a-row 0: give at least 1"),
    ],
)
def test_impossible_gates_are_refused(values: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        GateConfig(**values)


# -- of one mind -------------------------------------------------------------------------------------------------------


def test_agreement_begins_anew_after_a_difference_and_after_a_question() -> None:
    agreement = Agreement(within=0.5, in_a_row=2)
    near, far = np.array([0.3, 0.4], np.float32), np.array([0.4, 0.4], np.float32)
    assert [agreement.holds(ACTION, a) for a in (near, near, far, near, near, near)] == [False, True, False, False, True, True]
    agreement.begin()
    assert [agreement.holds(ACTION, near) for _ in range(2)] == [False, True]


# -- β -----------------------------------------------------------------------------------------------------------------


def test_beta_falls_as_ross_and_others_have_it() -> None:
    assert [BetaSchedule().beta(i) for i in (1, 2, 9)] == [0.0, 0.0, 0.0]
    assert [BetaSchedule("constant", 0.3).beta(i) for i in (1, 9)] == [0.3, 0.3]
    assert [BetaSchedule("exponential", 0.8, decay=0.5).beta(i) for i in (1, 2, 3)] == pytest.approx([0.8, 0.4, 0.2])
    assert [BetaSchedule("linear", 0.8, rounds=5).beta(i) for i in (1, 2, 5, 6)] == pytest.approx([0.8, 0.6, 0.0, 0.0])


@pytest.mark.parametrize("kind", ["constant", "linear", "exponential"])
def test_beta_is_a_probability_that_never_rises(kind: str) -> None:
    values = [BetaSchedule(kind, 1.0, rounds=3, decay=0.7).beta(i) for i in range(1, 12)]
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)
    assert min(values) >= 0.0


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"kind": "cosine"}, "--beta cosine is not known; allowed: constant, exponential, linear"),
        ({"start": 1.5}, "--beta-start 1.5: give a probability"),
        ({"rounds": 1}, "--beta-rounds 1: give at least 2"),
        ({"decay": 1.0}, "--beta-decay 1.0: give a number from 0"),
    ],
)
def test_impossible_schedules_are_refused(values: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        BetaSchedule(**values)


# -- the table ---------------------------------------------------------------------------------------------------------


def test_the_table_has_a_line_for_every_gate() -> None:
    assert tuple(row.kind for row in GATES) == gate_names()
    lines = gate_table().splitlines()
    assert len(lines) == 2 + len(gate_names())
    assert {line.count("|") for line in lines} == {6}
