"""Nearest neighbours: asks where nothing like it was ever demonstrated."""

import torch
from torch import Tensor

from learn.gates.config import GateConfig
from learn.gates.experience import Experience
from learn.gates.one_label import OneLabelGate
from learn.gates.rate_keeper import CALIBRATION, RateKeeper
from learn.policies import Observation, Policy

NEAREST = 5
SCALE_FLOOR = 1e-2


class Neighbours:
    """The demonstrated states, as features (N, F) in units of their standard deviations."""

    def __init__(self, features: Tensor, episode: Tensor) -> None:
        self._mean = features.mean(dim=0)
        self._scale = features.std(dim=0, correction=0).clamp_min(SCALE_FLOOR)
        self._points, self._episode = (features - self._mean) / self._scale, episode

    def distance(self, features: Tensor) -> float:
        """From one state (1, F): the mean over the NEAREST, each the root mean square over the features."""
        point = (features - self._mean) / self._scale
        return float(self._mean_nearest((self._points - point).square().mean(dim=1).unsqueeze(0))[0])

    def left_out(self, rows: Tensor) -> Tensor:
        """(n,) of the demonstrated states `rows` (n,) to those of all episodes but their own."""
        apart = torch.cdist(self._points[rows], self._points).square() / self._points.shape[1]
        return self._mean_nearest(apart.masked_fill(self._episode[rows].unsqueeze(1) == self._episode, torch.inf))

    def _mean_nearest(self, squares: Tensor) -> Tensor:
        """(n,) of squared distances (n, N); of the states that there are, where they are fewer."""
        nearest = squares.topk(min(NEAREST, squares.shape[1]), dim=1, largest=False).values.sqrt()
        return nearest.masked_fill(nearest.isinf(), torch.nan).nanmean(dim=1)


def knn_gate(config: GateConfig, policy: Policy, experience: Experience, seed: int) -> OneLabelGate:
    """The score is the distance to the nearest demonstrated states; calibrated by distances between episodes.

    In the first state the keeper compares it with the demonstrations' distances to each other's episodes: it asks where the
    conformal p-value, (1 + those that are not nearer) / (1 + all), is at most the rate, which for a state of one more such episode
    happens at most so often. From then on visited states join them, and the keeper moves the threshold.
    """
    rows = experience.demonstrated()
    near = Neighbours(experience.features[rows], experience.episode[rows])
    several = len(torch.unique(experience.episode[rows])) > 1
    alone = near.left_out(experience.thinned(torch.arange(len(rows)), CALIBRATION)).tolist() if several else []

    def distance(obs: Observation) -> float:
        return near.distance(policy.features(obs))

    return OneLabelGate(distance, RateKeeper(config.rate, alone, seed))
