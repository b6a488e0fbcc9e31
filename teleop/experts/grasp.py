"""Grasping from above, the same for every task: over the thing, down a funnel, close."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.experts.aim import Aim, Vector

ABOVE_M = 0.08
BETWEEN_M = (0.018, 0.016)  # beside and above or below
ASKEW = 1.25  # a square held askew is wider
SLACK_M = 0.005
ACROSS_RAD = 0.5  # held by its corners: it would slip


def is_between_fingers(env: ArmEnv, at_m: Vector) -> bool:
    """Whether a point (3,) is between the fingertips."""
    apart = at_m - env.tcp_pos_m
    return bool(np.linalg.norm(apart[:2]) < BETWEEN_M[0] and abs(apart[2]) < BETWEEN_M[1])


def is_gripped(env: ArmEnv, at_m: Vector, width_m: float) -> bool:
    """Whether the fingers hold a thing of this width at this point (3,): a function of the state alone."""
    closes = env.grip_command > 0 and width_m - SLACK_M < env.gripper_width_m < width_m * ASKEW
    return closes and is_between_fingers(env, at_m)


def grasp(env: ArmEnv, at_m: Vector, yaw_rad: float, above_m: float = ABOVE_M) -> Aim:
    """The next aim on the way to holding what is at `at_m` (3,), with `yaw_rad` left to turn; comes from `above_m` over it."""
    apart = at_m - env.tcp_pos_m
    beside = float(np.linalg.norm(apart[:2]))
    if is_between_fingers(env, at_m) and env.grip_command > 0 and abs(yaw_rad) > ACROSS_RAD:
        return Aim(np.add(env.tcp_pos_m, [0.0, 0.0, above_m]), 0.0, -1.0, "let go of the corners")
    if is_between_fingers(env, at_m) and (beside < 0.008 or env.grip_command > 0) and apart[2] > -0.009:
        return Aim(at_m, 0.0, 1.0, "grasp", planned=True)
    # A funnel: the nearer the hand is to standing over it, the lower it may go.
    height = float(np.clip((beside - 0.008) * 4.0, 0.0, above_m)) + max(0.0, abs(yaw_rad) - 0.2) * 0.05
    return Aim(np.add(at_m, [0.0, 0.0, height]), yaw_rad, -1.0, "approach" if height > 0 else "descend", planned=height == 0.0)


def turn_to_square(env: ArmEnv, body: str, held: str = "") -> float:
    """The smallest turn (rad, in [−π/4, π/4]) that squares the fingers, or the body that is held, with the sides of a body."""
    hand = env.data.body(held).xmat.reshape(3, 3) if held else env.tcp_rot
    other = env.data.body(body).xmat.reshape(3, 3)
    difference = np.arctan2(other[1, 0], other[0, 0]) - np.arctan2(hand[1, 0], hand[0, 0])
    return float((difference + np.pi / 4) % (np.pi / 2) - np.pi / 4)


NEAR_M = 0.012  # over the place from here on: down
LOW_M = 0.08  # lower than this nothing is carried across


def carry(env: ArmEnv, left_m: Vector, yaw_rad: float, height_m: float, name: str = "") -> Aim:
    """The next aim for what is held: up, across at `height_m` over its place, down. `left_m` (3,): its way that is left."""
    tcp, beside = env.tcp_pos_m, float(np.linalg.norm(left_m[:2]))
    if beside > 0.06 and left_m[2] > -0.5 * height_m:
        return Aim(np.add(tcp, [0.0, 0.0, left_m[2] + height_m]), 0.0, 1.0, f"lift{name}", planned=True)
    over = float(np.clip((beside - NEAR_M) * 4.0, 0.0, height_m))
    return Aim(tcp + left_m + [0.0, 0.0, over], yaw_rad, 1.0, f"{'carry' if over > 0 else 'lower'}{name}", planned=True)


def let_go(env: ArmEnv, *, is_free: bool, rise_m: float = LOW_M) -> Aim:
    """Open where the hand is, then straight up."""
    tcp = env.tcp_pos_m
    if is_free or env.gripper_width_m > 0.065:
        return Aim(np.add(tcp, [0.0, 0.0, rise_m]), 0.0, -1.0, "rise", planned=True)
    return Aim(tcp, 0.0, -1.0, "let go", planned=True)


def is_beside(env: ArmEnv, at_m: Vector, low_m: float = LOW_M) -> bool:
    """Whether the hand is too low to go across to this point (3,) without touching what stands on the way."""
    return bool(np.linalg.norm((at_m - env.tcp_pos_m)[:2]) > 0.05 and env.tcp_pos_m[2] < low_m)


def rise(env: ArmEnv, to_m: float = LOW_M + 0.03) -> Aim:
    """Straight up with the gripper opened."""
    return Aim(np.array([*env.tcp_pos_m[:2], to_m]), 0.0, -1.0, "rise", planned=True)
