"""Specification of what gates learn from a session: discrepancies, risk, neighbours, a flow's own loss."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_learn_policy import fork
from test_learn_support import TOY_CONFIG, episode, expert_episode, expert_session, session_of, step, toy_obs, toy_policy

from data.errors import UserError
from data.schema import Outcome, Source
from data.session import Session
from learn.dataset import load_frames
from learn.gates import GateConfig, build_gate
from learn.gates.critic import Critic
from learn.gates.experience import Experience
from learn.gates.knn import NEAREST, Neighbours
from learn.gates.stand_in import held_out_discrepancies
from learn.policies import Policy, build_policy


def at(x: float, y: float = 0.0) -> dict[str, np.ndarray]:
    return {"goal": np.array([y, 0.0], np.float32), "position": np.array([x, 0.0], np.float32)}


def drive(xs, act, source: Source = Source.SCRIPTED, outcome: Outcome = Outcome.SUCCESS, label=None):
    """An episode through these x, in which `act(x)` is done."""
    return episode([step(at(x), act(x), source, None if label is None else label(x)) for x in xs], outcome)


def fitted(policy: Policy, session: Session) -> Policy:
    """Its ranges are the session's; its weights stay random."""
    frames = load_frames(session)
    policy.fit_ranges(torch.from_numpy(frames.obs), torch.from_numpy(frames.target))
    return policy


# -- experience --------------------------------------------------------------------------------------------------------


def test_experience_is_every_step_of_a_session_as_the_policy_sees_it(tmp_path: Path) -> None:
    rollout = drive([0.1, 0.2, 0.3], lambda x: (x, 0), Source.POLICY, Outcome.FAILURE, lambda x: (1, 1) if x == 0.2 else None)
    failed = drive([0.5, 0.6], lambda x: (x, x), outcome=Outcome.FAILURE)
    left = drive([0.9], lambda x: (x, x), outcome=Outcome.DISCARDED)
    session = session_of(tmp_path / "session", expert_episode(0), rollout, left, failed)
    policy = fitted(toy_policy(), session)
    seen = Experience.of(session, policy)
    first = len(session.read(0))
    assert seen.episode.tolist() == [0] * first + [1] * 3 + [2] * 2
    assert seen.success.tolist() == [True] * first + [False] * 5
    assert seen.to_go.tolist() == [*range(first - 1, -1, -1), 2, 1, 0, 1, 0]
    assert seen.by_policy.tolist() == [False] * first + [True] * 3 + [False] * 2
    torch.testing.assert_close(seen.features[first + 1 : first + 2], policy.features(at(0.2)))
    torch.testing.assert_close(seen.proposed[first : first + 3, 0], torch.tensor([0.1, 0.2, 0.3]))
    assert seen.demonstrated().tolist() == [*range(first), first + 1]
    torch.testing.assert_close(seen.shown[seen.demonstrated()], torch.from_numpy(load_frames(session).target))


def test_a_policy_that_sees_has_its_pictures_in_the_experience(tmp_path: Path) -> None:
    camera = {"image_keys": ("front_image",), "image_shapes": ((40, 48, 3),)}
    policy = build_policy(replace(TOY_CONFIG, kind="visual", chunk=4, hidden=(8,), members=2, **camera))
    rng = np.random.default_rng(0)
    one = drive([0.1, 0.2, 0.3, 0.4], lambda x: (x, 0))
    pictures = rng.integers(0, 256, (4, 40, 48, 3), np.uint8)
    sessions = [replace(one, obs=one.obs | {"front_image": pictures}, final_obs=one.final_obs | {"front_image": pictures[0]})] * 2
    session = session_of(tmp_path / "session", *sessions)
    seen = Experience.of(session, policy)
    assert seen.features.shape == (8, policy.encoder.width)
    torch.testing.assert_close(seen.features[2:3], policy.features(at(0.3) | {"front_image": pictures[2]}), rtol=1e-4, atol=1e-4)
    for kind in ("ensemble", "lazy", "thrifty", "knn"):
        assert np.isfinite(build_gate(GateConfig(kind), policy, session).score(at(0.1) | {"front_image": pictures[0]}))


