"""Simulator: one Gymnasium environment, driven by vectors, with exact states where there is MuJoCo underneath."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from .memory import put_back, remember
from .spaces import GuestError, action_range, action_width, choice_counts, first_choices, flat, to_action, to_obs

Vector = NDArray[np.float64]
Obs = dict[str, NDArray[Any]]
SUCCESS_WORDS = ("success", "is_success", "task_success")
MOVED = ("body_pos", "body_quat", "site_pos")  # of the model: part of the state, for some environments move them at a reset
FREE = "free"
DEFAULT_HZ = 20.0


class Simulator:
    """Owns a Gymnasium environment. `facts` say what it is; every other method takes and gives arrays and plain numbers."""

    def __init__(self, env_id: str, kwargs: Mapping[str, Any]) -> None:
        self.env = _make(env_id, kwargs)
        inner = self.env.unwrapped
        self.model: Any = getattr(inner, "model", None)
        self.data: Any = getattr(inner, "data", None)
        self.mujoco = _mujoco_of(self.model, self.data)
        self._memories: dict[bytes, Any] = {}
        self._fields: dict[str, Any] = {}
        self._seen: Vector = np.zeros(0)
        self._obs: Obs = {}
        self._return = 0.0
        self.success = False
        action_width(self.env.action_space)  # refuses what cannot be driven

    def facts(self) -> dict[str, Any]:
        """Plain values. `hz` steps a second; `cameras` to look through, empty where it can only draw itself."""
        spec = self.env.spec
        low, high = action_range(self.env.action_space)
        cameras = [self.model.camera(i).name or f"camera{i}" for i in range(self.model.ncam)] if self.mujoco else []
        return {
            "id": "" if spec is None else spec.id,
            "actions": str(self.env.action_space),
            "width": action_width(self.env.action_space),
            "low": low,
            "high": high,
            "names": self._actuators(),
            "choices": choice_counts(self.env.action_space),
            "first_choices": first_choices(self.env.action_space),
            "hz": float(self.env.metadata.get("render_fps") or DEFAULT_HZ),
            "max_steps": int((spec.max_episode_steps if spec is not None else 0) or 0),
            "threshold": None if spec is None or spec.reward_threshold is None else float(spec.reward_threshold),
            "exact": self.mujoco is not None,
            "cameras": [*cameras, FREE] if self.mujoco else [],
            "draws": "rgb_array" in (self.env.metadata.get("render_modes") or ()),
            "mujoco": self.mujoco.__version__ if self.mujoco else "",
        }

    def _actuators(self) -> list[str]:
        """What the action's numbers are called, where each is an actuator's."""
        if self.mujoco is None or self.model.nu != action_width(self.env.action_space):
            return []
        return [self.model.actuator(i).name or f"action {i}" for i in range(self.model.nu)]

    def xml(self) -> str:
        """The MJCF file the model was read from, "" where there is none."""
        path = Path(str(getattr(self.env.unwrapped, "fullpath", "")))
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    # -- Gymnasium -------------------------------------------------------------------------------------------------

    def reset(self, seed: int | None) -> Obs:
        obs, info = self.env.reset(seed=seed)
        self._memories.clear()
        self._return, self.success = 0.0, _success_in(info)
        return self._observed(obs)

    def step(self, vector: NDArray[np.float32]) -> tuple[Obs, float, bool, bool, bool]:
        """(observation, reward, terminated, truncated, success)."""
        obs, reward, terminated, truncated, info = self.env.step(to_action(vector, self.env.action_space))
        self._return += float(reward)
        self.success = _success_in(info) or ((terminated or truncated) and self._has_reached_threshold())
        return self._observed(obs), float(reward), bool(terminated), bool(truncated), self.success

    def _has_reached_threshold(self) -> bool:
        """Gymnasium's own mark of a solved environment, for those that do not say so themselves."""
        threshold = None if self.env.spec is None else self.env.spec.reward_threshold
        return threshold is not None and self._return >= threshold

    def close(self) -> None:
        self.env.close()

    # -- states ----------------------------------------------------------------------------------------------------

    def state(self) -> Vector:
        """mjSTATE_INTEGRATION, then the model's body_pos, body_quat and site_pos; without MuJoCo the flattened observation."""
        if self.mujoco is None:
            return self._seen
        spec = self.mujoco.mjtState.mjSTATE_INTEGRATION
        state = np.empty(self.mujoco.mj_stateSize(self.model, spec))
        self.mujoco.mj_getState(self.model, self.data, state, spec)
        return np.concatenate([state, *(getattr(self.model, name).ravel() for name in MOVED)])

    def flat_state(self) -> Vector:
        """robomimic's [time, qpos, qvel]; without MuJoCo the flattened observation."""
        return self._seen if self.mujoco is None else np.concatenate([[self.data.time], self.data.qpos, self.data.qvel])

    def keep(self) -> None:
        """Remember what no state holds, so that `restore` of the state as it is now puts everything back."""
        if self.mujoco is not None:
            saved, self._fields = remember(self.env, self.model, self._fields)
            self._memories[self.state().tobytes()] = (saved, self._fields, self._return, self.success, self._obs)

    def restore(self, state: Vector) -> Obs:
        """Stand as in `state`; where it was kept since the last reset, in everything else as well."""
        self.stand_as(state)
        memory = self._memories.get(state.tobytes())
        if memory is None:
            get_obs = getattr(self.env.unwrapped, "_get_obs", None) or getattr(self.env.unwrapped, "_obs", None)
            return self._observed(get_obs()) if callable(get_obs) else self._obs
        saved, fields, self._return, self.success, self._obs = memory
        put_back(saved, fields, self.model)
        return self._obs

    def stand_as(self, state: Vector) -> None:
        if self.mujoco is None:
            raise GuestError("there is no MuJoCo underneath: a state can be looked at but not put back")
        spec, at = self.mujoco.mjtState.mjSTATE_INTEGRATION, len(state)
        expected = len(self.state())
        if at != expected:
            name = self.facts()["id"]
            raise GuestError(f"this simulator state has {at} numbers, {name} needs {expected}; use the env it was recorded with")
        for name in reversed(MOVED):
            field = getattr(self.model, name)
            at -= field.size
            field[...] = state[at : at + field.size].reshape(field.shape)
        physics = np.ascontiguousarray(state[:at])
        self.mujoco.mj_setState(self.model, self.data, physics, spec)
        self.mujoco.mj_forward(self.model, self.data)
        self.mujoco.mj_setState(self.model, self.data, physics, spec)  # forward has renewed the solver's warm start

    # -- inside ----------------------------------------------------------------------------------------------------

    def _observed(self, obs: Any) -> Obs:
        if self.mujoco is None:
            self._seen = flat(obs, self.env.observation_space)
        self._obs = to_obs(obs, self.env.observation_space)
        return self._obs

    def picture(self) -> NDArray[np.uint8]:
        """What the environment draws of itself (H, W, 3)."""
        drawn = self.env.render()
        if not isinstance(drawn, np.ndarray) or drawn.ndim != 3:
            raise GuestError(f"{self.facts()['id']} draws no pictures; nothing can be shown of it")
        return np.ascontiguousarray(drawn[..., :3], np.uint8)

    def free_camera(self) -> dict[str, Any]:
        """Where the environment's own renderer looks from: azimuth, elevation, distance, lookat."""
        assert self.mujoco is not None
        camera = self.mujoco.MjvCamera()
        self.mujoco.mjv_defaultFreeCamera(self.model, camera)
        found = {"azimuth": camera.azimuth, "elevation": camera.elevation, "distance": camera.distance, "lookat": list(camera.lookat)}
        renderer = getattr(self.env.unwrapped, "mujoco_renderer", None)
        own = getattr(renderer, "default_cam_config", None) or {}
        found |= {key: value for key, value in own.items() if key in found}
        return {key: [float(v) for v in value] if key == "lookat" else float(value) for key, value in found.items()}


def _make(env_id: str, kwargs: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """gymnasium.make, which imports the module of `module:id`; it draws itself only where nothing else can look at it."""
    env = gymnasium.make(env_id, **kwargs)
    has_mujoco = _mujoco_of(getattr(env.unwrapped, "model", None), getattr(env.unwrapped, "data", None)) is not None
    if has_mujoco or "render_mode" in kwargs or "rgb_array" not in (env.metadata.get("render_modes") or ()):
        return env
    env.close()
    return gymnasium.make(env_id, render_mode="rgb_array", **kwargs)


def _mujoco_of(model: Any, data: Any) -> Any:
    """The mujoco module when these are its own; None for anything else."""
    if type(model).__module__.split(".")[0] != "mujoco" or type(data).__module__.split(".")[0] != "mujoco":
        return None
    import mujoco  # not every environment's Python has it

    return mujoco


def _success_in(info: Mapping[str, Any]) -> bool:
    for word in SUCCESS_WORDS:
        if word in info:
            return bool(np.all(info[word]))
    completion = info.get("completion")
    return isinstance(completion, int | float) and math.isclose(float(completion), 1.0)
