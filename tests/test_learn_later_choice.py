"""Which stored states are worth a label: the highest doubts of a whole round, apart from each other, and never fewer than wished."""

import numpy as np
import pytest

from learn.later.choice import choose

RNG = np.random.default_rng(0)


def round_of(*lengths: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [RNG.uniform(size=length) for length in lengths], [np.ones(length, bool) for length in lengths]


def test_the_highest_doubts_of_all_episodes_are_chosen() -> None:
    scores, may = [np.array([0.1, 0.9, 0.2]), np.array([0.8, 0.3])], [np.ones(3, bool), np.ones(2, bool)]
    assert choose(scores, may, wanted=2, apart=1) == [(0, 1), (1, 0)]


def test_the_budget_is_met_exactly() -> None:
    scores, may = round_of(200, 50, 120)
    assert len(choose(scores, may, wanted=25, apart=10)) == 25


def test_states_of_one_episode_lie_apart() -> None:
    scores, may = round_of(300, 300)
    found = choose(scores, may, wanted=30, apart=8)
    for episode in (0, 1):
        steps = [step for e, step in found if e == episode]
        assert np.diff(steps).min() >= 8


def test_the_neighbour_of_the_worst_state_gives_way_to_the_next_worst_elsewhere() -> None:
    doubts = np.zeros(40)
    doubts[[10, 11, 30]] = [1.0, 0.99, 0.5]
    assert choose([doubts], [np.ones(40, bool)], wanted=2, apart=5) == [(0, 10), (0, 30)]


def test_where_the_distance_leaves_too_few_it_is_halved() -> None:
    scores, may = round_of(40)
    found = [step for _, step in choose(scores, may, wanted=20, apart=16)]
    assert len(found) == 20
    assert [step for _, step in choose(scores, may, wanted=40, apart=16)] == list(range(40)), "at last every state"
    assert len(choose(scores, may, wanted=41, apart=16)) == 40


def test_what_may_not_be_asked_about_is_not() -> None:
    scores, may = round_of(60)
    may[0][::2] = False
    assert all(step % 2 for _, step in choose(scores, may, wanted=15, apart=1))


@pytest.mark.parametrize("wanted", [5, 12, 40])
def test_without_scores_states_are_spread_evenly(wanted: int) -> None:
    scores = [np.full(length, np.nan) for length in (150, 50, 200)]
    found = choose(scores, [np.ones(len(s), bool) for s in scores], wanted=wanted, apart=1)
    at = np.array([(0, 150, 200)[episode] + step for episode, step in found])
    gaps = np.diff(np.concatenate([[-1], at, [400]]))
    assert gaps.max() <= 2.7 * 400 / wanted, "the golden ratio's gaps differ by a factor of at most 1 + φ"


def test_a_larger_budget_only_adds_states() -> None:
    scores, may = round_of(200, 200)
    few = choose(scores, may, wanted=10, apart=5)
    more = choose(scores, may, wanted=10, apart=5, taken=few)
    assert sorted([*few, *more]) == choose(scores, may, wanted=20, apart=5)
