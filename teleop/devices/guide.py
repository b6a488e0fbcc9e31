"""Guide: leads through a pad's calibration: rest, all the way round, what was measured, kept."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from data.cli import print_json, terminal_width
from data.errors import UserError
from teleop.devices import unmapped_note
from teleop.devices.calibration import Calibration, calibration_for, calibration_from, keep, measure
from teleop.devices.device import View
from teleop.devices.events import drain_events
from teleop.devices.profiles import label
from teleop.devices.raw_gamepad import RawGamepad
from teleop.devices.raw_sources import raw_pads
from teleop.mapping import MappingConfig, shape_axis
from teleop.stick import STICK_AXES

if TYPE_CHECKING:  # pygame only where a pad is opened
    from teleop.devices.gamepad import Gamepad

SAMPLE_S = 0.01
WORN = 0.9


@dataclass(frozen=True)
class GuideOptions:
    """`pad` as in `--pad`; `seconds` of each of the two measurements; `expo` and `speed` None keep what there is."""

    pad: str = ""
    seconds: float = 5.0
    expo: float | None = None
    speed: float | None = None
    as_json: bool = False

    def __post_init__(self) -> None:
        if not 0.5 <= self.seconds <= 60.0:
            raise UserError(f"--seconds {self.seconds} is outside 0.5 … 60; give how long each measurement takes")
        calibration_from(0.0, 1.0, Calibration(), self.expo, self.speed)  # a mistake is told before anything is measured


def calibrate(options: GuideOptions, begin: Callable[[str], None] = lambda stage: None) -> Calibration:
    """Measure, show, keep. pygame's joystick module must be running; `begin` hears "rest" and "turn" as they begin."""
    pad = _open(options.pad)
    console = Console(width=terminal_width(), stderr=options.as_json)
    try:
        console.print(f"Calibrating [bold]{pad.info.name}[/bold]. Put it down and let go of the sticks.")
        begin("rest")
        rest = _samples(pad, options.seconds, "rest", console)
        console.print("Now turn both sticks all the way round, along the rim, a few times.")
        begin("turn")
        swing = _samples(pad, options.seconds, "turn", console)
    finally:
        pad.close()
    drift, reaches = measure(rest, swing, pad.profile)
    base = calibration_for(pad.info.guid) or Calibration()
    found = calibration_from(drift, min(reaches.values()), base, options.expo, options.speed)
    path = keep(pad.info.guid, pad.info.name, found)
    if options.as_json:
        print_json({"guid": pad.info.guid, "path": str(path), **asdict(found)})
        return found
    console.print(_report(rest, swing, found, pad.profile))
    if found.reach < WORN:
        console.print(f"[yellow]A stick reaches only {100 * found.reach:.0f} %: it will not be as fast as it could be.[/yellow]")
    console.print(f"Kept in {path}", soft_wrap=True)
    return found


def _open(wish: str) -> "Gamepad | RawGamepad":
    from teleop.devices.gamepad import Gamepad, mapped_pads, unmapped

    if mapped_pads():
        return Gamepad(wish)
    if raw_pads():
        return RawGamepad(wish)
    raise UserError(f"no gamepad is connected{unmapped_note(unmapped())}; plug one in and calibrate again")


def _samples(pad: "Gamepad | RawGamepad", seconds: float, what: str, console: Console) -> NDArray[np.float32]:
    """(N, 4) positions of the sticks, with a bar that fills meanwhile."""
    start_s, taken = time.monotonic(), []
    with Progress(TextColumn(f"{what:>6}"), BarColumn(40), TextColumn("{task.percentage:>3.0f} %"), console=console) as bar:
        task = bar.add_task(what, total=seconds)
        while (passed_s := time.monotonic() - start_s) < seconds:
            stick = pad.poll(drain_events(), View())
            if not stick.connected:
                raise UserError(f"{pad.info.name} was unplugged while it was measured; plug it in and calibrate again")
            taken.append([stick.axis(axis) for axis in STICK_AXES])
            bar.update(task, completed=passed_s)
            time.sleep(SAMPLE_S)
        bar.update(task, completed=seconds)
    return np.array(taken, np.float32)


def _report(rest: NDArray[np.float32], swing: NDArray[np.float32], found: Calibration, profile: str) -> Table:
    mapping = found.applied_to(MappingConfig())
    title = f"dead zone {found.dead_zone:.2f}, expo {found.expo:.1f}, full stick {found.translate:.2f} m/s"
    table = Table("stick", "at rest", "to the left / up", "to the right / down", "half a stick means", title=title, title_justify="left")
    for i, axis in enumerate(STICK_AXES):
        measured = (np.abs(rest[:, i]).max(), swing[:, i].min(), swing[:, i].max(), shape_axis(0.5, mapping))
        table.add_row(label(profile, axis), *(f"{100 * value:.0f} %" for value in measured))
    return table
