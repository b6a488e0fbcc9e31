"""Seer of ghosts: the ghost service as the loop and its window know it."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from learn.futures.ghosts import Ghost, Paused
from learn.futures.service import GhostService
from learn.policies import Policy
from teleop.ghost_lines import GhostLine
from teleop.pilot import Action, Obs

logger = logging.getLogger(__name__)


class GhostSeer:
    """A `teleop.seer.Seer`. Where the service fails, driving goes on without ghosts, and the log says why."""

    def __init__(self, policy: Policy, env_id: str, env_kwargs: Mapping[str, Any]) -> None:
        self._service = GhostService(policy, env_id, env_kwargs)
        self._found: tuple[Ghost, ...] = ()
        self._ended = False

    def look(self, sim_state: NDArray[np.float64], obs: Obs, scene_seed: int, steps_left: int) -> None:
        self._found = ()
        if not self._ended:
            self._service.request(Paused(sim_state, obs, scene_seed, steps_left))

    def ghosts(self, chosen: Action) -> tuple[GhostLine, ...]:
        self._hear()
        nearest = min(self._found, key=lambda ghost: float(np.abs(ghost.action - chosen).sum()), default=None)
        return tuple(GhostLine(ghost.path_m, ghost.predicted, ghost is nearest) for ghost in self._found)

    def swap(self, policy: Policy) -> None:
        self._found = ()
        self._service.swap(policy)

    def close(self) -> None:
        self._service.close()

    def _hear(self) -> None:
        if self._ended:
            return
        try:
            news = self._service.poll()
        except UserError as error:
            self._ended, self._found = True, ()
            logger.warning("no ghost futures: %s", error)
            return
        if news is not None:
            self._found = news.ghosts
