"""Devices: gamepad, keyboard, scripted operator, and how one is chosen."""

import os
import platform
from typing import Literal

from data.errors import UserError

DeviceName = Literal["auto", "gamepad", "keyboard", "scripted"]


def has_display() -> bool:
    """Whether a window can be opened here."""
    if os.environ.get("SDL_VIDEODRIVER") == "dummy":
        return False
    return platform.system() != "Linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def choose_device(wish: DeviceName, *, pads: int, display: bool) -> tuple[DeviceName, str]:
    """The device to use and one line that says why: a pad, else the keyboard, else the scripted operator."""
    if wish == "keyboard" and not display:
        raise UserError("the keyboard needs a window and there is no display (or --headless was given); use --device gamepad or scripted")
    if wish == "gamepad" and pads == 0:
        raise UserError("no gamepad is connected; plug one in, or use --device keyboard or --device scripted")
    if wish != "auto":
        return wish, f"device: {wish} (as asked)"
    if pads:
        return "gamepad", "device: gamepad (found one)"
    if display:
        return "keyboard", "device: keyboard (no gamepad found)"
    return "scripted", "device: scripted operator (no gamepad found, no display)"
