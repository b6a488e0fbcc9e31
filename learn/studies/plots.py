"""Plots of a study: curves with intervals, paths from above; inline SVG in the colours of its style sheet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from data.report.markup import Html, join, tag
from data.report.plots import Frame, number, square_frame, ticks

COLOURS = 10  # in the style sheet
GREY, INK = 8, 9  # its last two


@dataclass(frozen=True)
class Dot:
    """A measured value and its interval at `x`; `title` is said when one points at it."""

    x: float
    y: float
    low: float
    high: float
    title: str = ""


@dataclass(frozen=True)
class Series:
    """What one curve shows; `colour` is its place in the style sheet, so that one thing has one colour in all plots."""

    name: str
    dots: Sequence[Dot]
    colour: int
    dashed: bool = False


@dataclass(frozen=True)
class LogFrame(Frame):
    """As `Frame`, with as much room for each doubling along x."""

    def x(self, value: float) -> float:
        low, high = np.log(self.x_range)
        return self.left + float((np.log(value) - low) / (high - low)) * (self.width - self.left - self.right)


@dataclass(frozen=True)
class Axes:
    """What a plot's axes say. `lines` are horizontal ones with a name; `x_ticks` None: round numbers."""

    x_label: str
    y_label: str
    y_range: tuple[float, float] | None = None
    x_ticks: Sequence[float] | None = None
    log: bool = False
    lines: Mapping[str, float] = field(default_factory=dict)
    height: float = 300.0
    width: float = 520.0


def curves(name: str, series: Sequence[Series], axes: Axes, *, dots: bool = True) -> Html:
    """Lines through dots with a band for the interval, and a legend; `dots` False for curves of many points."""
    frame = _frame(series, axes)
    marks: list[Html] = []
    for title, y in axes.lines.items():
        marks.append(tag("line", x1=frame.left, x2=frame.width - frame.right, y1=frame.y(y), y2=frame.y(y), class_="median"))
        marks.append(tag("text", title, x=frame.left + 2, y=frame.y(y) + 14, class_="tick"))
    marks += [_band(one, frame) for one in series]
    marks += [_line(one, frame, dots=dots) for one in series]
    plot = frame.svg(name, frame.axes(axes.x_label, axes.y_label, x_ticks=axes.x_ticks), join(marks))
    return join([plot, legend([(one.name, one.colour) for one in series], {one.name for one in series if one.dashed})])


def legend(names: Sequence[tuple[str, int]], dashed: Collection[str] = ()) -> Html:
    """Swatches with names."""
    kinds = {name: f"swatch b{colour % COLOURS}{' dashes' if name in dashed else ''}" for name, colour in names}
    words = (tag("span", tag("span", class_=kind), name) for name, kind in kinds.items())
    return tag("div", *words, class_="legend")


def _frame(series: Sequence[Series], axes: Axes) -> Frame:
    xs = [dot.x for one in series for dot in one.dots]
    ys = [y for one in series for dot in one.dots for y in (dot.low, dot.high)] + list(axes.lines.values())
    room = 0.05 * (max(ys) - min(ys)) or 0.5
    low, high = axes.y_range or (min(ys) - room, max(ys) + room)
    x_low, x_high = min(xs), max(xs)
    if axes.log:
        return LogFrame((x_low / 1.12, x_high * 1.12), (low, high), axes.width, axes.height, left=52.0)
    margin = 0.03 * (x_high - x_low) or 0.5
    return Frame((x_low - margin, x_high + margin), (low, high), axes.width, axes.height, left=52.0)


def _band(one: Series, frame: Frame) -> Html:
    up = [f"{frame.x(d.x):.1f},{_inside(frame, d.high):.1f}" for d in one.dots]
    down = [f"{frame.x(d.x):.1f},{_inside(frame, d.low):.1f}" for d in reversed(one.dots)]
    return tag("polygon", points=" ".join(up + down), class_=f"band c{one.colour % COLOURS}")


