"""SDL: what pygame does not pass on of the SDL it has loaded: GUIDs, paths, serial numbers, types, mappings.

Every function wants pygame's joystick module to be running and is to be called from the thread that polls.
"""

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

from teleop.devices.pads import PadInfo, with_unique_names

TEXT = {
    "SDL_JoystickNameForIndex",
    "SDL_JoystickPathForIndex",
    "SDL_JoystickGetSerial",
    "SDL_GetPlatform",
    "SDL_GetError",
}
POINTERS = {"SDL_JoystickOpen"}
_asked: dict[int, tuple[str, bool]] = {}


class _Guid(ctypes.Structure):
    _fields_ = [("data", ctypes.c_uint8 * 16)]


@cache
def library() -> ctypes.CDLL:
    """The SDL that pygame itself has loaded, found through pygame; another copy would have other joysticks."""
    import pygame.joystick

    module = Path(str(pygame.joystick.__file__))
    sdl = ctypes.CDLL(str(module.parent / "SDL2.dll" if sys.platform == "win32" else module))
    for name in TEXT:
        getattr(sdl, name).restype = ctypes.c_char_p
    for name in POINTERS:
        getattr(sdl, name).restype = ctypes.c_void_p
    sdl.SDL_JoystickGetDeviceGUID.restype = _Guid
    return sdl


def start_joysticks() -> None:
    """pygame's joystick module, with buttons by their place: without this hint SDL's A is the right one on a Nintendo pad.

    SDL reads the hint when it starts its joysticks and never again.
    """
    os.environ["SDL_GAMECONTROLLER_USE_BUTTON_LABELS"] = "0"
    import pygame.joystick

    pygame.joystick.init()


def start_controllers() -> None:
    from pygame._sdl2 import controller

    controller.init()
    controller.set_eventstate(True)


def find_pads() -> list[PadInfo]:
    """All joysticks that SDL sees, mapped or not, in SDL's order, with names that differ."""
    start_controllers()
    return with_unique_names(_describe(index) for index in range(library().SDL_NumJoysticks()))


def _describe(index: int) -> PadInfo:
    sdl = library()
    instance = int(sdl.SDL_JoystickGetDeviceInstanceID(index))
    serial, rumbles = _inside(index, instance)
    return PadInfo(
        index=index,
        name=_text(sdl.SDL_JoystickNameForIndex(index)) or "nameless pad",
        guid=bytes(sdl.SDL_JoystickGetDeviceGUID(index).data).hex(),
        instance=instance,
        path=_text(sdl.SDL_JoystickPathForIndex(index)),
        serial=serial,
        vendor=int(sdl.SDL_JoystickGetDeviceVendor(index)),
        product=int(sdl.SDL_JoystickGetDeviceProduct(index)),
        sdl_type=int(sdl.SDL_GameControllerTypeForIndex(index)),
        mapped=bool(sdl.SDL_IsGameController(index)),
        player=int(sdl.SDL_JoystickGetDevicePlayerIndex(index)) + 1,
        rumbles=rumbles,
    )


def instances() -> frozenset[int]:
    """The joysticks that are plugged in."""
    sdl = library()
    return frozenset(int(sdl.SDL_JoystickGetDeviceInstanceID(index)) for index in range(sdl.SDL_NumJoysticks()))


def _inside(index: int, instance: int) -> tuple[str, bool]:
    """(serial number, whether it has motors). Only open joysticks tell, and opening may take a while: each is asked once."""
    if instance not in _asked:
        sdl = library()
        joystick = ctypes.c_void_p(sdl.SDL_JoystickOpen(index))
        _asked[instance] = ("", False)
        if joystick:
            _asked[instance] = (_text(sdl.SDL_JoystickGetSerial(joystick)), bool(sdl.SDL_JoystickHasRumble(joystick)))
            sdl.SDL_JoystickClose(joystick)  # opening counts: one that is in use stays open
    return _asked[instance]


def platform_name() -> str:
    """As mapping files write it: Linux, Windows, Mac OS X."""
    return _text(library().SDL_GetPlatform())


def add_mapping(line: str) -> str:
    """Give SDL one mapping; the empty string, or what SDL has against it."""
    start_controllers()
    return "" if library().SDL_GameControllerAddMapping(line.encode()) >= 0 else _text(library().SDL_GetError())


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
