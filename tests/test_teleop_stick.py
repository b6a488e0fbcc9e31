"""Sticks: what a device's poll is worth on disk."""

import numpy as np
import pytest

from teleop.stick import AXES, BUTTONS, STICK_WIDTH, Axis, Button, Stick, make_stick, stick_from_array


def test_a_row_holds_the_axes_then_the_buttons():
    row = make_stick({Axis.LEFT_Y: -0.5, Axis.RT: 1.0}, held=[Button.A, Button.RIGHT]).to_array()
    assert (row.shape, row.dtype) == ((STICK_WIDTH,), np.float32)
    assert row[1] == -0.5
    assert row[5] == 1.0
    assert [b for b, down in zip(BUTTONS, row[6:], strict=True) if down] == [Button.A, Button.RIGHT]


def test_a_tap_shorter_than_a_poll_is_in_the_row():
    assert make_stick(pressed=[Button.B]).to_array()[6 + BUTTONS.index(Button.B)] == 1.0


@pytest.mark.parametrize("button", BUTTONS)
def test_every_held_button_survives_the_row(button):
    assert stick_from_array(make_stick(held=[button]).to_array()).held == {button}


def test_the_axes_survive_the_row_to_the_bit():
    axes = np.random.default_rng(0).uniform(-1, 1, len(AXES)).astype(np.float32)
    assert stick_from_array(Stick(axes).to_array()).axes.tobytes() == axes.tobytes()


def test_a_deflection_beyond_the_stop_is_clipped():
    assert make_stick({Axis.LEFT_X: 1.7, Axis.RIGHT_Y: -3.0}).axes.tolist() == [1.0, 0.0, 0.0, -1.0, 0.0, 0.0]


def test_an_axis_is_read_by_its_name():
    stick = make_stick({axis: (i + 1) / 8 for i, axis in enumerate(AXES)})
    assert [stick.axis(axis) for axis in AXES] == [(i + 1) / 8 for i in range(len(AXES))]


def test_a_fresh_stick_is_at_rest_and_connected():
    assert not Stick().to_array().any()
    assert Stick().connected


def test_two_sticks_do_not_share_their_axes():
    one, other = Stick(), Stick()
    one.axes[0] = 1.0
    assert other.axes[0] == 0.0
