"""A gamepad that SDL believes in: attached to pygame's own SDL through its virtual joystick API, no hardware needed."""

import ctypes
import glob
import os
import sys
from pathlib import Path

from teleop.stick import AXES, BUTTONS, Axis, Button

GAME_CONTROLLER = 1


def _sdl_library() -> ctypes.CDLL:
    """The SDL library that pygame itself has loaded; another copy would have other joysticks."""
    import pygame

    package = Path(pygame.__file__).parent
    patterns = {
        "linux": str(package.parent / "pygame.libs" / "libSDL2-2*"),
        "darwin": str(package / ".dylibs" / "libSDL2-2*"),
        "win32": str(package / "SDL2.dll"),
    }
    (path,) = glob.glob(patterns[sys.platform])
    return ctypes.CDLL(path)


class VirtualGamepad:
    """Attach, move, press, unplug. pygame must be initialised; the loop sees changes at its next poll."""

    def __init__(self) -> None:
        os.environ["SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS"] = "1"
        self._sdl = _sdl_library()
        self._sdl.SDL_JoystickOpen.restype = ctypes.c_void_p
        self._sdl.SDL_JoystickFromInstanceID.restype = ctypes.c_void_p
        self._handle = ctypes.c_void_p()
        self.attach()

    def attach(self) -> None:
        index = self._sdl.SDL_JoystickAttachVirtual(GAME_CONTROLLER, len(AXES), len(BUTTONS), 1)
        if index < 0:
            raise RuntimeError("SDL refused a virtual joystick")
        self._handle = ctypes.c_void_p(self._sdl.SDL_JoystickOpen(index))
        self._id = self._sdl.SDL_JoystickInstanceID(self._handle)
        for axis in (Axis.LT, Axis.RT):
            self.move(axis, 0.0)

    def move(self, axis: Axis, value: float) -> None:
        """Deflect an axis; triggers take 0…1, which SDL spreads over the whole range."""
        raw = 2.0 * value - 1.0 if axis in (Axis.LT, Axis.RT) else value
        self._sdl.SDL_JoystickSetVirtualAxis(self._handle, AXES.index(axis), ctypes.c_int16(round(raw * 32767)))

    def press(self, button: Button, down: bool = True) -> None:
        self._sdl.SDL_JoystickSetVirtualButton(self._handle, BUTTONS.index(button), ctypes.c_uint8(down))

    def release(self, button: Button) -> None:
        self.press(button, down=False)

    def unplug(self) -> None:
        """Indices move up when another pad goes, so ours is looked up; nothing happens when it is unplugged already."""
        for index in range(self._sdl.SDL_NumJoysticks()):
            if self._sdl.SDL_JoystickGetDeviceInstanceID(index) == self._id:
                self._sdl.SDL_JoystickDetachVirtual(index)
                return
