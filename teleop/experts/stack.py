"""PandaStack: over the red cube, down, close, across to the blue one, down onto it, open, up."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.stack import HALF_M, Stack
from teleop.experts.aim import Aim, Wish
from teleop.experts.grasp import carry, grasp, is_beside, is_between_fingers, is_gripped, let_go, rise, turn_to_square

GRASP_BELOW_M = 0.002
ABOVE_M = 0.003  # of its place: where to open
OVER_M = 0.07
CENTRED_M = 0.010


def stack_expert(env: ArmEnv, wish: Wish) -> Aim:
    """A function of the state alone, so it can answer from any state."""
    assert isinstance(env, Stack)
    red = env.cube_pos_m("red")
    at = red - [0.0, 0.0, GRASP_BELOW_M]
    if env.is_success():
        return rise(env, 0.16) if is_between_fingers(env, at) else Aim(env.tcp_pos_m, 0.0, -1.0, "done")
    left = env.place_pos_m - red
    if is_between_fingers(env, at) and np.linalg.norm(left[:2]) < CENTRED_M and abs(left[2]) < 2 * ABOVE_M:
        return let_go(env, is_free=env.is_success())
    if is_gripped(env, at, 2 * HALF_M):
        return carry(env, np.add(left, [0.0, 0.0, ABOVE_M]), turn_to_square(env, "blue"), OVER_M)
    if is_beside(env, at):
        return rise(env)
    return grasp(env, at, turn_to_square(env, "red"))
