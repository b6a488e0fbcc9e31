"""Plots of the report: inline SVG with axes, labels and units; colours are the page's style sheet's."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.report.coverage import BINS, CELL_M, Coverage, action_names
from data.report.markup import Html, join, tag
from data.schema import Outcome

LEVELS = 7  # shades of a heat map
Cells = Mapping[tuple[int, int], int]
Point = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """A plotting area: `x` and `y` bring values into the picture of `width` × `height`."""

    x_range: Point
    y_range: Point
    width: float = 420.0
    height: float = 230.0
    left: float = 44.0
    right: float = 10.0
    top: float = 12.0
    bottom: float = 40.0

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return self.height - self.bottom - (value - low) / (high - low) * (self.height - self.top - self.bottom)

    def axes(self, x_label: str, y_label: str, *, x_ticks: Sequence[float] | None = None, counts: bool = False) -> Html:
        """Grid lines, numbers and names of both axes; `counts`: only whole numbers stand at the y axis."""
        across, up = (
            ticks(*self.x_range, 7) if x_ticks is None else x_ticks,
            [v for v in ticks(min(self.y_range), max(self.y_range), 5) if not counts or v == int(v)],
        )
        x0, x1, y0, y1 = self.left, self.width - self.right, self.height - self.bottom, self.top
        middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
        return join(
            [
                *(tag("line", x1=x0, x2=x1, y1=self.y(v), y2=self.y(v), class_="grid") for v in up),
                *(tag("text", number(v), x=x0 - 6, y=self.y(v) + 4, class_="tick end") for v in up),
                *(tag("line", x1=self.x(v), x2=self.x(v), y1=y0, y2=y0 + 4, class_="axis") for v in across),
                *(tag("text", number(v), x=self.x(v), y=y0 + 17, class_="tick mid") for v in across),
                tag("line", x1=x0, x2=x1, y1=y0, y2=y0, class_="axis"),
                tag("text", x_label, x=middle_x, y=self.height - 6, class_="label mid"),
                tag("text", y_label, x=11.0, y=middle_y, transform=f"rotate(-90 11 {middle_y:.0f})", class_="label mid"),
            ]
        )

    def svg(self, name: str, *children: str) -> Html:
        """`name` is what a screen reader says."""
        return tag("svg", *children, viewbox=f"0 0 {self.width:.0f} {self.height:.0f}", role="img", aria_label=name)


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers within [low, high]."""
    raw = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10, 20) if (high - low) / (m * power) < most)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """As short as can be: 3, 0.25; with a real minus."""
    return f"{value:.6g}".replace("-", "−")


def outcome_bars(modes: Mapping[str, Mapping[Outcome, int]]) -> Html:
    """A bar for each behaviour mode, divided by outcome."""
    row, left = 34.0, 112.0
    most = max(sum(counts.values()) for counts in modes.values())
    frame = Frame((0, most * 1.08), (0, 1), height=row * len(modes) + 48, left=left)
    across = [v for v in ticks(0, most * 1.08, 7) if v == int(v)]
    parts = [frame_line(frame, v) for v in across]
    for k, (mode, counts) in enumerate(modes.items()):
        y, start = frame.top + row * k, 0
        parts.append(tag("text", tag("title", mode), shortened(mode, 15), x=left - 8, y=y + 18, class_="name end"))
        for outcome, count in counts.items():
            title = tag("title", f"{mode}: {count} {outcome}")
            width = frame.x(start + count) - frame.x(start)
            parts.append(tag("rect", title, x=frame.x(start), y=y + 3, width=width, height=row - 12, class_=f"o-{outcome}"))
            start += count
        parts.append(tag("text", str(start), x=frame.x(start) + 5, y=y + 18, class_="tick"))
    parts.append(tag("text", "episodes", x=(left + frame.width) / 2, y=frame.height - 6, class_="label mid"))
    return frame.svg("Episodes by behaviour mode and outcome", *parts)


def frame_line(frame: Frame, value: float) -> Html:
    """A vertical grid line with its number."""
    x, bottom = frame.x(value), frame.height - frame.bottom
    line = tag("line", x1=x, x2=x, y1=frame.top, y2=bottom, class_="grid")
    return join([line, tag("text", number(value), x=x, y=bottom + 16, class_="tick mid")])


