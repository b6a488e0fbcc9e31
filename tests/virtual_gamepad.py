"""A gamepad that SDL believes in: attached to pygame's own SDL through its virtual joystick API, no hardware needed."""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from teleop.devices import sdl
from teleop.stick import AXES, BUTTONS, Axis, Button

GAME_CONTROLLER, UNKNOWN = 1, 0
ON_RUMBLE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint16, ctypes.c_uint16)
ON_PLAYER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int)


class _Desc(ctypes.Structure):
    """SDL_VirtualJoystickDesc, version 1 (SDL 2.24)."""

    _fields_ = [
        ("version", ctypes.c_uint16),
        ("type", ctypes.c_uint16),
        ("naxes", ctypes.c_uint16),
        ("nbuttons", ctypes.c_uint16),
        ("nhats", ctypes.c_uint16),
        ("vendor_id", ctypes.c_uint16),
        ("product_id", ctypes.c_uint16),
        ("padding", ctypes.c_uint16),
        ("button_mask", ctypes.c_uint32),
        ("axis_mask", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("userdata", ctypes.c_void_p),
        ("update", ctypes.c_void_p),
        ("set_player_index", ON_PLAYER),
        ("rumble", ON_RUMBLE),
        ("rumble_triggers", ctypes.c_void_p),
        ("set_led", ctypes.c_void_p),
        ("send_effect", ctypes.c_void_p),
    ]


@dataclass(frozen=True)
class Kind:
    """What a virtual pad says it is; `joystick_type` UNKNOWN is one that SDL has no mapping for."""

    name: str = "Virtual Controller"
    vendor: int = 0
    product: int = 0
    joystick_type: int = GAME_CONTROLLER
    motors: bool = True


XBOX = Kind("Xbox Series X Controller", 0x045E, 0x0B12)
DUALSENSE = Kind("DualSense Wireless Controller", 0x054C, 0x0CE6)
SWITCH_PRO = Kind("Nintendo Switch Pro Controller", 0x057E, 0x2009)
EIGHTBITDO = Kind("8BitDo Pro 2", 0x2DC8, 0x6003)
UNMAPPED = Kind("Noname Arcade Stick", 0x1234, 0x5678, joystick_type=UNKNOWN)


class VirtualGamepad:
    """Attach, move, press, unplug. pygame must be initialised; the loop sees changes at its next poll.

    `rumbles`: (heavy, light) of 0 … 65535 for every call that reached the pad's motors; `player` is its light (from 0).
    """

    def __init__(self, kind: Kind = Kind()) -> None:
        os.environ["SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS"] = "1"
        self._sdl = sdl.library()
        self._sdl.SDL_JoystickFromInstanceID.restype = ctypes.c_void_p
        self._handle = ctypes.c_void_p()
        self.rumbles: list[tuple[int, int]] = []
        self.player = -1
        self._kept: tuple[Any, ...] = ()
        self._desc = self._describe(kind)
        self.attach()

    def _describe(self, kind: Kind) -> _Desc:
        on_rumble: Callable[..., Any] = ON_RUMBLE(self._on_rumble) if kind.motors else ON_RUMBLE()
        on_player = ON_PLAYER(self._on_player)
        self._kept = (on_rumble, on_player)  # SDL calls them as long as the pad is attached
        desc = _Desc(version=1, type=kind.joystick_type, naxes=len(AXES), nbuttons=len(BUTTONS), nhats=1, name=kind.name.encode())
        desc.vendor_id, desc.product_id, desc.rumble, desc.set_player_index = kind.vendor, kind.product, on_rumble, on_player
        return desc

    def _on_rumble(self, _: int, heavy: int, light: int) -> int:
        self.rumbles.append((heavy, light))
        return 0

    def _on_player(self, _: int, player: int) -> None:
        self.player = player

    def attach(self) -> None:
        index = self._sdl.SDL_JoystickAttachVirtualEx(ctypes.byref(self._desc))
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
