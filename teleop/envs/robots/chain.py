"""A robot's chain: which joints lead to the hand, and which actuators hold them. Found in a compiled model."""

import mujoco
import numpy as np

from data.errors import UserError, one_of

LEAST_JOINTS = 6


def path_to(model: mujoco.MjModel, body: int) -> list[int]:
    """The bodies from the world's first child down to `body`."""
    path = []
    while body > 0:
        path.append(body)
        body = int(model.body_parentid[body])
    return path[::-1]


def joints_of(model: mujoco.MjModel, bodies: list[int]) -> list[int]:
    """Their joints, in order."""
    return [int(j) for b in bodies for j in range(model.body_jntadr[b], model.body_jntadr[b] + model.body_jntnum[b])]


def below(model: mujoco.MjModel, body: int) -> list[int]:
    """`body` and all that hangs on it."""
    found = {body}
    for b in range(body + 1, model.nbody):  # children come after their parents
        if int(model.body_parentid[b]) in found:
            found.add(b)
    return sorted(found)


def find_fork(model: mujoco.MjModel) -> int | None:
    """The body at which the one moving chain from the base ends and several begin: the hand. None when it never divides."""
    body = 0
    while True:
        moving = [b for b in range(1, model.nbody) if model.body_parentid[b] == body and joints_of(model, below(model, b))]
        if len(moving) != 1:
            return body if moving else None
        (body,) = moving


def find_arm_joints(model: mujoco.MjModel, hand: int, name: str) -> tuple[str, ...]:
    """The names of the hinges on the way to the hand; at least six, or the hand cannot be held in every direction."""
    joints = joints_of(model, path_to(model, hand))
    if any(model.jnt_type[j] != mujoco.mjtJoint.mjJNT_HINGE for j in joints):
        raise UserError(f"{name} has a joint before its hand that is no hinge; only arms of hinges on a fixed base can be driven")
    if not joints:
        raise UserError(f"{name} divides at its base, like two arms or several fingers; one arm on a fixed base can be driven")
    if len(joints) < LEAST_JOINTS:
        raise UserError(f"{name} has {len(joints)} joints before its hand; {LEAST_JOINTS} are needed to bring a gripper into every pose")
    names = tuple(model.joint(j).name for j in joints)
    if not all(names):
        raise UserError(f"{name} has joints without a name; name them in its MJCF")
    return names


def find_servos(model: mujoco.MjModel, joints: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The position actuator of each joint; a UserError names a joint that has none."""
    servos = []
    for joint in joints:
        servo = next((a for a in range(model.nu) if _is_servo(model, a, int(model.joint(joint).id))), None)
        if servo is None:
            raise UserError(f"{name}: joint {joint!r} has no position actuator; give it one (<position joint={joint!r} kp=.../>)")
        servos.append(model.actuator(servo).name)
    if not all(servos):
        raise UserError(f"{name} has actuators without a name; name them in its MJCF")
    return tuple(servos)


def _is_servo(model: mujoco.MjModel, actuator: int, joint: int) -> bool:
    """Whether it drives this joint to the angle it is given: force = k (ctrl − q) − …"""
    gain, bias = model.actuator_gainprm[actuator], model.actuator_biasprm[actuator]
    return bool(
        model.actuator_trntype[actuator] == mujoco.mjtTrn.mjTRN_JOINT
        and model.actuator_trnid[actuator, 0] == joint
        and model.actuator_biastype[actuator] == mujoco.mjtBias.mjBIAS_AFFINE
        and model.actuator_gear[actuator, 0] == 1.0
        and gain[0] > 0
        and np.isclose(gain[0], -bias[1])
    )


def find_gripper_actuator(model: mujoco.MjModel, servos: tuple[str, ...], name: str) -> str:
    """The one actuator that drives none of the arm's joints."""
    others = [model.actuator(a).name for a in range(model.nu) if model.actuator(a).name not in servos]
    if len(others) != 1 or not others[0]:
        raise UserError(
            f"{name} has {len(others)} actuators besides the arm's ({one_of(others)}); a gripper is driven by one: "
            "say which in a robot.toml (gripper_actuator)"
        )
    return str(others[0])
