"""PandaPickPlace: over the cube, down, close, across to the bin, open."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.pick_place import BIN_HALF_M, FLOOR_M, HALF_M, WALL_HEIGHT_M, WALL_M, PickPlace
from teleop.experts.aim import Aim, Wish
from teleop.experts.grasp import ACROSS_RAD, carry, grasp, is_beside, is_between_fingers, is_gripped, let_go, rise, turn_to_square

GRASP_BELOW_M = 0.004
DROP_M = 0.008  # above the floor: where to open
OVER_M = WALL_HEIGHT_M + 0.03  # the cube's lower side goes across the wall
FINGER_M = 0.06  # nearer to a wall no finger fits between


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
    turn = turn_to_square(env, "cube")
    if is_at_wall(env):
        turn = turn_along_wall(env, turn)
        if is_between_fingers(env, at) and abs(turn) > ACROSS_RAD:
            return rise(env)  # the wall is between the fingers too
    return grasp(env, at, turn)


def is_at_wall(env: PickPlace) -> bool:
    """Whether the cube lies so near to the bin that no finger fits between."""
    return float(np.abs(env.cube_pos_m - env.bin_pos_m)[:2].max()) < BIN_HALF_M + 2 * WALL_M + FINGER_M


def turn_along_wall(env: PickPlace, turn_rad: float) -> float:
    """Of the turns that square the fingers with the cube, the one that opens them along the nearest wall."""
    beside = np.abs(env.cube_pos_m - env.bin_pos_m)[:2]
    opens_rad = np.arctan2(env.tcp_rot[1, 1], env.tcp_rot[0, 1]) + turn_rad
    opens_along_x = abs(np.cos(opens_rad)) > np.sqrt(0.5)
    return turn_rad if opens_along_x == (beside[1] > beside[0]) else turn_rad - float(np.copysign(np.pi / 2, turn_rad))