def histogram(groups: Mapping[Outcome, Sequence[float]], x_label: str, name: str, median: float | None = None) -> Html:
    """How many episodes lie where, stacked by outcome; a line stands at the median."""
    values = np.array([v for group in groups.values() for v in group])
    edges = bin_edges(values)
    counts = {outcome: np.histogram(group, edges)[0] for outcome, group in groups.items() if len(group)}
    most = int(sum(counts.values(), np.zeros(len(edges) - 1, int)).max())
    frame = Frame((float(edges[0]), float(edges[-1])), (0, most * 1.12))
    parts = [frame.axes(x_label, "episodes", counts=True)]
    base = np.zeros(len(edges) - 1, int)
    for outcome, heights in counts.items():
        for k in np.flatnonzero(heights):
            x0, x1 = frame.x(edges[k]) + 0.75, frame.x(edges[k + 1]) - 0.75
            y0, y1 = frame.y(base[k]), frame.y(base[k] + heights[k])
            title = tag("title", f"{number(edges[k])} to {number(edges[k + 1])}: {heights[k]} {outcome}")
            parts.append(tag("rect", title, x=x0, y=y1, width=x1 - x0, height=y0 - y1, class_=f"o-{outcome}"))
        base = base + heights
    if median is not None:
        x = frame.x(median)
        parts.append(tag("line", x1=x, x2=x, y1=frame.top, y2=frame.y(0), class_="median"))
        near_edge = x > 0.75 * frame.width
        anchor, shift = ("tick end strong", -5) if near_edge else ("tick strong", 5)
        parts.append(tag("text", f"median {median:.1f}".replace("-", "−"), x=x + shift, y=frame.top + 8, class_=anchor))
    return frame.svg(name, *parts)


