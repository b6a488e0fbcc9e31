"""A robot's model: read from its files, the gripper attached, made ready for the table."""

from pathlib import Path

import mujoco
import numpy as np

from data.errors import UserError, one_of
from teleop.envs.render import COLLISION_GROUP, UNDRAWN_GROUP, VISUAL_GROUP
from teleop.envs.robots.robot import GRIPPER_PREFIX, ModelFile, Robot, find_file

HULL_RGBA = (0.88, 0.89, 0.91, 1.0)
HARD_SOLREF, HARD_SOLIMP, RUBBER_FRICTION = (0.005, 1.0), (0.95, 0.99, 0.001), (1.0, 0.01, 0.001)
ALL_AROUND_RAD = (-2 * np.pi, 2 * np.pi)


def open_spec(model: ModelFile, gripper: ModelFile | None = None, attachment_site: str = "attachment_site") -> mujoco.MjSpec:
    """The arm's spec with the gripper attached at the site, its names prefixed `gripper_`; without lights and keyframes."""
    spec = _read(find_file(model))
    if gripper is None:
        return spec
    sites = {site.name: site for site in spec.sites}
    if attachment_site not in sites:
        raise UserError(f"{model.path} has no site {attachment_site!r} to attach a gripper to; its sites: {one_of(sites)}")
    hand = _read(find_file(gripper))
    share_options(spec, hand)
    spec.attach(hand, site=sites[attachment_site], prefix=GRIPPER_PREFIX)
    return spec


def share_options(parent: mujoco.MjSpec, child: mujoco.MjSpec) -> None:
    """The parent's solver settings hold for both; MuJoCo would warn that a child to be attached had others."""
    for name in dir(parent.option):
        if not name.startswith("_"):
            setattr(child.option, name, getattr(parent.option, name))


def compile_spec(spec: mujoco.MjSpec, path: str) -> mujoco.MjModel:
    try:
        return spec.compile()
    except (ValueError, RuntimeError, mujoco.FatalError) as error:
        raise UserError(f"{path} cannot be used: {_one_line(error)}") from error


def load_robot_spec(robot: Robot) -> mujoco.MjSpec:
    """The robot as an editable spec: gravity compensated as on the real arm, a `tcp` site, a firm gripper."""
    spec = open_spec(robot.model, robot.gripper_model, robot.attachment_site)
    for body in spec.bodies[1:]:
        body.gravcomp = 1.0
    for joint in spec.joints:
        if joint.name in robot.arm_joints and (joint.range[0] == joint.range[1] or joint.limited == mujoco.mjtLimited.mjLIMITED_FALSE):
            joint.limited, joint.range = mujoco.mjtLimited.mjLIMITED_TRUE, ALL_AROUND_RAD
    if robot.drawn_as_boxes:
        _draw_as_boxes(spec)
    _paint(spec)
    _add_tcp(spec, robot)
    if robot.hard_fingertips:
        for geom in (geom for body in robot.fingertip_bodies for geom in spec.body(body).geoms):
            geom.solref[:], geom.solimp[:3], geom.condim, geom.friction = HARD_SOLREF, HARD_SOLIMP, 4, RUBBER_FRICTION
    _set_strength(spec.actuator(robot.gripper_actuator), robot)
    return spec


def _read(path: Path) -> mujoco.MjSpec:
    try:
        spec = mujoco.MjSpec.from_file(str(path))
    except (ValueError, RuntimeError, mujoco.FatalError) as error:
        raise UserError(f"{path} is no MJCF file that MuJoCo can read: {_one_line(error)}") from error
    for extra in (*spec.lights, *spec.keys):
        if hasattr(spec, "delete"):
            spec.delete(extra)
        else:  # MuJoCo 3.3
            extra.delete()
    return spec


def _set_strength(gripper: mujoco.MjsActuator, robot: Robot) -> None:
    if robot.gripper_stiffness:
        ratio = robot.gripper_stiffness / -gripper.biasprm[1]
        gripper.gainprm[0] *= ratio
        gripper.biasprm[1] *= ratio
        gripper.biasprm[2] *= ratio**0.5
    if robot.gripper_force_limit:
        gripper.forcelimited, gripper.forcerange = mujoco.mjtLimited.mjLIMITED_TRUE, [-robot.gripper_force_limit, robot.gripper_force_limit]


def _paint(spec: mujoco.MjSpec) -> None:
    """The collision hulls are drawn in place of the visual meshes when time is short; a model without hulls is always drawn."""
    has_hulls = any(geom.group == COLLISION_GROUP for geom in spec.geoms)
    for geom in spec.geoms:
        if geom.group == COLLISION_GROUP:
            geom.rgba = HULL_RGBA
        elif geom.group == VISUAL_GROUP and not has_hulls:
            geom.group = 0


def _draw_as_boxes(spec: mujoco.MjSpec) -> None:
    """Boxes around the gripper's collision meshes are drawn in their place: 60,000 triangles a picture less."""
    for body in spec.bodies:
        meshes = [g for g in body.geoms if g.group == COLLISION_GROUP and g.type == mujoco.mjtGeom.mjGEOM_MESH]
        for geom in meshes if body.name.startswith(GRIPPER_PREFIX) else ():
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX, meshname=geom.meshname, pos=geom.pos, quat=geom.quat, mass=0.0,
                contype=0, conaffinity=0, group=COLLISION_GROUP,
            )  # fmt: skip
            geom.group = UNDRAWN_GROUP


def _add_tcp(spec: mujoco.MjSpec, robot: Robot) -> None:
    """The user's own site of that name, or a new one."""
    quat = {} if robot.tcp_quat_in_hand_wxyz == (1.0, 0.0, 0.0, 0.0) else {"quat": robot.tcp_quat_in_hand_wxyz}
    for site in spec.sites:
        if site.name == "tcp":
            site.name = "own_tcp"
    spec.body(robot.hand_body).add_site(name="tcp", pos=robot.tcp_pos_in_hand_m, size=[0.005] * 3, rgba=[0, 0, 0, 0], **quat)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
