"""PandaPegInsert: over the peg, down, close; above the hole, square with it, slowly down."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.peg_insert import INSERTED_M, PEG_HALF_M, PegInsert
from teleop.experts.aim import Aim, Wish
from teleop.experts.grasp import grasp, is_beside, is_gripped, rise, turn_to_square

GRASP_ABOVE_M = 0.028  # of the peg's middle: what is held there hangs upright
OVER_M = 0.03
IN_M = 0.003
CENTRED_M, SQUARE_RAD = 0.0015, 0.08
CLEAR_M = 2 * PEG_HALF_M[2] + 0.03
DEEP_M = INSERTED_M + 0.006


def peg_insert_expert(env: ArmEnv, wish: Wish) -> Aim:
    """A function of the state alone. A peg that lies cannot be put up again from above."""
    assert isinstance(env, PegInsert)
    at = env.peg_pos_m + GRASP_ABOVE_M * env.peg_axis
    if is_gripped(env, at, 2 * PEG_HALF_M[0]):
        return _insert(env)
    if env.is_success():
        return Aim(env.tcp_pos_m, 0.0, -1.0, "done")
    if is_beside(env, at, CLEAR_M):
        return rise(env, CLEAR_M + 0.03)
    return grasp(env, at, turn_to_square(env, "peg"), 0.06)


def _insert(env: PegInsert) -> Aim:
    tcp, left = env.tcp_pos_m, env.rim_pos_m - env.peg_end_m
    beside, yaw = float(np.linalg.norm(left[:2])), turn_to_square(env, "block", "peg")
    if env.depth_m() > IN_M:  # the hole leads the lower end; the hand above it keeps the peg upright
        return Aim(np.array([*env.rim_pos_m[:2], tcp[2] + left[2] - DEEP_M]), yaw, 1.0, "insert", planned=True, speed=0.35)
    if beside < CENTRED_M and abs(yaw) < SQUARE_RAD:
        to = tcp + left + [0.0, 0.0, -DEEP_M]
        return Aim(to, yaw, 1.0, "enter", planned=True, speed=0.35)
    if left[2] > -0.01 and beside > 0.02:
        return Aim(np.array([*tcp[:2], tcp[2] + left[2] + OVER_M]), 0.0, 1.0, "lift", planned=True)
    over = OVER_M if beside > 0.02 or abs(yaw) > 2 * SQUARE_RAD else 0.006
    return Aim(tcp + left + [0.0, 0.0, over], yaw, 1.0, "carry" if over == OVER_M else "align", planned=True)
