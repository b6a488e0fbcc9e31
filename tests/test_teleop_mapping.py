"""Mapping: what a deflection means for the arm."""

from dataclasses import replace

import numpy as np
import pytest
from test_teleop_support import REST, hold, push

from teleop.mapping import ControlMode, Drive, MappingConfig, action_to_axes, is_deflected, shape_axis, stick_to_action, unshape_axis
from teleop.stick import Axis, Button, make_stick

CONFIG = MappingConfig()
FULL, TURN = CONFIG.translate, CONFIG.rotate
OPEN = -1.0


def action(stick, mode=ControlMode.SIX, heading=180.0, joint_twist=None):
    twist = np.zeros(6) if joint_twist is None else joint_twist
    return stick_to_action(stick, CONFIG, Drive(mode, heading, twist))


@pytest.mark.parametrize("value", [0.0, 0.01, -0.05, CONFIG.dead_zone, -CONFIG.dead_zone])
def test_inside_the_dead_zone_nothing_moves(value):
    assert shape_axis(value, CONFIG) == 0.0


def test_the_curve_leaves_the_dead_zone_without_a_jump():
    assert 0.0 < shape_axis(CONFIG.dead_zone + 1e-3, CONFIG) < 1e-3


@pytest.mark.parametrize("expo", [1.0, 1.6, 3.0])
@pytest.mark.parametrize("end", [-1.0, 1.0])
def test_full_deflection_stays_full(end, expo):
    assert shape_axis(end, replace(CONFIG, expo=expo)) == end


def test_the_curve_is_odd_and_rises():
    values = [shape_axis(v, CONFIG) for v in np.linspace(0.1, 1.0, 50)]
    assert np.all(np.diff(values) > 0)
    assert values == [-shape_axis(-v, CONFIG) for v in np.linspace(0.1, 1.0, 50)]


def test_expo_is_finer_in_the_middle_than_a_straight_line():
    assert shape_axis(0.5, CONFIG) < 0.8 * shape_axis(0.5, replace(CONFIG, expo=1.0))


def test_expo_one_without_a_dead_zone_is_the_identity():
    plain = MappingConfig(dead_zone=0.0, expo=1.0)
    assert [shape_axis(v, plain) for v in (-0.7, 0.0, 0.3)] == [-0.7, 0.0, 0.3]


@pytest.mark.parametrize("value", [-1.0, -0.6, -1e-4, 0.0, 1e-4, 0.3, 1.0])
def test_unshape_undoes_shape(value):
    assert shape_axis(unshape_axis(value, CONFIG), CONFIG) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("raw", [-1.0, -0.5, 0.2, 0.9])
def test_shape_undoes_unshape_outside_the_dead_zone(raw):
    assert unshape_axis(shape_axis(raw, CONFIG), CONFIG) == pytest.approx(raw, abs=1e-12)


# The operator sits where the front camera is, at +x, and looks back along −x: their right is the robot's +y.
@pytest.mark.parametrize(
    ("axes", "index", "value"),
    [
        ({"left_x": 1.0}, 1, FULL),
        ({"left_x": -1.0}, 1, -FULL),
        ({"left_y": -1.0}, 0, -FULL),
        ({"left_y": 1.0}, 0, FULL),
        ({"right_y": -1.0}, 2, FULL),
        ({"right_y": 1.0}, 2, -FULL),
        ({"right_x": 1.0}, 5, -TURN),
        ({"right_x": -1.0}, 5, TURN),
    ],
)
def test_an_operator_facing_the_robot_sees_the_hand_go_where_the_stick_goes(axes, index, value):
    expected = np.zeros(7)
    expected[index], expected[6] = value, OPEN
    np.testing.assert_allclose(action(push(**axes)), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("axes", "index", "value"),
    [({"left_x": 1.0}, 1, -FULL), ({"left_y": -1.0}, 0, FULL), ({"right_y": -1.0}, 2, FULL), ({"right_x": 1.0}, 5, -TURN)],
)
def test_an_operator_beside_the_robot_looks_along_its_x(axes, index, value):
    expected = np.zeros(7)
    expected[index], expected[6] = value, OPEN
    np.testing.assert_allclose(action(push(**axes), heading=0.0), expected, atol=1e-7)


