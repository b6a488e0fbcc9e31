"""What a person who knows the task would do next: one pure function of the state per task."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError, one_of
from teleop.envs.lift import HALF_M, LIFTED_M, PandaLift
from teleop.envs.panda import PandaEnv
from teleop.envs.reach import PandaReach

ABOVE_M = 0.08
CARRY_M = 0.09
GRASP_BELOW_M = 0.004  # under the cube's middle: it cannot slip out downwards
GRIPPED_WIDTH_M = (2 * HALF_M - 0.005, 2 * HALF_M * 1.25)  # a square held askew is wider


@dataclass(frozen=True)
class Aim:
    """Where the hand wants to go: target of the tool centre point (3,) m, turn left to do (rad), grip −1…1, and a word for it.

    `planned`: the stage ends the hand's own aimed movement, which a person sees coming and does not react to late.
    """

    pos_m: NDArray[np.float64]
    yaw_rad: float
    grip: float
    stage: str
    planned: bool = False


Expert = Callable[[PandaEnv], Aim]


def reach_expert(env: PandaEnv) -> Aim:
    return Aim(env.data.mocap_pos[0].copy(), 0.0, -1.0, "reach")


def lift_expert(env: PandaEnv) -> Aim:
    """Over the cube, down, close, up. A function of the state alone, so it can answer from any state."""
    assert isinstance(env, PandaLift)
    cube, tcp = env.cube_pos_m, env.tcp_pos_m
    apart = cube - [0.0, 0.0, GRASP_BELOW_M] - tcp
    beside = float(np.linalg.norm(apart[:2]))
    between_fingers = beside < 0.018 and abs(apart[2]) < 0.016
    gripped = between_fingers and GRIPPED_WIDTH_M[0] < env.gripper_width_m < GRIPPED_WIDTH_M[1] and env.grip_command > 0
    if gripped:
        return Aim(np.array([tcp[0], tcp[1], HALF_M + LIFTED_M + CARRY_M]), 0.0, 1.0, "lift")
    yaw = _turn_to_square(env)
    if between_fingers and (beside < 0.008 or env.grip_command > 0) and apart[2] > -0.009:
        return Aim(tcp + apart, 0.0, 1.0, "grasp", planned=True)
    # A funnel: the nearer the hand is to standing over the cube, the lower it may go.
    height = float(np.clip((beside - 0.008) * 4.0, 0.0, ABOVE_M)) + max(0.0, abs(yaw) - 0.2) * 0.05
    return Aim(tcp + apart + [0.0, 0.0, height], yaw, -1.0, "approach" if height > 0 else "descend", planned=height == 0.0)


def _turn_to_square(env: PandaLift) -> float:
    """The smallest turn (rad, in [−π/4, π/4]) that squares the fingers with the cube's sides."""
    hand, cube = env.tcp_rot, env.data.body("cube").xmat.reshape(3, 3)
    difference = np.arctan2(cube[1, 0], cube[0, 0]) - np.arctan2(hand[1, 0], hand[0, 0])
    return float((difference + np.pi / 4) % (np.pi / 2) - np.pi / 4)


EXPERTS: dict[type[PandaEnv], Expert] = {PandaReach: reach_expert, PandaLift: lift_expert}


def expert_for(env: PandaEnv) -> Expert:
    """The expert of this env's task."""
    if type(env) not in EXPERTS:
        raise UserError(f"no scripted operator knows {type(env).__name__}; allowed: {one_of(e.__name__ for e in EXPERTS)}")
    return EXPERTS[type(env)]
