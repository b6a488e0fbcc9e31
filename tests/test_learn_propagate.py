"""Demonstrations carried over to other scenes, in the real simulator."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_lines import run

from data.episode import Episode
from data.schema import Outcome, Source
from data.session import Session
from learn.propagate.carrier import Carrier, Way
from learn.propagate.demonstration import demonstration_of
from learn.propagate.propagation import FIRST_SCENE, NothingToCarryError, can_propagate, propagate
from learn.rounds import read_rounds
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv
from teleop.loop import LoopConfig

SCENES = range(FIRST_SCENE, FIRST_SCENE + 3)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One demonstration of PandaPickPlace-v0 by the simulated person. To be read only."""
    path = tmp_path_factory.mktemp("shown") / "session"
    words = ["record", "--env", "PandaPickPlace-v0", "--session", path, "--device", "scripted", "--headless", "--episodes", 1]
    assert run("teleop", *words, "--workers", 1) == 0
    return path


@pytest.fixture(scope="module")
def arm() -> Iterator[ArmEnv]:
    env, plant = make_plant("PandaPickPlace-v0", {})
    assert isinstance(plant, ArmEnv)
    env.reset(seed=0)
    yield plant
    env.close()


def of(session: Path, number: int = 0) -> Episode:
    return Session.open(session).read(number)


# -- a demonstration in pieces -------------------------------------------------------------------------------------------


def test_a_demonstration_is_cut_where_the_hand_closes_opens_and_goes_elsewhere(arm: ArmEnv, shown: Path) -> None:
    episode = of(shown)
    demonstration = demonstration_of(arm, episode)
    assert demonstration is not None
    assert len(demonstration) == len(episode)
    arm.stand_as(np.asarray(episode.steps["sim_state"][0], np.float64))
    cube, bin_ = arm.data.body("cube").xpos.copy(), arm.data.body("bin").xpos.copy()
    first, *others = demonstration.pieces
    assert first.thing.pos_m == pytest.approx(cube, abs=1e-3), "to the cube"
    assert first.held_m is None
    assert first.thing.yaw_rad != 0.0
    assert others[0].thing.pos_m[:2] == pytest.approx(bin_[:2], abs=1e-3), "with it to the bin"
    assert others[0].held_m is not None
    assert demonstration.bodies_m.shape == (2, 3)
    for piece in demonstration.pieces:
        assert piece.path_m.shape == (len(piece) + 1, 3)
        behind = piece.behind()
        assert (behind[0], behind[-1]) == (0.0, 1.0)
        assert np.all(np.diff(behind) >= 0.0)


def test_what_a_policy_did_and_what_failed_is_no_demonstration(arm: ArmEnv, shown: Path) -> None:
    episode = of(shown)
    source = np.full(len(episode), Source.SCRIPTED)
    source[3] = Source.POLICY
    assert demonstration_of(arm, replace(episode, steps={**episode.steps, "source": source})) is None
    assert demonstration_of(arm, replace(episode, meta=replace(episode.meta, outcome=Outcome.FAILURE))) is None
    nothing = np.empty((len(episode) + 1, 0))
    assert demonstration_of(arm, replace(episode, steps={**episode.steps, "sim_state": nothing})) is None


# -- carried over --------------------------------------------------------------------------------------------------------


def test_every_scene_that_is_kept_ends_in_success_and_replays_to_the_bit(shown: Path, tmp_path: Path) -> None:
    assert run("learn", "propagate", shown, "--out", tmp_path / "more", "--scenes", 3, "--workers", 1) == 0
    session = Session.open(tmp_path / "more")
    rows = session.rows()
    assert [row.operator for row in rows] == ["scripted operator", *["propagated"] * 3]
    assert [row.seed for row in rows[1:]] == list(SCENES)
    assert {row.success for row in rows} == {True}
    for row in rows[1:]:
        episode = session.read(row.number)
        assert episode.meta.settings["propagated"]["from"] == rows[0].uid
        assert np.all(episode.steps["source"] == Source.SCRIPTED), "nobody calls it human"
        assert np.abs(episode.steps["actions"]).max() <= 1.0
        assert np.all(np.isnan(episode.steps["labels"]))
    assert run("teleop", "replay", tmp_path / "more", "--verify") == 0
    assert run("data", "check", tmp_path / "more") == 0


