"""Trouble: a scene in which a policy fails, and from where a person should show how it goes on."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.session import Session
from learn.futures.future import Futures, Vector
from learn.futures.turning_point import SearchConfig, turning_point_of
from learn.policies import Policy
from learn.propagate.propagation import carried_over

SEARCH = SearchConfig(rolls=1, allowance_steps=40, stride=8, shake=0.1)
"""Rough: a person drives on from there in any case, and every future costs the time of an episode."""
LONGER_THAN_SHOWN = 1.5  # a policy that takes longer than this times the longest demonstration does not get on
FEWEST_STEPS = 60
ENOUGH_FAILURES = 4  # times what is wanted of a person, where most need none
FIRST_SCOUT_SEED, MOST_SCOUTED = 30_000, 200  # apart from all that demonstrates, chooses and judges


@dataclass(frozen=True)
class Trouble:
    """The scene of `reset(seed=seed)`; from the state before `step` (`sim_state` (S,)) on the policy does not recover.

    Step 0, without a state: it never would have, from the beginning on. `whole`: shown to its end it can be carried over to
    other scenes, which no part of it can.
    """

    seed: int
    step: int = 0
    sim_state: Vector | None = None
    whole: bool = False


class Scout:
    """Rolls a policy out in scenes, for `most_steps` each, and remembers where it failed. `steps` counts what that took."""

    def __init__(self, policy: Policy, futures: Futures, most_steps: int) -> None:
        self._policy, self._futures, self._most_steps = policy, futures, most_steps
        self.steps, self.successes, self.rollouts = 0, 0, 0
        self._failed: dict[int, list[Vector]] = {}

    @property
    def failures(self) -> int:
        return self.rollouts - self.successes

    @property
    def failed(self) -> list[int]:
        """The scenes in which it failed, in the order they were tried."""
        return list(self._failed)

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


def find_troubles(
    policy: Policy, session: Session, env_id: str, env_kwargs: Mapping[str, Any], number: int, most: int, lessons: Path | None = None
) -> list[Trouble]:
    """For round `number` at most so many, found in the first scenes of its own in which the policy fails.

    With `lessons`, a folder, what was shown is carried over to those scenes and kept there; the others are the troubles.
    """
    with closing(Futures(policy, env_id, env_kwargs)) as futures:
        scout, first = Scout(policy, futures, most_steps_of(session)), FIRST_SCOUT_SEED + MOST_SCOUTED * number
        solved, before, enough = set[int](), -1, ENOUGH_FAILURES * most if lessons else most
        while before < len(solved):
            before = len(solved)
            while scout.rollouts < MOST_SCOUTED and scout.failures < min(enough, most + len(solved)):
                scout.tries([first + scout.rollouts])
            carried = carried_over(session, lessons, scout.failed)
            solved = set() if carried is None else set(carried.proven)
        if lessons is None:
            return scout.troubles(most)
        return [Trouble(seed, whole=True) for seed in scout.failed if seed not in solved][:most]


def most_steps_of(session: Session) -> int:
    """How long a rollout may take to be tried."""
    shown = max((row.steps for row in session.rows() if row.success), default=0)
    return max(FEWEST_STEPS, round(LONGER_THAN_SHOWN * shown))
