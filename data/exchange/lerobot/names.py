"""Names: which of our arrays LeRobot keeps as which feature, and how a feature's names say it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.episode import Array, Episode
from data.schema import ACTION_NAMES

VERSION = "v3.0"
ACTION, STATE, ENVIRONMENT, IMAGES = "action", "observation.state", "observation.environment_state", "observation.images."
REWARD, DONE, SUCCESS, INTERVENTION = "next.reward", "next.done", "next.success", "intervention"
OBSERVATION, IMAGE = "observation.", "observation.image"
ROBOT_PREFIX, PICTURE_SUFFIX = "robot", "_image"
ARM_KEY = "robot0_eef_pos"  # only an arm of ours says where its hand is
ARMS = {"Panda": "panda", "UR5e": "ur5e"}  # how the names of our environments begin
MARKS = {REWARD: "float32", DONE: "bool", SUCCESS: "bool", INTERVENTION: "bool"}
COUNTERS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64"}
PART = re.compile(r"(.+)\.([0-9]+)")


@dataclass(frozen=True)
class Layout:
    """What LeRobot's columns hold of every episode: widths of our keys in `state` and `environment`, (H, W) of `cameras`."""

    width: int
    names: tuple[str, ...]
    state: Mapping[str, int]
    environment: Mapping[str, int]
    cameras: Mapping[str, tuple[int, int]]

    @property
    def vectors(self) -> dict[str, Mapping[str, int]]:
        """Our keys by feature; only features that have any."""
        return {feature: keys for feature, keys in ((STATE, self.state), (ENVIRONMENT, self.environment)) if keys}

    @property
    def pictures(self) -> dict[str, str]:
        """Our key of each camera's feature."""
        return {feature_of(key, self.cameras): key for key in self.cameras}

    def holds(self, name: str) -> bool:
        """Whether LeRobot's columns give this dataset of an episode file back to the bit (pictures only where they are PNGs)."""
        held = {"actions", "rewards", "dones", "interventions"}
        return name in held or name.removeprefix("obs/") in {*self.state, *self.environment, *self.cameras}


def layout_of(episode: Episode) -> Layout:
    """The layout that an episode asks for. Only vectors of float32, and pictures, are LeRobot's; anything else lies aside."""
    vectors = {k: v.shape[1] for k, v in episode.obs.items() if v.ndim == 2 and v.dtype == np.float32 and v.shape[1]}
    robot = {key: width for key, width in vectors.items() if key.startswith(ROBOT_PREFIX)}
    width = int(episode.steps["actions"].shape[1])
    is_arm = width == len(ACTION_NAMES) and ARM_KEY in vectors
    return Layout(
        width=width,
        names=ACTION_NAMES if is_arm else tuple(f"action_{i}" for i in range(width)),
        state=robot or vectors,
        environment={key: size for key, size in vectors.items() if key not in robot} if robot else {},
        cameras={key: (int(v.shape[1]), int(v.shape[2])) for key, v in episode.obs.items() if is_picture(v)},
    )


def is_picture(column: Array) -> bool:
    """(T, H, W, 3) uint8."""
    return column.ndim == 4 and column.dtype == np.uint8 and column.shape[3] == 3 and column.size > 0


def feature_of(key: str, among: Iterable[str]) -> str:
    """LeRobot's name for a camera of ours: without `_image`, unless another one's name is that."""
    camera = key.removesuffix(PICTURE_SUFFIX)
    if key == PICTURE_SUFFIX[1:]:
        return IMAGE
    return IMAGES + (key if camera != key and camera in among else camera)


def features_of(layout: Layout, films: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """`features` of info.json; `films` is what is said of each camera's film, None where pictures are kept as PNGs."""
    features: dict[str, dict[str, Any]] = {ACTION: _feature("float32", [layout.width], list(layout.names))}
    for name, keys in layout.vectors.items():
        parts = [f"{key}.{i}" for key, width in keys.items() for i in range(width)]
        features[name] = _feature("float32", [len(parts)], parts)
    for name, key in layout.pictures.items():
        picture = _feature("image" if films is None else "video", [*layout.cameras[key], 3], ["height", "width", "channels"])
        features[name] = picture if films is None else {**picture, "info": films[name]}
    features |= {name: _feature(dtype, [1], None) for name, dtype in {**MARKS, **COUNTERS}.items()}
    return features


def _feature(dtype: str, shape: list[int], names: list[str] | None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "names": names}


def keys_in(names: Sequence[str]) -> dict[str, int]:
    """The widths of the keys that names such as hand.0, hand.1, object.0 are of, in order; empty where they are not all such."""
    widths: dict[str, int] = {}
    for name in names:
        match = PART.fullmatch(name)
        key, number = (match[1], int(match[2])) if match else ("", -1)
        if number != widths.get(key, 0) or (number and next(reversed(widths)) != key):
            return {}
        widths[key] = number + 1
    return widths


def key_of(feature: str) -> str:
    """Our key for an observation of somebody's: its last name, with `_image` behind a camera's."""
    if feature.startswith(IMAGES):
        camera = feature.removeprefix(IMAGES)
        return _plain(camera if camera.endswith(PICTURE_SUFFIX) else camera + PICTURE_SUFFIX)
    return _plain(feature.removeprefix(OBSERVATION))


def _plain(name: str) -> str:
    return re.sub(r"[./\s]+", "_", name)


def robot_of(env_id: str, env_kwargs: Mapping[str, Any]) -> str | None:
    """`robot_type`: the arm that was asked for, else that of the environment's name."""
    if asked := str(env_kwargs.get("robot") or ""):
        return re.split(r"[/\\]", asked)[-1].rsplit(".", 1)[0]
    bare = env_id.rpartition(":")[2]
    return next((robot for arm, robot in ARMS.items() if bare.startswith(arm)), None)