def bin_edges(values: Iterable[float]) -> np.ndarray:
    """Edges of about fifteen bins of a round width around all values."""
    array = np.asarray(list(values), np.float64)
    low, high = float(array.min()), float(array.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    marks = ticks(low, high, 16)
    step = marks[1] - marks[0] if len(marks) > 1 else high - low
    return step * np.arange(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)


def lengths_over_time(episodes: Sequence[tuple[int, float, Outcome]], running: Sequence[tuple[int, float]]) -> Html:
    """(number, seconds, outcome) as dots; `running` (number, seconds) is drawn as a line."""
    numbers, seconds = [n for n, _, _ in episodes], [s for _, s, _ in episodes]
    frame = Frame((min(numbers) - 0.5, max(numbers) + 0.5), (0.0, max(seconds) * 1.08))
    across = [v for v in ticks(*frame.x_range, 8) if v == int(v)]
    dots = [
        tag("circle", tag("title", f"episode {n}: {s:.1f} s, {o}"), cx=frame.x(n), cy=frame.y(s), r=3.2, class_=f"dot o-{o}")
        for n, s, o in episodes
    ]
    points = " ".join(f"{frame.x(n):.1f},{frame.y(s):.1f}" for n, s in running)
    line = [tag("polyline", points=points, class_="trend")] if running else []
    return frame.svg("Length of every episode in the order of recording", frame.axes("episode", "length (s)", x_ticks=across), *dots, *line)


def heat_map(
    cells: Cells, names: tuple[str, str], name: str, circles: Sequence[Point] = (), crosses: Sequence[Point] = (), *, turned: bool = False
) -> Html:
    """How often each cell was visited, in shades; `circles` and `crosses` in metres. `turned`: the first axis grows to the left."""
    marks = np.array([*((i * CELL_M, j * CELL_M) for i, j in cells), *((i * CELL_M + CELL_M, j * CELL_M + CELL_M) for i, j in cells)])
    everything = np.concatenate([marks, np.reshape([*circles, *crosses], (-1, 2))])
    low, high = everything.min(axis=0) - 0.02, everything.max(axis=0) + 0.02
    x_range = (high[0], low[0]) if turned else (low[0], high[0])
    frame = square_frame(x_range, (low[1], high[1]))
    grain = _grain(len(cells))
    parts = [_shades(_coarser(cells, grain), grain * CELL_M, frame)]
    parts += [tag("circle", cx=frame.x(u), cy=frame.y(v), r=2.4, class_="start") for u, v in circles]
    parts += [tag("path", d=_cross(frame.x(u), frame.y(v)), class_="object") for u, v in crosses]
    across = ticks(min(x_range), max(x_range), 6)
    return frame.svg(name, frame.axes(f"{names[0]} (m)", f"{names[1]} (m)", x_ticks=across), *parts)


def square_frame(x_range: Point, y_range: Point) -> Frame:
    """A metre is as long across as up; at most about as high as wide. A range that falls turns its axis round."""
    wide, high = abs(x_range[1] - x_range[0]), abs(y_range[1] - y_range[0])
    inside = 420.0 - 44.0 - 10.0
    height = inside * high / wide
    if height > 300.0:
        extra = (inside / 300.0 * high - wide) / 2 * (1 if x_range[1] > x_range[0] else -1)
        x_range, height = (x_range[0] - extra, x_range[1] + extra), 300.0
    if height < 120.0:
        extra = (120.0 / inside * wide - high) / 2 * (1 if y_range[1] > y_range[0] else -1)
        y_range, height = (y_range[0] - extra, y_range[1] + extra), 120.0
    return Frame(x_range, y_range, height=height + 52.0)


def _grain(cells: int) -> int:
    """How many cells to a side of a drawn one, so that a page stays small."""
    return max(1, math.ceil(math.sqrt(cells / 4000)))


def _coarser(cells: Cells, grain: int) -> dict[tuple[int, int], int]:
    sums: dict[tuple[int, int], int] = {}
    for (i, j), count in cells.items():
        key = (i // grain, j // grain)
        sums[key] = sums.get(key, 0) + count
    return sums


def _shades(cells: Cells, size_m: float, frame: Frame) -> Html:
    """One path for each shade; shades are even steps of the logarithm, or the resting places would hide all others."""
    most = math.log1p(max(cells.values()))
    paths: dict[int, list[str]] = {}
    width, height = abs(frame.x(size_m) - frame.x(0.0)), abs(frame.y(size_m) - frame.y(0.0))
    for (i, j), count in sorted(cells.items()):
        level = min(LEVELS - 1, int(LEVELS * math.log1p(count) / most)) if most else LEVELS - 1
        x = min(frame.x(i * size_m), frame.x((i + 1) * size_m))
        paths.setdefault(level, []).append(f"M{x:.1f} {frame.y((j + 1) * size_m):.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z")
    return join(tag("path", d="".join(path), class_=f"heat h{level}") for level, path in sorted(paths.items()))


def _cross(x: float, y: float) -> str:
    return f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6"


def action_plots(coverage: Coverage) -> list[Html]:
    """A small histogram of each axis of the action, of the steps in which it was not 0; heights are square roots."""
    if coverage.actions is None or coverage.zeros is None or not coverage.steps:
        return []
    names = action_names(len(coverage.actions))
    axes = zip(names, coverage.actions.tolist(), coverage.zeros.tolist(), strict=True)
    return [_action_plot(name, counts, zeros, coverage.steps) for name, counts, zeros in axes]


def _action_plot(name: str, counts: Sequence[int], zeros: int, steps: int) -> Html:
    most = math.sqrt(max(*counts, 1))
    frame = Frame((-1.0, 1.0), (0.0, most * 1.05), width=160.0, height=110.0, left=8.0, right=8.0, top=26.0, bottom=22.0)
    bottom = frame.height - frame.bottom
    parts = []
    for k, count in enumerate(counts):
        if count:
            low, high = -1 + 2 * k / BINS, -1 + 2 * (k + 1) / BINS
            title = tag("title", f"{name} from {low:.2f} to {high:.2f}: {count} steps")
            x, y = frame.x(low) + 0.4, min(frame.y(math.sqrt(count)), bottom - 1.0)
            parts.append(tag("rect", title, x=x, y=y, width=frame.x(high) - x - 0.4, height=bottom - y, class_="bar"))
    parts.append(tag("line", x1=frame.left, x2=frame.width - frame.right, y1=bottom, y2=bottom, class_="axis"))
    parts += [tag("text", number(v), x=frame.x(v), y=bottom + 15, class_="tick mid") for v in (-1.0, 0.0, 1.0)]
    parts.append(tag("text", name, x=frame.left, y=14.0, class_="name"))
    parts.append(tag("text", f"0: {100 * zeros / steps:.0f} %", x=frame.width - frame.right, y=14.0, class_="tick end"))
    return frame.svg(f"{name}: how often each value was commanded; exactly 0 in {100 * zeros / steps:.0f} % of the steps", *parts)


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
