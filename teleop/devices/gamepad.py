"""Gamepad through pygame's SDL game controller: standard mapping, hot-plug, taps shorter than a tick."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pygame
from pygame._sdl2 import controller as sdl_controller

from data.errors import UserError
from data.schema import Source
from teleop.devices.device import View
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


def gamepads() -> list[str]:
    """Names of the controllers that SDL has a mapping for, in SDL's order. pygame's joystick module must be running."""
    sdl_controller.init()
    return [str(sdl_controller.name_forindex(i)) for i in range(sdl_controller.get_count()) if sdl_controller.is_controller(i)]


class Gamepad:
    """The first mapped controller; when it is unplugged the stick is neutral and `connected` is False until one returns."""

    source = Source.HUMAN

    def __init__(self) -> None:
        sdl_controller.init()
        sdl_controller.set_eventstate(True)
        self._pad: Any = None
        self._open_first()
        if self._pad is None:
            raise UserError("no gamepad is connected; plug one in, or use --device keyboard or --device scripted")
        self.name = f"gamepad: {self._pad.name}"

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        pressed = set()
        if self._pad is None:
            self._open_first()  # the one that came back, or another that is there
        for event in events:
            if event.type == pygame.CONTROLLERDEVICEREMOVED and self._pad is not None and event.instance_id == self._id:
                self._pad = None
            elif event.type == pygame.CONTROLLERBUTTONDOWN and self._pad is not None and event.instance_id == self._id:
                pressed |= {b for b, i in zip(BUTTONS, BUTTON_IDS, strict=True) if i == event.button}
        if self._pad is None:
            return Stick(connected=False)
        axes = np.array([self._pad.get_axis(i) / FULL_SCALE for i in AXIS_IDS], np.float32)
        held = frozenset(b for b, i in zip(BUTTONS, BUTTON_IDS, strict=True) if self._pad.get_button(i))
        return Stick(np.clip(axes, -1.0, 1.0), held, frozenset(pressed))

    def close(self) -> None:
        if self._pad is not None:
            self._pad.quit()
            self._pad = None

    def _open_first(self) -> None:
        for index in range(sdl_controller.get_count()):
            if sdl_controller.is_controller(index):
                self._pad = sdl_controller.Controller(index)
                self._id = self._pad.as_joystick().get_instance_id()
                return
