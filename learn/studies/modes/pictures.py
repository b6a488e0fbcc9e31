"""Pictures: ways from above, coloured by mode; which modes in bars; what was measured in rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.report.markup import Html, join, tag
from learn.studies.jobs import Result, kept_result
from learn.studies.modes.colours import LOST, colours_of, legend_entries
from learn.studies.modes.subject import Subject
from learn.studies.modes.walks import Box, Path2, kept_ways
from learn.studies.page import figure
from learn.studies.plots import legend, paths, stacked
from learn.studies.ranges import Range, ranges
from teleop.envs.tasks.detour import REACHED_M

THIN = 3  # of the steps every third is drawn
MARGIN_M = 0.03
AXES = ("y (m)", "x (m)")


@dataclass(frozen=True)
class View:
    """What one picture shows: ways (T, 2) with the mode of each ("" did not arrive), the boards, and where the ball is, if it is one."""

    title: str
    note: str
    ways: Sequence[Path2]
    modes: Sequence[str]
    boards: Sequence[Box]
    ball: Sequence[float] = ()


def views_from_above(views: Sequence[View], shown: Sequence[str], across: int = 3) -> Html:
    """Two or three abreast in the same frame, left as the operator sees it, who sits opposite the robot; one legend for all."""
    extent = extent_of([way for view in views for way in view.ways])
    figures = [figure(view.title, view.note, view_from_above(view, shown, extent)) for view in views]
    entries = legend_entries(shown, [mode for view in views for mode in view.modes])
    return join([tag("div", legend(entries), class_="above"), tag("div", *figures, class_="plots two" if across == 2 else "plots")])


def extent_of(ways: Sequence[Path2]) -> Box:
    """Around all ways, as far to the left as to the right; x grows downwards, towards the operator."""
    points = np.concatenate(list(ways))
    beside = float(np.abs(points[:, 0]).max()) + MARGIN_M
    near, far = float(points[:, 1].min()) - MARGIN_M, float(points[:, 1].max()) + MARGIN_M
    return -beside, far, beside, near


def view_from_above(view: View, shown: Sequence[str], extent: Box) -> Html:
    groups: dict[str, list[np.ndarray]] = {}
    for way, mode in zip(view.ways, view.modes, strict=True):
        thinned = way if len(way) < THIN else np.concatenate([way[:-1:THIN], way[-1:]])
        groups.setdefault(mode or LOST, []).append(thinned.astype(np.float64))
    goals = [(view.ball[0], view.ball[1], REACHED_M)] if view.ball else []
    colours = colours_of(shown)
    ordered = dict(sorted(groups.items(), key=lambda item: item[0] != LOST))  # what did not arrive lies beneath
    return paths(f"{view.title}, seen from above", ordered, AXES, colours, extent, view.boards, goals)


def scene_view(out: Path, subject: Subject) -> View:
    """A policy in all held-out scenes; the boards at their mean places."""
    result = _result(out, f"scenes-{subject.name}")
    modes = [r["mode"] if r["success"] else "" for r in result["rollouts"]]
    note = f"{len(modes)} scenes, {_arrivals(modes)}"
    return View(subject.policy, note, kept_ways(out, f"scenes-{subject.name}"), modes, result["boards"])


def start_view(out: Path, subject: Subject) -> View:
    """A policy from the first of the starts, over and over."""
    result = _result(out, f"one-start-{subject.name}")
    modes = result["starts"][0]["rollouts"]
    kinds = len(set(modes) - {""})
    note = f"{len(modes)} rollouts, {_arrivals(modes)}, {kinds} {'way' if kinds == 1 else 'ways'}"
    return View(subject.policy, note, kept_ways(out, f"one-start-{subject.name}"), modes, result["boards"], result["ball"])


def demonstration_view(out: Path) -> View:
    result = _result(out, "demonstrations")
    modes = [e["found"] if e["outcome"] == "success" else "" for e in result["episodes"]]
    return View("demonstrations", f"{len(modes)} episodes", kept_ways(out, "demonstrations"), modes, result["boards"])


def _arrivals(modes: Sequence[str]) -> str:
    return f"{sum(bool(mode) for mode in modes)} arrive"


def _result(out: Path, name: str) -> Result:
    found = kept_result(out, name)
    assert found is not None, name
    return found


# -- shares and numbers ------------------------------------------------------------------------------------------------


def mode_bars(name: str, rows: Mapping[str, Mapping[str, float]], shown: Sequence[str], x_label: str) -> Html:
    """Shares of rows in each mode, "" did not arrive; the shown ones first, grey last."""
    colours = colours_of(shown)
    ordered = {row: {mode: shares.get("" if mode == LOST else mode, 0.0) for mode in colours} for row, shares in rows.items()}
    used = [mode for shares in ordered.values() for mode, share in shares.items() if share]
    return join([stacked(name, ordered, colours, x_label), legend(legend_entries(shown, used))])


def shares_of(counts: Mapping[str, int], of: int) -> dict[str, float]:
    """Of all `of`, those in no mode included as ""."""
    found = {mode: count / of for mode, count in counts.items() if mode and count}
    return {**found, "": 1.0 - sum(found.values())}


def measure_rows(
    policies: Mapping[str, Mapping[str, Any]], measure: str, label: str, most: float = 1.0, line: tuple[str, float] | None = None
) -> Html:
    """A row for each policy; circles are single trainings."""
    rows = {}
    for name, policy in policies.items():
        singles = [seed[measure]["value"] for seed in policy["seeds"]]
        found = policy[measure]
        rows[name] = Range(found["value"], found["low"], found["high"], singles if len(singles) > 1 else ())
    return ranges(label, rows, label, (0.0, most), line)
