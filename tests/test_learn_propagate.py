"""Specification of `learn.propagate`: what was said of one state becomes a label of a near one only where the simulator proves it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_lines import run
from test_learn_support import episode as toy_episode
from test_learn_support import session_of, step, toy_obs

from data.check import problems
from data.episode import Episode, Step, build_episode
from data.errors import UserError
from data.masks import Masks, read_masks, write_masks
from data.schema import EpisodeMeta, Outcome, Phase, Source
from data.session import Session
from learn.answers import Answers, Near, Places, gather, near_pairs
from learn.dataset import load_frames
from learn.inverse.motion import LABELLED_BY
from learn.inverse.verify import Ruler
from learn.propagate import PROPAGATED, PropagateConfig, Propagated, PropagateResult, plan_propagation, propagate, read_propagated
from teleop.envs import make_plant
from teleop.envs.plant import Plant

ENV = "PandaReach-v0"
ANSWERED = (6, 12, 18, 24)
CONFIG = PropagateConfig()


def towards_goal(obs: Mapping[str, np.ndarray]) -> np.ndarray:
    """(7,) a third of a full step at most, with the gripper half closed."""
    way = 5.0 * obs["object"][3:6]
    return np.concatenate([way * min(1.0, 0.3 / np.linalg.norm(way)), np.zeros(3), [0.5]]).astype(np.float32)


def driven(seed: int, answered: tuple[int, ...], noise: float, steps: int = 30, act=towards_goal) -> Episode:
    """A policy's episode, its actions noisy, answered at some steps by what `act` does there."""
    env, plant = make_plant(ENV, {})
    rng, ticks = np.random.default_rng(seed + round(1000 * noise)), []
    with closing(env):
        obs, _ = env.reset(seed=seed)
        for t in range(steps):
            label, wobble = act(obs), np.append(rng.normal(0.0, noise, 3), np.zeros(4))
            action = label if t in answered else np.clip(label + wobble, -1.0, 1.0).astype(np.float32)
            ticks.append(
                Step(
                    obs=obs,
                    sim_state=plant.sim_state(),
                    state=plant.flat_state(),
                    action=action,
                    reward=0.0,
                    source=Source.SCRIPTED if t in answered else Source.POLICY,
                    phase=Phase.ASKING if t in answered else Phase.POLICY,
                    stick=np.zeros(21, np.float32),
                    time_s=0.05 * t,
                    label=label if t in answered else None,
                    policy_action=action,
                    decision_latency_s=0.8 if t in answered else float("nan"),
                )
            )
            obs = env.step(action)[0]
        meta = EpisodeMeta(env_id=ENV, env_kwargs={}, seed=seed, outcome=Outcome.FAILURE, operator="test", uid=f"{seed} {noise}")
        return build_episode(ticks, obs, plant.sim_state(), meta)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Three policy's episodes towards one goal, of which the first was answered, and one towards another. To be read only."""
    episodes = [driven(3, ANSWERED, 0.0), driven(3, (), 0.05), driven(3, (), 0.1), driven(4, (), 0.05)]
    return session_of(tmp_path_factory.mktemp("source") / "session", *episodes)


def propagated(source: Session, out: Path, config: PropagateConfig = CONFIG) -> PropagateResult:
    return propagate(plan_propagation(source, out, config))


@pytest.fixture(scope="module")
def result(source: Session, tmp_path_factory: pytest.TempPathFactory) -> PropagateResult:
    return propagated(source, tmp_path_factory.mktemp("result") / "new")


def found_in(result: PropagateResult) -> dict[int, Propagated]:
    return {row.number: read_propagated(result.session, row.number) for row in result.session.rows()}


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    """A simulator that nothing was recorded in."""
    env, plant = make_plant(ENV, {})
    with closing(env):
        env.reset(seed=0)
        yield plant


def led_to(plant: Plant, episode: Episode, at: int, action: np.ndarray) -> dict[str, np.ndarray]:
    """What an action leads to from a state of an episode."""
    plant.restore(np.asarray(episode.steps["sim_state"])[at])
    return plant.step(action)[0]


# -- proof -------------------------------------------------------------------------------------------------------------


def test_answers_become_labels_of_near_states_in_other_episodes_too(result: PropagateResult) -> None:
    assert result.answers == len(ANSWERED)
    assert result.accepted >= 2 * len(ANSWERED)
    others = [number for number, found in found_in(result).items() if found.accepted.any() and number != 0]
    assert {1, 2} <= set(others)
    assert 3 not in others  # towards another goal


