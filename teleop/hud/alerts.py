"""Alerts: what has to be seen at once: the question, the edge, a message, the scrub bar, the countdown. Pure functions."""

from collections.abc import Iterator
from math import isfinite

from data.schema import Outcome, Phase
from teleop.aids import Readout
from teleop.hud.shapes import AMBER, BLUE, DIM, EDGE, GREEN, INK, RED, VIOLET, Colour
from teleop.hud.sheet import Sheet, Type
from teleop.pilot import UNLIMITED
from teleop.screen import Status

HARD_N = 15.0  # pushing on the table this hard is no accident of contact


def headline_facts(status: Status, readout: Readout) -> tuple[str, str, Colour] | None:
    """One line that matters now, a second one, and a colour: the question, the edge, the force."""
    if status.phase is Phase.ASKING:
        doubt = f"doubt {status.score:.3f} · " if isfinite(status.score) else ""
        several = len(status.ways) > 1
        words = "Which way? A: the bold arrow, LB: the next one." if several else "What would you do here? The arrow is the policy's idea."
        asked = f"question {status.queue[0]} of {status.queue[1]}" if status.queue else _labels_text(status)
        return words, f"{doubt}{asked}", AMBER
    if status.phase is Phase.READY and status.invitation:
        return status.invitation, " · ".join(_about_to_begin(status)), BLUE
    if status.phase is Phase.HUMAN and status.handed_over:
        if status.rescues:
            ends = "It ends where the policy gets there by itself."
            return "You have the wheel: show how it goes on.", ends, AMBER
        return "You have the wheel until the policy takes it back.", _labels_text(status), AMBER
    if status.phase in (Phase.HUMAN, Phase.POLICY) and readout.push_n >= HARD_N:
        return f"pushing hard: {readout.push_n:.0f} N", "", RED
    if status.phase in (Phase.HUMAN, Phase.POLICY) and readout.edges:
        return f"edge: {' '.join(readout.edges)}", "", RED
    return None


def _labels_text(status: Status) -> str:
    return f"labels {status.labels}" + ("" if status.label_budget >= UNLIMITED else f", {status.labels_left} left")


def _about_to_begin(status: Status) -> Iterator[str]:
    """What became of a rescue that was cut short, and who begins."""
    if status.kept and status.kept[-1].outcome is Outcome.PARTIAL:
        yield f"episode {status.kept[-1].number}: from there it gets there by itself"
    if status.rescues:
        yield "Start: you have the wheel at once"


def draw_headline(type_: Type, widest: float, words: str, second: str, colour: Colour) -> Sheet:
    parts = [(part, 14.0, INK) for part in type_.wrap(words, 14, widest - 44, bold=True)]
    parts += [(part, 12.0, colour) for part in type_.wrap(second, 12, widest - 44, bold=True) if part]
    width = min(widest, max(type_.width(part, size, bold=True) for part, size, _ in parts) + 44)
    sheet = Sheet(type_, width, 20 * len(parts) + 14)
    sheet.box(0, 0, 5, sheet.height, colour, 2.5)
    for i, (part, size, ink) in enumerate(parts):
        sheet.text(part, width / 2 + 2, 7 + 20 * (i + 0.5), size, ink, bold=True, align="centre", width=width - 24)
    return sheet


def notice_facts(status: Status) -> tuple[str, bool, float | None] | None:
    """The message, whether it is good news, and how much of the wished hold has been held."""
    if status.message:
        return status.message, status.success, None
    if status.success and status.phase in (Phase.HUMAN, Phase.POLICY, Phase.ASKING):
        held = min(1.0, status.hold / status.hold_wished) if status.hold_wished else None
        return "the task is solved: hold still" if held is not None else "the task is solved", True, held
    return None


def draw_notice(type_: Type, widest: float, words: str, good: bool, held: float | None) -> Sheet:
    left = 52.0 if held is not None else 20.0
    lines = type_.wrap(words, 13.5, widest - left - 24, bold=True)
    width = min(widest, max(type_.width(part, 13.5, bold=True) for part in lines) + left + 20)
    sheet = Sheet(type_, width, max(20.0 * len(lines) + 14, 44.0 if held is not None else 0.0), radius=16)
    if held is not None:
        sheet.ring(28, sheet.height / 2, 28, 5, EDGE)
        sheet.ring(28, sheet.height / 2, 28, 5, GREEN, held)
    top = (sheet.height - 20 * len(lines)) / 2
    for i, part in enumerate(lines):
        x = (left + width - 20) / 2
        sheet.text(part, x, top + 20 * (i + 0.5), 13.5, GREEN if good else INK, bold=True, align="centre", width=width - left - 12)
    return sheet


def draw_rewind(type_: Type, width: float, step: int, steps: int, hz: float) -> Sheet:
    """The scrub bar: `step` of `steps` recorded at `hz`."""
    sheet = Sheet(type_, width, 74, radius=14)
    for x in (18, 31):
        sheet.polygon(x, 13, 13, 18, ((1, 0), (1, 1), (0, 0.5)), VIOLET)
    sheet.text(f"{step / hz:.1f} s", 56, 22, 16, bold=True)
    sheet.text(f"of {steps / hz:.1f} s", 56 + type_.width(f"{step / hz:.1f} s", 16, bold=True) + 8, 22.5, 12, DIM)
    sheet.text("back " + f"{(steps - step) / hz:.1f} s", width - 18, 22, 12, VIOLET, bold=True, align="right")
    fraction = step / steps if steps else 0.0
    sheet.bar(18, 40, width - 36, 6, fraction, VIOLET)
    sheet.disc(18 + fraction * (width - 36), 43, 15, INK)
    sheet.text("let go to drive on from here", width / 2, 61, 11.5, DIM, align="centre")
    return sheet


def draw_countdown(type_: Type, seconds: int, fraction: float) -> Sheet:
    sheet = Sheet(type_, 150, 150, radius=75)
    sheet.ring(75, 75, 134, 8, EDGE)
    sheet.ring(75, 75, 134, 8, BLUE, fraction)
    sheet.text(str(seconds), 75, 75, 64, bold=True, align="centre")
    return sheet
