"""End to end: one sitting with a hand on a (virtual) gamepad, the real command, the real clock, and what is left."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from test_teleop_record import TESTS, python

from data.episode import Episode
from data.schema import Outcome, Phase, Source
from data.session import Session
from learn.promotion import first_scene
from learn.sitting.log import SittingLog, read_log
from teleop.stick import BUTTONS, Button, Stick

pytestmark = pytest.mark.real_time


@dataclass(frozen=True)
class Sitting:
    folder: Path
    model: Path
    output: str
    shown: list[Episode]
    rescue: Episode
    log: SittingLog
    seen: dict


@pytest.fixture(scope="module")
def sitting(tmp_path_factory: pytest.TempPathFactory) -> Sitting:
    folder = tmp_path_factory.mktemp("sitting")
    session, model, seen = folder / "session", folder / "model", folder / "seen.json"
    done = python(str(TESTS / "sit_with_gamepad.py"), str(session), str(model), str(seen), "help")
    assert done.returncode == 0, done.stdout + done.stderr
    opened, log = Session.open(session), read_log(model)
    assert log is not None
    *shown, rescue = (opened.read(row.number) for row in opened.rows())
    return Sitting(session, model, done.stdout, shown, rescue, log, json.loads(seen.read_text()))


def test_what_was_shown_first_is_the_person_s_alone(sitting: Sitting) -> None:
    assert len(sitting.shown) >= 2
    for episode in sitting.shown:
        assert episode.meta.outcome is Outcome.SUCCESS
        assert episode.meta.dagger_round == -1
        assert "policy" not in episode.meta.settings
        assert set(episode.steps["source"]) == {Source.HUMAN}
        assert set(episode.steps["phase"]) == {Phase.HUMAN}
        assert np.isnan(episode.steps["labels"]).all()


def test_a_policy_was_learned_beside_them_and_says_how_good_it_is(sitting: Sitting) -> None:
    first = sitting.log.findings[0]
    assert (first.episodes, first.verdict.promoted) == (1, True)
    assert sitting.seen["learning"]["success"].endswith(f"of {first.rollouts}")
    assert (sitting.model / "policy.safetensors").exists()


def test_the_rescue_is_of_a_scene_in_which_the_policy_failed(sitting: Sitting) -> None:
    assert "show how" in sitting.seen["invitation"]
    meta = sitting.rescue.meta
    assert meta.dagger_round == 1
    assert meta.settings["policy"]["round"] == 0
    assert meta.settings["policy"]["fingerprint"] == sitting.log.findings[0].fingerprint
    assert meta.seed >= first_scene(0), "scenes of its own, not the person's"


def test_the_sticks_count_without_a_button_and_are_labels(sitting: Sitting) -> None:
    steps = sitting.rescue.steps
    driven = steps["phase"] == Phase.HUMAN
    assert driven[0]
    assert driven.sum() >= 7
    assert (steps["source"][driven] == Source.HUMAN).all()
    np.testing.assert_array_equal(steps["labels"][driven], steps["actions"][driven])
    assert np.isfinite(steps["policy_actions"][driven]).all(), "what the policy would have done instead"
    assert steps["actions"][driven][:, 2].max() > 0.05, "up"
    down = steps["stick"][driven][:, held_column(Button.RB)]
    assert not down[:6].any()


def test_rb_pressed_and_let_go_of_gives_the_policy_the_wheel(sitting: Sitting) -> None:
    steps = sitting.rescue.steps
    last = int(np.flatnonzero(steps["phase"] == Phase.HUMAN)[-1])
    after = slice(last + 1, None)
    assert len(steps["phase"][after]) >= 4
    assert (steps["phase"][after] == Phase.POLICY).all()
    assert (steps["source"][after] == Source.POLICY).all()
    assert np.isnan(steps["labels"][after]).all()
    np.testing.assert_array_equal(steps["actions"][after], steps["policy_actions"][after])
    assert steps["stick"][last][held_column(Button.RB)] or steps["stick"][last - 1][held_column(Button.RB)]


def test_who_leaves_loses_nothing_and_is_told_how_to_go_on(sitting: Sitting) -> None:
    assert sitting.rescue.meta.outcome is Outcome.PARTIAL
    assert "the same command goes on" in sitting.output
    assert sitting.log.successes is None, "nothing was evaluated for somebody who wants to leave"
    assert (sitting.model / "sitting.html").exists()


def test_every_state_replays_to_the_bit(sitting: Sitting) -> None:
    done = python("-m", "teleop", "replay", str(sitting.folder), "--verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["exact"] == len(sitting.shown) + 1


def test_who_has_shown_it_once_rests_until_it_is_good_enough(tmp_path: Path) -> None:
    """In real time: also while what was shown is still on its way to the disk."""
    session, model, seen = tmp_path / "session", tmp_path / "model", tmp_path / "seen.json"
    done = python(str(TESTS / "sit_with_gamepad.py"), str(session), str(model), str(seen), "rest")
    assert done.returncode == 0, done.stdout + done.stderr
    said, log = json.loads(seen.read_text()), read_log(model)
    assert "you may rest" in said["invitation"]
    assert log is not None
    assert log.reached
    assert log.findings[0].propagated == 20
    (row,) = Session.open(session).rows()
    assert set(Session.open(session).read(row.number).steps["source"]) == {Source.HUMAN}


def held_column(button: Button) -> int:
    """Where in a row of `stick` it says whether the button is down."""
    return len(Stick().to_array()) - len(BUTTONS) + BUTTONS.index(button)
