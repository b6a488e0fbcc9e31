"""Evdev: what `inputs` does not ask a Linux input device: its axes' ranges, what is down right now, its motors.

Every question is answered with "nothing" by a file that is no input device.
"""

import os
import struct
import sys
import time
from pathlib import Path

from teleop.devices.device import Pulse
from teleop.devices.pads import PadInfo, guid_of
from teleop.devices.raw_codes import Range

SYS_INPUT = Path("/sys/class/input")
ABS_COUNT, KEY_BYTES = 0x40, 0x300 // 8
BTN_JOYSTICK, BTN_GAMEPAD, ABS_X, ABS_Y = 0x120, 0x130, 0, 1
EV_FF, FF_RUMBLE = 0x15, 0x50
EFFECT = struct.Struct("HhHHHHH2xHH28x")  # struct ff_effect with a ff_rumble_effect, 64 bit
EVENT = struct.Struct("llHHi")
_READ, _WRITE = 2, 1


def _request(direction: int, number: int, size: int) -> int:
    """The kernel's _IOC(direction, 'E', number, size)."""
    return direction << 30 | size << 16 | ord("E") << 8 | number


def _ask(fd: int, number: int, size: int) -> bytes | None:
    if sys.platform != "linux":
        return None
    import fcntl

    try:
        return fcntl.ioctl(fd, _request(_READ, number, size), bytes(size))
    except OSError:
        return None


def axes_of(fd: int, numbers: dict[str, int]) -> tuple[dict[str, int], dict[str, Range]]:
    """(positions, ranges) by name of the axes in `numbers` that the device has."""
    positions: dict[str, int] = {}
    ranges: dict[str, Range] = {}
    for name, number in numbers.items():
        answer = _ask(fd, 0x40 + number, 24)
        if answer is None:
            continue
        value, low, high = struct.unpack("3i", answer[:12])
        if high > low:
            positions[name], ranges[name] = value, (low, high)
    return positions, ranges


def keys_down(fd: int) -> frozenset[int] | None:
    """Codes of the keys that are down; None when the device does not say."""
    answer = _ask(fd, 0x18, KEY_BYTES)
    return None if answer is None else frozenset(i for i in range(8 * KEY_BYTES) if answer[i // 8] >> (i % 8) & 1)


class Motors:
    """A device's rumble. One effect is uploaded and then changed: a device has room for sixteen, `inputs` fills them up."""

    def __init__(self, path: str) -> None:
        self._path, self._fd, self._effect, self._quiet = path, -1, -1, sys.platform != "linux"

    def play(self, pulse: Pulse) -> None:
        """Does nothing where there are no motors, or no right to write to them."""
        if self._quiet:
            return
        import fcntl

        try:
            if self._fd < 0:
                self._fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
            answer = fcntl.ioctl(self._fd, _request(_WRITE, 0x80, EFFECT.size), effect_bytes(pulse, self._effect))
            self._effect = EFFECT.unpack(answer)[1]
            now_s = time.time()
            os.write(self._fd, EVENT.pack(int(now_s), int(now_s % 1 * 1e6), EV_FF, self._effect, 1))
        except OSError:
            self._quiet = True
            self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def effect_bytes(pulse: Pulse, number: int) -> bytes:
    """struct ff_effect; `number` -1 asks for a new one."""
    heavy, light = (round(65535 * min(1.0, max(0.0, v))) for v in (pulse.heavy, pulse.light))
    return EFFECT.pack(FF_RUMBLE, number, 0, 0, 0, min(65535, round(1000 * pulse.seconds)), 0, heavy, light)


# -- what sysfs says ---------------------------------------------------------------------------------------------------


def event_folders() -> list[Path]:
    """The input devices by number that are pads: with two axes and a gamepad's or joystick's first button."""
    found = sorted(SYS_INPUT.glob("event*"), key=lambda path: (len(path.name), path.name))
    return [path for path in found if _is_pad(path)]


def _is_pad(folder: Path) -> bool:
    keys, axes = (_text(folder / "device" / "capabilities" / kind) for kind in ("key", "abs"))
    return has_bit(axes, ABS_X) and has_bit(axes, ABS_Y) and (has_bit(keys, BTN_GAMEPAD) or has_bit(keys, BTN_JOYSTICK))


def has_bit(words: str, bit: int) -> bool:
    """Whether a bit is set in a bitmap as sysfs writes it: hexadecimal words of 64 bits, the highest first."""
    parts = words.split()[::-1]
    return bit // 64 < len(parts) and bool(int(parts[bit // 64], 16) >> (bit % 64) & 1)


def describe(event: str, index: int, instance: int) -> PadInfo:
    """What sysfs says about /dev/input/EVENT."""
    device = SYS_INPUT / event / "device"
    bus, vendor, product, version = (int(_text(device / "id" / name) or "0", 16) for name in ("bustype", "vendor", "product", "version"))
    return PadInfo(
        index=index,
        name=_text(device / "name") or event,
        guid=guid_of(bus, vendor, product, version),
        instance=instance,
        path=f"/dev/input/{event}",
        serial=_text(device / "uniq"),
        vendor=vendor,
        product=product,
        mapped=False,
    )


def driver_of(path: str) -> str:
    """The kernel driver behind /dev/input/eventN, such as xpad; empty when there is none."""
    link = SYS_INPUT / Path(path).name / "device" / "device" / "driver"
    return link.resolve().name if link.exists() else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
