"""Live: every pad as it is held, in the terminal: axes raw and as they will be meant, buttons with what is printed on them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from teleop.devices import has_display, sdl
from teleop.devices.calibration import mapping_for
from teleop.devices.device import View
from teleop.devices.events import drain_events
from teleop.devices.pads import PadInfo, model_of
from teleop.devices.profiles import PROFILES, label
from teleop.devices.raw_gamepad import RawGamepad
from teleop.devices.raw_sources import RawPad, raw_pads
from teleop.mapping import MappingConfig, shape_axis
from teleop.stick import AXES, BUTTONS, TRIGGERS, Axis, Stick

HALF_BAR, LIVE_HZ, LOOK_AGAIN_S, WIDTH, PAD_LINES = 8, 30, 1.0, 92, 12
NO_MAPPING = "SDL has no mapping: use --device raw-gamepad or --mappings FILE"


@dataclass
class LivePads:
    """Every pad that is plugged in, opened and read; `look` notices those that came and went."""

    infos: dict[str, PadInfo] = field(default_factory=dict)
    unmapped: list[PadInfo] = field(default_factory=list)
    _opened: dict[str, Any] = field(default_factory=dict)
    _known: frozenset[int] = frozenset()
    _looked_s: float = -1.0

    def look(self, now_s: float) -> None:
        if sdl.instances() != self._known:
            self._known = sdl.instances()
            self._look_at_sdl()
            self._looked_s = -1.0
        if self._looked_s < 0 or now_s - self._looked_s > LOOK_AGAIN_S:
            self._looked_s = now_s
            self._look_at_raw()

    def _look_at_sdl(self) -> None:
        from pygame._sdl2 import controller

        pads = sdl.find_pads()
        self.unmapped = [pad for pad in pads if not pad.mapped]
        there = {f"gamepad {pad.instance}": pad for pad in pads if pad.mapped}
        self._drop("gamepad", keep=set(there))
        for key, pad in there.items():
            if key not in self._opened:
                self._opened[key] = controller.Controller(pad.index)
            self.infos[key] = pad

    def _look_at_raw(self) -> None:
        """Those that SDL does not read: the same pad twice would only confuse."""
        taken = {model_of(pad.guid) for key, pad in self.infos.items() if key.startswith("gamepad")}
        there = {f"raw {pad.info.path} {pad.info.instance}": pad for pad in raw_pads() if model_of(pad.info.guid) not in taken}
        self._drop("raw", keep=set(there))
        for key, pad in there.items():
            if key not in self._opened:
                self._opened[key] = RawGamepad(find=partial(_only, pad))
                self.infos[key] = pad.info

    def _drop(self, kind: str, keep: set[str]) -> None:
        for key in [key for key in self._opened if key.startswith(kind) and key not in keep]:
            opened = self._opened.pop(key)
            del self.infos[key]
            (opened.close if kind == "raw" else opened.quit)()

    def sticks(self) -> list[tuple[PadInfo, Stick]]:
        from teleop.devices.gamepad import read_controller

        return [
            (self.infos[key], opened.poll((), View()) if isinstance(opened, RawGamepad) else read_controller(opened))
            for key, opened in self._opened.items()
        ]

    def close(self) -> None:
        for kind in ("gamepad", "raw"):
            self._drop(kind, keep=set())


def _only(pad: RawPad) -> list[RawPad]:
    return [pad]


def watch(console: Console, done: Callable[[], bool] = lambda: False) -> None:
    """Show every pad until Ctrl-C, or until `done`; needs a terminal."""
    pads = LivePads()
    mappings: dict[str, MappingConfig] = {}
    with Live(console=console, auto_refresh=False, transient=False) as live:
        try:
            while not done():
                drain_events()
                pads.look(time.monotonic())
                for info in pads.infos.values():
                    if info.guid not in mappings:
                        mappings[info.guid] = mapping_for(info.guid)
                live.update(picture(pads, mappings, console.height), refresh=True)
                time.sleep(1.0 / LIVE_HZ)
        except KeyboardInterrupt:
            pass
        finally:
            pads.close()


def picture(pads: LivePads, mappings: dict[str, MappingConfig], height: int) -> RenderableType:
    """All pads, in full where there are lines enough, and a line for each that cannot be shown."""
    sticks = list(enumerate(pads.sticks(), 1))
    full = PAD_LINES * len(sticks) + len(pads.unmapped) + 2 <= height
    draw = pad_picture if full else pad_line
    shown: list[RenderableType] = [draw(number, info, stick, mappings[info.guid]) for number, (info, stick) in sticks]
    shown = shown or [Panel(Text("no pad is connected: plug one in", style="dim"), width=WIDTH)]
    shown += [Text(f"{pad.name}: {NO_MAPPING}", style="yellow") for pad in pads.unmapped]
    keys = "The keyboard works in the recorder's window. " if has_display() else ""
    return Group(*shown, Text(f"{keys}Ctrl-C ends this.", style="dim"))


def pad_picture(number: int, info: PadInfo, stick: Stick, mapping: MappingConfig) -> Panel:
    """One pad: every axis raw and as it will be meant, every button lit while it is held."""
    table = Table.grid(padding=(0, 1))
    table.add_row("", Text("raw", style="dim"), "", Text("after dead zone and curve", style="dim"), "")
    for axis in AXES:
        raw = stick.axis(axis)
        meant = raw if axis in TRIGGERS else shape_axis(raw, mapping)
        table.add_row(label(info.profile, axis), bar(axis, raw), f"{raw:+.2f}", bar(axis, meant), f"{meant:+.2f}")
    lit = [Text(f" {label(info.profile, b)} ", style="black on bright_green" if b in stick.held else "on grey23") for b in BUTTONS]
    facts = f"dead zone {mapping.dead_zone:.2f} · expo {mapping.expo:.1f} · full stick {mapping.translate:.2f} m/s"
    body = Group(table, Text(""), Text(" ").join(lit))
    return Panel(body, title=_title(number, info), subtitle=facts, title_align="left", subtitle_align="left", width=WIDTH)


def pad_line(number: int, info: PadInfo, stick: Stick, mapping: MappingConfig) -> Panel:
    """One pad in a single line: sticks and triggers as they will be meant, and what is held."""
    values = {axis: stick.axis(axis) if axis in TRIGGERS else shape_axis(stick.axis(axis), mapping) for axis in AXES}
    left, right = (f"({values[x]:+.2f}, {values[y]:+.2f})" for x, y in ((Axis.LEFT_X, Axis.LEFT_Y), (Axis.RIGHT_X, Axis.RIGHT_Y)))
    triggers = "  ".join(f"{label(info.profile, axis)} {values[axis]:.2f}" for axis in TRIGGERS)
    held = " ".join(label(info.profile, b) for b in BUTTONS if b in stick.held)
    body = Text(f"L {left}  R {right}  {triggers}  ").append(held, style="bright_green")
    return Panel(body, title=_title(number, info), title_align="left", width=WIDTH)


def _title(number: int, info: PadInfo) -> str:
    return f"{number} [bold]{info.name}[/bold] · {PROFILES[info.profile].title}"


def bar(axis: Axis, value: float) -> Text:
    """A stick's bar grows from its middle, a trigger's from its left end."""
    size = round(abs(value) * HALF_BAR)
    if axis in TRIGGERS:
        size = round(value * (2 * HALF_BAR + 1))
        text = "█" * size + "─" * (2 * HALF_BAR + 1 - size)
    elif value < 0:
        text = "─" * (HALF_BAR - size) + "█" * size + "┼" + "─" * HALF_BAR
    else:
        text = "─" * HALF_BAR + "┼" + "█" * size + "─" * (HALF_BAR - size)
    shown = Text(text, style="grey42")
    shown.highlight_regex("█+", "bright_green")
    return shown
