"""robomimic's own rollouts in the environments of our sessions: `python -m teleop.envs.robomimic train --config …`.

robomimic (0.3 to 0.5) makes the environment that a data set names. Ours say EnvType.GYM_TYPE, for which it has a wrapper of the
old `gym`; after `install` it takes `Wrapped` instead, which is any environment that `teleop record` drives.
"""

import importlib.util
import json
import runpy
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from data import __version__
from data.errors import UserError, one_of
from teleop.envs import make_plant
from teleop.envs.plant import Obs
from teleop.envs.render import PRETTY

SCRIPTS = ("train", "run_trained_agent", "playback_dataset", "dataset_states_to_obs")
GYM_TYPE = 2
Errors = tuple[type[Exception], ...]
STATE = "sim_state"  # beside robomimic's own `states`: exact


class Wrapped:
    """robomimic's `EnvBase`, for one of our environments or any Gymnasium one; see its docstrings for what is not said here.

    Observations have our keys, pictures (H, W, 3) uint8 unless robomimic asks for them processed. There is no time limit:
    robomimic's horizon ends a rollout. Seeds come from NumPy's global generator, which robomimic seeds.
    """

    def __init__(
        self,
        env_name: str,
        render: bool = False,
        render_offscreen: bool = False,
        use_image_obs: bool = False,
        postprocess_visual_obs: bool = False,
        use_depth_obs: bool = False,
        lang: str | None = None,
        **kwargs: Any,
    ) -> None:
        if render:
            raise UserError("robomimic's on-screen window is not for these environments; give a video path instead of --render")
        self._name, self._kwargs, self._process = env_name, deepcopy(kwargs), postprocess_visual_obs
        seen = kwargs if use_image_obs or use_depth_obs else {**kwargs, "cameras": ()} if "cameras" in kwargs else kwargs
        _, self.plant = make_plant(env_name, seen)
        self._obs: Obs = {}
        self._reward, self._done = 0.0, False

    # -- going through an episode ------------------------------------------------------------------------------------

    def step(self, action: NDArray[np.floating[Any]]) -> tuple[dict[str, Any], float, bool, dict[str, Any]]:
        self._obs, self._reward, terminated, truncated, info = self.plant.step(np.asarray(action, np.float32))
        self._done = terminated or truncated
        return self.get_observation(), self._reward, self._done, {**info, "is_success": self.is_success()}

    def reset(self, unset_ep_meta: bool = True) -> dict[str, Any]:
        self._obs, _ = self.plant.reset(seed=int(np.random.randint(2**31)))
        self._reward, self._done = 0.0, False
        return self.get_observation()

    def reset_to(self, state: Mapping[str, Any]) -> dict[str, Any] | None:
        """Exactly where `get_state` was asked; of a data set's `states`, which are [time, qpos, qvel], as near as these go."""
        if STATE not in state and "states" not in state:
            return None
        exact = STATE in state
        self._obs = self.plant.restore(state[STATE]) if exact else self.plant.restore_flat(np.asarray(state["states"], np.float64))
        self._reward, self._done = float(self.plant.is_success()), False
        return self.get_observation()

    def get_observation(self, obs: Obs | None = None) -> dict[str, Any]:
        found = {key: np.array(value) for key, value in (self._obs if obs is None else obs).items()}
        return _processed(found) if self._process else found

    def get_state(self) -> dict[str, Any]:
        return {"model": self.plant.xml, "states": self.plant.flat_state(), STATE: self.plant.sim_state()}

    def get_reward(self) -> float:
        return self._reward

    def get_goal(self) -> dict[str, Any]:
        raise NotImplementedError("these environments have no goal observations")

    def set_goal(self, **kwargs: Any) -> None:
        raise NotImplementedError("these environments have no goal observations")

    def is_done(self) -> bool:
        return self._done

    def is_success(self) -> dict[str, bool]:
        return {"task": bool(self.plant.is_success())}

    def render(self, mode: str = "human", height: int | None = None, width: int | None = None, camera_name: str | None = None) -> Any:
        """A picture (height, width, 3) uint8 of the named camera, else of the first."""
        if mode != "rgb_array":
            raise NotImplementedError(f"mode {mode}: these environments are drawn as rgb_array only")
        return self.plant.draw(camera_name or self.plant.camera_names[0], width or 640, height or 480, PRETTY)

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def action_dimension(self) -> int:
        return int(self.plant.action_space.shape[0])  # type: ignore[attr-defined]

    @property
    def name(self) -> str:
        return self._name

    @property
    def type(self) -> int:
        return GYM_TYPE

    @property
    def version(self) -> str:
        return __version__

    @property
    def rollout_exceptions(self) -> Errors:
        return (mujoco.FatalError,)

    @property
    def base_env(self) -> Any:
        return self.plant

    def serialize(self) -> dict[str, Any]:
        return {"env_name": self._name, "type": GYM_TYPE, "env_kwargs": deepcopy(self._kwargs), "env_version": self.version}

    @classmethod
    def create_for_data_processing(
        cls, env_name: str, camera_names: Sequence[str], camera_height: int, camera_width: int, reward_shaping: bool, **kwargs: Any
    ) -> "Wrapped":
        """For `dataset_states_to_obs`: pictures as they are stored; dense rewards where the task has them and they are asked for."""
        from robomimic.utils.obs_utils import initialize_obs_utils_with_obs_specs

        for word in ("render", "render_offscreen", "use_image_obs", "use_depth_obs", "postprocess_visual_obs"):
            kwargs.pop(word, None)
        cameras = [f"{name}:{camera_width}x{camera_height}" for name in camera_names]
        initialize_obs_utils_with_obs_specs({"obs": {"low_dim": [], "rgb": [f"{name}_image" for name in camera_names]}})
        wished = {**kwargs, "cameras": cameras, **({"reward": "dense"} if reward_shaping else {})}
        return cls(env_name=env_name, use_image_obs=bool(camera_names), **wished)

    def __repr__(self) -> str:
        return f"{self._name}\n{json.dumps(self._kwargs, sort_keys=True, indent=4)}"