def test_every_label_leads_from_its_own_state_to_where_the_answer_leads(source: Session, result: PropagateResult, plant: Plant) -> None:
    ruler, answered = plan_propagation(source, Path("nowhere"), CONFIG).ruler, source.read(0)
    for number, found in found_in(result).items():
        episode = result.session.read(number)
        for k in np.flatnonzero(found.accepted):
            answer, label = answered.steps["labels"][found.from_step[k]], episode.steps["labels"][found.step[k]]
            goal = led_to(plant, answered, int(found.from_step[k]), answer)
            there = led_to(plant, episode, int(found.step[k]), label)
            assert ruler.residual(ruler.offset(there, goal)) == pytest.approx(found.residual[k], abs=1e-5)
            assert found.residual[k] <= CONFIG.tolerance
            assert label[6] == answer[6]


def test_refinement_proves_what_the_answer_itself_does_not(source: Session, result: PropagateResult, tmp_path: Path) -> None:
    as_it_is = propagated(source, tmp_path / "raw", replace(CONFIG, refine=0))
    assert as_it_is.accepted < result.accepted
    for found in found_in(as_it_is).values():
        np.testing.assert_array_equal(found.residual, found.first_residual)


def test_what_is_not_proven_is_kept_as_tried_and_is_no_label(source: Session, tmp_path: Path) -> None:
    strict = propagated(source, tmp_path / "strict", replace(CONFIG, tolerance=1e-9))
    assert (strict.accepted, strict.residual) == (0, None)
    assert strict.tried > 0
    for number, found in found_in(strict).items():
        assert not found.accepted.any()
        assert np.all(found.residual > 1e-9)
        np.testing.assert_array_equal(strict.session.read(number).steps["labels"], source.read(number).steps["labels"])


def test_a_goal_beyond_one_step_must_come_nearer_by_the_stated_share(source: Session, plant: Plant, tmp_path: Path) -> None:
    far, ruler, answered = replace(CONFIG, radius=2.5), plan_propagation(source, Path("nowhere"), CONFIG).ruler, source.read(0)
    result = propagated(source, tmp_path / "far", far)
    beyond = [(k, found) for found in found_in(result).values() for k in np.flatnonzero(found.accepted & (found.residual > far.tolerance))]
    assert len(beyond) == result.accepted - result.arrived > 0
    for k, found in beyond:
        at = int(found.from_step[k])
        here = {key: values[at] for key, values in answered.obs.items()}
        way = ruler.residual(ruler.offset(here, led_to(plant, answered, at, answered.steps["labels"][at])))
        assert np.abs(found.actions[k]).max() == 1.0
        assert found.before[k] - found.residual[k] >= far.least_progress * way - 1e-5


def test_held_numbers_stay_the_answers(source: Session, tmp_path: Path) -> None:
    result = propagated(source, tmp_path / "held", replace(CONFIG, hold=(0, 1, 2)))
    for found in found_in(result).values():
        for k, action in enumerate(found.actions):
            np.testing.assert_array_equal(action, source.read(0).steps["labels"][found.from_step[k]])
    with pytest.raises(UserError, match="an action has 7 numbers"):
        propagated(source, tmp_path / "beyond", replace(CONFIG, hold=(7,)))


# -- near --------------------------------------------------------------------------------------------------------------


def near(places: list[float], goal: float = 1.0, nearest: int = 9, radius: float = 2.0, apart: float = 0.0) -> list[int]:
    """Which places on a line are near the answer at 0."""
    ruler = Ruler((("x", 1, 1.0),))
    at = Places(np.zeros(1, np.int64), np.zeros(1, np.int64), {"x": np.zeros((1, 1), np.float32)})
    answers = Answers(at, np.zeros((1, 1), np.float32), np.zeros((1, 1)), np.ones(1, bool))
    count = len(places)
    visited = Places(np.zeros(count, np.int64), np.arange(count), {"x": np.array(places, np.float32)[:, None]})
    return near_pairs(ruler, answers, np.array([[goal]]), visited, Near(nearest, radius, apart))[1].tolist()


def test_the_nearest_come_first_and_no_more_than_asked_within_the_radius() -> None:
    assert near([-0.5, 0.1, -3.0, -1.5]) == [1, 0, 3]
    assert near([-0.5, 0.1, -3.0, -1.5], nearest=2) == [1, 0]
    assert near([-0.5, 0.1, -3.0, -1.5], radius=0.2) == [1]


