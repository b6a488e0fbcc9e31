"""Specification of `learn.gates.rate_keeper`: whatever the scores do, the wished share of states is answered."""

from collections.abc import Callable

import numpy as np
import pytest

from data.errors import UserError
from learn.gates.newest import Newest
from learn.gates.rate_keeper import SETTLED, SETTLED_HANDING_OVER, WINDOW, RateKeeper, gain_of, thinned

RATES = (0.05, 0.1, 0.25, 0.5)
LONGEST = 30


def autocorrelated(rng: np.random.Generator, count: int) -> np.ndarray:
    noise, scores = rng.normal(size=count), np.zeros(count)
    for t in range(1, count):
        scores[t] = 0.97 * scores[t - 1] + noise[t]
    return scores


SCORES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "independent": lambda rng, count: rng.exponential(size=count),
    "rising": lambda rng, count: rng.uniform(size=count) + np.linspace(0.0, 5.0, count),
    "falling": lambda rng, count: rng.uniform(size=count) - np.linspace(0.0, 5.0, count),
    "autocorrelated": autocorrelated,
    "of two levels": lambda rng, count: (rng.random(count) < 0.3).astype(float),
    "constant": lambda rng, count: np.full(count, 0.7),
}
ANY_SCORES = pytest.mark.parametrize("kind", SCORES)
ANY_RATE = pytest.mark.parametrize("rate", RATES)


def asked(keeper: RateKeeper, scores) -> np.ndarray:
    return np.array([keeper.asks(score) for score in scores])


def driven(keeper: RateKeeper, scores, rng: np.random.Generator) -> np.ndarray:
    """Which states the person answers in, who keeps the wheel for 5 to LONGEST states after each question."""
    left, answered = 0, []
    for score in scores:
        if left:
            keeper.answered(score)
            left -= 1
            answered.append(True)
        else:
            answered.append(keeper.asks(score))
            left = int(rng.integers(4, LONGEST)) if answered[-1] else 0
    return np.array(answered)


# -- the rate ----------------------------------------------------------------------------------------------------------


@ANY_RATE
@ANY_SCORES
def test_single_answers_keep_the_wished_rate_within_a_fifth(kind: str, rate: float) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        scores = SCORES[kind](rng, 1000)
        answers = asked(RateKeeper(rate, rng.exponential(size=50), seed), scores)
        for count in (SETTLED, 500, 1000):
            assert answers[:count].mean() == pytest.approx(rate, rel=0.2)


@ANY_RATE
@ANY_SCORES
def test_stretches_of_answers_keep_it_too(kind: str, rate: float) -> None:
    count = {0.05: 4000, 0.1: 2000}.get(rate, 1000)  # of a rare question's stretch one more or less is much
    for seed in range(5):
        rng = np.random.default_rng(seed)
        scores = SCORES[kind](rng, count)
        keeper = RateKeeper(rate, rng.exponential(size=50), seed, SETTLED_HANDING_OVER)
        assert driven(keeper, scores, rng).mean() == pytest.approx(rate, rel=0.2)


@ANY_RATE
def test_no_scores_at_all_break_the_bound_not_even_ones_chosen_to_do_harm(rate: float) -> None:
    """Falling ones ask as late, rising ones as early as can be, and every stretch is the longest."""
    for settled, longest in ((SETTLED, 1), (SETTLED_HANDING_OVER, LONGEST)):
        for sign in (-1.0, 1.0):
            keeper, answered, left = RateKeeper(rate, settled=settled), 0, 0
            gain = keeper.gain
            for count, score in enumerate(sign * np.arange(2.0 * settled), 1):
                if left:
                    keeper.answered(score)
                    left, answered = left - 1, answered + 1
                elif keeper.asks(score):
                    left, answered = longest - 1, answered + 1
                off = answered / count - rate
                assert -((1.0 - rate) / gain + rate) / count <= off + 1e-9
                assert off - 1e-9 <= (rate / gain + longest * (1.0 - rate)) / count


