"""Keyboard: everything the gamepad can do, on keys. Needs the window's focus."""

from collections.abc import Sequence
from typing import Any

import pygame

from data.schema import Source
from teleop.devices.device import Pulse, View
from teleop.stick import TRIGGERS, Axis, Button, Stick, make_stick

AXIS_KEYS: dict[int, tuple[Axis, float]] = {
    pygame.K_a: (Axis.LEFT_X, -1.0),
    pygame.K_d: (Axis.LEFT_X, 1.0),
    pygame.K_w: (Axis.LEFT_Y, -1.0),
    pygame.K_s: (Axis.LEFT_Y, 1.0),
    pygame.K_LEFT: (Axis.RIGHT_X, -1.0),
    pygame.K_RIGHT: (Axis.RIGHT_X, 1.0),
    pygame.K_UP: (Axis.RIGHT_Y, -1.0),
    pygame.K_DOWN: (Axis.RIGHT_Y, 1.0),
    pygame.K_z: (Axis.LT, 1.0),
    pygame.K_SPACE: (Axis.RT, 1.0),
}
BUTTON_KEYS: dict[int, Button] = {
    pygame.K_RETURN: Button.START,
    pygame.K_BACKSPACE: Button.BACK,
    pygame.K_y: Button.Y,
    pygame.K_n: Button.B,
    pygame.K_f: Button.A,
    pygame.K_u: Button.X,
    pygame.K_LSHIFT: Button.LB,
    pygame.K_TAB: Button.RB,
    pygame.K_p: Button.L3,
    pygame.K_c: Button.R3,
    pygame.K_ESCAPE: Button.GUIDE,
    pygame.K_i: Button.UP,
    pygame.K_k: Button.DOWN,
    pygame.K_j: Button.LEFT,
    pygame.K_l: Button.RIGHT,
}
RAMP_START, RAMP_POLLS = 0.45, 8


class Keyboard:
    """Keys as sticks. A stick key starts gently and reaches full deflection in 0.4 s, so a tap is a small correction."""

    source = Source.HUMAN
    name = profile = "keyboard"

    def __init__(self) -> None:
        self._polls_down: dict[int, int] = {}

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        pressed_keys, released = [], set()
        for event in events:
            if event.type == pygame.KEYDOWN:
                pressed_keys.append(event.key)
                released.discard(event.key)
                self._polls_down.setdefault(event.key, 0)
            elif event.type == pygame.KEYUP:
                released.add(event.key)  # a key tapped within one poll still counts for this poll
        axes: dict[Axis, float] = {}
        for key, polls in self._polls_down.items():
            if key in AXIS_KEYS:
                axis, sign = AXIS_KEYS[key]
                axes[axis] = axes.get(axis, 0.0) + sign * _ramp(polls, axis)
        held = {BUTTON_KEYS[key] for key in self._polls_down if key in BUTTON_KEYS and key not in released}
        stick = make_stick(axes, held, {BUTTON_KEYS[key] for key in pressed_keys if key in BUTTON_KEYS})
        self._polls_down = {key: polls + 1 for key, polls in self._polls_down.items() if key not in released}
        if any(event.type == pygame.WINDOWFOCUSLOST for event in events):
            self._polls_down.clear()  # the key-up goes to another window
        return stick

    def rumble(self, pulse: Pulse) -> None: ...

    def close(self) -> None:
        self._polls_down.clear()


def _ramp(polls: int, axis: Axis) -> float:
    if axis in TRIGGERS:
        return 1.0
    return min(1.0, RAMP_START + (1.0 - RAMP_START) * polls / RAMP_POLLS)
