"""Panel: what `python -m teleop devices` does: list what can move the sticks, show it live, shake it, calibrate it."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from data.cli import print_json, terminal_width
from teleop.devices import has_display, sdl
from teleop.devices.calibration import calibration_for
from teleop.devices.device import Pulse
from teleop.devices.guide import GuideOptions, calibrate
from teleop.devices.live import NO_MAPPING, watch
from teleop.devices.mappings import load_mappings
from teleop.devices.pads import PadInfo
from teleop.devices.profiles import PROFILES
from teleop.devices.raw_sources import raw_pads

SHAKE, SHAKE_EVERY_S = Pulse(0.8, 0.8, 0.5), 0.9


@dataclass(frozen=True)
class PanelOptions:
    """What `python -m teleop devices` was asked for; without a wish it shows the pads live, where there is a terminal."""

    once: bool = False
    """print the table once and end"""
    json: bool = False
    """print one JSON object on the last line"""
    rumble: bool = False
    """shake each gamepad in turn"""
    calibrate: bool = False
    """measure a gamepad's rest and reach and keep its dead zone, curve and speed"""
    pad: str = ""
    """which gamepad: its number, a part of its name or its GUID"""
    seconds: float = 5.0
    """how long each part of the calibration lasts"""
    expo: float | None = None
    """the curve to keep: 1 (straight) to 4 (finest in the middle)"""
    speed: float | None = None
    """the speed to keep: a factor from 0.1 to 2.5, 1 is 0.35 m/s"""
    mappings: Path | None = None
    """a file of SDL mappings (gamecontrollerdb.txt) for gamepads that SDL does not know"""


def show_devices(options: PanelOptions) -> int:
    """pygame's joystick module must be running. 0, also after Ctrl-C ended the live view."""
    if options.mappings is not None:
        load_mappings(options.mappings)
    if options.calibrate:
        calibrate(GuideOptions(options.pad, options.seconds, options.expo, options.speed, options.json))
    elif options.rumble:
        shake_each()
    elif options.once or options.json or not sys.stdout.isatty():
        print_rows(rows(), as_json=options.json)
    else:
        watch(Console())
    return 0


@dataclass(frozen=True)
class Row:
    """One line of the table, one object of `--json`."""

    device: str
    here: bool
    name: str
    profile: str = ""
    guid: str = ""
    note: str = ""


def rows() -> list[Row]:
    """Everything that can move the sticks here. pygame's joystick module must be running."""
    pads = sdl.find_pads()
    found = [_pad_row(number, pad) for number, pad in enumerate((p for p in pads if p.mapped), 1)]
    found += [Row("joystick", True, p.name, guid=p.guid, note=NO_MAPPING) for p in pads if not p.mapped]
    found = found or [Row("gamepad", False, "none connected")]
    raw = [Row(f"raw-gamepad {n}", True, p.info.name, p.info.profile, p.info.guid, p.info.path) for n, p in enumerate(raw_pads(), 1)]
    found += raw or [Row("raw-gamepad", False, "none found")]
    display = has_display()
    found.append(Row("keyboard", display, "in the recorder's window" if display else "needs a display", "keyboard"))
    return [*found, Row("scripted", True, "an expert that moves the sticks", "xbox")]


def _pad_row(number: int, pad: PadInfo) -> Row:
    calibration = calibration_for(pad.guid)
    notes = [f"player {pad.player}"] if pad.player else []
    notes += ["rumbles"] if pad.rumbles else []
    notes += [f"calibrated: dead zone {calibration.dead_zone:.2f}"] if calibration else []
    return Row(f"gamepad {number}", True, pad.name, pad.profile, pad.guid, ", ".join(notes))


def print_rows(found: list[Row], *, as_json: bool = False) -> None:
    if as_json:
        print_json({"devices": [asdict(row) for row in found]})
        return
    table = Table("device", "is here", Column("name", no_wrap=True), "profile", "note")
    for row in found:
        title = PROFILES[row.profile].title if row.profile else ""
        name = f"{row.name}\n[dim]{row.guid}[/dim]" if row.guid else row.name
        table.add_row(row.device, "yes" if row.here else "no", name, title, row.note)
    Console(width=terminal_width()).print(table)


# -- which is which ----------------------------------------------------------------------------------------------------


def shake_each(pause: Callable[[float], None] = time.sleep) -> None:
    """Shake one pad after the other and say which it is."""
    from teleop.devices.gamepad import Gamepad, mapped_pads

    pads = mapped_pads()
    for number, pad in enumerate(pads, 1):
        print(f"gamepad {number}: {pad.name} {'shakes now' if pad.rumbles else 'has no motors'}", flush=True)
        if pad.rumbles:
            device = Gamepad(str(number))
            device.rumble(SHAKE)
            pause(SHAKE_EVERY_S)
            device.close()
    if not pads:
        print("no gamepad is connected")
