"""Specification of `learn.curve`: how many minutes are left, and how well that is known."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from data.intervals import wilson
from learn.curve import Curve, Point, Prior, fit_curve

SIMULATIONS = 320


def points(minutes: list[float], successes: list[int], rollouts: int = 20) -> list[Point]:
    return [Point(m, k, rollouts) for m, k in zip(minutes, successes, strict=True)]


@dataclass(frozen=True)
class Truth:
    """A curve to be measured, drawn from the stated range."""

    scale_min: float
    power: float
    delay_min: float
    floor: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Truth":
        scale, power = np.exp(rng.uniform(np.log([2.0, 1.0]), np.log([15.0, 6.0])))
        return cls(scale, power, rng.uniform(0.0, 4.0), rng.uniform(0.0, 0.04))

    def success(self, minutes: float) -> float:
        learning = max(0.0, minutes - self.delay_min) / (self.power * self.scale_min)
        return (1.0 - self.floor) * (1.0 - (1.0 + learning) ** -self.power)

    def minutes_at(self, success: float) -> float:
        left = (1.0 - success - self.floor) / (1.0 - self.floor)
        return self.delay_min + self.power * self.scale_min * (left ** (-1.0 / self.power) - 1.0)

    def measured(self, rng: np.random.Generator, scatter: float = 0.0) -> list[Point]:
        """2 to 8 points of 20 to 50 rollouts, 1 to 5 minutes apart; trained again, another policy is `scatter` off."""
        rollouts, gap = int(rng.integers(20, 51)), rng.uniform(1.0, 5.0)
        found = []
        for minutes in gap * np.arange(1, rng.integers(3, 10)):
            rate = self.success(minutes)
            if scatter and rate > 0.0:
                rate = rng.beta(rate * (1.0 / scatter - 1.0), (1.0 - rate) * (1.0 / scatter - 1.0))
            found.append(Point(float(minutes), int(rng.binomial(rollouts, rate)), rollouts))
        return found


# -- calibration -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scatter", "target"), [(0.0, 0.9), (0.02, 0.95)])
def test_eight_of_ten_intervals_hold_the_truth_and_the_median_is_within_a_factor_of_two(scatter: float, target: float) -> None:
    rng, held, off = np.random.default_rng(0), [], []
    for _ in range(SIMULATIONS):
        truth = Truth.drawn(rng)
        measured = truth.measured(rng, scatter)
        left = max(0.0, truth.minutes_at(target) - measured[-1].minutes)
        forecast = fit_curve(measured).minutes_to(target)
        held.append(forecast is not None and forecast[0] <= left <= forecast[2])
        off.append(abs(math.log((forecast[1] + 1.0) / (left + 1.0))) if forecast else math.inf)
    assert 0.75 < np.mean(held) < 0.95
    assert np.median(off) < math.log(2.0)


def test_a_curve_that_was_measured_well_is_forecast_well() -> None:
    truth = Truth(scale_min=6.0, power=2.0, delay_min=1.0, floor=0.0)
    minutes = [float(m) for m in range(2, 20, 2)]
    curve = fit_curve([Point(m, round(200 * truth.success(m)), 200) for m in minutes])
    forecast = curve.minutes_to(0.9)
    assert forecast is not None
    left = truth.minutes_at(0.9) - minutes[-1]
    assert forecast[0] < left < forecast[2]
    assert forecast[1] == pytest.approx(left, rel=0.35)
    assert curve.success_at(minutes[-1])[1] == pytest.approx(truth.success(minutes[-1]), abs=0.02)


def test_more_rollouts_narrow_the_interval() -> None:
    few, many = (fit_curve([Point(m, round(share * n), n) for m, share in ((3, 0.3), (6, 0.6), (9, 0.75))]) for n in (20, 200))
    width = [high - low for low, _, high in (curve.success_at(9.0) for curve in (few, many))]
    assert width[1] < 0.7 * width[0]


# -- what may come -----------------------------------------------------------------------------------------------------


def test_before_anything_was_measured_nothing_is_forecast() -> None:
    for nothing in ([], [Point(3.0, 0, 0)]):
        curve = fit_curve(nothing)
        assert curve.minutes_to(0.95) is None
        low, rate, high = curve.now
        assert (low, high) == wilson(0, 0)
        assert math.isnan(rate)


def test_one_point_gives_a_wide_forecast() -> None:
    forecast = fit_curve(points([2.0], [10])).minutes_to(0.8)
    assert forecast is not None
    low, median, high = forecast
    assert 0.0 < low < median < high
    assert high > 4.0 * low


def test_a_second_better_point_shortens_the_way_more_than_its_own_minutes() -> None:
    once, twice = fit_curve(points([2.0], [5])).minutes_to(0.9), fit_curve(points([2.0, 4.0], [5, 16])).minutes_to(0.9)
    assert once is not None
    assert twice is not None
    assert twice[1] < once[1] - 2.0


def test_failures_alone_put_the_target_far_off_but_do_not_rule_it_out() -> None:
    forecast = fit_curve(points([2.0, 4.0, 6.0, 8.0], [0, 0, 0, 0])).minutes_to(0.95)
    assert forecast is not None
    assert forecast[0] > 10.0
    assert forecast[2] == math.inf


def test_successes_alone_say_that_it_is_done() -> None:
    assert fit_curve(points([2.0, 4.0, 6.0], [20, 20, 20])).minutes_to(0.9) == (0.0, 0.0, 0.0)


def test_a_plateau_below_the_target_is_never_going_to_reach_it() -> None:
    curve = fit_curve(points([float(m) for m in range(2, 60, 4)], [17] * 15))
    assert curve.minutes_to(0.95) is None
    assert curve.minutes_to(0.8) == (0.0, 0.0, 0.0)


def test_a_worse_policy_in_between_is_taken_for_noise() -> None:
    dip, steady = (fit_curve(points([2.0, 4.0, 6.0, 8.0], k)) for k in ([8, 14, 10, 16], [8, 12, 12, 16]))
    assert dip.success_at(8.0)[1] == pytest.approx(steady.success_at(8.0)[1], abs=0.03)
    rising = [dip.success_at(float(m))[1] for m in range(12)]
    assert rising == sorted(rising)


def test_the_slow_start_is_not_taken_for_a_slow_curve() -> None:
    """Nothing for four minutes, then half of them: a delay, behind which it goes fast."""
    curve = fit_curve(points([1.0, 2.0, 3.0, 4.0, 6.0], [0, 0, 0, 0, 10], rollouts=20))
    assert curve.mode[2] > 2.0
    assert curve.success_at(8.0)[1] > 0.55


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_the_order_of_the_points_does_not_matter_and_the_answer_is_always_the_same() -> None:
    given = points([2.0, 5.0, 9.0], [4, 11, 15])
    once, again = fit_curve(given), fit_curve(given[::-1])
    np.testing.assert_array_equal(once.weight, again.weight)
    assert once.minutes_to(0.9) == again.minutes_to(0.9)


def test_a_long_sitting_is_pooled_and_says_nearly_the_same() -> None:
    minutes = [0.5 * m for m in range(1, 49)]
    truth = Truth(scale_min=6.0, power=2.0, delay_min=1.0, floor=0.02)
    every = [Point(m, round(20 * truth.success(m)), 20) for m in minutes]
    some = [Point(a.minutes + 0.25, a.successes + b.successes, 40) for a, b in zip(every[::2], every[1::2], strict=True)]
    long, short = fit_curve(every, Prior(scatter=0.0)), fit_curve(some, Prior(scatter=0.0))
    assert long.success_at(24.0) == pytest.approx(short.success_at(24.0), abs=0.02)


def test_success_now_is_the_last_measured_rate_in_wilsons_interval() -> None:
    low, rate, high = fit_curve([Point(4.0, 15, 20), Point(2.0, 3, 10), Point(6.0, 0, 0)]).now
    assert rate == 0.75
    assert (low, high) == wilson(15, 20)


def test_without_minutes_a_policy_fails() -> None:
    assert fit_curve(points([3.0], [12])).success_at(0.0) == pytest.approx((0.0, 0.0, 0.0))


def test_weights_are_a_distribution_and_the_mode_is_on_the_grid() -> None:
    curve: Curve = fit_curve(points([3.0, 6.0], [5, 12]))
    assert curve.weight.sum() == pytest.approx(1.0)
    assert curve.mode[0] in curve.scale_min
    assert 0.0 <= curve.mode[3] < 1.0


@pytest.mark.parametrize("wrong", [(math.nan, 1, 2), (-1.0, 1, 2), (1.0, 3, 2), (1.0, -1, 2)])
def test_a_point_that_cannot_be_is_refused(wrong: tuple[float, int, int]) -> None:
    with pytest.raises(ValueError, match="rollouts after"):
        Point(*wrong)


@pytest.mark.parametrize("target", [0.0, 1.0, 95.0])
def test_a_target_that_is_no_share_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit_curve([]).minutes_to(target)
