"""Curve: how the success of a policy grows with the minutes that a person gives, and how many more it takes to a target.

The failure rate after m minutes is f(m) = f∞ + (1 − f∞)·(1 + (m − m₀)/(b·s))^(−b), and 1 up to m₀. The errors of neural networks
stay where they are until there is enough data to begin with, fall as a power law of it, and end at what no more data mends
(Hestness et al., *Deep Learning Scaling is Predictable, Empirically*, 2017, section 2 and figure 6): m₀, b and f∞. Power laws and
exponentials are the shapes that learning curves mostly have, though none fits them all (Viering & Loog, *The Shape of
Learning Curves: A Review*, 2021, section 4). A pure power law is infinite at 0; this one, their POW4, is 1 there, as without
data a policy must fail, and with b → ∞ it is the exponential of time constant s: kinds of situations that are each learned at a
rate of their own, these rates gamma-distributed, fail together like this.

Four numbers are not known from a handful of points, so none is fitted alone: a grid holds their posterior under a binomial
likelihood and weak priors. Its mode is the curve to be drawn (`mode`), its quantiles are the forecast.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.intervals import wilson

Vector = NDArray[np.float64]
Forecast = tuple[float, float, float]
Some = float | Vector

QUANTILES = (0.1, 0.5, 0.9)  # an 80 % interval and its middle
LONGEST_MIN = 600.0  # of one person: what takes longer is not going to happen
MOST_POINTS = 16  # above it neighbours are pooled
REACH = 2.5  # standard deviations of the priors that the grid spans
LONGEST_DELAY = 5.0  # means of the prior that the grid of m₀ spans
IMPOSSIBLE = 1e-6  # a success before m₀ is not quite impossible: one lucky rollout must not rule a curve out for good


@dataclass(frozen=True)
class Point:
    """A policy measured after `minutes` of a person's time: `successes` of `rollouts`."""

    minutes: float
    successes: int
    rollouts: int

    def __post_init__(self) -> None:
        if not 0.0 <= self.minutes < math.inf or not 0 <= self.successes <= self.rollouts:
            raise ValueError(f"{self.successes} of {self.rollouts} rollouts after {self.minutes} minutes")


@dataclass(frozen=True)
class Prior:
    """What is thought of curves before any is measured, weakly: a point of 20 rollouts says more.

    `scale_min` (s) and `power` (b) are log-normal: (median, standard deviation of the logarithm). m₀ is exponential with the
    mean `delay_min`, f∞ is Beta(1, `floor`). `scatter` is the correlation between rollouts of one policy beyond what their
    number explains: trained again on the same minutes it would be another one. n rollouts count as n / (1 + (n − 1)·scatter)
    (the design effect; Williams 1982).
    """

    scale_min: tuple[float, float] = (5.0, 1.0)
    power: tuple[float, float] = (2.0, 0.7)
    delay_min: float = 2.0
    floor: float = 50.0
    scatter: float = 0.01
    grid: tuple[int, int, int, int] = (24, 9, 6, 8)
    """of s, b, m₀ and f∞"""

    def __post_init__(self) -> None:
        if min(*self.scale_min, *self.power, self.delay_min, self.floor) <= 0.0 or not 0.0 <= self.scatter < 1.0 or min(self.grid) < 1:
            raise ValueError(f"{self}: everything is above 0, scatter from 0 up to, but not, 1")

    def axes(self) -> tuple[Vector, Vector, Vector, Vector]:
        """The grid's values of s, b, m₀ and f∞, one each; s and b evenly in their logarithms, f∞ in its cube root."""
        spread = [np.linspace(-REACH, REACH, count) for count in self.grid[:2]]
        scale, power = (median * np.exp(sd * z) for (median, sd), z in zip((self.scale_min, self.power), spread, strict=True))
        delay = self.delay_min * LONGEST_DELAY * np.square(np.arange(self.grid[2]) / self.grid[2])
        return scale, power, delay, ((np.arange(self.grid[3]) + 0.5) / self.grid[3]) ** 3

    def log_density(self) -> Vector:
        """The logarithm of the prior over the grid, up to a constant: of the densities and of how far the grid's steps are."""
        _, _, delay, floor = self.axes()
        scale, power = (-0.5 * np.square(np.linspace(-REACH, REACH, count)) for count in self.grid[:2])
        delayed = -delay / self.delay_min + np.log(np.arange(self.grid[2]) + 0.25)
        floored = (self.floor - 1.0) * np.log1p(-floor) + np.log(floor) * 2.0 / 3.0
        density: Vector = scale[:, None, None, None] + power[:, None, None] + delayed[:, None] + floored
        return density