def test_an_empty_session_teaches_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no finished episode; record some"):
        Experience.of(Session.create(tmp_path / "session"), toy_policy())


# -- discrepancies -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def half_known(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Left of 0 everybody does the same, right of it each episode something else, a whim that no other tells."""
    rng = np.random.default_rng(0)

    def one():
        whim = rng.uniform(-1.0, 1.0)
        return drive(np.linspace(-1.0, 1.0, 40), lambda x: (0.5 * x, 0.0) if x < 0 else (whim, -whim))

    return session_of(tmp_path_factory.mktemp("half") / "session", *(one() for _ in range(15)))


def test_discrepancies_are_of_episodes_that_were_held_out(half_known: Session) -> None:
    """Whims can be learned by heart, but not foreseen."""
    policy = fitted(toy_policy(), half_known)
    seen = Experience.of(half_known, policy)
    rows, away = held_out_discrepancies(seen, policy, seed=0)
    left = seen.features[rows, 2] < seen.features[:, 2].mean()
    assert away[left].median() < 0.15
    assert away[~left].mean() > 0.4


def test_where_a_policy_was_at_hand_its_own_discrepancy_counts(tmp_path: Path) -> None:
    rollout = drive([0.1, 0.2], lambda x: (0.3, 0.4), Source.POLICY, Outcome.FAILURE, lambda x: (0.0, 0.0))
    session = session_of(tmp_path / "session", expert_episode(0), rollout)
    policy = fitted(toy_policy(), session)
    _, away = held_out_discrepancies(Experience.of(session, policy), policy, seed=0)
    torch.testing.assert_close(away[-2:], torch.tensor([0.5, 0.5]))


def test_to_a_policy_that_knows_several_ways_a_fork_is_no_discrepancy(tmp_path: Path) -> None:
    forks = [drive(np.linspace(-1, 1, 10), lambda x, side=side: (side, 0.1 * x)) for side in (-1.0, 1.0) * 6]
    session = session_of(tmp_path / "session", *forks)
    found = {}
    for kind in ("bc", "moe"):
        policy = fitted(build_policy(replace(TOY_CONFIG, kind=kind, experts=4)), session)
        found[kind] = held_out_discrepancies(Experience.of(session, policy), policy, seed=0)[1].median()
    assert found["bc"] > 0.7
    assert found["moe"] < 0.2


def test_the_lazy_gate_asks_where_it_expects_to_differ(half_known: Session) -> None:
    gate = build_gate(GateConfig("lazy", rate=0.1), fitted(toy_policy(), half_known), half_known)
    scores = {x: gate.score(at(x)) for x in (-0.8, -0.4, 0.4, 0.8)}
    assert min(scores[0.4], scores[0.8]) > 2.0 * max(scores[-0.8], scores[-0.4])
    assert not gate.asks(scores[-0.4])
    assert gate.asks(10.0)


# -- risk --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def half_safe(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Left of 0 everything succeeds, right of it the policy fails, whatever is done."""
    rng = np.random.default_rng(0)

    def one(low: float, *facts):
        return drive(np.linspace(low, low + 0.9, 20), lambda x: rng.uniform(-1.0, 1.0, 2), *facts)

    good, bad = [one(-1.0) for _ in range(8)], [one(0.1, Source.POLICY, Outcome.FAILURE) for _ in range(8)]
    return session_of(tmp_path_factory.mktemp("safe") / "session", *good, *bad)


def risk(critic: Critic, policy: Policy, x: float) -> float:
    features = policy.features(at(x))
    return critic.risk(features, policy.outlook(features))


@pytest.mark.parametrize("kind", ["bc", "moe"])
def test_risk_is_high_where_episodes_failed(kind: str, half_safe: Session) -> None:
    policy = fitted(build_policy(replace(TOY_CONFIG, kind=kind, experts=3, members=2)), half_safe)
    critic = Critic.of(Experience.of(half_safe, policy), policy, seed=0)
    risks = [risk(critic, policy, x) for x in (-0.8, -0.3, 0.3, 0.8)]
    assert all(0.0 <= value <= 1.0 for value in risks)
    assert max(risks[:2]) < 0.3
    assert min(risks[2:]) > 0.7


