"""PandaPickPlace: over the cube, down, close, across to the bin, open."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.pick_place import FLOOR_M, HALF_M, WALL_HEIGHT_M, PickPlace
from teleop.experts.aim import Aim, Wish
from teleop.experts.grasp import carry, grasp, is_beside, is_between_fingers, is_gripped, let_go, rise, turn_to_square

GRASP_BELOW_M = 0.004
DROP_M = 0.008  # above the floor: where to open
OVER_M = WALL_HEIGHT_M + 0.03  # the cube's lower side goes across the wall


def pick_place_expert(env: ArmEnv, wish: Wish) -> Aim:
    """A function of the state alone, so it can answer from any state."""
    assert isinstance(env, PickPlace)
    at = env.cube_pos_m - [0.0, 0.0, GRASP_BELOW_M]
    if env.is_success():
        return rise(env) if is_between_fingers(env, at) else Aim(env.tcp_pos_m, 0.0, -1.0, "done")
    place = np.add(env.bin_pos_m, [0.0, 0.0, FLOOR_M + HALF_M + DROP_M])
    left = place - env.cube_pos_m
    if is_between_fingers(env, at) and env.is_in_bin() and np.linalg.norm(left[:2]) < 0.03:
        return let_go(env, is_free=env.is_success())
    if is_gripped(env, at, 2 * HALF_M):
        return carry(env, left, turn_to_square(env, "bin"), OVER_M)
    if is_beside(env, at):
        return rise(env)
    return grasp(env, at, turn_to_square(env, "cube"))
