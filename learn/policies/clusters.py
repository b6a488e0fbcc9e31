"""Clusters: how many ways a task was done, and which episode went which, from the paths alone."""

import numpy as np
from numpy.typing import NDArray

POINTS = 16  # of a path
RIDGE = 1.0
RESTARTS, ROUNDS = 10, 50
RARE = 0.05  # share of the episodes that makes a way
DISTINCT = 0.25  # mean silhouette from which clusters are taken for real (Kaufman & Rousseeuw 1990: below it, no structure)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def ways_of(states: Floats, episodes: Ints, most: int, seed: int = 0) -> Ints:
    """(E,) which way each episode went, ways counted from 0, at most `most`; all 0 where no ways can be told apart.

    `states` (N, D) in order of time, about unit size; `episodes` (N,) counted from 0. Compared is what of an episode's
    path its first state does not explain: the path at POINTS moments less its ridge regression on the beginning, so that
    where things stood does not count, only what was done.
    """
    paths = np.stack([_path(states[episodes == e]) for e in range(int(episodes.max()) + 1)])
    left = _unexplained(paths[:, : states.shape[1]], paths)
    best, found = DISTINCT, np.zeros(len(left), np.int64)
    for count in range(2, min(most, len(left) - 1) + 1):
        labels = k_means(left, count, seed)
        if np.bincount(labels, minlength=count).min() < max(2.0, RARE * len(left)):
            continue  # an odd episode is no way
        score = silhouette(left, labels)
        if score > best:
            best, found = score, labels
    return found


def _path(states: Floats) -> Floats:
    """(POINTS · D,) the states at evenly spaced moments."""
    return np.asarray(states[np.linspace(0, len(states) - 1, POINTS).round().astype(int)].ravel())


def _unexplained(start: Floats, paths: Floats) -> Floats:
    x = start - start.mean(axis=0)
    y = paths - paths.mean(axis=0)
    return np.asarray(y - x @ np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y))


def k_means(points: Floats, count: int, seed: int) -> Ints:
    """(E,) labels of the best of RESTARTS runs from k-means++ starts (Arthur & Vassilvitskii 2007)."""
    rng = np.random.default_rng(seed)
    runs = [_one_run(points, count, rng) for _ in range(RESTARTS)]
    return min(runs, key=lambda run: run[0])[1]


def _one_run(points: Floats, count: int, rng: np.random.Generator) -> tuple[float, Ints]:
    """Within-cluster sum of squares, and labels."""
    centres = points[rng.integers(len(points), size=1)]
    while len(centres) < count:
        nearest = _squares(points, centres).min(axis=1)
        total = nearest.sum()
        pick = rng.choice(len(points), p=nearest / total if total > 0.0 else None)
        centres = np.concatenate([centres, points[pick : pick + 1]])
    labels = np.zeros(len(points), np.int64)
    for _ in range(ROUNDS):
        apart = _squares(points, centres)
        labels = apart.argmin(axis=1)
        centres = np.stack([points[labels == k].mean(axis=0) if (labels == k).any() else centres[k] for k in range(count)])
    return float(_squares(points, centres).min(axis=1).sum()), labels


def silhouette(points: Floats, labels: Ints) -> float:
    """Mean silhouette in [-1, 1] (Rousseeuw 1987): how much nearer points are to their own cluster than to the next."""
    apart = np.sqrt(_squares(points, points))
    names = np.unique(labels)
    if len(names) < 2:
        return -1.0
    inside = np.equal.outer(labels, names).astype(np.float64)  # (E, k)
    sizes = inside.sum(axis=0)
    total = apart @ inside
    own = (total * inside).sum(axis=1) / np.maximum((inside @ sizes) - 1.0, 1.0)
    other = np.where(inside > 0, np.inf, total / sizes).min(axis=1)
    alone = inside @ sizes == 1
    return float(np.where(alone, 0.0, (other - own) / np.maximum(np.maximum(own, other), 1e-12)).mean())


def _squares(a: Floats, b: Floats) -> Floats:
    """(n, m) squared distances."""
    return np.asarray(np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * a @ b.T, 0.0))