def test_the_last_part_of_the_way_is_the_demonstrated_one_seen_from_the_thing(arm: ArmEnv, shown: Path) -> None:
    demonstration = demonstration_of(arm, of(shown))
    assert demonstration is not None
    first = demonstration.pieces[0]
    carried = Carrier(arm, [demonstration])._carried(demonstration, FIRST_SCENE, Way(turned=True, shake=0.0))
    assert carried is not None
    states = np.asarray(carried.steps["sim_state"], np.float64)
    arm.stand_as(states[0])
    cube, yaw = arm.data.body("cube").xpos.copy(), arm.data.body("cube").xmat.copy()
    turn = float(np.arctan2(yaw[3], yaw[0])) - first.thing.yaw_rad
    closing = int(np.flatnonzero(carried.steps["actions"][:, -1] > 0.0)[0])
    arm.stand_as(states[closing])
    there = arm.tcp_target.pos_m - cube
    cos, sin = np.cos(turn), np.sin(turn)
    seen = [np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ (place - first.thing.pos_m) for place in first.path_m[-6:]]
    assert min(float(np.linalg.norm(there - one)) for one in seen) < 2e-3


def test_it_is_shaken_on_the_way_and_nothing_is_waited_for(arm: ArmEnv, shown: Path) -> None:
    """Of two states that are alike no policy can know in which to wait; only at the end there is nothing to do."""
    demonstration = demonstration_of(arm, of(shown))
    assert demonstration is not None
    carrier = Carrier(arm, [demonstration])
    still, shaken = (carrier._carried(demonstration, FIRST_SCENE, Way(turned=True, shake=sd)) for sd in (0.0, 0.2))
    assert still is not None
    assert shaken is not None
    assert len(still) < len(demonstration) + LoopConfig.hold_ticks
    path = [np.asarray(episode.obs["robot0_eef_pos"][:20]) for episode in (still, shaken)]
    assert 2e-3 < float(np.abs(path[0] - path[1]).max()) < 0.05
    rewards = np.asarray(shaken.steps["rewards"])
    assert np.flatnonzero(rewards).tolist() == list(range(len(shaken) - LoopConfig.hold_ticks, len(shaken)))
    assert np.abs(np.asarray(still.steps["actions"])[-5:, :6]).max() < 0.02


def test_a_demonstration_that_does_not_lead_there_proves_nothing(arm: ArmEnv, shown: Path) -> None:
    demonstration = demonstration_of(arm, of(shown))
    assert demonstration is not None
    open_handed = [
        replace(piece, actions=np.concatenate([piece.actions[:, :6], -np.ones((len(piece), 1))], 1)) for piece in demonstration.pieces
    ]
    carrier = Carrier(arm, [replace(demonstration, pieces=tuple(open_handed))])
    assert carrier.carry(FIRST_SCENE, tries=3) is None
    assert carrier.steps > len(demonstration), "it was tried, turned and as it stood"


def test_of_several_the_nearest_is_tried_first(arm: ArmEnv, shown: Path, tmp_path: Path) -> None:
    words = ["record", "--env", "PandaPickPlace-v0", "--session", tmp_path / "two", "--device", "scripted", "--headless", "--episodes", 2]
    assert run("teleop", *words, "--workers", 1) == 0
    both = [demonstration_of(arm, of(tmp_path / "two", number)) for number in (0, 1)]
    there = [one for one in both if one is not None]
    for seed in (0, 1):
        carried = Carrier(arm, there).carry(seed, tries=1)
        assert carried is not None
        assert carried.meta.settings["propagated"]["from"] == there[seed].meta.uid, "its own scene is the nearest"


# -- a session of it -----------------------------------------------------------------------------------------------------


def bits(session: Session) -> list[bytes]:
    return [np.asarray(session.read(row.number).steps["sim_state"]).tobytes() for row in session.rows()]


def test_more_scenes_later_and_more_processes_give_the_same_to_the_bit(shown: Path, tmp_path: Path) -> None:
    source = Session.open(shown)
    first = propagate(source, tmp_path / "later", SCENES[:1])
    later = propagate(source, tmp_path / "later", SCENES)
    assert (first.done_now, later.done_now, later.episodes) == (1, 2, 3)
    at_once = propagate(source, tmp_path / "at-once", SCENES, workers=2)
    assert later.proven == at_once.proven == tuple(SCENES)
    assert at_once.unproven == ()
    assert at_once.steps == first.steps + later.steps > 0
    assert bits(later.lessons) == bits(at_once.lessons)


def test_what_was_undone_goes_with_all_that_followed_from_it(shown: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shown, tmp_path / "session"))
    words = ["record", "--env", "PandaPickPlace-v0", "--session", copy, "--device", "scripted", "--headless", "--episodes", 1, "--seed", 5]
    assert run("teleop", *words, "--workers", 1) == 0
    source = Session.open(copy)
    before = len(propagate(source, tmp_path / "out", SCENES).lessons)
    source.trash(0)
    after = propagate(source, tmp_path / "out", SCENES)
    left = source.rows()[0].uid
    froms = [after.lessons.read(row.number).meta.settings.get("propagated", {}).get("from") for row in after.lessons.rows()]
    assert before == len(after.lessons) + 1
    assert set(froms) == {None, left}
    assert sorted(row.seed for row in after.lessons.rows() if row.operator == "propagated") == list(SCENES)


