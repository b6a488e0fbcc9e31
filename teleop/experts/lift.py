"""PandaLift: over the cube, down, close, up."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.lift import HALF_M, LIFTED_M, Lift
from teleop.experts.aim import Aim, Wish
from teleop.experts.grasp import grasp, is_gripped, turn_to_square

CARRY_M = 0.09
GRASP_BELOW_M = 0.004  # under the cube's middle: it cannot slip out downwards


def lift_expert(env: ArmEnv, wish: Wish) -> Aim:
    """A function of the state alone, so it can answer from any state."""
    assert isinstance(env, Lift)
    at = env.cube_pos_m - [0.0, 0.0, GRASP_BELOW_M]
    if is_gripped(env, at, 2 * HALF_M):
        tcp = env.tcp_pos_m
        return Aim(np.array([tcp[0], tcp[1], HALF_M + LIFTED_M + CARRY_M]), 0.0, 1.0, "lift")
    return grasp(env, at, turn_to_square(env, "cube"))
