"""Plant: what the loop, the recorder, the window and a replay ask of an environment, whatever simulates it.

Our arms are plants themselves (`arm.py`); any other Gymnasium environment becomes one through `guest.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from teleop.envs.render import FAST, GhostGeom, Image, Look

if TYPE_CHECKING:
    from teleop.screen import Orbit

Vector = NDArray[np.float64]
Obs = dict[str, NDArray[Any]]


class Plant(ABC):
    """A simulated thing with states that can be looked at and, where `can_restore`, put back exactly.

    `task` is one line for the operator; `modes` are the behaviour modes that the task itself can tell apart; `control_hz`
    steps a second, `longest_steps` an episode where it has a limit. With `keeps_trail` the states on the way through a
    step are kept in `trail`, for a window.
    """

    task: str = ""
    modes: tuple[str, ...] = ()
    control_hz: float = 20.0
    can_restore: bool = True
    longest_steps: int | None = None
    keeps_trail: bool = False
    trail: Sequence[Vector] = ()

    @abstractmethod
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict[str, Any]]:
        """As Gymnasium's."""

    @abstractmethod
    def step(self, action: NDArray[np.float32]) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """As Gymnasium's, without a time limit."""

    @abstractmethod
    def close(self) -> None:
        """Give back what it owns."""

    # -- how it goes -----------------------------------------------------------------------------------------------

    @abstractmethod
    def is_success(self) -> bool:
        """Whether the task is done now."""

    def behaviour_mode(self) -> str:
        """Which of `modes` this episode has turned out to be so far, from what happened; "" while that is open."""
        return ""

    # -- states ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def sim_state(self) -> Vector:
        """(S,) everything the next step depends on."""

    @abstractmethod
    def flat_state(self) -> Vector:
        """robomimic's [time, qpos, qvel]."""

    @abstractmethod
    def restore(self, state: Vector) -> Obs:
        """Put back a state from `sim_state` and observe; the same actions then give the same states to the bit."""

    @abstractmethod
    def stand_as(self, state: Vector) -> None:
        """Stand as in a state from `sim_state`, for looking at; no observation is made."""

    def restore_flat(self, state: Vector) -> Obs:
        """Put back (1+nq+nv,) [time, qpos, qvel] and observe; what else the next step depends on is as nothing had happened.

        What follows is then like what was recorded, not the same to the bit. Raises UserError for another env's state.
        """
        if not self.can_restore or np.shape(state) != np.shape(self.flat_state()):
            expected = f"({len(self.flat_state())},)" if self.can_restore else "none: it has no states to put back"
            raise UserError(f"[time, qpos, qvel] has shape {np.shape(state)}, this env needs {expected}; use the env it was recorded in")
        whole = self.sim_state()
        whole[: len(state)] = state  # mjSTATE_INTEGRATION begins with these
        return self.restore(self.at_ease(whole))

    def at_ease(self, state: Vector) -> Vector:
        """A state from `sim_state` with its controls such that nothing begins to move by them."""
        return state

    def begin_again(self, seed: int, state: Vector) -> None:
        """Stand at the start of an episode, recorded from `reset(seed=seed)`, whose first state is `state`."""
        self.set_scene(seed)
        self.restore(state)

    @abstractmethod
    def set_scene(self, seed: int) -> None:
        """Whatever `reset(seed=seed)` changes of the model and no state holds, such as colours."""

    @property
    @abstractmethod
    def xml(self) -> str:
        """The model, for the record; "" where there is none."""

    # -- looking ---------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def camera_names(self) -> list[str]:
        """All that can be looked through; at least one."""

    @abstractmethod
    def heading_deg(self, camera: str, orbit: "Orbit | None" = None) -> float:
        """Where "away from the viewer" points, in degrees in [0, 360) from the x axis."""

    def can_orbit(self, camera: str) -> bool:
        """Whether an orbit turns this camera."""
        return False

    def own_picture(self) -> Image | None:
        """What it draws of itself (H, W, 3), where no state can be stood in and drawn elsewhere; else None."""
        return None

    @abstractmethod
    def draw(
        self,
        camera: str,
        width: int,
        height: int,
        look: Look = FAST,
        orbit: "Orbit | None" = None,
        ghosts: Sequence[GhostGeom] = (),
    ) -> Image:
        """A picture (height, width, 3) uint8 of the named camera, turned by `orbit`, with `ghosts` in the scene."""

    def edges(self) -> tuple[str, ...]:
        """The sides of the workspace at which it is stopped, such as "x+"."""
        return ()