def test_what_is_brought_back_is_there_again(shown: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shown, tmp_path / "session"))
    words = ["record", "--env", "PandaPickPlace-v0", "--session", copy, "--device", "scripted", "--headless", "--episodes", 1, "--seed", 5]
    assert run("teleop", *words, "--workers", 1) == 0
    source, shown_first = Session.open(copy), of(copy).meta.uid
    for there, change in ((True, None), (False, source.trash), (True, source.restore)):
        if change is not None:
            change(0)
        lessons = propagate(source, tmp_path / "out", SCENES[:1]).lessons
        assert (shown_first in [row.uid for row in lessons.rows()]) is there


def test_what_was_recorded_before_episodes_had_an_identity_is_carried_over_once(tmp_path: Path) -> None:
    source = Session.open(shutil.copytree(Path(__file__).parent / "sessions" / "schema-1", tmp_path / "session"))
    assert {row.uid for row in source.rows()} == {""}
    first, again = (propagate(source, tmp_path / "out", SCENES) for _ in range(2))
    assert first.proven == again.proven == tuple(SCENES)
    assert again.done_now == 0
    assert len(again.lessons) == len(source) + len(SCENES)


def test_what_is_set_aside_for_validation_is_not_carried_over(recorded: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(recorded, tmp_path / "session"))
    assert run("data", "split", copy, "--valid", 0.34) == 0
    (valid,) = json.loads((copy / "masks.json").read_text())["valid"]
    done = propagate(Session.open(copy), tmp_path / "out", SCENES)
    uid = Session.open(copy).rows()[valid].uid
    rows = done.lessons.rows()
    masks = json.loads((done.lessons.path / "masks.json").read_text())
    assert [rows[number].uid for number in masks["valid"]] == [uid]
    assert done.demonstrations == 2
    assert uid not in [done.lessons.read(row.number).meta.settings.get("propagated", {}).get("from") for row in rows]


def test_what_was_carried_over_is_not_carried_on(shown: Path, tmp_path: Path) -> None:
    once = propagate(Session.open(shown), tmp_path / "once", SCENES[:1])
    twice = propagate(once.lessons, tmp_path / "twice", SCENES)
    assert twice.demonstrations == 1


def test_rounds_learn_from_it_and_it_costs_no_label(copied: Path, tmp_path: Path) -> None:
    few = ["--rounds", 1, "--episodes", 2, "--labels", 40, "--steps", 5, "--members", 1, "--evaluation-episodes", 1, "--scenes", 1]
    words = ["dagger", copied, "--gate", "foresight", "--propagate", 2, "--out", tmp_path / "out", "--device", "scripted", "--headless"]
    assert run("learn", *words, *few) == 0
    rounds, lessons = read_rounds(tmp_path / "out"), Session.open(tmp_path / "out" / "lessons").rows()
    carried = {row.seed for row in lessons if row.operator == "propagated"}
    assert set(SCENES[:2]) <= carried
    assert carried & set(range(30_000, 40_000)), "scenes of the round in which the policy failed"
    asked = [row for row in Session.open(copied).rows() if row.dagger_round == 1]
    assert rounds[1].labels == sum(row.labels for row in asked)
    assert not {row.seed for row in asked} & carried, "the person is asked where nothing can be carried over"


# -- words ---------------------------------------------------------------------------------------------------------------


def test_our_tasks_say_where_to_go_and_others_do_not() -> None:
    for env_id, known in (("PandaLift-v0", True), ("UR5eDetour-v0", True), ("InvertedPendulum-v5", False)):
        env, plant = make_plant(env_id, {})
        assert can_propagate(plant) is known
        env.close()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--scenes", 0], "--scenes 0: give at least 1"),
        (["--tries", 0], "--tries 0: give at least 1"),
        (["--seed", -1], "--seed -1: give 0 or more"),
        (["--out", "{session}"], "is the session with the demonstrations; give a new folder"),
    ],
)
def test_a_mistake_is_one_line(shown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[object], said: str) -> None:
    given = [str(word).format(session=shown) for word in more]
    assert run("learn", "propagate", shown, "--out", tmp_path / "out", *given) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_a_success_there_is_nothing_to_carry_over(copied: Path, tmp_path: Path) -> None:
    assert run("data", "tag", copied, "--episodes", "all", "--outcome", "failure") == 0
    with pytest.raises(NothingToCarryError, match="has no success to carry over; record one"):
        propagate(Session.open(copied), tmp_path / "out", SCENES)
    assert not (tmp_path / "out").exists()