def test_of_states_that_look_alike_one_has_a_label() -> None:
    assert near([0.05, -0.3, -0.35, -0.4, -0.7], apart=0.25) == [1, 4]


def test_a_state_at_or_past_the_goal_is_not_told_to_stay_or_turn_back() -> None:
    assert near([0.9, 1.0, 1.1, 2.0]) == [0]


def test_an_answer_that_holds_still_is_of_its_own_state_alone() -> None:
    assert near([0.0, 0.1, -0.1], goal=0.05) == []


def test_a_few_jumps_do_not_make_what_is_far_look_near() -> None:
    walk = np.cumsum(np.full((50, 1), 0.01), axis=0).astype(np.float32)
    jumps = walk.copy()
    jumps[25:] += 5.0
    (_, _, plain), (_, _, robust) = (make([{"x": jumps}]).units[0] for make in (Ruler.of, Ruler.robust))
    assert plain > 0.5
    assert robust == pytest.approx(0.01, rel=0.01)


# -- where it comes from -----------------------------------------------------------------------------------------------


def test_a_propagated_label_can_be_told_from_an_answer(source: Session, result: PropagateResult) -> None:
    for number, found in found_in(result).items():
        before, after = source.read(number), result.session.read(number)
        new = np.flatnonzero(~np.isnan(after.steps["labels"]).any(axis=1) & np.isnan(before.steps["labels"]).any(axis=1))
        assert after.meta.settings[PROPAGATED]["steps"] == sorted(found.step[found.accepted].tolist()) == new.tolist()
        assert np.all(after.steps["phase"][new] == Phase.POLICY)
        assert np.all(after.steps["source"][new] == Source.POLICY)
        assert np.isnan(after.steps["decision_latency_s"][new]).all()
        assert after.meta.origin == f"session#{number}"


def test_all_else_stays_and_the_episodes_are_sound(source: Session, result: PropagateResult) -> None:
    for row in source.rows():
        before, after = source.read(row.number), result.session.read(row.number)
        assert problems(after) == []
        for name in set(before.steps) - {"labels"}:
            np.testing.assert_array_equal(after.steps[name], before.steps[name])
        answered = ~np.isnan(before.steps["labels"]).any(axis=1)
        np.testing.assert_array_equal(after.steps["labels"][answered], before.steps["labels"][answered])


def test_training_takes_answers_and_what_followed_from_them(source: Session, result: PropagateResult) -> None:
    assert len(load_frames(source)) == len(ANSWERED)
    assert len(load_frames(result.session)) == len(ANSWERED) + result.accepted


def test_demonstrations_are_copied_and_stay_the_same_episodes(source: Session, tmp_path: Path) -> None:
    demonstration = source.read(1)
    meta = replace(demonstration.meta, outcome=Outcome.SUCCESS, uid="a demonstration")
    shown = replace(demonstration, meta=meta, steps={**demonstration.steps, "source": np.full(len(demonstration), 2, np.uint8)})
    mixed = session_of(tmp_path / "mixed", shown, source.read(0))
    new = propagated(mixed, tmp_path / "new").session
    assert new.rows()[0].uid == "a demonstration"
    assert new.rows()[1].uid != source.rows()[0].uid
    assert PROPAGATED not in new.read(0).meta.settings


def test_a_split_goes_along(source: Session, tmp_path: Path) -> None:
    split = session_of(tmp_path / "split", source.read(0), source.read(1))
    write_masks(split.path, Masks(train=(0,), valid=(1,)))
    assert read_masks(propagated(split, tmp_path / "new").session.path).valid == (1,)


# -- going on ----------------------------------------------------------------------------------------------------------


def test_the_same_call_goes_on_where_ctrl_c_stopped_it(source: Session, result: PropagateResult, tmp_path: Path) -> None:
    def ctrl_c(number: int, found: Propagated | None) -> None:
        if number == 1:
            raise KeyboardInterrupt

    out = tmp_path / "new"
    with pytest.raises(KeyboardInterrupt):
        propagate(plan_propagation(source, out, CONFIG), ctrl_c)
    assert len(Session.open(out)) == 2
    again = propagated(source, out)
    assert (again.episodes, again.done_now) == (4, 2)
    for row in source.rows():
        np.testing.assert_array_equal(again.session.read(row.number).steps["labels"], result.session.read(row.number).steps["labels"])


