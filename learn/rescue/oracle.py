"""Oracle: knows whether the policy would get there by itself from here, because the simulator tries it."""

import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

from data.errors import UserError
from learn.futures.future import Futures
from learn.futures.ghosts import GhostConfig, Paused
from learn.futures.service import GhostService
from learn.policies import Observation, Policy
from teleop.envs.plant import Vector

LOOK_AGAIN_TICKS = 5
SUCCEEDS = 0.5


class Oracle(Protocol):
    """Whether the policy would succeed from a state (S,) on. False while it is not known; returns at once."""

    def knows_success(self, sim_state: Vector, obs: Observation, scene_seed: int, steps_left: int) -> bool: ...

    def swap(self, policy: Policy) -> None: ...

    def close(self) -> None: ...


class OracleInline:
    """For simulated time: tries it where it is asked."""

    def __init__(self, policy: Policy, env_id: str, env_kwargs: Mapping[str, Any]) -> None:
        self._policy, self._futures = policy, Futures(policy, env_id, env_kwargs)
        self._ticks = 0

    def knows_success(self, sim_state: Vector, obs: Observation, scene_seed: int, steps_left: int) -> bool:
        self._ticks += 1
        if self._ticks % LOOK_AGAIN_TICKS != 1:
            return False
        return self._futures.roll(self._policy, sim_state, scene_seed, seed=0, steps=steps_left, obs=obs).success

    def swap(self, policy: Policy) -> None:
        self._policy = policy

    def close(self) -> None:
        self._futures.close()


class OracleProcess:
    """For real time: a process of its own is asked, and heard of some ticks later."""

    def __init__(self, policy: Policy, env_id: str, env_kwargs: Mapping[str, Any]) -> None:
        self._service = GhostService(policy, env_id, env_kwargs, GhostConfig(steps=1, most=1, rolls=1))
        self._asked: tuple[int, int] | None = None

    def knows_success(self, sim_state: Vector, obs: Observation, scene_seed: int, steps_left: int) -> bool:
        with contextlib.suppress(UserError):  # it has died: the person drives to the end, as without it
            if self._asked is None or self._asked[1] != scene_seed:
                self._asked = self._service.request(Paused(sim_state, obs, scene_seed, steps_left)), scene_seed
                return False
            news = self._service.poll()
            if news is None or not news.complete:
                return False
            self._asked = None
            return any((ghost.predicted or 0.0) >= SUCCEEDS for ghost in news.ghosts)
        return False

    def swap(self, policy: Policy) -> None:
        self._asked = None
        self._service.swap(policy)

    def close(self) -> None:
        self._service.close()
