"""The report's figures: which plots there are, what stands above them, and what they are made of."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from data.quality import Quality
from data.report.coverage import CELL_M, Coverage
from data.report.markup import Html, tag
from data.report.measures import MEASURES
from data.report.plots import action_plots, heat_map, histogram, lengths_over_time, outcome_bars
from data.report.summary import Summary
from data.report.tiles import legend
from data.schema import Outcome

NEIGHBOURS = 9  # episodes whose median the trend's line shows
MOST_MODES = 12


def plots(qualities: Sequence[Quality], summary: Summary, coverage: Coverage) -> list[Html]:
    """The key to the colours and a figure for everything that there is data for."""
    distributions, places = list(_distributions(qualities, summary)), list(_workspace(coverage))
    parts = [legend(summary.outcomes), tag("div", *distributions, class_="plots two" if len(distributions) == 4 else "plots")]
    if places:
        parts.append(tag("div", *places, class_="plots two"))
    actions = action_plots(coverage)
    if actions:
        note = "executed values that were not 0, and the share of zeros; heights are square roots, so that rare ones can be seen"
        parts.append(_figure("Actions", note, tag("div", *actions, class_="strip"), "actions", wide=True))
    return parts


def _distributions(qualities: Sequence[Quality], summary: Summary) -> Iterator[Html]:
    if qualities:
        yield _figure("Outcomes by behaviour mode", _modes_text(summary), outcome_bars(_largest_modes(summary)), "success")
        lengths = histogram(_by_outcome(qualities, lambda q: q.seconds), "length (s)", "How long the episodes are", summary.median_s)
        yield _figure("Length", "seconds of control", lengths, "length")
        over_time = lengths_over_time([(q.number, q.seconds, q.outcome) for q in qualities], _running(qualities))
        yield _figure("Does the operator get faster?", _trend_text(summary), over_time, "trend")
    smooth = _by_outcome(qualities, lambda q: q.sparc)
    if any(smooth.values()):
        plot = histogram(smooth, "SPARC (further right: smoother)", "Smoothness of the episodes", summary.median_sparc)
        yield _figure("Smoothness", "spectral arc length of the gripper's speed", plot, "smoothness")
    decisions = _by_outcome(qualities, lambda q: q.decision_s)
    if any(decisions.values()):
        plot = histogram(decisions, "from question to answer (s)", "Decision latency of the episodes", summary.decision_s)
        yield _figure("Time to decide", "mean of an episode", plot, "labels")


def _workspace(coverage: Coverage) -> Iterator[Html]:
    if not coverage.cells:
        return
    starts, objects = coverage.starts_m, coverage.objects_m
    missing = f"; {coverage.missing} episodes without positions" if coverage.missing else ""
    marks = "○ gripper" + (" and × object" if objects else "") + " at the start"
    top = heat_map(
        coverage.plane(1, 0),
        ("y", "x"),
        "Where the gripper was, from above",
        [(y, x) for x, y, _ in starts],
        [(y, x) for x, y, _ in objects],
        turned=True,
    )
    yield _figure("Workspace from above", f"{marks}; the robot stands at x = 0{missing}", top, "coverage")
    side = heat_map(
        coverage.plane(0, 2),
        ("x", "z"),
        "Where the gripper was, from the side",
        [(x, z) for x, _, z in starts],
        [(x, z) for x, _, z in objects],
    )
    cells = f"{len(coverage.cells):,} cells of {100 * CELL_M:.0f} cm: {coverage.litres:.1f} litres"
    yield _figure("Workspace from the side", f"{marks}; {cells}", side, "coverage")


def _figure(title: str, note: str, plot: Html, measure: str, *, wide: bool = False) -> Html:
    heading = tag("h3", tag("abbr", title, title=MEASURES[measure]))
    caption = tag("figcaption", heading, tag("span", note, class_="note"))
    return tag("figure", caption, plot, class_="plot card wide" if wide else "plot card")


def _by_outcome(qualities: Sequence[Quality], value: Callable[[Quality], float | None]) -> dict[Outcome, list[float]]:
    groups: dict[Outcome, list[float]] = {outcome: [] for outcome in Outcome}
    for q in qualities:
        known = value(q)
        if known is not None:
            groups[q.outcome].append(known)
    return groups


def _largest_modes(summary: Summary) -> dict[str, dict[Outcome, int]]:
    modes = sorted(summary.modes.items(), key=lambda item: -sum(item[1].values()))[:MOST_MODES]
    return {mode: summary.modes[mode] for mode in summary.modes if mode in dict(modes)}


def _modes_text(summary: Summary) -> str:
    left = len(summary.modes) - MOST_MODES
    return "how balanced the session is" + (f"; {left} rarer modes are not drawn" if left > 0 else "")


def _trend_text(summary: Summary) -> str:
    if summary.trend is None:
        return "every episode in the order of recording"
    first, last = summary.trend
    change = (last - first) / first
    return f"median of the successes: {first:.1f} s in the first quarter, {last:.1f} s in the last ({100 * change:+.0f} %)".replace(
        "-", "−"
    )


def _running(qualities: Sequence[Quality]) -> list[tuple[int, float]]:
    """(number, median seconds of the neighbouring successes) of every success; nothing for fewer than nine."""
    done = [q for q in qualities if q.success]
    if len(done) < NEIGHBOURS:
        return []
    half = NEIGHBOURS // 2
    return [(q.number, float(np.median([o.seconds for o in done[max(0, k - half) : k + half + 1]]))) for k, q in enumerate(done)]
