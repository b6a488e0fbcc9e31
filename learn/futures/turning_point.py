"""Turning point: the last state of a failed episode from which the policy still recovers; where a rewind should lead."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.errors import UserError
from learn.futures.future import Futures, check_shake, draws, rolls_needed
from learn.policies import Policy

RECOVERS = 0.5  # share of futures that succeed
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SearchConfig:
    """How to search. A state is tried with `rolls` futures on the same seeds; each has the time that the episode had left and
    `allowance_steps` (100 are 5 s of our arms). `stride` is how finely the point is wanted, in steps. `shake` is noise on the
    policy's motion (`learn.futures.future.Shake`), for one that draws nothing.
    """

    rolls: int = 4
    allowance_steps: int = 100
    stride: int = 4
    seed: int = 0
    shake: float = 0.0

    def __post_init__(self) -> None:
        if self.rolls < 1 or self.stride < 1 or self.allowance_steps < 0:
            given = f"rolls {self.rolls}, stride {self.stride}, allowance_steps {self.allowance_steps}"
            raise UserError(f"{given} of a turning point: give at least 1, 1 and 0")
        check_shake(self.shake)


@dataclass(frozen=True)
class TurningPoint:
    """From the state before `step` the policy recovers with the share `success_before`, from the one before `lost_step` with
    `success_after`: measured on other seeds than those that led here. `rollouts` is what the search took in all.
    """

    step: int
    lost_step: int
    success_before: float
    success_after: float
    rollouts: int

    @property
    def is_confirmed(self) -> bool:
        """Whether the other seeds say so too."""
        return self.success_before >= RECOVERS > self.success_after


def turning_point(futures: Futures, policy: Policy, episode: Episode, config: SearchConfig | None = None) -> TurningPoint | None:
    """Bisect an episode's states (T+1, S); None where the policy never recovers, from the start on, or does to the end.

    A policy that draws nothing repeats its own failure from every state of it: shake it, or search in what somebody else drove.
    Recovering need not be monotone: between the two steps of the answer it turns, a later state may be a lucky one again.
    """
    futures.check_episode(episode, "the failed episode")
    states = np.asarray(episode.steps["sim_state"], np.float64)
    return turning_point_of(futures, policy, states, episode.meta.seed, config or SearchConfig())


def turning_point_of(futures: Futures, policy: Policy, states: Vector, scene_seed: int, config: SearchConfig) -> TurningPoint | None:
    """The same in the states (T+1, S) of a rollout that began with `reset(seed=scene_seed)`."""
    trial = _Trial(futures, policy, states, scene_seed, config, rolls_needed(policy, config.rolls, shake=config.shake))
    last = len(states) - 1
    places = [*range(0, last, config.stride), last]
    found = last_true(lambda k: trial.recovers(places[k]), len(places))
    if found is None:
        return None
    step, lost = places[found], places[found + 1]
    return TurningPoint(step, lost, trial.confirmed_share(step), trial.confirmed_share(lost), trial.rollouts)


def last_true(holds: Callable[[int], bool], count: int) -> int | None:
    """k with holds(k) and not holds(k + 1), both looked at, by bisection; None unless it holds for 0 and not for count − 1."""
    low, high = 0, count - 1
    if not holds(low) or holds(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


@dataclass
class _Trial:
    """Rolls the policy out from an episode's states, and counts how often."""

    futures: Futures
    policy: Policy
    states: Vector
    scene_seed: int
    config: SearchConfig
    rolls: int
    rollouts: int = 0
    known: dict[tuple[int, int], bool] = field(default_factory=dict)

    def recovers(self, step: int) -> bool:
        """Whether at least half of the futures succeed; no more are tried than it takes to know."""
        needed, successes = RECOVERS * self.rolls, 0
        for k in range(self.rolls):
            if successes >= needed or successes + self.rolls - k < needed:
                break
            successes += self._succeeds(step, k)
        return successes >= needed

    def confirmed_share(self, step: int) -> float:
        """On seeds that had no part in the search: those favour what they chose. Where nothing is drawn there are no others."""
        first = self.rolls if draws(self.policy, shake=self.config.shake) else 0
        return float(np.mean([self._succeeds(step, first + k) for k in range(self.rolls)]))

    def _succeeds(self, step: int, number: int) -> bool:
        if (step, number) not in self.known:
            left, state = len(self.states) - 1 - step + self.config.allowance_steps, self.states[step]
            seed, shake = self.config.seed + number, self.config.shake
            self.known[step, number] = self.futures.roll(self.policy, state, self.scene_seed, seed=seed, steps=left, shake=shake).success
            self.rollouts += 1
        return self.known[step, number]
