"""Driver: a policy at work over an episode; chunks in a receding horizon, a mode that is kept, noise from a seed."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray

from learn.policies import BehaviourMode, Chunk, Noise, Observation, Policy
from teleop.pilot import Way

UNLIKELY = 0.02  # a mode that is less probable than this where somebody led to is given up for another
LIKELY, MOST_WAYS = 0.1, 4  # which ways are worth showing a person
DIFFERENT = 0.15  # root mean square of a chunk, in actions: nearer ones are one way
OLDER_COUNTS_MORE = 0.01  # temporal ensembling's m (Zhao et al. 2023): weights exp(-m · i), i = 0 the oldest


class Driver:
    """Turns a policy into one action a tick: `begin` an episode, then `act` once for every action that is executed.

    Of each chunk `config.execute` actions are executed before the next look. With `execute` 1 overlapping chunks of an
    averaging policy are averaged (temporal ensembling). Where modes have a meaning beyond one observation, one is drawn
    by its probability at the first look and kept, for the episode or for a chunk as the policy's `sticky` says; after
    `replan` only while it is likely. `mode` fixes it instead. Its changes are counted in `mode_switches`. `noise`: what it draws from.
    """

    def __init__(self, policy: Policy, mode: int | None = None) -> None:
        self.policy, self.wanted_mode = policy, mode
        self.begin(0)

    def begin(self, seed: int) -> None:
        """An episode starts; all that is drawn in it comes from `seed`."""
        self.noise = Noise(torch.Generator().manual_seed(seed))
        self._plan: Chunk = np.empty((0, self.policy.config.action_dim), np.float32)
        self._earlier: deque[Chunk] = deque(maxlen=self.policy.config.chunk)
        self._going = self._plan
        self._offered: tuple[_Offer, ...] = ()
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
        self._going, self._plan = self._plan, self._plan[1:]
        return self._going

    def ways(self, obs: Observation) -> tuple[Way, ...]:
        """The ways to go on from where `act` was just asked: what it gave first, then the likely ones that differ from it."""
        own, *others = _different(self._going, self.policy.modes(obs))
        self._offered = tuple(sorted((o for o in others if o.probability >= LIKELY), key=lambda o: -o.probability)[: MOST_WAYS - 1])
        rest = 1.0 - sum(offer.probability for offer in self._offered)
        return (Way(own.chunk[0], rest), *(Way(offer.chunk[0], offer.probability) for offer in self._offered))

    def take(self, way: int) -> None:
        """Of the `ways` just given this one is gone, its first action already; its mode is kept where modes are."""
        if way == 0:
            return
        offer = self._offered[way - 1]
        self._plan = offer.chunk[1 : self.policy.config.execute]
        self._earlier.clear()
        if self.policy.head.keeps_modes:
            self.mode_switches += self.mode is not None and offer.mode != self.mode
            self.mode = offer.mode

    def _look(self, obs: Observation) -> Chunk:
        config = self.policy.config
        if self.policy.head.keeps_modes and self.wanted_mode is None:
            self._keep_mode(obs)
        chunk = self.policy.act(obs, self.mode, self.noise)
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
        before, self.mode = self.mode, _drawn(np.array([mode.probability for mode in modes]), self.noise)
        self.mode_switches += before is not None and before != self.mode

    def _blended(self, chunk: Chunk) -> Chunk:
        self._earlier.append(chunk)
        now = [past[age] for age, past in zip(count(len(self._earlier) - 1, -1), self._earlier)]
        weights = np.exp(-OLDER_COUNTS_MORE * np.arange(len(now)))
        return np.average(now, axis=0, weights=weights)[None].astype(np.float32)


def _drawn(probabilities: NDArray[np.float64], noise: Noise) -> int:
    at = float(noise.uniform((1, 1), torch.device("cpu"))) * probabilities.sum()
    return int(min(np.searchsorted(probabilities.cumsum(), at, side="right"), len(probabilities) - 1))


@dataclass(frozen=True)
class _Offer:
    """A way to go on: its chunk (n, A), the mode of the policy that goes it (-1: not known), how likely it is."""

    chunk: Chunk
    mode: int
    probability: float


def _different(going: Chunk, modes: Sequence[BehaviourMode]) -> list[_Offer]:
    """What is done anyway first, then the modes that go elsewhere; those alike are one, as likely as all of them."""
    found = [_Offer(going, -1, 0.0)]
    for k in sorted(range(len(modes)), key=lambda k: -modes[k].probability):
        chunk = modes[k].chunk
        apart = [_apart(chunk, offer.chunk) for offer in found]
        nearest = int(np.argmin(apart))
        if apart[nearest] >= DIFFERENT:
            found.append(_Offer(chunk, k, modes[k].probability))
        else:
            found[nearest] = replace(found[nearest], probability=found[nearest].probability + modes[k].probability)
    return found


def _apart(a: Chunk, b: Chunk) -> float:
    """Root mean square difference of the steps both have."""
    steps = min(len(a), len(b))
    return float(np.sqrt(np.mean(np.square(a[:steps] - b[:steps]))))
