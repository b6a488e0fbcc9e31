"""Props: what the tasks have in common: cubes to be grasped, where things are put, whether the hand has let go."""

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Vector

RED, GREEN, BLUE = (0.82, 0.18, 0.16), (0.15, 0.62, 0.32), (0.20, 0.42, 0.75)
GOAL = (0.15, 0.75, 0.35)
YAW_RAD = np.pi / 6  # at 45° it would be a toss-up which way to turn the gripper
Shade = tuple[float, float, float]


def add_cube(world: mujoco.MjsBody, name: str, half_m: float, shade: Shade) -> None:
    """A cube that can be grasped and pushed."""
    cube = world.add_body(name=name)
    cube.add_freejoint(name=name)
    cube.add_geom(
        name=name, type=mujoco.mjtGeom.mjGEOM_BOX, size=[half_m] * 3, rgba=[*shade, 1.0], mass=0.08,
        friction=[1.0, 0.01, 0.001], condim=4,
    )  # fmt: skip


def put_down(env: ArmEnv, name: str, xy_m: Vector, z_m: float, yaw_rad: float) -> None:
    """Set a free body's pose; before the reset's forward pass."""
    joint = env.model.joint(name).qposadr[0]
    env.data.qpos[joint : joint + 7] = [*xy_m, z_m, np.cos(yaw_rad / 2), 0.0, 0.0, np.sin(yaw_rad / 2)]


def draw_apart(env: ArmEnv, low_m: Vector, high_m: Vector, others_m: list[Vector], apart_m: float) -> Vector:
    """(2,) a place in the rectangle that is so far from the others."""
    while True:
        xy: Vector = env.np_random.uniform(low_m, high_m)
        if all(np.linalg.norm(xy - other) > apart_m for other in others_m):
            return xy


def is_let_go(env: ArmEnv, at_m: Vector, width_m: float) -> bool:
    """Whether the hand is away from a thing of this width at this point (3,), or opened around it."""
    opened = env.grip_command < 0 and env.gripper_width_m > width_m + 0.006
    return bool(opened or np.linalg.norm(at_m - env.tcp_pos_m) > 0.05)


def closeness(distance_m: float) -> float:
    """1 there, falling to 0 over some decimetres."""
    return float(1.0 - np.tanh(5.0 * max(0.0, distance_m)))
