"""Pictures of results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from data.intervals import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, INK, GRID = "#2f6fd6", "#d9822b", "#1c2330", "#d9dee6"


def plot_success_over_labels(
    labels: Sequence[int], success: Sequence[float], low: Sequence[float], high: Sequence[float], title: str, path: Path
) -> None:
    """Success rate with its 95 % interval after each DAgger round, over the labels given so far; a PNG."""
    figure, axes = _axes((7.2, 4.4))
    axes.fill_between(labels, low, high, color=BLUE, alpha=0.18, linewidth=0, label="95 % interval (Wilson)")
    axes.plot(labels, success, color=BLUE, marker="o", linewidth=2, label="success rate")
    for x, y, number in zip(labels, success, range(len(labels)), strict=True):
        word = "bc" if number == 0 else f"round {number}"
        axes.annotate(f"{word}: {100 * y:.0f} %", (x, y), textcoords="offset points", xytext=(6, -16), color=INK, fontsize=9)
    axes.set(xlabel="labels given", ylabel="success rate", title=title, ylim=(0, 1.05))
    axes.margins(x=0.12)
    axes.legend(loc="lower right", frameon=False)
    _save(figure, axes, path)


def plot_sittings(results: Mapping[str, Sequence[Mapping[str, Any]]], target: float, path: Path) -> None:
    """Of each task every sitting's success over the person's minutes, in the background and at last in new scenes, and what plain
    recording for as long came to; a PNG.
    """
    figure, several = _panels((5.2 * len(results), 4.2), len(results))
    for axes, (task, runs) in zip(several, results.items(), strict=True):
        for k, run in enumerate(runs):
            sat, recorded = run["sitting"], run["recording"]
            minutes, successes, rollouts = np.array(sat["curve"]).T
            axes.plot(
                60 * minutes, successes / rollouts, color=BLUE, alpha=0.45, linewidth=1.2, label="in the background" if k == 0 else None
            )
            ends = ((sat, BLUE, "o", "one sitting, new scenes"), (recorded, ORANGE, "s", "plain recording, as long"))
            for end, colour, marker, name in ends:
                rate, (low, high) = end["successes"] / end["rollouts"], wilson(end["successes"], end["rollouts"])
                spread = [[rate - low], [high - rate]]
                axes.errorbar(
                    60 * end["minutes"], rate, spread, color=colour, marker=marker, capsize=2, linewidth=1, label=name if k == 0 else None
                )
        axes.axhline(target, color=INK, linewidth=0.8, linestyle="--")
        axes.set(xlabel="seconds of the simulated person", ylabel="success rate", title=task, ylim=(-0.02, 1.05))
        axes.set_xlim(0, 1.15 * max(60 * run["sitting"]["minutes"] for run in runs))
        axes.legend(loc="center left", frameon=False, fontsize=8)
    _save(figure, several, path)


def plot_methods(tasks: Mapping[str, Mapping[str, Sequence[tuple[float, int, int]]]], ours: str, path: Path) -> None:
    """Of each task and method success over the labels given, points of (labels, successes, episodes), with 95 % intervals; a PNG.

    The method `ours` is drawn to be seen first, and how far it came at last as a dotted line.
    """
    figure, several = _panels((5.6 * len(tasks), 4.6), len(tasks))
    for axes, (task, curves) in zip(several, tasks.items(), strict=True):
        for k, (name, points) in enumerate(curves.items()):
            labels, rate = [p[0] for p in points], np.array([s / n for _, s, n in points])
            spread = np.abs(np.array([wilson(s, n) for _, s, n in points]).T - rate)
            if name == ours:
                axes.axhline(rate[-1], color=INK, linewidth=0.8, linestyle=":")
            colour, width = (INK, 2.4) if name == ours else (f"C{k}", 1.3)
            axes.errorbar(
                labels, rate, spread, label=name, color=colour, linewidth=width, elinewidth=0.7, marker="o", markersize=4, capsize=2
            )
        axes.set(xlabel="labels given by the simulated person", ylabel="success rate", title=task, ylim=(0, 1.03))
        axes.set_xlim(left=-0.03 * max(p[0] for points in curves.values() for p in points))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False, fontsize=8)
    _save(figure, several, path)


def plot_reliability(levels: NDArray[np.float64], title: str, path: Path) -> None:
    """Of regions of each probability the share of actions that they hold, beside the diagonal where both are alike; a PNG."""
    probability = np.linspace(0.0, 1.0, 101)
    held = np.searchsorted(np.sort(levels, axis=None), probability, side="right") / levels.size
    figure, axes = _axes((5.2, 5.0))
    axes.plot(probability, probability, color=INK, linewidth=1, linestyle="--", label="as sure as it may be")
    axes.plot(probability, held, color=BLUE, linewidth=2, label="this policy")
    axes.fill_between(probability, probability, held, color=BLUE, alpha=0.12, linewidth=0)
    axes.annotate("too unsure", (0.04, 0.93), color=INK, fontsize=9)
    axes.annotate("too sure", (0.55, 0.32), color=INK, fontsize=9)
    axes.set(xlabel="probability of the region, by the policy", ylabel="share of held-out actions in it", title=title)
    axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0), aspect="equal")
    axes.legend(loc="lower right", frameon=False)
    _save(figure, axes, path)


def _axes(size_inches: tuple[float, float]) -> "tuple[Figure, Axes]":
    figure, (axes,) = _panels(size_inches, 1)
    return figure, axes


def _panels(size_inches: tuple[float, float], count: int) -> "tuple[Figure, Sequence[Axes]]":
    """Side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inches, dpi=140, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _save(figure: "Figure", panels: "Axes | Sequence[Axes]", path: Path) -> None:
    for axes in panels if isinstance(panels, Sequence) else [panels]:
        axes.grid(color=GRID, linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except (OSError, ValueError) as error:  # ValueError: a kind of picture that there is not
        raise UserError(f"{path} could not be written ({error}); give a .png in a folder you can write to") from error
