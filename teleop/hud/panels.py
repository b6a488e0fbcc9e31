"""Panels: each is a pair of pure functions, what it says (`…_facts`) and how that looks."""

from collections.abc import Mapping
from dataclasses import dataclass

from data.schema import Phase
from teleop.aids import Readout
from teleop.bindings import MODE_BUTTONS
from teleop.hud.alerts import HARD_N
from teleop.hud.shapes import AMBER, BLUE, DARK, DIM, EDGE, GREEN, GREY, INK, RED, VIOLET, Colour
from teleop.hud.sheet import Sheet, Type
from teleop.screen import Fact, Status
from teleop.stick import Button

PHASE_LOOK: dict[Phase, tuple[str, Colour]] = {
    Phase.READY: ("READY", BLUE),
    Phase.HUMAN: ("RECORDING", RED),
    Phase.POLICY: ("POLICY DRIVES", GREEN),
    Phase.ASKING: ("POLICY ASKS", AMBER),
    Phase.PAUSED: ("PAUSED", GREY),
    Phase.QUIT: ("SAVING", GREY),
    Phase.REWIND: ("REWIND", VIOLET),
}
BAR_HEIGHT, LEFT_WIDTH, CELL_GAP = 52.0, 196.0, 18.0
LAST_SECONDS = 10.0
WIDEST_WIDTH_M, FULL_FORCE_N = 0.08, 20.0
ARROWS = {Button.LEFT: "←", Button.RIGHT: "→", Button.UP: "↑", Button.DOWN: "↓"}


# -- the bar at the top ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    label: str
    value: str
    colour: Colour = INK
    fraction: float | None = None


def bar_facts(status: Status) -> tuple[str, Colour, tuple[Cell, ...], tuple[Cell, ...]]:
    """The phase's word and colour, the cells from the left, the cells from the right (outermost first)."""
    word, colour = PHASE_LOOK[status.phase]
    if status.waiting:
        return status.waiting, BLUE, (Cell("environment", status.env_id),), _right_cells(status)
    if status.phase is Phase.HUMAN and status.label_budget:
        word = "YOU DRIVE"
    right = _right_cells(status)
    if status.queue is not None:
        return word, colour, _desk_cells(status, status.queue), right
    wished = "" if status.wished is None else f" / {status.wished}"
    cells = (
        Cell("episode", f"{status.episodes}{wished}", fraction=status.episodes / status.wished if status.wished else None),
        Cell("successes", str(status.successes), GREEN if status.success else INK),
        _time_cell(status),
        *_target_cells(status),
        Cell("tag", status.mode or "none", INK if status.mode else DIM),
    )
    return word, colour, cells, right


def _right_cells(status: Status) -> tuple[Cell, ...]:
    late = f"{status.late_ticks} · {status.lateness_ms:.1f} ms"
    return (
        Cell("redraw", f"{status.redraw_hz:.0f} Hz"),
        Cell("late ticks", late, AMBER if status.late_ticks else INK),
        Cell("device", status.device),
    )


def _desk_cells(status: Status, queue: tuple[int, int]) -> tuple[Cell, ...]:
    number, asked = queue
    return (
        Cell("question", f"{number} of {asked}", fraction=(asked - status.labels_left) / asked),
        Cell("labels", str(status.labels)),
        Cell("left", str(status.labels_left)),
        Cell("episode time", f"{status.elapsed_s:.1f} s"),
    )


def _target_cells(status: Status) -> list[Cell]:
    if not status.target:
        return []
    return [Cell("session", f"{status.all_successes} / {status.target}", fraction=status.all_successes / status.target)]


def _time_cell(status: Status) -> Cell:
    if status.remaining_s <= LAST_SECONDS and status.phase not in (Phase.READY, Phase.QUIT):
        return Cell("time left", f"{status.remaining_s:.1f} s", AMBER)
    return Cell("time", f"{status.elapsed_s:.1f} s")


def draw_bar(type_: Type, width: float, word: str, colour: Colour, cells: tuple[Cell, ...], right: tuple[Cell, ...]) -> Sheet:
    sheet = Sheet(type_, width, BAR_HEIGHT, radius=0)
    sheet.box(12, 11, 150, 30, colour, 15)
    sheet.text(word, 87, 26, 13, DARK, bold=True, align="centre")
    end = width - 12
    for cell in right[:-1]:
        room = max(type_.width(cell.value, 15, bold=True), type_.width(cell.label, 10))
        _draw_cell(sheet, cell, end - room, room)
        end -= room + CELL_GAP
    x = 180.0
    for cell in cells:
        room = max(type_.width(cell.value, 15, bold=True), type_.width(cell.label, 10), 46.0)
        x = _draw_cell(sheet, cell, x, min(room, 130.0, end - x)) + CELL_GAP
    _draw_cell(sheet, right[-1], x, end - x)
    return sheet


def _draw_cell(sheet: Sheet, cell: Cell, x: float, room: float) -> float:
    """Label over value in `room` units; gives the right end."""
    if room < 30:
        return x
    sheet.text(cell.label, x, 15, 10, DIM, width=room)
    sheet.text(cell.value, x, 31, 15, cell.colour, bold=True, width=room)
    if cell.fraction is not None:
        sheet.bar(x, 43, room, 4, cell.fraction, BLUE)
    return x + room


# -- the gripper -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gauge:
    label: str
    value: str
    fraction: float | None = None
    colour: Colour = BLUE


