"""Stick: one poll of a device, whatever the device is."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Axis(StrEnum):
    """Analogue axes in SDL's order and signs: right and down are +1; triggers go from 0 to 1."""

    LEFT_X = "left_x"
    LEFT_Y = "left_y"
    RIGHT_X = "right_x"
    RIGHT_Y = "right_y"
    LT = "lt"
    RT = "rt"


class Button(StrEnum):
    """Buttons in SDL's game controller order and naming (A is the lower one)."""

    A = "a"
    B = "b"
    X = "x"
    Y = "y"
    BACK = "back"
    GUIDE = "guide"
    START = "start"
    L3 = "l3"
    R3 = "r3"
    LB = "lb"
    RB = "rb"
    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"


AXES, BUTTONS = tuple(Axis), tuple(Button)
STICK_AXES, TRIGGERS = AXES[:4], AXES[4:]
STICK_WIDTH = len(AXES) + len(BUTTONS)


@dataclass(frozen=True)
class Stick:
    """`axes` (6,) float32 in [-1, 1]; `held` is down now, `pressed` went down since the last poll (taps included)."""

    axes: NDArray[np.float32] = field(default_factory=lambda: np.zeros(len(AXES), np.float32))
    held: frozenset[Button] = frozenset()
    pressed: frozenset[Button] = frozenset()
    connected: bool = True

    def axis(self, name: Axis) -> float:
        return float(self.axes[AXES.index(name)])

    def without(self, *names: Axis) -> "Stick":
        """The same stick with these axes at rest."""
        return replace(self, axes=np.where([a in names for a in AXES], np.float32(0.0), self.axes))

    def to_array(self) -> NDArray[np.float32]:
        """(21,): the axes, then 1 for every button held or tapped; what an episode stores."""
        down = self.held | self.pressed
        return np.concatenate([self.axes, np.array([b in down for b in BUTTONS], np.float32)]).astype(np.float32)


def make_stick(axes: dict[Axis, float] | None = None, held: Iterable[Button] = (), pressed: Iterable[Button] = ()) -> Stick:
    """A stick from named deflections; for devices that compute theirs and for tests."""
    values = np.zeros(len(AXES), np.float32)
    for name, value in (axes or {}).items():
        values[AXES.index(name)] = np.clip(value, -1.0, 1.0)
    return Stick(values, frozenset(held), frozenset(pressed))


def stick_from_array(values: NDArray[np.float32]) -> Stick:
    """The axes and buttons of a stored row (21,); taps cannot be told from held buttons there."""
    held = frozenset(b for b, down in zip(BUTTONS, values[len(AXES) :], strict=True) if down)
    return Stick(np.asarray(values[: len(AXES)], np.float32), held)