@ANY_RATE
def test_the_bound_is_a_fifth_of_the_wish_where_it_has_settled(rate: float) -> None:
    gain = gain_of(rate, SETTLED)
    assert max((1.0 - rate) / gain + rate, rate / gain + 1.0 - rate) / SETTLED <= 0.2 * rate + 1e-9


# -- the choice --------------------------------------------------------------------------------------------------------


@ANY_RATE
def test_the_states_asked_about_are_the_ones_with_high_scores(rate: float) -> None:
    scores = np.random.default_rng(0).exponential(size=3000)
    ranks = scores.argsort().argsort() / len(scores)
    answers = asked(RateKeeper(rate, seed=0), scores)
    assert 1.0 - ranks[answers].mean() < rate / 2 + 0.07
    assert ranks[~answers].mean() < 0.5


def test_of_two_levels_the_higher_one_is_asked_about() -> None:
    scores = SCORES["of two levels"](np.random.default_rng(0), 3000)
    answers = asked(RateKeeper(0.1, seed=0), scores)
    assert scores[answers].mean() > 0.85


def test_constant_scores_are_asked_about_now_and_then_and_not_in_a_row() -> None:
    answers = asked(RateKeeper(0.25, seed=0), np.zeros(400))
    assert 0 < answers[:20].sum() < 20
    assert np.convolve(answers, np.ones(12), "valid").max() < 12


def test_with_a_calibration_the_first_state_can_be_asked_about_and_an_ordinary_one_is_not() -> None:
    calibration = np.random.default_rng(0).uniform(size=50)
    assert RateKeeper(0.05, calibration).asks(2.0)
    assert not RateKeeper(0.05, calibration).asks(0.5)


def test_the_first_state_of_an_exchangeable_one_is_asked_about_at_the_rate() -> None:
    """The conformal guarantee."""
    rng = np.random.default_rng(0)
    first = [RateKeeper(0.2, scores[1:], seed).asks(scores[0]) for seed, scores in enumerate(rng.normal(size=(3000, 31)))]
    assert np.mean(first) == pytest.approx(0.2, abs=0.03)


def test_the_seed_decides_between_equal_scores() -> None:
    first, again, other = (asked(RateKeeper(0.25, seed=seed), np.zeros(200)).tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_impossible_rates_are_refused(rate: float) -> None:
    with pytest.raises(UserError, match=f"--rate {rate} is not between 0 and 1; 0.25 asks in one state of four"):
        RateKeeper(rate)


def test_calibration_scores_are_thinned_evenly() -> None:
    assert thinned(range(11), 3) == [0.0, 5.0, 10.0]
    assert thinned([], 3) == []
    assert thinned([2.0], 3) == [2.0]


# -- the window --------------------------------------------------------------------------------------------------------


def test_the_window_forgets_exactly_the_oldest() -> None:
    scores = np.random.default_rng(0).integers(0, 9, 60).astype(float)
    window = Newest(7, scores)
    last = scores[-7:]
    assert len(window) == 7
    for score in range(10):
        assert window.share_below(score) == (last < score).mean()
        assert window.p_value(score, 1.0) == ((last >= score).sum() + 1) / 8
        assert window.p_value(score, 0.5) == ((last > score).sum() + ((last == score).sum() + 1) / 2) / 8


def test_p_values_of_exchangeable_scores_are_uniform_with_ties_too() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 3, (4000, 12)).astype(float)
    values = [Newest(WINDOW, row[1:]).p_value(row[0], 1.0 - rng.random()) for row in drawn]
    for level in (0.1, 0.3, 0.7):
        assert np.mean(np.array(values) <= level) == pytest.approx(level, abs=0.03)


def test_of_no_scores_nothing_is_below() -> None:
    assert Newest(3).share_below(1.0) == 0.0
    assert Newest(3, [2.0, 2.0]).share_below(2.0) == 0.0
