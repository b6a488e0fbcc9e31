"""Pictures of results."""

from collections.abc import Sequence
from pathlib import Path

BLUE, INK, GRID = "#2f6fd6", "#1c2330", "#d9dee6"


def plot_success_over_labels(
    labels: Sequence[int], success: Sequence[float], low: Sequence[float], high: Sequence[float], title: str, path: Path
) -> None:
    """Success rate with its 95 % interval after each DAgger round, over the labels given so far; a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), dpi=140, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.fill_between(labels, low, high, color=BLUE, alpha=0.18, linewidth=0, label="95 % interval (Wilson)")
    axes.plot(labels, success, color=BLUE, marker="o", linewidth=2, label="success rate")
    for x, y, number in zip(labels, success, range(len(labels)), strict=True):
        word = "bc" if number == 0 else f"round {number}"
        axes.annotate(f"{word}: {100 * y:.0f} %", (x, y), textcoords="offset points", xytext=(6, -16), color=INK, fontsize=9)
    axes.set(xlabel="labels given", ylabel="success rate", title=title, ylim=(0, 1.05))
    axes.margins(x=0.12)
    axes.grid(color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