def test_a_heading_of_ninety_degrees_swaps_the_axes():
    np.testing.assert_allclose(action(push(left_y=-1.0), heading=90.0)[:2], [0.0, FULL], atol=1e-7)


def test_heading_turns_the_plane_but_not_the_height_or_the_yaw():
    stick = push(right_x=0.7, right_y=-0.4)
    np.testing.assert_array_equal(action(stick, heading=37.0), action(stick, heading=0.0))


STICKS = ("left_x", "left_y", "right_x", "right_y")
UP_RIGHT = (Button.UP, Button.RIGHT)


@pytest.mark.parametrize(("button", "index"), [(Button.RIGHT, 3), (Button.LEFT, 3), (Button.UP, 4), (Button.DOWN, 4)])
def test_the_d_pad_tilts_and_does_not_move(button, index):
    tilted = action(hold(button))
    assert abs(tilted[index]) == pytest.approx(TURN)
    assert np.count_nonzero(np.abs(tilted[:6]) > 1e-6) == 1


def test_tilting_leans_the_hand_the_way_the_d_pad_goes():
    """A lean towards ±y is a turn about ∓x; one towards ±x a turn about ±y: the top of the hand follows the thumb."""
    moved = action(push(left_x=1.0, left_y=-1.0))[:3] / FULL
    turn = action(hold(*UP_RIGHT))[3:6] / TURN
    lean = np.cross(turn, [0.0, 0.0, 1.0])  # how a point above the fingertips moves
    assert lean @ moved > 0.99 * np.linalg.norm(lean) * np.linalg.norm(moved)


def test_the_pad_reaches_all_six_axes_at_once():
    every = action(hold(*UP_RIGHT, left_x=1.0, left_y=1.0, right_x=1.0, right_y=1.0), heading=120.0)
    assert np.all(np.abs(every[:6]) > 0.01)


@pytest.mark.parametrize("axis", STICKS)
def test_translating_turns_nothing(axis):
    moved = action(hold(*UP_RIGHT, **{axis: 1.0}), ControlMode.TRANSLATE)
    assert np.all(moved[3:6] == 0)
    assert np.any(moved[:3]) == (axis != "right_x")


@pytest.mark.parametrize("axis", STICKS)
def test_rotating_moves_nothing(axis):
    turned = action(push(**{axis: 1.0}), ControlMode.ROTATE)
    assert np.all(turned[:3] == 0)
    assert np.any(turned[3:6]) == (axis != "right_y")


def test_rotating_with_the_stick_is_tilting_with_the_d_pad():
    np.testing.assert_allclose(action(push(left_x=1.0, left_y=-1.0), ControlMode.ROTATE), action(hold(*UP_RIGHT)), atol=1e-7)


@pytest.mark.parametrize("twist", [(2.0, 0, 0, 0.1, 0, 0), (0.1, 0, 0, 0, 3.0, 0), (0, 0, 0, 0, 0, 0)])
def test_a_joint_turns_as_fast_as_moving_or_turning_allows(twist):
    turned = action(push(left_x=-1.0, left_y=1.0, right_x=1.0), ControlMode.JOINT, joint_twist=np.array(twist))
    fastest = max(np.abs(turned[:3]).max() / FULL, np.abs(turned[3:6]).max() / TURN)
    assert fastest == pytest.approx(1.0 if any(twist) else 0.0)
    assert np.linalg.norm(np.cross(turned[:3], twist[:3])) == pytest.approx(0.0)
    assert turned[:6] @ np.array(twist) <= 0, "stick left turns it back"


@pytest.mark.parametrize("mode", ControlMode)
def test_lb_slows_every_mode_down_and_changes_no_direction(mode):
    sticks = dict(zip(STICKS, (0.9, -0.8, 0.7, -1.0), strict=True))
    twist = np.array([1.0, 0.5, 0, 0, 0, 2.0])
    fast, slow = (action(hold(*held, **sticks), mode, joint_twist=twist) for held in ((), (Button.LB,)))
    np.testing.assert_allclose(slow[:6], CONFIG.precise * fast[:6], atol=1e-7)
    assert slow[6] == fast[6]


