"""Gamepad through pygame's SDL game controller: standard mapping, hot-plug, rumble, taps shorter than a tick."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pygame
from pygame._sdl2 import controller as sdl_controller

from data.schema import Source
from teleop.devices import no_gamepad, sdl
from teleop.devices.device import Pulse, View
from teleop.devices.pads import PadInfo, choose_pad, is_same
from teleop.stick import BUTTONS, Stick

AXIS_IDS = (
    pygame.CONTROLLER_AXIS_LEFTX,
    pygame.CONTROLLER_AXIS_LEFTY,
    pygame.CONTROLLER_AXIS_RIGHTX,
    pygame.CONTROLLER_AXIS_RIGHTY,
    pygame.CONTROLLER_AXIS_TRIGGERLEFT,
    pygame.CONTROLLER_AXIS_TRIGGERRIGHT,
)
BUTTON_IDS = (
    pygame.CONTROLLER_BUTTON_A,
    pygame.CONTROLLER_BUTTON_B,
    pygame.CONTROLLER_BUTTON_X,
    pygame.CONTROLLER_BUTTON_Y,
    pygame.CONTROLLER_BUTTON_BACK,
    pygame.CONTROLLER_BUTTON_GUIDE,
    pygame.CONTROLLER_BUTTON_START,
    pygame.CONTROLLER_BUTTON_LEFTSTICK,
    pygame.CONTROLLER_BUTTON_RIGHTSTICK,
    pygame.CONTROLLER_BUTTON_LEFTSHOULDER,
    pygame.CONTROLLER_BUTTON_RIGHTSHOULDER,
    pygame.CONTROLLER_BUTTON_DPAD_UP,
    pygame.CONTROLLER_BUTTON_DPAD_DOWN,
    pygame.CONTROLLER_BUTTON_DPAD_LEFT,
    pygame.CONTROLLER_BUTTON_DPAD_RIGHT,
)
FULL_SCALE = 32767.0
ADDED = (pygame.JOYDEVICEADDED, pygame.CONTROLLERDEVICEADDED)


def mapped_pads() -> list[PadInfo]:
    """The pads that can be used through SDL. pygame's joystick module must be running."""
    return [pad for pad in sdl.find_pads() if pad.mapped]


def gamepads() -> list[str]:
    """Their names, which differ."""
    return [pad.name for pad in mapped_pads()]


def unmapped() -> list[str]:
    """Names of joysticks that SDL sees and has no mapping for."""
    return [pad.name for pad in sdl.find_pads() if not pad.mapped]


def read_controller(controller: Any) -> Stick:
    """What an open SDL controller says now; `pressed` is empty."""
    axes = np.array([controller.get_axis(i) / FULL_SCALE for i in AXIS_IDS], np.float32)
    held = frozenset(b for b, i in zip(BUTTONS, BUTTON_IDS, strict=True) if controller.get_button(i))
    return Stick(np.clip(axes, -1.0, 1.0), held)


class Gamepad:
    """The pad that is wished (number, part of the name, GUID; "" for the first), and no other.

    Unplugged, the stick is neutral and `connected` is False until the same pad returns; without a wish, another pad
    may take its place: the one on which a button is pressed.
    """

    source = Source.HUMAN

    def __init__(self, wish: str = "") -> None:
        pads = mapped_pads()
        if not pads:
            raise no_gamepad(unmapped())
        self._wish = wish
        self._pad: Any = None
        self._watched: dict[int, Any] = {}
        self._known: frozenset[int] = frozenset()
        self._take(choose_pad(pads, wish))

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        if self._pad is None:
            self._look_for_it()
        if self._pad is None:
            return Stick(connected=False)
        if any(event.type == pygame.CONTROLLERDEVICEREMOVED and event.instance_id == self.info.instance for event in events):
            self._pad = None
            return Stick(connected=False)
        if any(event.type in ADDED for event in events):
            self._known = sdl.instances()
        mine = [e.button for e in events if e.type == pygame.CONTROLLERBUTTONDOWN and e.instance_id == self.info.instance]
        pressed = frozenset(b for b, i in zip(BUTTONS, BUTTON_IDS, strict=True) if i in mine)
        return replace(read_controller(self._pad), pressed=pressed)

    def rumble(self, pulse: Pulse) -> None:
        """A pad without motors stays quiet."""
        if self._pad is not None:
            self._pad.rumble(pulse.heavy, pulse.light, round(1000 * pulse.seconds))

    def close(self) -> None:
        self._forget_others()
        if self._pad is not None:
            self._pad.quit()
            self._pad = None

    def _take(self, pad: PadInfo) -> None:
        self.info, self.name, self.profile = pad, f"gamepad: {pad.name}", pad.profile
        self._forget_others()
        self._pad = sdl_controller.Controller(pad.index)
        self._known = sdl.instances()

    def _look_for_it(self) -> None:
        pads = mapped_pads()
        same = [pad for pad in pads if is_same(self.info, pad, self._known)]
        if same:
            self._take(replace(same[0], name=self.info.name))
        elif not self._wish:
            for pad in pads:
                if pad.instance not in self._watched:
                    self._watched[pad.instance] = sdl_controller.Controller(pad.index)
                if any(self._watched[pad.instance].get_button(i) for i in BUTTON_IDS):
                    self._take(pad)
                    return

    def _forget_others(self) -> None:
        for watched in self._watched.values():
            watched.quit()
        self._watched.clear()
