"""Trouble: a scene in which a policy fails, and from where a person should show how it goes on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learn.futures.future import Futures, Vector
from learn.futures.turning_point import SearchConfig, turning_point_of
from learn.policies import Policy

SEARCH = SearchConfig(rolls=2, allowance_steps=0, stride=8, shake=0.1)
"""Rough: a person drives on from there in any case, and every future costs the time of an episode."""


@dataclass(frozen=True)
class Trouble:
    """The scene of `reset(seed=seed)`; from the state before `step` (`sim_state` (S,)) on the policy does not recover.

    Step 0, without a state: it never would have, from the beginning on.
    """

    seed: int
    step: int = 0
    sim_state: Vector | None = None


class Scout:
    """Rolls a policy out in scenes, for `most_steps` each, and remembers where it failed. `steps` counts what that took."""

    def __init__(self, policy: Policy, futures: Futures, most_steps: int) -> None:
        self._policy, self._futures, self._most_steps = policy, futures, most_steps
        self.steps, self.successes, self.rollouts = 0, 0, 0
        self._failed: dict[int, list[Vector]] = {}

    def tries(self, seeds: Sequence[int]) -> list[bool]:
        """Whether it succeeds in each of these scenes."""
        return [self._succeeds(seed) for seed in seeds]

    def troubles(self, most: int) -> list[Trouble]:
        """Of the scenes in which it failed the first so many, each with the place to start from."""
        return [self._trouble(seed, states) for seed, states in list(self._failed.items())[:most]]

    def _succeeds(self, seed: int) -> bool:
        start = self._futures.start_of(seed)
        states = [start]
        plant = self._futures.plant
        future = self._futures.roll(
            self._policy, start, seed, seed=seed, steps=self._most_steps, on_step=lambda: states.append(plant.sim_state())
        )
        self.steps, self.rollouts, self.successes = self.steps + future.steps, self.rollouts + 1, self.successes + future.success
        if not future.success:
            self._failed[seed] = states
        return future.success

    def _trouble(self, seed: int, states: Sequence[Vector]) -> Trouble:
        found = turning_point_of(self._futures, self._policy, np.array(states), seed, SEARCH)
        if found is None:
            self.steps += SEARCH.rolls * len(states)
            return Trouble(seed)
        self.steps += found.rollouts * len(states) // 2
        return Trouble(seed, found.step, np.asarray(states[found.step]))
