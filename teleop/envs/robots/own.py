"""A robot of one's own: an MJCF file, or a robot.toml that says what cannot be found out.

    model = "arm.xml"                    # MJCF, relative to this file; the only line that must be there
    gripper_model = "robotiq_2f85"       # attach this one, or an MJCF whose names then begin with "gripper_"
    attachment_site = "attachment_site"  # where
    tcp_site = "tcp"                     # or tcp_body = "hand" with tcp_pos_m = [0, 0, 0.1], tcp_quat_wxyz = [1, 0, 0, 0]
    home_qpos_rad = [0, 0.16, 0, -2.35, 0, 2.51, 0.785]
    base_pos_m = [0, 0, 0.1]             # where the model's origin stands; the table's top is z = 0, the robot looks along x
    base_yaw_deg = 90
    arm_joints = ["joint1", "joint2"]    # from the base on
    arm_actuators = ["act1", "act2"]     # position servos, in the same order
    gripper_actuator = "gripper"
    gripper_open_ctrl = 0.04
    gripper_closed_ctrl = 0.0
    finger_joints = ["left", "right"]    # what `robot0_gripper_qpos` shows
    fingertip_bodies = ["left_tip", "right_tip"]

The tool centre point's z axis points away from the hand, its y axis along the opening of the fingers.
"""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco

from data.errors import UserError, one_of
from teleop.envs.robots.builtin import GRIPPERS
from teleop.envs.robots.derive import Request, derive_robot
from teleop.envs.robots.robot import ModelFile, Robot

NUMBER, TEXT = "a number", "a text in quotes"


@dataclass(frozen=True)
class Kind:
    """What a key's value has to be: `of` this, or a list of `length` of them (0: any length)."""

    of: str
    length: int | None = None

    def __str__(self) -> str:
        if self.length is None:
            return self.of
        return f"a list of {self.length or 'some'}, each {self.of}"

    def accepts(self, value: object) -> bool:
        if self.length is not None:
            if not isinstance(value, list) or not value or len(value) != (self.length or len(value)):
                return False
            return all(Kind(self.of).accepts(each) for each in value)
        if self.of == TEXT:
            return isinstance(value, str)
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


KEYS = {
    "model": Kind(TEXT), "gripper_model": Kind(TEXT), "attachment_site": Kind(TEXT),
    "tcp_site": Kind(TEXT), "tcp_body": Kind(TEXT), "tcp_pos_m": Kind(NUMBER, 3), "tcp_quat_wxyz": Kind(NUMBER, 4),
    "home_qpos_rad": Kind(NUMBER, 0), "base_pos_m": Kind(NUMBER, 3), "base_yaw_deg": Kind(NUMBER),
    "arm_joints": Kind(TEXT, 0), "arm_actuators": Kind(TEXT, 0),
    "gripper_actuator": Kind(TEXT), "gripper_open_ctrl": Kind(NUMBER), "gripper_closed_ctrl": Kind(NUMBER),
    "finger_joints": Kind(TEXT, 0), "fingertip_bodies": Kind(TEXT, 2),
}  # fmt: skip


def find_own(path: Path) -> Robot:
    """The robot of an MJCF (.xml) or a robot.toml; a UserError says what is missing."""
    if not path.is_file():
        raise UserError(f"there is no file {path}; give the path of an MJCF file (.xml) or of a robot.toml")
    if path.suffix == ".toml":
        return derive_robot(_request(path))
    return derive_robot(Request(name=path.stem, model=ModelFile(str(path)), tcp_site=_tcp_site(path)))


def _tcp_site(path: Path) -> str:
    """A bare MJCF has to say where its tool centre point is, unless it is an arm that a gripper can be attached to."""
    try:
        sites = [site.name for site in mujoco.MjSpec.from_file(str(path)).sites]
    except (ValueError, RuntimeError, mujoco.FatalError) as error:
        raise UserError(f"{path} is no MJCF file that MuJoCo can read: {' '.join(str(error).split())}") from error
    if "tcp" in sites:
        return "tcp"
    if "attachment_site" in sites:
        return ""
    raise UserError(
        f"{path} has no site 'tcp' between its fingertips, and no 'attachment_site' for a gripper; its sites: {one_of(sites)}; "
        "add one, or describe the robot in a robot.toml"
    )


def _request(path: Path) -> Request:
    try:
        said: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML file: {error}") from error
    for key, value in said.items():
        if key not in KEYS:
            raise UserError(f"{path} has a key {key!r}; allowed: {one_of(KEYS)}")
        if not KEYS[key].accepts(value):
            raise UserError(f"{path}: {key} is {value!r}; it must be {KEYS[key]}")
    if "model" not in said:
        raise UserError(f'{path} does not say which model; add model = "arm.xml"')
    if "tcp_pos_m" in said and "tcp_body" not in said:
        raise UserError(f"{path} gives tcp_pos_m without tcp_body, the body it is measured in")
    data: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    if "base_yaw_deg" in data:
        data["base_yaw_rad"] = math.radians(data.pop("base_yaw_deg"))
    data["model"] = ModelFile(str(path.parent / said["model"]))
    gripper = data.pop("gripper_model", "")
    if gripper in GRIPPERS:
        data["gripper"] = GRIPPERS[gripper]
    elif gripper:
        data["gripper_model"] = ModelFile(str(path.parent / gripper))
    return Request(name=path.stem if path.stem != "robot" else Path(said["model"]).stem, **data)
