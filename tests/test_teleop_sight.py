"""Sight: one button for the next camera (tapped) and for turning the view (held)."""

import numpy as np
import pytest
from test_teleop_support import REST, hold, push, tap

from teleop.screen import Orbit
from teleop.sight import DEGREES_PER_TICK, ELEVATION_DEG, Sight
from teleop.stick import Axis, Button, make_stick

R3 = Button.R3


def test_a_tap_is_the_next_camera_when_it_ends():
    sight = Sight()
    seen = []
    for stick in (REST, tap(R3), hold(R3), REST, REST):
        sight.look(stick)
        seen.append(sight.camera)
    assert seen == [0, 0, 0, 1, 1]


def test_a_tap_shorter_than_a_tick_counts_too():
    sight = Sight()
    sight.look(make_stick(pressed=[R3]))
    assert sight.camera == 1


def test_held_the_right_stick_turns_the_view_and_not_the_hand():
    sight = Sight()
    left = sight.look(hold(R3, right_x=1.0, right_y=0.5, left_x=0.3))
    assert (left.axis(Axis.RIGHT_X), left.axis(Axis.RIGHT_Y)) == (0.0, 0.0)
    assert left.axis(Axis.LEFT_X) == pytest.approx(0.3)
    assert sight.orbit == Orbit(DEGREES_PER_TICK, -0.5 * DEGREES_PER_TICK, 1.0)
    sight.look(REST)
    assert sight.camera == 0, "that was no tap"


def test_not_held_everything_is_left_for_driving():
    stick = push(right_x=1.0, right_y=-1.0)
    assert Sight().look(stick) is stick


def test_the_next_camera_is_seen_straight():
    sight = Sight()
    for stick in (hold(R3, right_x=1.0), REST, tap(R3), REST):
        sight.look(stick)
    assert (sight.camera, sight.orbit) == (1, Orbit())


def test_one_can_go_all_the_way_round_but_not_under_the_table():
    sight = Sight()
    azimuths, elevations = [], []
    for _ in range(200):
        sight.look(hold(R3, right_x=-1.0, right_y=-1.0))
        azimuths.append(sight.orbit.azimuth_deg)
        elevations.append(sight.orbit.elevation_deg)
    assert min(azimuths) < -170
    assert max(azimuths) > 170
    assert np.all(np.abs(azimuths) <= 180.0)
    assert max(elevations) == ELEVATION_DEG[1]
