"""End to end: a hand on a (virtual) gamepad, the real command, the real clock, and the file that is left."""

import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from data.episode import Episode
from data.schema import Outcome, Phase, Source
from data.session import Session
from teleop.mapping import MappingConfig, stick_to_action
from teleop.stick import AXES, BUTTONS, Axis, Button, stick_from_array

pytestmark = pytest.mark.real_time

TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Recording:
    folder: Path
    output: str
    episode: Episode


def python(*arguments):
    env = os.environ | {"OMP_NUM_THREADS": "1", "SDL_VIDEODRIVER": "dummy"}
    return subprocess.run([sys.executable, *arguments], cwd=TESTS.parent, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gamepad") / "session"
    done = python(str(TESTS / "drive_with_gamepad.py"), str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return Recording(folder, done.stdout, Session.open(folder).read(0))


def programmed(axes, *buttons):
    """The row that a position of the pad leaves, in SDL's 16 bits."""
    row = np.zeros(len(AXES) + len(BUTTONS), np.float32)
    for axis, value in axes.items():
        trigger = axis in (Axis.LT, Axis.RT)
        counts = int((round((2 * value - 1) * 32767) + 32768) / 65535 * 32767) if trigger else round(value * 32767)
        row[AXES.index(axis)] = np.float32(counts / 32767)
    for button in buttons:
        row[len(AXES) + BUTTONS.index(button)] = 1.0
    return row


CLOSED = {Axis.RT: 1.0}
PROGRAMME = [
    programmed({}, Button.START),
    programmed({}),
    programmed({Axis.LEFT_Y: -0.5}),
    programmed({}),
    programmed({Axis.RIGHT_Y: -0.5}),
    programmed({}),
    programmed({Axis.RT: 0.5}),
    programmed(CLOSED),
    # turned, rewound, driven on; unplugged and plugged in again: no step
    programmed(CLOSED, Button.L3),
    programmed(CLOSED),
]


def test_one_successful_episode_is_kept_and_the_operator_is_told(recording):
    session = Session.open(recording.folder)
    assert [meta.outcome for _, meta in session.metas()] == [Outcome.SUCCESS, Outcome.ABANDONED]
    lines = recording.output.splitlines()
    assert lines[0] == "device: gamepad (as asked)"
    assert lines[-1].startswith("kept 1 episode (1 success, ")
    assert lines[-1].endswith(f"in {recording.folder}")


def test_the_sticks_on_disk_are_the_sticks_of_the_hand_to_the_last_bit(recording):
    stored = [np.frombuffer(row, np.float32) for row, _ in groupby(r.tobytes() for r in recording.episode.steps["stick"])]
    np.testing.assert_array_equal(stored, PROGRAMME)


def test_the_actions_on_disk_are_what_these_sticks_mean(recording):
    steps = recording.episode.steps
    meant = [stick_to_action(stick_from_array(row), MappingConfig()) for row in steps["stick"]]
    np.testing.assert_array_equal(steps["actions"], meant)


def test_it_says_that_a_person_drove_and_how(recording):
    meta, steps = recording.episode.meta, recording.episode.steps
    assert meta.behaviour_mode == "left"
    assert meta.operator.startswith("gamepad: ")
    assert meta.clock == "real"
    assert meta.env_id == "PandaLift-v0"
    assert np.all(steps["source"] == Source.HUMAN)
    assert np.all(steps["phase"] == Phase.HUMAN)


def test_the_arm_went_where_the_stick_went(recording):
    steps, hand = recording.episode.steps, recording.episode.obs["robot0_eef_pos"]
    back = np.flatnonzero(steps["stick"][:, AXES.index(Axis.LEFT_Y)] < 0)
    up = np.flatnonzero(steps["stick"][:, AXES.index(Axis.RIGHT_Y)] < 0)
    away = hand[back[-1] + 1] - hand[back[0]]
    raised = hand[up[-1] + 1] - hand[up[0]]
    assert away[0] < -0.015
    assert np.abs(away[1:]).max() < 0.005
    assert raised[2] > 0.01
    assert np.abs(raised[:2]).max() < 0.01


def test_the_trigger_closed_the_gripper(recording):
    widths = recording.episode.obs["robot0_gripper_qpos"].sum(axis=1)
    assert widths[0] > 0.075
    assert recording.episode.final_obs["robot0_gripper_qpos"].sum() < 0.005


def test_the_branch_that_was_rewound_is_kept_beside_it(recording):
    """The turn of the gripper was taken back: it is only in the abandoned episode, which shares all before it."""
    kept, left = recording.episode, Session.open(recording.folder).read(1)
    step = left.meta.branch_step
    assert (left.meta.parent, left.meta.outcome, left.meta.behaviour_mode) == (0, Outcome.ABANDONED, "left")
    assert step <= len(left) - 8
    np.testing.assert_array_equal(left.steps["sim_state"][: step + 1], kept.steps["sim_state"][: step + 1])
    turned = AXES.index(Axis.RIGHT_X)
    assert not np.any(kept.steps["stick"][:, turned])
    assert np.count_nonzero(left.steps["stick"][:, turned]) >= 8


def test_while_the_pad_was_unplugged_time_went_on_and_nothing_was_recorded(recording):
    steps = recording.episode.steps
    gaps = np.diff(steps["time_s"])
    went_on = int(np.flatnonzero(steps["stick"][:, len(AXES) + BUTTONS.index(Button.L3)])[0])
    assert gaps[went_on - 1] > 0.4
    assert np.count_nonzero(gaps > 0.2) <= 2, "this one, and that of the rewind"


def test_the_ticks_come_at_twenty_hertz(recording):
    assert np.median(np.diff(recording.episode.steps["time_s"])) == pytest.approx(0.05, abs=0.01)


def test_it_replays_bit_for_bit(recording):
    done = python("-m", "teleop", "replay", str(recording.folder), "--verify")
    assert (done.returncode, done.stdout.strip()) == (0, "2 of 2 episodes replay bit for bit"), done.stderr