def test_other_settings_or_other_answers_need_a_new_folder(source: Session, tmp_path: Path) -> None:
    few = session_of(tmp_path / "few", source.read(0))
    out = tmp_path / "new"
    propagated(few, out)
    with pytest.raises(UserError, match="give a new folder"):
        plan_propagation(few, out, replace(CONFIG, refine=1))
    few.append(source.read(1))
    with pytest.raises(UserError, match="give a new folder"):
        plan_propagation(few, out, CONFIG)


def test_the_command_tells_what_it_did(source: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["propagate", source.path, "--out", tmp_path / "new", "--refine", 2, "--json"]
    assert run("learn", *words) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["answers"] == len(ANSWERED)
    assert 0 < summary["arrived"] <= summary["accepted"] <= summary["tried"]
    assert run("learn", *words) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {**summary, "done_now": 0}


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_session_without_answers_is_refused(source: Session, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no answers to propagate; give some: python -m learn dagger"):
        plan_propagation(session_of(tmp_path / "none", source.read(1)), tmp_path / "new", CONFIG)


def test_a_session_in_which_everything_was_answered_is_refused(source: Session, tmp_path: Path) -> None:
    episode = source.read(0)
    answered = replace(episode, steps={**episode.steps, "labels": episode.steps["actions"]})
    with pytest.raises(UserError, match="no state that a policy came to unanswered"):
        plan_propagation(session_of(tmp_path / "all", answered), tmp_path / "new", CONFIG)


@pytest.mark.parametrize("word", [PROPAGATED, LABELLED_BY])
def test_labels_that_nobody_gave_are_not_propagated(source: Session, tmp_path: Path, word: str) -> None:
    episode = source.read(0)
    made = replace(episode, meta=replace(episode.meta, settings={word: {}}))
    with pytest.raises(UserError, match="has labels that nobody gave"):
        plan_propagation(session_of(tmp_path / "made", made), tmp_path / "new", CONFIG)


def test_a_session_is_not_changed_in_place(source: Session) -> None:
    with pytest.raises(UserError, match="give a new folder"):
        plan_propagation(source, source.path, CONFIG)


def test_an_environment_that_cannot_be_put_back_is_refused(tmp_path: Path) -> None:
    ticks = [step(toy_obs(0), np.zeros(2), Source.POLICY, np.ones(2)), step(toy_obs(1), np.zeros(2), Source.POLICY)]
    session = session_of(tmp_path / "session", toy_episode(ticks, Outcome.FAILURE, "CartPole-v1"))
    with pytest.raises(UserError, match="CartPole-v1 cannot be put into a recorded state"):
        propagated(session, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_states_that_look_otherwise_when_put_back_are_refused(source: Session, tmp_path: Path) -> None:
    episode = source.read(0)
    moved = replace(episode, obs={**episode.obs, "robot0_eef_pos": episode.obs["robot0_eef_pos"] + 0.01})
    with pytest.raises(UserError, match="episode 0 put back looks otherwise than recorded"):
        propagated(session_of(tmp_path / "moved", moved), tmp_path / "new")


def test_states_of_another_width_are_refused(source: Session, tmp_path: Path) -> None:
    episode = source.read(0)
    short = replace(episode, steps={**episode.steps, "sim_state": episode.steps["sim_state"][:, :-1]})
    with pytest.raises(UserError, match="another version of the environment"):
        propagated(session_of(tmp_path / "short", short), tmp_path / "new")


def test_two_environments_in_one_session_are_refused(source: Session, tmp_path: Path) -> None:
    episode = source.read(1)
    other = replace(episode, meta=replace(episode.meta, env_id="PandaLift-v0", uid="other"))
    with pytest.raises(UserError, match="mixes environments"):
        plan_propagation(session_of(tmp_path / "mixed", source.read(0), other), tmp_path / "new", CONFIG)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nearest": 0},
        {"refine": -1},
        {"radius": 0.0},
        {"tolerance": float("inf")},
        {"least_progress": 1.5},
        {"apart": 1.0},
        {"hold": (-1,)},
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict) -> None:
    with pytest.raises(UserError, match="give"):
        PropagateConfig(**wrong)


def test_a_policys_own_states_and_a_persons_answers_are_gathered(source: Session) -> None:
    answers, visited, _ = gather(source, [0, 1], ())
    assert answers.at.step.tolist() == list(ANSWERED)
    assert len(visited) == 60 - len(ANSWERED)
    assert answers.moved.tolist() == [True] * 3 + [False] * 3 + [True]
