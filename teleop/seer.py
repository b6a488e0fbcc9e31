"""Seer: looks ahead from where the policy asks, beside the loop, which never waits for it."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from teleop.ghost_lines import GhostLine
from teleop.pilot import Action, Obs
from teleop.question import Question


class Seer(Protocol):
    """`look` ahead from a simulator state (S,) of a scene; `ghosts` are what is known of it by now, the way that begins with
    `chosen` (A,) marked. Both return at once.
    """

    def look(self, sim_state: NDArray[np.float64], obs: Obs, scene_seed: int, steps_left: int) -> None: ...

    def ghosts(self, chosen: Action) -> tuple[GhostLine, ...]: ...

    def swap(self, policy: Any) -> None:
        """Another policy has the wheel."""
        ...

    def close(self) -> None: ...


def ghosts_of(seer: Seer | None, question: Question | None) -> tuple[GhostLine, ...]:
    """What is known by now of where the policy would go from where it asks."""
    return () if seer is None or question is None else seer.ghosts(question.way.action)
