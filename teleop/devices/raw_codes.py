"""Raw codes: which event of the operating system is which button or axis, per family of pads, and how events add up.

Names are those of `inputs` (Linux's; XInput's too, under the same names). Signs end up as SDL's: right and down are +1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from teleop.stick import AXES, TRIGGERS, Axis, Button, Stick

Range = tuple[int, int]
RawEvent = tuple[str, str, int]  # kind (Key, Absolute, Sync …), code, value
HATS: dict[str, tuple[Button, Button]] = {"ABS_HAT0X": (Button.LEFT, Button.RIGHT), "ABS_HAT0Y": (Button.UP, Button.DOWN)}


@dataclass(frozen=True)
class RawLayout:
    """`buttons` and `axes` by code; `digital`: triggers that are only buttons; `ranges` for axes that tell none themselves."""

    buttons: Mapping[str, Button]
    axes: Mapping[str, Axis]
    digital: Mapping[str, Axis] = field(default_factory=dict)
    ranges: Mapping[str, Range] = field(default_factory=dict)
    upside_down: bool = False  # up is +1, as XInput has it


MIDDLE: dict[str, Button] = {
    "BTN_TL": Button.LB,
    "BTN_TR": Button.RB,
    "BTN_SELECT": Button.BACK,
    "BTN_START": Button.START,
    "BTN_MODE": Button.GUIDE,
    "BTN_THUMBL": Button.L3,
    "BTN_THUMBR": Button.R3,
    "BTN_DPAD_UP": Button.UP,
    "BTN_DPAD_DOWN": Button.DOWN,
    "BTN_DPAD_LEFT": Button.LEFT,
    "BTN_DPAD_RIGHT": Button.RIGHT,
    "KEY_BACK": Button.BACK,  # Xbox pads over Bluetooth
    "KEY_HOMEPAGE": Button.GUIDE,
}
# The xpad driver means X and Y by their letters, which are the codes that others use for "upper" and "left".
BY_LETTER = MIDDLE | {"BTN_SOUTH": Button.A, "BTN_EAST": Button.B, "BTN_NORTH": Button.X, "BTN_WEST": Button.Y}
BY_PLACE = MIDDLE | {"BTN_SOUTH": Button.A, "BTN_EAST": Button.B, "BTN_NORTH": Button.Y, "BTN_WEST": Button.X}
# 8BitDo numbers its buttons A B X Y as Nintendo prints them, so the first is the right one.
BY_NUMBER = MIDDLE | {"BTN_SOUTH": Button.B, "BTN_EAST": Button.A, "BTN_NORTH": Button.Y, "BTN_WEST": Button.X}
# Pads that call themselves joysticks, in the order most of them have (Logitech's).
JOYSTICK: dict[str, Button] = {
    "BTN_TRIGGER": Button.X,
    "BTN_THUMB": Button.A,
    "BTN_THUMB2": Button.B,
    "BTN_TOP": Button.Y,
    "BTN_TOP2": Button.LB,
    "BTN_PINKIE": Button.RB,
    "BTN_BASE3": Button.BACK,
    "BTN_BASE4": Button.START,
    "BTN_BASE5": Button.L3,
    "BTN_BASE6": Button.R3,
}
# inputs swaps Start and Back on Windows; sticks are XInput's.
XINPUT_BUTTONS = BY_PLACE | {"BTN_SELECT": Button.START, "BTN_START": Button.BACK}

LEFT = {"ABS_X": Axis.LEFT_X, "ABS_Y": Axis.LEFT_Y}
RIGHT_R = LEFT | {"ABS_RX": Axis.RIGHT_X, "ABS_RY": Axis.RIGHT_Y, "ABS_Z": Axis.LT, "ABS_RZ": Axis.RT}
RIGHT_Z = LEFT | {"ABS_Z": Axis.RIGHT_X, "ABS_RZ": Axis.RIGHT_Y, "ABS_BRAKE": Axis.LT, "ABS_GAS": Axis.RT}
DIGITAL = {"BTN_TL2": Axis.LT, "BTN_TR2": Axis.RT, "BTN_BASE": Axis.LT, "BTN_BASE2": Axis.RT}
BYTE, SHORT = (0, 255), (-32768, 32767)
BYTES = dict.fromkeys((*RIGHT_R, "ABS_BRAKE", "ABS_GAS"), BYTE)
SHORTS = dict.fromkeys(LEFT | {"ABS_RX": 0, "ABS_RY": 0}, SHORT) | dict.fromkeys(("ABS_Z", "ABS_RZ"), BYTE)

LAYOUTS: dict[str, RawLayout] = {
    "xbox": RawLayout(BY_LETTER, RIGHT_R, ranges=SHORTS),
    "playstation": RawLayout(BY_PLACE, RIGHT_R, ranges=BYTES),
    "switch": RawLayout(BY_PLACE, RIGHT_R, DIGITAL, ranges=SHORTS),
    "8bitdo": RawLayout(BY_NUMBER, RIGHT_Z, DIGITAL, ranges=BYTES),
    "generic": RawLayout(BY_PLACE | JOYSTICK, RIGHT_R, ranges=BYTES),
    "xinput": RawLayout(XINPUT_BUTTONS, RIGHT_R, ranges=SHORTS, upside_down=True),
}


def layout_for(family: str, known: Mapping[str, Range]) -> RawLayout:
    """The family's layout, corrected by the axes that the device says it has (`known`, empty when it does not say).

    Without ABS_RX the right stick is on Z and RZ; without an axis for the triggers they are buttons.
    """
    layout = LAYOUTS.get(family, LAYOUTS["generic"])
    if not known:
        return layout
    axes = RIGHT_R if "ABS_RX" in known else RIGHT_Z
    has_triggers = any(axes.get(code) in TRIGGERS for code in known)
    return replace(layout, axes=axes, digital={} if has_triggers else DIGITAL, ranges={**layout.ranges, **known})


def scaled(value: int, extent: Range, *, trigger: bool) -> float:
    """A raw position as -1 … 1 with the middle of the range at exactly 0; a trigger's as 0 … 1."""
    low, high = extent
    if trigger:
        return float(np.clip((value - low) / (high - low), 0.0, 1.0))
    middle = (low + high + 1) // 2
    half = high - middle if value > middle else middle - low
    return float(np.clip((value - middle) / half, -1.0, 1.0))


