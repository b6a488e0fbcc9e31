"""Ranges: a row for each thing that was measured, its value with its interval, and what it is the mean of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.report.markup import Html, tag
from data.report.plots import Frame, number, ticks
from learn.studies.plots import INK

ROW, LEFT = 34.0, 150.0


@dataclass(frozen=True)
class Range:
    """A measured value, its 95 % interval, and the single values behind it (trainings, for instance)."""

    value: float
    low: float
    high: float
    singles: Sequence[float] = ()


def ranges(name: str, rows: Mapping[str, Range], x_label: str, x_range: tuple[float, float], line: tuple[str, float] | None = None) -> Html:
    """Rows beneath each other; `line` is a vertical one with a name."""
    frame = Frame(x_range, (0.0, 1.0), width=520.0, height=ROW * len(rows) + 62.0, left=LEFT, right=14.0, top=22.0)
    bottom = frame.height - frame.bottom
    parts = []
    for v in ticks(*x_range, 6):
        parts.append(tag("line", x1=frame.x(v), x2=frame.x(v), y1=frame.top, y2=bottom, class_="grid"))
        parts.append(tag("text", number(v), x=frame.x(v), y=bottom + 16, class_="tick mid"))
    if line is not None:
        title, at = line
        x, right = frame.x(at), at > sum(x_range) / 2
        parts.append(tag("line", x1=x, x2=x, y1=frame.top - 4, y2=bottom, class_="median"))
        parts.append(tag("text", title, x=x - 5 if right else x + 5, y=frame.top - 8, class_="tick end" if right else "tick"))
    for k, (row, found) in enumerate(rows.items()):
        parts += _row(frame, row, found, frame.top + ROW * (k + 0.5))
    parts.append(tag("text", x_label, x=(LEFT + frame.width) / 2, y=frame.height - 6, class_="label mid"))
    return frame.svg(name, *parts)


def _row(frame: Frame, name: str, found: Range, y: float) -> list[Html]:
    low, high = frame.x_range
    ends = [frame.x(min(max(v, low), high)) for v in (found.low, found.high)]
    words = tag("title", f"{name}: {found.value:.3g} ({found.low:.3g} … {found.high:.3g})")
    return [
        tag("text", name, x=LEFT - 10, y=y + 4, class_="name end"),
        tag("line", x1=ends[0], x2=ends[1], y1=y, y2=y, class_=f"range c{INK}"),
        *(tag("circle", cx=frame.x(v), cy=y, r=3.2, class_="mark") for v in found.singles if low <= v <= high),
        tag("circle", words, cx=frame.x(found.value), cy=y, r=4.2, class_=f"spot c{INK}"),
    ]