def _line(one: Series, frame: Frame, *, dots: bool) -> Html:
    colour = f"c{one.colour % COLOURS}"
    points = " ".join(f"{frame.x(d.x):.1f},{_inside(frame, d.y):.1f}" for d in one.dots)
    parts = [tag("polyline", points=points, class_=f"curve {colour}{' dashed' if one.dashed else ''}")]
    for d in one.dots if dots else ():
        words = tag("title", d.title or f"{one.name}: {number(d.x)}, {d.y:.3g} ({d.low:.3g} … {d.high:.3g})")
        x = frame.x(d.x)
        parts.append(tag("line", x1=x, x2=x, y1=_inside(frame, d.low), y2=_inside(frame, d.high), class_=f"bar-of {colour}"))
        parts.append(tag("circle", words, cx=x, cy=_inside(frame, d.y), r=3.6, class_=f"spot {colour}"))
    return join(parts)


def _inside(frame: Frame, y: float) -> float:
    low, high = frame.y_range
    return frame.y(min(max(y, low), high))


Box = tuple[float, float, float, float]  # x, y of two corners


def paths(
    name: str,
    groups: Mapping[str, Sequence[NDArray[np.float64]]],
    labels: tuple[str, str],
    colours: Mapping[str, int],
    extent: Box,
    boxes: Sequence[Box] = (),
    goals: Sequence[tuple[float, float, float]] = (),
) -> Html:
    """Paths (T, 2) in metres, in the colour of their group, seen within `extent`.

    `boxes` are what stands in the way, `goals` (x, y, radius) where to go.
    """
    x0, y0, x1, y1 = extent
    frame = square_frame((x0, x1), (y0, y1))
    parts = [frame.axes(*labels, x_ticks=ticks(min(x0, x1), max(x0, x1), 6))]
    for u0, v0, u1, v1 in boxes:
        left, top = min(frame.x(u0), frame.x(u1)), min(frame.y(v0), frame.y(v1))
        width, height = abs(frame.x(u1) - frame.x(u0)), abs(frame.y(v1) - frame.y(v0))
        parts.append(tag("rect", x=left, y=top, width=max(width, 2.0), height=max(height, 2.0), class_="obstacle"))
    scale = abs(frame.x(1.0) - frame.x(0.0))
    parts += [tag("circle", cx=frame.x(u), cy=frame.y(v), r=radius * scale, class_="goal") for u, v, radius in goals]
    for group, several in groups.items():
        for k, path in zip(count(1), several):
            points = " ".join(f"{frame.x(float(u)):.1f},{frame.y(float(v)):.1f}" for u, v in path)
            parts.append(tag("polyline", tag("title", f"{group}, {k}"), points=points, class_=f"way c{colours[group] % COLOURS}"))
    return frame.svg(name, *parts)


def stacked(name: str, rows: Mapping[str, Mapping[str, float]], colours: Mapping[str, int], x_label: str) -> Html:
    """A bar for each row, divided into parts whose widths are shares of 1."""
    height, left = 30.0, 150.0
    frame = Frame((0.0, 1.0), (0.0, 1.0), width=520.0, height=height * len(rows) + 48.0, left=left, right=24.0)
    parts: list[Html] = []
    for k, (row, shares) in enumerate(rows.items()):
        y, start = frame.top + height * k, 0.0
        parts.append(tag("text", row, x=left - 8, y=y + 17, class_="name end"))
        for group, share in shares.items():
            title = tag("title", f"{row}: {group} {100 * share:.0f} %")
            width = frame.x(start + share) - frame.x(start)
            if width > 0:
                place = {"x": frame.x(start), "y": y + 3, "width": width, "height": height - 9}
                parts.append(tag("rect", title, class_=f"part c{colours[group] % COLOURS}", **place))
            start += share
    bottom = frame.height - frame.bottom
    parts += [tag("text", f"{100 * v:.0f} %", x=frame.x(v), y=bottom + 16, class_="tick mid") for v in (0.0, 0.25, 0.5, 0.75, 1.0)]
    parts.append(tag("text", x_label, x=(left + frame.width) / 2, y=frame.height - 6, class_="label mid"))
    return frame.svg(name, *parts)