class RawState:
    """Events in, sticks out. A button that went down stays in `pressed` until it was asked for, however short the tap."""

    def __init__(self, layout: RawLayout) -> None:
        self._layout = layout
        self._axes = np.zeros(len(AXES), np.float32)
        self._down: set[tuple[str, Button]] = set()  # by code: several may mean one button
        self._pressed: set[Button] = set()

    def fold(self, event: RawEvent) -> None:
        """One event; `kind` Key or Absolute, anything else says nothing about sticks."""
        kind, code, value = event
        if kind == "Key" and code in self._layout.buttons:
            self._set(code, self._layout.buttons[code], value != 0)
        elif kind == "Key" and code in self._layout.digital:
            self._axes[AXES.index(self._layout.digital[code])] = float(value != 0)
        elif kind == "Absolute" and code in HATS:
            low, high = HATS[code]
            self._set(code, low, value < 0)
            self._set(code, high, value > 0)
        elif kind == "Absolute" and code in self._layout.axes:
            self._move(code, value)

    def take(self) -> Stick:
        """The stick now; what was pressed is handed out once."""
        stick = Stick(self._axes.copy(), frozenset(button for _, button in self._down), frozenset(self._pressed))
        self._pressed.clear()
        return stick

    def _set(self, code: str, button: Button, down: bool) -> None:
        if not down:
            self._down.discard((code, button))
        elif (code, button) not in self._down:
            self._down.add((code, button))
            self._pressed.add(button)

    def _move(self, code: str, value: int) -> None:
        axis = self._layout.axes[code]
        position = scaled(value, self._layout.ranges[code], trigger=axis in TRIGGERS)
        turned = self._layout.upside_down and axis in (Axis.LEFT_Y, Axis.RIGHT_Y)
        self._axes[AXES.index(axis)] = -position if turned else position
