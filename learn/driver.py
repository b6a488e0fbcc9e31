"""Driver: a policy at work over an episode; chunks in a receding horizon, a mode that is kept, noise from a seed."""

from collections import deque
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray

from learn.policies import Chunk, Noise, Observation, Policy

UNLIKELY = 0.02  # a mode that is less probable than this where somebody led to is given up for another
OLDER_COUNTS_MORE = 0.01  # temporal ensembling's m (Zhao et al. 2023): weights exp(-m · i), i = 0 the oldest


class Driver:
    """Turns a policy into one action a tick: `begin` an episode, then `act` once for every action that is executed.

    Of each chunk `config.execute` actions are executed before the next look. With `execute` 1 overlapping chunks of an
    averaging policy are averaged (temporal ensembling). Where modes have a meaning beyond one observation, one is drawn
    by its probability at the first look and kept, for the episode or for a chunk as the policy's `sticky` says; after
    `replan` only while it is likely. `mode` fixes it instead. Its changes are counted in `mode_switches`.
    """

    def __init__(self, policy: Policy, mode: int | None = None) -> None:
        self.policy, self.wanted_mode = policy, mode
        self.begin(0)

    def begin(self, seed: int) -> None:
        """An episode starts; all that is drawn in it comes from `seed`."""
        self._noise = Noise(torch.Generator().manual_seed(seed))
        self._plan: Chunk = np.empty((0, self.policy.config.action_dim), np.float32)
        self._earlier: deque[Chunk] = deque(maxlen=self.policy.config.chunk)
        self.mode = self.wanted_mode
        self.mode_switches, self._was_led = 0, False
        self.policy.forget()

    def replan(self) -> None:
        """Something else than the last action was executed: look again before the next."""
        self._plan, self._was_led = self._plan[:0], True
        self._earlier.clear()

    def act(self, obs: Observation) -> Chunk:
        """What is left of the plan (n, A) in [-1, 1]; the first of it counts as executed."""
        if len(self._plan) == 0:
            self._plan = self._look(obs)
        plan, self._plan = self._plan, self._plan[1:]
        return plan

    def _look(self, obs: Observation) -> Chunk:
        config = self.policy.config
        if self.policy.head.keeps_modes and self.wanted_mode is None:
            self._keep_mode(obs)
        chunk = self.policy.act(obs, self.mode, self._noise)
        if config.execute == 1 and config.chunk > 1 and self.policy.head.averages:
            return self._blended(chunk)
        return chunk[: config.execute]

    def _keep_mode(self, obs: Observation) -> None:
        sticks = self.mode is not None and self.policy.config.sticky == "episode"
        if sticks and not self._was_led:
            return
        modes = self.policy.modes(obs)
        self._was_led = False
        if sticks and modes[self.mode or 0].probability >= UNLIKELY:
            return
        before, self.mode = self.mode, _drawn(np.array([mode.probability for mode in modes]), self._noise)
        self.mode_switches += before is not None and before != self.mode

    def _blended(self, chunk: Chunk) -> Chunk:
        self._earlier.append(chunk)
        now = [past[age] for age, past in zip(count(len(self._earlier) - 1, -1), self._earlier)]
        weights = np.exp(-OLDER_COUNTS_MORE * np.arange(len(now)))
        return np.average(now, axis=0, weights=weights)[None].astype(np.float32)


def _drawn(probabilities: NDArray[np.float64], noise: Noise) -> int:
    at = float(noise.uniform((1, 1), torch.device("cpu"))) * probabilities.sum()
    return int(min(np.searchsorted(probabilities.cumsum(), at, side="right"), len(probabilities) - 1))