def gripper_facts(status: Status, readout: Readout) -> tuple[Gauge, ...]:
    """What the gripper does, feels and is above, rounded to what is shown; nothing where there is none."""
    if readout.width_m is None:
        return ()
    gauges = [
        Gauge("open", f"{1000 * readout.width_m:.0f} mm", _part(readout.width_m / WIDEST_WIDTH_M)),
        Gauge("grip", f"{readout.grip_n:.0f} N", _part(readout.grip_n / FULL_FORCE_N), GREEN),
    ]
    if readout.push_n >= 0.5:
        hard = readout.push_n >= HARD_N
        gauges.append(Gauge("push", f"{readout.push_n:.0f} N", _part(readout.push_n / (2 * HARD_N)), RED if hard else AMBER))
    else:
        gauges.append(Gauge("push", "0 N", 0.0))
    gauges.append(Gauge("height", "–" if readout.height_m is None else f"{100 * readout.height_m:.1f} cm"))
    if readout.distance_m is not None:
        gauges.append(Gauge("to target", f"{100 * readout.distance_m:.1f} cm"))
    return tuple(gauges)


def _part(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 2)


def draw_gripper(type_: Type, gauges: tuple[Gauge, ...]) -> Sheet:
    line = 19.0
    sheet = Sheet(type_, LEFT_WIDTH, line * len(gauges) + 16)
    for i, gauge in enumerate(gauges):
        y = 8 + line * (i + 0.5)
        sheet.text(gauge.label, 12, y, 11.5, DIM)
        sheet.text(
            gauge.value,
            LEFT_WIDTH - 12,
            y,
            12,
            gauge.colour if gauge.colour is not BLUE and gauge.fraction else INK,
            bold=True,
            align="right",
        )
        if gauge.fraction is not None:
            sheet.bar(56, y - 3, 72, 6, gauge.fraction, gauge.colour)
    return sheet


# -- learning ----------------------------------------------------------------------------------------------------------


def draw_learning(type_: Type, facts: tuple[Fact, ...]) -> Sheet:
    """How the policy's learning goes: a heading, then a line for each fact."""
    line, top = 19.0, 24.0
    sheet = Sheet(type_, LEFT_WIDTH, top + sum(line + (9.0 if fact.fraction is not None else 0.0) for fact in facts) + 8)
    sheet.text("the policy", 12, 15, 11, DIM)
    y = top
    for fact in facts:
        room = type_.width(fact.value, 12, bold=True)
        sheet.text(fact.label, 12, y + line / 2, 11.5, DIM, width=LEFT_WIDTH - 36 - room)
        sheet.text(fact.value, LEFT_WIDTH - 12, y + line / 2, 12, bold=True, align="right")
        y += line
        if fact.fraction is not None:
            goal = 1.0 if fact.mark is None else fact.mark
            sheet.bar(12, y, LEFT_WIDTH - 24, 5, fact.fraction, GREEN if fact.fraction >= goal else BLUE)
            if fact.mark is not None:
                sheet.box(12 + fact.mark * (LEFT_WIDTH - 24) - 1, y - 2.5, 2, 10, INK, 1)
            y += 9.0
    return sheet


# -- behaviour modes ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModeRow:
    arrow: str
    name: str
    count: int
    wished: int
    chosen: bool


def modes_facts(status: Status) -> tuple[ModeRow, ...]:
    """A row per mode: those on the D-pad, then those that were only wished for or kept; none when nothing was counted."""
    if not (status.plan or any(status.mode_counts) or (status.phase is Phase.READY and status.mode_names)):
        return ()
    arrows = {status.mode_names[b]: ARROWS[b] for b in MODE_BUTTONS if b in status.mode_names}
    names = dict.fromkeys([*arrows, *status.plan, *status.mode_counts])
    rows = [
        ModeRow(arrows.get(name, ""), name, status.mode_counts.get(name, 0), status.plan.get(name, 0), name == status.mode)
        for name in names
        if name
    ]
    return tuple(rows[:8])


def missing_modes(counts: Mapping[str, int], plan: Mapping[str, int]) -> str:
    """What the plan still lacks: "over 13, left 2", with spaces that do not break; empty when it is fulfilled."""
    lacking = {name: wished - counts.get(name, 0) for name, wished in plan.items()}
    return ", ".join(f"{name}\u00a0{n}" for name, n in lacking.items() if n > 0)


def draw_modes(type_: Type, rows: tuple[ModeRow, ...]) -> Sheet:
    missing = missing_modes({r.name: r.count for r in rows}, {r.name: r.wished for r in rows})
    planned = any(r.wished for r in rows)
    last = type_.wrap(f"still missing: {missing}" if missing else "plan fulfilled", 11, LEFT_WIDTH - 24) if planned else []
    line, top = 22.0, 26.0
    sheet = Sheet(type_, LEFT_WIDTH, top + line * len(rows) + 15 * len(last) + 10)
    sheet.text("behaviour modes", 12, 16, 11, DIM)
    for i, row in enumerate(rows):
        y = top + line * (i + 0.5)
        if row.chosen:
            sheet.box(6, y - 10, LEFT_WIDTH - 12, 20, EDGE, 6)
        done = 0 < row.wished <= row.count
        sheet.text(row.arrow, 12, y, 12, AMBER, bold=True)
        sheet.text(row.name, 30, y, 12, bold=row.chosen, width=66)
        sheet.text(
            f"{row.count} / {row.wished}" if row.wished else str(row.count),
            LEFT_WIDTH - 12,
            y,
            11.5,
            GREEN if done else INK,
            bold=True,
            align="right",
        )
        if row.wished:
            track = DARK if row.chosen else EDGE
            sheet.bar(100, y - 2.5, 36, 5, row.count / row.wished, GREEN if done else BLUE, track)
    for i, words in enumerate(last):
        sheet.text(words, 12, top + line * len(rows) + 15 * (i + 0.5) + 2, 11, AMBER if missing else GREEN)
    return sheet
