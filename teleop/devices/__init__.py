"""Devices: gamepad, raw gamepad, keyboard, scripted operator, and how one is chosen."""

import os
import platform
from collections.abc import Sequence
from typing import Literal

from data.errors import UserError

DeviceName = Literal["auto", "gamepad", "raw-gamepad", "keyboard", "scripted"]


def has_display() -> bool:
    """Whether a window can be opened here."""
    if os.environ.get("SDL_VIDEODRIVER") == "dummy":
        return False
    return platform.system() != "Linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def choose_device(wish: DeviceName, *, pads: int, display: bool, raw_pads: int = 0, unmapped: Sequence[str] = ()) -> tuple[DeviceName, str]:
    """The device to use and one line that says why: a pad, else the keyboard, else a raw pad, else the scripted operator.

    `pads` are those that SDL has a mapping for, `unmapped` the names of those it has none for.
    """
    if wish == "keyboard" and not display:
        raise UserError("the keyboard needs a window and there is no display (or --headless was given); use --device gamepad or scripted")
    if wish == "gamepad" and pads == 0:
        raise no_gamepad(unmapped)
    if wish == "raw-gamepad" and raw_pads == 0:
        raise no_raw_gamepad()
    if wish != "auto":
        return wish, f"device: {wish} (as asked)"
    if pads:
        return "gamepad", "device: gamepad (found one)"
    missing = f"no gamepad found{unmapped_note(unmapped)}"
    if display:
        return "keyboard", f"device: keyboard ({missing})"
    if raw_pads:
        return "raw-gamepad", f"device: raw gamepad ({missing}, no display)"
    return "scripted", f"device: scripted operator ({missing}, no display)"


def no_gamepad(unmapped: Sequence[str]) -> UserError:
    return UserError(f"no gamepad is connected{unmapped_note(unmapped)}; plug one in, or use --device keyboard or --device scripted")


def no_raw_gamepad() -> UserError:
    return UserError("no raw gamepad is found (on Linux: a joystick in /dev/input); plug one in, or use --device gamepad or keyboard")


def unmapped_note(names: Sequence[str]) -> str:
    """What to add to "no gamepad" when there are joysticks that SDL cannot use."""
    if not names:
        return ""
    return f' that SDL has a mapping for (seen: "{", ".join(names)}": use --device raw-gamepad or --mappings FILE)'
