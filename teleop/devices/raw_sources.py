"""Raw sources: where the events of a raw pad come from, Linux's device files or Windows' XInput, both through `inputs`."""

import contextlib
import os
import select
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

from data.errors import UserError
from teleop.devices import evdev
from teleop.devices.device import Pulse
from teleop.devices.pads import PadInfo, with_unique_names
from teleop.devices.raw_codes import HATS, LAYOUTS, RawEvent, RawLayout, layout_for

XINPUT_POLL_S = 0.004


class RawSource(Protocol):
    """One pad's events. Opened and closed as often as it is plugged in; an OSError or RuntimeError says it is gone."""

    def open(self) -> RawLayout: ...

    def events(self, closing: Event, wake: int) -> Iterator[RawEvent]:
        """Blocks until there is one; ends with the device, when `closing` is set or the file `wake` has something."""
        ...

    def now(self) -> list[RawEvent]:
        """What is so now, as if it had just happened."""
        ...

    def rumble(self, pulse: Pulse) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class RawPad:
    info: PadInfo
    source: RawSource


class EvdevSource:
    """A Linux device file, read by an `inputs.GamePad`; `family` says what its codes mean."""

    def __init__(self, reader: Any, family: str) -> None:
        self._reader, self._family = reader, family
        codes = reader.manager.codes
        self._keys: dict[int, str] = codes["Key"]
        self._axes = {code: number for number, code in codes["Absolute"].items() if number < evdev.ABS_COUNT}

    def open(self) -> RawLayout:
        path = self._reader.get_char_device_path()
        try:
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (stays open)
        except PermissionError as error:
            raise UserError(f"you may not read {path}; add yourself to the group that owns it (often: input), log in again") from error
        # Unbuffered and in the place of inputs' own file: select would not see what that one has read ahead.
        self._reader._character_file = self._file
        self._motors = evdev.Motors(path)
        _, ranges = evdev.axes_of(self._file.fileno(), self._axes)
        return layout_for(self._family, {code: extent for code, extent in ranges.items() if code not in HATS})

    def events(self, closing: Event, wake: int) -> Iterator[RawEvent]:
        """`GamePad.read` would spin for ever at the end of the file and could not be woken; this is the step it repeats."""
        while True:
            ready, _, _ = select.select([self._file.fileno(), wake], [], [])
            if wake in ready:
                return
            try:
                read = self._reader._do_iter()
            except IndexError:  # inputs' UnknownEventCode: it has no name for this one, so it is no button of ours
                continue
            if not read:
                return
            yield from ((event.ev_type, event.code, event.state) for event in read)

    def now(self) -> list[RawEvent]:
        down = evdev.keys_down(self._file.fileno())
        values, _ = evdev.axes_of(self._file.fileno(), self._axes)
        keys = [] if down is None else [("Key", code, int(number in down)) for number, code in self._keys.items()]
        return keys + [("Absolute", code, value) for code, value in values.items()]

    def rumble(self, pulse: Pulse) -> None:
        self._motors.play(pulse)

    def close(self) -> None:
        self._reader._character_file = None
        self._file.close()
        self._motors.close()


class XinputSource:
    """An XInput pad on Windows, which `inputs` asks and turns into the events of a Linux device."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def open(self) -> RawLayout:
        return LAYOUTS["xinput"]

    def events(self, closing: Event, wake: int) -> Iterator[RawEvent]:
        """`GamePad.read` would ask without a pause, and keep everything it ever read; this is what it repeats."""
        while not closing.wait(XINPUT_POLL_S):
            self._reader._GamePad__check_state()
            while read := self._reader._do_iter():
                yield from ((event.ev_type, event.code, event.state) for event in read)
            self._reader._character_device.seek(0)
            self._reader._character_device.truncate()

    def now(self) -> list[RawEvent]:
        return []

    def rumble(self, pulse: Pulse) -> None:
        """Quiet: `inputs` would start a process for every rumble."""

    def close(self) -> None: ...


def raw_pads() -> list[RawPad]:
    """All that `inputs` finds, and on Linux those it overlooks (Bluetooth pads have no entry in /dev/input/by-id)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # inputs complains about every mouse with an unusual name
        with contextlib.suppress(OSError):  # one was unplugged while it looked: whoever waits looks again
            import inputs  # type: ignore[import-untyped]  # looks for devices when imported

            found = inputs.DeviceManager()
            return _on_linux(inputs, found) if sys.platform == "linux" else _elsewhere(found)
    return []


def _on_linux(inputs: Any, found: Any) -> list[RawPad]:
    readers = {pad.get_char_name(): pad for pad in found.gamepads}
    for folder in evdev.event_folders():
        if folder.name not in readers:
            alias = f"/dev/input/by-path/sysfs-{folder.name}-event-joystick"  # inputs takes the kind of a device from its path
            readers[folder.name] = inputs.GamePad(found, alias, f"/dev/input/{folder.name}")
    created = [os.stat(pad.get_char_device_path()).st_ino for pad in readers.values()]  # another one after every plugging in
    infos = with_unique_names(evdev.describe(name, i, created[i]) for i, name in enumerate(readers))
    families = ["xbox" if evdev.driver_of(info.path) == "xpad" else info.profile for info in infos]
    return [RawPad(*facts) for facts in zip(infos, map(EvdevSource, readers.values(), families), strict=True)]


def _elsewhere(found: Any) -> list[RawPad]:
    infos = with_unique_names(PadInfo(i, pad.name, f"{pad.get_number():032x}", i, mapped=False) for i, pad in enumerate(found.gamepads))
    return [RawPad(info, XinputSource(reader)) for info, reader in zip(infos, found.gamepads, strict=True)]