@dataclass(frozen=True)
class Curve:
    """A posterior over learning curves: `scale_min`, `power`, `delay_min` and `floor` (G,) and the `weight` (G,) of each, 1 in all."""

    points: tuple[Point, ...]
    scale_min: Vector = field(repr=False)
    power: Vector = field(repr=False)
    delay_min: Vector = field(repr=False)
    floor: Vector = field(repr=False)
    weight: Vector = field(repr=False)

    @property
    def mode(self) -> tuple[float, float, float, float]:
        """(s in minutes, b, m₀ in minutes, f∞) of the most probable curve."""
        best = int(np.argmax(self.weight))
        return float(self.scale_min[best]), float(self.power[best]), float(self.delay_min[best]), float(self.floor[best])

    def drawn_at(self, minutes: Vector) -> Vector:
        """(N,) the success rate on the most probable curve."""
        drawn: Vector = 1.0 - _failure(minutes, *self.mode)
        return drawn

    def success_at(self, minutes: float) -> Forecast:
        """The success rate after so many minutes: 80 % interval and median, (low, median, high)."""
        failure = _failure(minutes, self.scale_min, self.power, self.delay_min, self.floor)
        low, median, high = _quantiles(1.0 - failure, self.weight)
        return low, median, high

    def minutes_to(self, target: float) -> Forecast | None:
        """Minutes still to go to a success rate of `target`: 80 % interval and median, (low, median, high).

        `high` is infinite where the interval holds curves that never get there (not in LONGEST_MIN). None where half of
        them do not, and before anything was measured: there is nothing to say then.
        """
        if not 0.0 < target < 1.0:
            raise ValueError(f"a target of {target}: give a share between 0 and 1")
        if not sum(point.rollouts for point in self.points):
            return None
        passed = max(point.minutes for point in self.points)
        low, median, high = _quantiles(np.maximum(0.0, self._minutes_at(target) - passed), self.weight)
        return (low, median, high) if math.isfinite(median) else None

    @property
    def now(self) -> Forecast:
        """What was measured last: success rate within Wilson's 95 % interval, (low, rate, high); rate NaN before any rollout."""
        last = max((point for point in self.points if point.rollouts), key=lambda point: point.minutes, default=None)
        if last is None:
            return 0.0, math.nan, 1.0
        low, high = wilson(last.successes, last.rollouts)
        return low, last.successes / last.rollouts, high

    def _minutes_at(self, target: float) -> Vector:
        """(G,) when each curve reaches the target; infinite where it never does."""
        above = (1.0 - target) - self.floor
        reaches = above > 0.0
        ratio = np.divide(1.0 - self.floor, above, out=np.ones_like(above), where=reaches)
        with np.errstate(over="ignore"):
            minutes = self.delay_min + self.power * self.scale_min * (ratio ** (1.0 / self.power) - 1.0)
        return np.where(reaches & (minutes <= LONGEST_MIN), minutes, np.inf)


def _failure(minutes: Some, scale: Some, power: Some, delay: Some, floor: Some) -> Vector:
    """f(m) of the curves with these s, b, m₀ and f∞."""
    failure: Vector = floor + (1.0 - floor) * (1.0 + np.maximum(0.0, minutes - delay) / (power * scale)) ** -power
    return failure


def fit_curve(points: Sequence[Point], prior: Prior | None = None) -> Curve:
    """The posterior of the learning curve that these points lie on, in any order; without any it is the prior."""
    prior = prior or Prior()
    scale, power, delay, floor = prior.axes()
    log_weight = prior.log_density()
    for minutes, failures, successes in _counts(points, prior.scatter):
        learning = np.maximum(0.0, minutes - delay) / (scale[:, None, None] * power[:, None])
        log_fallen = -power[:, None] * np.log1p(learning)
        failure = floor + (1.0 - floor) * np.exp(log_fallen)[..., None]
        log_weight += failures * np.log(failure)
        if successes:
            log_weight += successes * np.log(np.maximum(1.0 - failure, IMPOSSIBLE))
    weight = np.exp(log_weight - log_weight.max()).ravel()
    scales, powers, delays, floors = (axis.ravel() for axis in np.meshgrid(scale, power, delay, floor, indexing="ij"))
    return Curve(tuple(points), scales, powers, delays, floors, weight / weight.sum())


def _counts(points: Sequence[Point], scatter: float) -> list[tuple[float, float, float]]:
    """(minutes, failures, successes) of each point, as many as count; neighbours in time are pooled where there are many."""
    measured = sorted((point for point in points if point.rollouts), key=lambda point: point.minutes)
    counts = []
    for group in np.array_split(np.arange(len(measured)), min(len(measured), MOST_POINTS)) if measured else []:
        here = [measured[index] for index in group]
        worth = [1.0 / (1.0 + (point.rollouts - 1) * scatter) for point in here]
        failures = sum(w * (point.rollouts - point.successes) for w, point in zip(worth, here, strict=True))
        successes = sum(w * point.successes for w, point in zip(worth, here, strict=True))
        counts.append((sum(point.minutes for point in here) / len(here), failures, successes))
    return counts


def _quantiles(values: Vector, weight: Vector) -> list[float]:
    """Of weighted values, some of which may be infinite, at QUANTILES: halfway between the grid's steps."""
    order = np.argsort(values, kind="stable")
    ordered, middle = values[order], np.cumsum(weight[order]) - 0.5 * weight[order]
    finite = int(np.searchsorted(ordered, np.inf))
    if not finite:
        return [math.inf] * len(QUANTILES)
    beyond = middle[finite] if finite < len(ordered) else math.inf
    return [math.inf if q >= beyond else float(np.interp(q, middle[:finite], ordered[:finite])) for q in QUANTILES]
