"""Specification of `learn.policies.clusters`: ways are found where there are some, and none where there are not."""

import numpy as np
import pytest

from learn.policies.clusters import k_means, silhouette, ways_of


def paths(ways: int, episodes: int = 40, steps: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States (N, 3) of episodes that begin anywhere and bow out to one of `ways` directions; their episodes; their way."""
    rng = np.random.default_rng(seed)
    which = rng.permutation(np.arange(episodes) % ways)
    states = []
    for way in which:
        start, t = rng.normal(size=3), np.linspace(0, np.pi, steps)[:, None]
        angle = 2 * np.pi * way / ways
        bow = np.array([np.cos(angle), np.sin(angle), 0.0]) if ways > 1 else np.zeros(3)
        states.append(start + 2.0 * np.sin(t) * bow + 0.1 * rng.normal(size=(steps, 3)))
    return np.concatenate(states), np.repeat(np.arange(episodes), steps), which


@pytest.mark.parametrize("ways", [2, 3, 4])
def test_ways_are_told_apart_wherever_episodes_begin(ways: int) -> None:
    states, episodes, which = paths(ways)
    found = ways_of(states, episodes, most=8)
    assert len(np.unique(found)) == ways
    alike = sum(np.bincount(found[which == way]).max() for way in range(ways))
    assert alike >= 0.95 * len(which)


def test_one_way_is_one_way() -> None:
    states, episodes, _ = paths(1)
    assert set(ways_of(states, episodes, most=8)) == {0}


def test_an_odd_episode_is_no_way() -> None:
    states, episodes, _ = paths(1)
    states[episodes == 7] += np.linspace(0, 50, 30)[:, None]
    assert set(ways_of(states, episodes, most=8)) == {0}


@pytest.mark.parametrize("count", [1, 2])
def test_few_episodes_are_one_way(count: int) -> None:
    states, episodes, _ = paths(1, episodes=count)
    assert set(ways_of(states, episodes, most=8)) == {0}


def test_k_means_finds_separate_heaps_and_the_silhouette_says_how_separate() -> None:
    rng = np.random.default_rng(0)
    heaps = np.concatenate([rng.normal(size=(20, 2)) * 0.1 + centre for centre in ([0, 0], [5, 0], [0, 5])])
    labels = k_means(heaps, 3, seed=0)
    assert all(len(set(labels[i : i + 20])) == 1 for i in (0, 20, 40))
    assert silhouette(heaps, labels) > 0.9
    assert silhouette(heaps, rng.integers(0, 3, 60)) < 0.1
