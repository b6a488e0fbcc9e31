"""Adapter: any Gymnasium environment with actions in [-1, 1], observations in a dict, and a plant for the loop."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError, one_of
from teleop.envs.eyes import Eyes, View, parse_view
from teleop.envs.guest.remote import RemoteSimulator
from teleop.envs.guest.simulator import Simulator
from teleop.envs.guest.spaces import GuestError
from teleop.envs.plant import Obs, Plant, Vector
from teleop.envs.render import FAST, FREE, PRETTY, GhostGeom, Image, Look, can_orbit
from teleop.stick_map import Wanted

if TYPE_CHECKING:
    from teleop.screen import Orbit

OWN_PICTURE = "its own"


class Guest(gymnasium.Env[Obs, NDArray[np.float32]], Plant):
    """A Gymnasium environment that knows nothing of us.

    Action (A,) in [-1, 1]: a Box's bounds are ±1; a discrete action is one number per choice, of which the largest is
    taken. Observation: the parts of a Dict under their names, else `state`; vectors float32, pictures uint8, and what
    `cameras` see where there is MuJoCo underneath. `info["success"]`: what the environment says (`success`,
    `is_success`), else whether the return has reached its registered reward threshold when the episode ends.

    `python`: run it in the environment of that interpreter. `hz`: steps a second, for the clock; its own rate when None.
    Everything else goes to `gymnasium.make`.
    """

    def __init__(
        self,
        env_id: str,
        cameras: Sequence[str] = (),
        image_size: int = 84,
        python: str = "",
        hz: float | None = None,
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.task, self.render_mode = env_id, render_mode
        self._simulator = _open(python, env_id, kwargs)
        self.facts = self._simulator.facts()
        self.can_restore = bool(self.facts["exact"])
        self.longest_steps = self.facts["max_steps"] or None
        self.control_hz = float(hz or self.facts["hz"])
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(self.control_hz)}
        self.keeps_trail, self.trail = False, []
        self._eyes: Eyes | None = None
        self._views = self._make_views(tuple(cameras), image_size)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (int(self.facts["width"]),), np.float32)
        self.latest: Obs = {}
        """what the last reset, step or restore has observed; for a device that sees what a policy would"""
        self.observation_space = self._observation_space(self._simulator.reset(0))

    def _observation_space(self, example: Mapping[str, NDArray[Any]]) -> Any:
        boxes = {
            key: gymnasium.spaces.Box(0, 255, a.shape, np.uint8) if a.dtype == np.uint8 else gymnasium.spaces.Box(-np.inf, np.inf, a.shape)
            for key, a in example.items()
        }
        return gymnasium.spaces.Dict({**boxes, **{k: s for view in self._views for k, s in view.spaces().items()}})

    # -- Gymnasium -------------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict[str, Any]]:
        super().reset(seed=seed)
        obs = self._simulator.reset(seed)
        self._simulator.keep()
        return self._with_views(obs), {"success": self.is_success()}

    def step(self, action: NDArray[np.float32]) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        if not np.all(np.isfinite(action)):
            raise ValueError(f"action {action} is not finite; actions are {self.facts['width']} numbers in [-1, 1]")
        obs, reward, terminated, truncated, success = self._simulator.step(np.asarray(action, np.float32))
        self._simulator.keep()
        return self._with_views(obs), reward, terminated, truncated, {"success": success}

    def render(self) -> Image | None:
        return self.draw(self.camera_names[0], 640, 480, PRETTY) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        if self._eyes is not None:
            self._eyes.close()
        self._simulator.close()

    # -- Plant -----------------------------------------------------------------------------------------------------

    def is_success(self) -> bool:
        return self._simulator.success

    def sim_state(self) -> Vector:
        return self._simulator.state()

    def flat_state(self) -> Vector:
        return self._simulator.flat_state()

    def restore(self, state: Vector) -> Obs:
        try:
            return self._with_views(self._simulator.restore(np.ascontiguousarray(state, np.float64)))
        except GuestError as error:
            raise UserError(str(error)) from error

    def stand_as(self, state: Vector) -> None:
        if self.can_restore:
            self._simulator.stand_as(np.ascontiguousarray(state, np.float64))

    def begin_again(self, seed: int, state: Vector) -> None:
        """Reset, for what Python keeps; where that does not lead to the recorded start (an env may ignore its seed), stand there."""
        self.reset(seed=seed)
        if self.can_restore and self.sim_state().tobytes() != state.tobytes():
            self.restore(state)

    def set_scene(self, seed: int) -> None:
        """Nothing: the moved parts of the model are in the state."""

    @property
    def xml(self) -> str:
        return self._simulator.xml()

    def wanted_map(self) -> Wanted:
        """What a stick map has to fit."""
        return Wanted(self.task, int(self.facts["width"]), tuple(self.facts["choices"]), tuple(self.facts["names"]))

    # -- looking ---------------------------------------------------------------------------------------------------

    @property
    def camera_names(self) -> list[str]:
        return list(self.facts["cameras"]) or [OWN_PICTURE]

    def heading_deg(self, camera: str, orbit: "Orbit | None" = None) -> float:
        return 0.0

    def can_orbit(self, camera: str) -> bool:
        if isinstance(self._simulator, Simulator) and self.can_restore and camera != FREE:
            return can_orbit(self._simulator.model, camera)
        return camera == FREE

    def draw(
        self,
        camera: str,
        width: int,
        height: int,
        look: Look = FAST,
        orbit: "Orbit | None" = None,
        ghosts: Sequence[GhostGeom] = (),
    ) -> Image:
        if camera not in self.camera_names:
            raise UserError(f"there is no camera {camera!r}; allowed: {one_of(self.camera_names)}")
        if not self.can_restore:
            return fitted(self._picture(), width, height)
        if isinstance(self._simulator, Simulator):
            return self._local_eyes(self._simulator).picture(self._simulator.data, camera, (width, height), look, orbit, ghosts)
        turned = None if orbit is None else [orbit.azimuth_deg, orbit.elevation_deg, orbit.zoom]
        return self._simulator.draw(camera, width, height, turned)

    def own_picture(self) -> Image | None:
        return None if self.can_restore else self._picture()

    def _picture(self) -> Image:
        import pygame

        from teleop.window import start_pygame

        try:
            if not isinstance(self._simulator, Simulator):
                return self._simulator.draw(OWN_PICTURE, 0, 0, None)
            if not pygame.display.get_init():  # who draws with pygame starts it, and would complain of a missing display
                start_pygame(display=False, joysticks=False)
            return self._simulator.picture()
        except GuestError as error:
            raise UserError(str(error)) from error

    def _local_eyes(self, simulator: Simulator) -> Eyes:
        if self._eyes is None:
            self._eyes = Eyes(simulator.model, free=simulator.free_camera())
        return self._eyes

    def _make_views(self, cameras: tuple[str, ...], image_size: int) -> tuple[View, ...]:
        views = tuple(parse_view(words, image_size) for words in cameras)
        for view in views:
            if not self.can_restore or view.name not in self.camera_names:
                raise UserError(f"there is no camera {view.name!r} in {self.task}; allowed: {one_of(self.facts['cameras']) or 'none'}")
            if view.kinds != ("rgb",):
                raise UserError(f"camera {view.name!r} of {self.task} gives pictures only; leave {', '.join(view.kinds)} out")
        return views

    def _with_views(self, obs: Obs) -> Obs:
        self.latest = obs | {f"{v.name}_image": self.draw(v.name, v.width, v.height) for v in self._views}
        return self.latest


def fitted(image: Image, width: int, height: int) -> Image:
    """A picture (H, W, 3) scaled to fit into (height, width, 3), on the grey of its corner."""
    import pygame

    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    drawn = pygame.transform.smoothscale(pygame.image.frombuffer(image.tobytes(), image.shape[1::-1], "RGB"), size)
    sheet = pygame.Surface((width, height), depth=24)
    sheet.fill(tuple(int(v) for v in image[0, 0]))
    sheet.blit(drawn, ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.ascontiguousarray(pygame.surfarray.array3d(sheet).swapaxes(0, 1))


def _open(python: str, env_id: str, kwargs: Mapping[str, Any]) -> "Simulator | RemoteSimulator":
    try:
        return RemoteSimulator(python, env_id, kwargs) if python else Simulator(env_id, kwargs)
    except GuestError as error:
        raise UserError(f"{env_id} cannot be made: {error}") from error
    except (gymnasium.error.Error, ModuleNotFoundError, TypeError):
        raise
    except Exception as error:
        words = f"{type(error).__name__}: {' '.join(str(error).split())}"
        hint = f"it may need another MuJoCo than {mujoco.__version__}: run it in a Python of its own with --env-python"
        raise UserError(f"{env_id} cannot be made here ({words}); {hint}") from error
