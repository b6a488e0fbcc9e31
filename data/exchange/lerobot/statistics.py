"""Statistics: what LeRobot normalises with, of an episode and of a whole data set, in its own shapes and by its own rules."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.episode import Array

Figures = Mapping[str, NDArray[Any]]
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
FEWEST, MOST, POWER = 100, 10_000, 0.75  # so many pictures of an episode are looked at
LARGE_PX, SMALL_PX = 300, 150  # larger pictures are thinned out to about this size


def of_column(column: Array) -> Figures:
    """Of numbers (T,) or (T, n): figures (1,) or (n,); `count` (1,) are the rows."""
    values = np.asarray(column, np.float64).reshape(len(column), -1)
    mean = values.mean(axis=0)
    quantiles = {
        name: np.quantile(values, q, axis=0, method="inverted_cdf") if len(values) > 1 else mean.copy() for name, q in QUANTILES.items()
    }
    return {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": mean,
        "std": values.std(axis=0),
        "count": np.array([len(values)]),
        **quantiles,
    }


def of_pictures(pictures: Array) -> Figures:
    """Of pictures (T, H, W, 3) uint8: figures (3, 1, 1) in [0, 1]; `count` (1,) are the pictures that were looked at."""
    length, height, width = pictures.shape[:3]
    rows = np.round(np.linspace(0, length - 1, _sample_size(length))).astype(int)
    step = int((width if width > height else height) / SMALL_PX) if max(width, height) >= LARGE_PX else 1
    counts = sum(_histograms(pictures[row, ::step, ::step]) for row in rows)  # one at a time: pictures are large
    figures = {name: np.empty((3, 1, 1)) for name in ("min", "max", "mean", "std", *QUANTILES)}
    for channel, count in enumerate(np.asarray(counts)):
        for name, value in _of_histogram(count).items():
            figures[name][channel] = value / 255.0
    return {**figures, "count": np.array([len(rows)])}


def _sample_size(length: int) -> int:
    return max(min(FEWEST, length), min(int(length**POWER), MOST))


def _histograms(picture: Array) -> NDArray[np.int64]:
    """(3, 256) how often each value is in each channel."""
    return np.stack([np.bincount(picture[..., channel].reshape(-1), minlength=256) for channel in range(3)])


def _of_histogram(count: NDArray[np.int64]) -> dict[str, float]:
    values, total = np.arange(256.0), int(count.sum())
    there, reached = np.flatnonzero(count), np.cumsum(count)
    mean = float(values @ count / total)
    quantiles = {name: float(np.searchsorted(reached, q * total)) for name, q in QUANTILES.items()}
    return {
        "min": float(there[0]),
        "max": float(there[-1]),
        "mean": mean,
        "std": float(np.sqrt((values - mean) ** 2 @ count / total)),
        **quantiles,
    }


def together(one: Mapping[str, Figures], other: Mapping[str, Figures]) -> dict[str, Figures]:
    """Of two sets of the same features; quantiles are weighted means, as LeRobot has them."""
    return {name: _together(one[name], other[name]) for name in one}


def _together(one: Figures, other: Figures) -> Figures:
    left, right = float(one["count"][0]), float(other["count"][0])
    share = right / (left + right)
    mean = one["mean"] + (other["mean"] - one["mean"]) * share
    variance = (1 - share) * (one["std"] ** 2 + (one["mean"] - mean) ** 2) + share * (other["std"] ** 2 + (other["mean"] - mean) ** 2)
    return {
        "min": np.minimum(one["min"], other["min"]),
        "max": np.maximum(one["max"], other["max"]),
        "mean": mean,
        "std": np.sqrt(variance),
        "count": one["count"] + other["count"],
        **{name: one[name] + (other[name] - one[name]) * share for name in QUANTILES},
    }


def plain(figures: Mapping[str, Figures]) -> dict[str, dict[str, Any]]:
    """As JSON has them: {feature: {figure: nested lists}}."""
    return {name: {figure: values.tolist() for figure, values in one.items()} for name, one in figures.items()}
