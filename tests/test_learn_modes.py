"""Specification of `learn.modes` and `learn.compare`: how a policy's ways and two policies' successes are told apart."""

import math
from itertools import combinations

import numpy as np
import pytest
from test_learn_support import TOY

from data.errors import UserError
from learn.compare import Comparison, compare
from learn.evaluate import Evaluation, Rollout
from learn.modes import ModeUse

SHOWN = {"left": 25, "right": 25, "over": 0}


def use(left: int, right: int, over: int, shown: dict[str, int] = SHOWN) -> ModeUse:
    return ModeUse({"left": left, "right": right, "over": over}, shown)


def test_entropy_is_over_the_demonstrated_modes_and_ways_that_nobody_showed_are_invented() -> None:
    assert use(20, 20, 0).entropy == pytest.approx(1.0)
    assert use(20, 20, 0).invented == 0.0
    assert use(15, 15, 10).invented == pytest.approx(0.25)
    assert use(15, 15, 10).entropy == use(15, 15, 0).entropy
    assert use(40, 0, 0).entropy == 0.0
    assert use(20, 20, 0, {}).entropy < 0.7


def test_the_bootstrap_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of samples of 60 from shares 0.8 and 0.2."""
    rng = np.random.default_rng(0)
    truth = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2)) / math.log(2)
    held = 0
    for k in range(200):
        left = int(rng.binomial(60, 0.8))
        low, high = use(left, 60 - left, 0).entropy_interval(seed=k)
        held += low <= truth <= high
    assert 0.85 <= held / 200 <= 1.0


def test_coverage_is_the_expected_share_of_modes_among_n_successes() -> None:
    outcomes = ["left"] * 6 + ["right"] * 2
    exact = np.mean([len(set(drawn)) / 2 for drawn in combinations(outcomes, 3)])
    assert use(6, 2, 0).coverage(3) == pytest.approx(exact)
    assert use(0, 0, 0).coverage() == 0.0
    assert use(9, 0, 0).coverage() == 0.5


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((0, 0, 0), 0.0, 1.0),  # nothing is known
        ((40, 0, 0), 0.5, 0.5),  # one way of two, surely
        ((0, 0, 40), 0.0, 0.0),  # none that was shown
        ((20, 20, 0), 0.98, 1.0),
    ],
)
def test_coverage_has_an_interval(counts: tuple[int, int, int], low: float, high: float) -> None:
    found = use(*counts).coverage_interval()
    assert found[0] <= use(*counts).coverage() <= found[1] or sum(counts) == 0
    assert found == pytest.approx((low, high), abs=0.02)


def test_the_interval_of_coverage_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of samples of 60 from shares 0.85, 0.08 and, in a way nobody showed, 0.07: ten of them show 1 − 0.15¹⁰ and 1 − 0.92¹⁰."""
    rng = np.random.default_rng(0)
    truth = ((1 - 0.15**10) + (1 - 0.92**10)) / 2
    held = 0
    for k in range(200):
        low, high = use(*(int(n) for n in rng.multinomial(60, [0.85, 0.08, 0.07]))).coverage_interval(seed=k)
        held += low <= truth <= high
    assert 0.85 <= held / 200 <= 1.0


def test_divergence_is_small_for_what_was_shown_and_large_for_another_mixture() -> None:
    like, unlike = use(26, 24, 0).divergence(), use(0, 10, 40).divergence()
    assert like is not None
    assert unlike is not None
    assert 0.0 <= like < 0.01
    assert unlike > 1.0
    assert use(1, 1, 1, {}).divergence() is None


def evaluation(successes: list[bool], first_seed: int = 0) -> Evaluation:
    return Evaluation(TOY, "bc", tuple(Rollout(first_seed + k, ok, 5, 0.0) for k, ok in enumerate(successes)), 1.0)


def test_scenes_are_paired_by_their_seeds() -> None:
    found = compare(evaluation([True, True, False, False]), evaluation([True, False, True, False]))
    assert found == Comparison(both=1, only_first=1, only_second=1, neither=1)
    with pytest.raises(UserError, match="not evaluated in the same scenes"):
        compare(evaluation([True]), evaluation([True], first_seed=1))


def test_mcnemar_s_test_is_the_exact_binomial_one() -> None:
    assert Comparison(50, 9, 1, 40).p_value == pytest.approx(2 * (1 + 10) / 2**10)
    assert Comparison(50, 0, 0, 50).p_value == 1.0
    assert Comparison(0, 5, 5, 0).p_value == 1.0


def test_newcombe_s_interval_is_the_published_one() -> None:
    """Newcombe (1998), table III, method 10: 14 both, 6 and 1 alone, 14 neither … and 36, 12, 2, 0."""
    low, high = Comparison(36, 12, 2, 0).interval
    assert (low, high) == (pytest.approx(0.0569, abs=5e-4), pytest.approx(0.3404, abs=5e-4))


def test_the_interval_holds_the_difference_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        first = rng.random(80) < 0.9
        second = np.where(rng.random(80) < 0.5, first, rng.random(80) < 0.7)
        low, high = compare(evaluation(first.tolist()), evaluation(second.tolist())).interval
        held += low <= 0.9 - (0.5 * 0.9 + 0.5 * 0.7) <= high
    assert held / 400 >= 0.92
