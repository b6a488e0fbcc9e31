"""Grip: what the trigger means, held, toggled and latched."""

import pytest

from teleop.grip import Grip, GripStyle


@pytest.mark.parametrize(("trigger", "command"), [(0.0, -1.0), (0.25, -0.5), (0.5, 0.0), (1.0, 1.0), (1.2, 1.0)])
def test_held_the_gripper_follows_the_trigger(trigger, command):
    assert Grip().command(trigger, now=0.3) == command


def test_latched_it_stays_until_the_trigger_has_moved_and_obeys_from_then_on():
    grip = Grip(travel=0.15)
    grip.rest(0.5)
    assert grip.command(0.6, now=0.9) == 0.9
    assert grip.command(0.7, now=0.9) == pytest.approx(0.4)
    assert grip.command(0.5, now=0.9) == 0.0, "once moved it obeys"
    grip.rest(0.0)
    assert grip.command(0.1, now=0.9) == 0.9


def test_toggled_every_pull_changes_the_side_once():
    grip, now, seen = Grip(GripStyle.TOGGLE), -1.0, []
    for trigger in (0.0, 0.9, 1.0, 0.6, 0.2, 0.0, 0.7, 0.1, 0.0):
        now = grip.command(trigger, now)
        seen.append(now)
    assert seen == [-1, 1, 1, 1, 1, 1, -1, -1, -1]


def test_toggled_a_trigger_that_is_held_through_a_rewind_is_no_new_pull():
    grip = Grip(GripStyle.TOGGLE)
    grip.rest(1.0)
    assert grip.command(1.0, now=-1.0) == -1.0
    assert grip.command(0.0, now=-1.0) == -1.0
    assert grip.command(1.0, now=-1.0) == 1.0