def install() -> None:
    """From now on robomimic makes `Wrapped` for data sets of EnvType.GYM_TYPE; raises UserError where there is no robomimic."""
    try:
        import robomimic.utils.env_utils as env_utils
        from robomimic.envs.env_base import EnvBase
    except ModuleNotFoundError as error:
        raise UserError(f"there is no robomimic in this Python ({error}); install it there: pip install robomimic") from error
    EnvBase.register(Wrapped)
    own = env_utils.get_env_class

    def get_env_class(env_meta: Any = None, env_type: Any = None, env: Any = None) -> Any:
        kind = env_utils.get_env_type(env_meta=env_meta, env_type=env_type, env=env)
        return Wrapped if kind == GYM_TYPE else own(env_type=kind)

    env_utils.get_env_class = get_env_class


def run_script(name: str, words: Sequence[str]) -> None:
    """One of robomimic's own scripts, by the name of its file, with our environments installed."""
    if name not in SCRIPTS:
        raise UserError(f"{name!r} is no script of robomimic's that is run here; allowed: {one_of(SCRIPTS)}")
    install()
    found = importlib.util.find_spec(f"robomimic.scripts.{name}")
    if found is None or found.origin is None:
        raise UserError(f"this robomimic has no script {name}; install robomimic 0.3 or later")
    sys.argv = [found.origin, *words]
    runpy.run_path(found.origin, run_name="__main__")


def _processed(obs: dict[str, Any]) -> dict[str, Any]:
    """Pictures as robomimic's networks take them; 0.3 asks the environment to do it."""
    import robomimic.utils.obs_utils as obs_utils

    known = obs_utils.OBS_KEYS_TO_MODALITIES or {}
    rgb = {key for key in obs if key in known and obs_utils.key_is_obs_modality(key=key, obs_modality="rgb")}
    return {key: obs_utils.process_obs(obs=value, obs_key=key) if key in rgb else value for key, value in obs.items()}


if __name__ == "__main__":
    try:
        run_script(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:])
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(2)