@pytest.mark.parametrize(("trigger", "grip"), [(0.0, -1.0), (0.25, -0.5), (0.5, 0.0), (1.0, 1.0)])
def test_the_right_trigger_closes_the_gripper_as_far_as_it_is_pulled(trigger, grip):
    assert action(push(rt=trigger))[6] == grip


def test_a_trigger_below_its_rest_position_opens_and_no_more():
    assert action(push(rt=-1.0))[6] == -1.0


def test_the_left_trigger_does_nothing():
    np.testing.assert_array_equal(action(push(lt=1.0)), action(REST))


def test_at_rest_the_action_is_nothing_with_an_open_gripper():
    assert action(REST).tolist() == [0, 0, 0, 0, 0, 0, -1]


def test_no_stick_leaves_the_action_box():
    rng = np.random.default_rng(0)
    for heading in rng.uniform(-360, 360, 200):
        axes = {a: float(v) for a, v in zip(Axis, rng.choice([-1.0, 1.0], 6), strict=True)}
        config = MappingConfig(translate=1.0, rotate=1.0)
        for mode in ControlMode:
            result = stick_to_action(make_stick(axes, held=UP_RIGHT), config, Drive(mode, float(heading), rng.uniform(-9, 9, 6)))
            assert np.abs(result).max() <= 1.0
            assert result.dtype == np.float32


@pytest.mark.parametrize("heading", [180.0, 0.0, 45.0])
def test_the_axes_of_an_action_give_that_action_again(heading):
    rng = np.random.default_rng(1)
    for _ in range(100):
        axes = {a: float(v) for a, v in zip((Axis.LEFT_X, Axis.LEFT_Y, Axis.RIGHT_X, Axis.RIGHT_Y), rng.uniform(-1, 1, 4), strict=True)}
        radius = np.hypot(axes[Axis.LEFT_X], axes[Axis.LEFT_Y])
        if radius > 1.0 and heading == 45.0:
            continue  # the corners of the square gate are out of reach along another heading
        wanted = action(make_stick(axes | {Axis.RT: float(rng.uniform())}), heading=heading)
        again = action(make_stick(action_to_axes(wanted, CONFIG, heading)), heading=heading)
        np.testing.assert_allclose(again, wanted, atol=1e-5)


def test_an_action_too_fast_for_the_sticks_becomes_full_deflection():
    axes = action_to_axes(np.array([1, -1, 1, 0, 0, -1, 1], np.float32), CONFIG)
    assert {a: round(v, 6) for a, v in axes.items()} == {
        Axis.LEFT_X: -1.0, Axis.LEFT_Y: 1.0, Axis.RIGHT_X: 1.0, Axis.RIGHT_Y: -1.0, Axis.RT: 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("axis", ["left_x", "left_y", "right_x", "right_y"])
def test_a_moved_stick_is_deflected(axis):
    assert is_deflected(push(**{axis: 0.5}), CONFIG)
    assert is_deflected(push(**{axis: -0.5}), CONFIG)
    assert not is_deflected(push(**{axis: CONFIG.dead_zone}), CONFIG)


def test_triggers_and_buttons_are_not_deflections():
    assert not is_deflected(hold(*Button, lt=1.0, rt=1.0), CONFIG)


@pytest.mark.parametrize("wrong", [{"dead_zone": 1.0}, {"dead_zone": -0.1}])
def test_a_dead_zone_that_swallows_the_stick_is_refused(wrong):
    with pytest.raises(ValueError, match=r"dead_zone .* is outside \[0, 1\)"):
        MappingConfig(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"expo": 0.9}, {"translate": 0.0}, {"translate": 1.1}, {"rotate": 0.0}, {"rotate": 1.1}, {"precise": 0.0}]
)
def test_a_speed_beyond_the_action_box_is_refused(wrong):
    with pytest.raises(ValueError, match=r"expo must be at least 1; translate, rotate and precise in \(0, 1\]"):
        MappingConfig(**wrong)