def test_without_failures_nothing_is_riskier_than_anything_else(tmp_path: Path) -> None:
    session = expert_session(tmp_path / "session", 3)
    policy = toy_policy(2)
    critic = Critic.of(Experience.of(session, policy), policy, seed=0)
    assert {risk(critic, policy, x) for x in (-1.0, 0.0, 5.0)} == {0.0}


def test_the_thrifty_gate_scores_by_the_higher_rank_and_keeps_the_wheel_while_it_is_risky(half_safe: Session) -> None:
    policy = fitted(toy_policy(2), half_safe)
    gate = build_gate(GateConfig("thrifty", in_a_row=1), policy, half_safe)
    action = np.zeros(2, np.float32)
    safe = [gate.score(at(x)) for x in np.linspace(-0.1, -0.9, 30)]
    assert gate.hands_back(safe[-1], action, action)
    risky = gate.score(at(0.5))
    assert not gate.hands_back(risky, action, action)
    assert risky > 0.5
    assert all(0.0 <= score <= 1.0 for score in safe)


# -- neighbours --------------------------------------------------------------------------------------------------------


def test_distances_are_to_the_nearest_states_in_standard_deviations() -> None:
    rng = np.random.default_rng(0)
    points, episodes = rng.normal(size=(60, 3)).astype(np.float32) * (1.0, 10.0, 0.1), rng.integers(0, 4, 60)
    near = Neighbours(torch.from_numpy(points).float(), torch.from_numpy(episodes))
    scaled = (points - points.mean(axis=0)) / points.std(axis=0)

    def expected(point, others):
        return np.sort(np.sqrt(((others - point) ** 2).mean(axis=1)))[:NEAREST].mean()

    query = points[0] + 0.05
    found = near.distance(torch.from_numpy(query[None]).float())
    assert found == pytest.approx(expected((query - points.mean(axis=0)) / points.std(axis=0), scaled), rel=1e-4)
    rows = [0, 7, 30]
    left_out = [expected(scaled[row], scaled[episodes != episodes[row]]) for row in rows]
    np.testing.assert_allclose(near.left_out(torch.tensor(rows)), left_out, rtol=1e-3)


def test_the_knn_gate_asks_far_from_everything_shown_and_not_amid_it(tmp_path: Path) -> None:
    session = expert_session(tmp_path / "session", 20)
    policy = fitted(toy_policy(), session)
    gate = build_gate(GateConfig("knn", rate=0.05), policy, session)
    middle = session.read(0).obs
    assert not gate.asks(gate.score({key: middle[key][2] for key in middle}))
    assert gate.asks(gate.score(at(6.0)))


# -- a flow's own loss -------------------------------------------------------------------------------------------------


def test_a_flow_s_own_loss_is_higher_where_it_was_not_trained() -> None:
    policy = fork("flow", 500, hidden=(32,), integration_steps=8)

    def surprise(*places) -> float:
        states = [policy.features({"position": np.array(place, np.float32)}) for place in places]
        return float(policy.head.surprise(torch.cat(states)).mean())

    known, unknown = surprise((-1.5, 0), (-0.8, 0), (0.8, 0), (1.5, 0)), surprise((3, 9), (-3, 9), (3, -9), (-3, -9))
    assert unknown > 2.0 * known


def test_the_loss_gate_s_score_is_that_loss_of_the_first_member(tmp_path: Path) -> None:
    session = expert_session(tmp_path / "session", 3)
    policy = build_policy(replace(TOY_CONFIG, kind="flow", chunk=4, members=2, integration_steps=2))
    gate = build_gate(GateConfig("loss"), policy, session)
    alone = build_policy(replace(policy.config, members=1))
    alone.load_state_dict({name: value for name, value in policy.state_dict().items() if "nets.1." not in name})
    for k in range(3):
        features = policy.features(toy_obs(k))
        assert gate.score(toy_obs(k)) == pytest.approx(float(alone.head.surprise(features)[0]), rel=1e-5)
        torch.testing.assert_close(policy.head.surprise(features.expand(3, -1))[1:2], policy.head.surprise(features))
