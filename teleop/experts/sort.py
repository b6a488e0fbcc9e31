"""PandaSort: a cube after the other: over it, down, close, across to its tray, down, open, up."""

from dataclasses import replace

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.sort import COLOURS, FLOOR_M, HALF_M, INSIDE_M, Sort
from teleop.experts.aim import Aim, Vector, Wish
from teleop.experts.grasp import grasp, is_between_fingers, is_gripped, turn_to_square

GRASP_BELOW_M = 0.004  # under the cube's middle: it cannot slip out downwards
ABOVE_M, CARRY_M = 0.10, 0.13
SAFE_M = 0.08  # so high the fingers and what they hold go across over standing cubes
LET_GO_M = (0.005, 0.010)  # above the floor: where to open, and from where on; a short drop pushes nothing over
NEAR_M = 0.012
WIDE_M = 0.065
FAR_M = 0.66  # no bow leads further out: the arm is nearly stretched there


def sort_expert(env: ArmEnv, wish: Wish) -> Aim:
    """A function of the state alone. What is in the hand goes to its tray first, whatever the order wished."""
    assert isinstance(env, Sort)
    return replace(_next_aim(env, wish), speed=0.75 + 0.25 * wish.whim[5])


def _next_aim(env: Sort, wish: Wish) -> Aim:
    for colour in COLOURS:
        at = grasp_at_m(env, colour)
        if is_between_fingers(env, at) and _may_let_go(env, colour):
            return _let_go(env, colour)
        if is_gripped(env, at, 2 * HALF_M):
            return _carry(env, colour, wish)
    colour = next_colour(env, wish)
    return _fetch(env, colour, wish) if colour else Aim(env.tcp_pos_m, 0.0, -1.0, "done")


def next_colour(env: Sort, wish: Wish) -> str:
    """Of what is not in place, the first in the order wished, else the nearest; "" when everything is."""
    missing = env.missing()
    if wish.mode in env.modes:
        return next((colour for colour in wish.mode.split("-") if colour in missing), "")
    return min(missing, key=lambda colour: float(np.linalg.norm(env.cube_pos_m(colour) - env.tcp_pos_m)), default="")


def grasp_at_m(env: Sort, colour: str) -> Vector:
    return np.subtract(env.cube_pos_m(colour), [0.0, 0.0, GRASP_BELOW_M])


def _fetch(env: Sort, colour: str, wish: Wish) -> Aim:
    at, tcp = grasp_at_m(env, colour), env.tcp_pos_m
    above = ABOVE_M + 0.02 * wish.whim[2]
    if np.linalg.norm((at - tcp)[:2]) > 0.035 and tcp[2] < SAFE_M:
        return Aim(np.array([tcp[0], tcp[1], SAFE_M + 0.03]), 0.0, -1.0, "rise", planned=True)
    aim = grasp(env, at, turn_to_square(env, colour), above)
    return replace(aim, stage=f"{aim.stage} {colour}")


def _carry(env: Sort, colour: str, wish: Wish) -> Aim:
    """Up, across in a bow, and down over a place in the tray that the whim chooses."""
    tcp, offset = env.tcp_pos_m, 0.016 * np.array([*wish.whim[:2], 0.0])
    left = env.tray_pos_m(colour) + offset + [0.0, 0.0, FLOOR_M + HALF_M + LET_GO_M[0]] - env.cube_pos_m(colour)
    beside = float(np.linalg.norm(left[:2]))
    yaw = turn_to_square(env, f"{colour} tray")
    height = CARRY_M + 0.04 * wish.whim[3]
    if beside > 0.06 and tcp[2] < SAFE_M:
        return Aim(np.array([tcp[0], tcp[1], SAFE_M + 0.03]), 0.0, 1.0, f"lift {colour}", planned=True)
    bow = 0.5 * wish.whim[4] * max(0.0, beside - 0.06)
    across = bow * np.array([-left[1], left[0], 0.0]) / max(beside, 1e-9)
    over = np.array([0.0, 0.0, np.clip((beside - NEAR_M) * 4.0, 0.0, height)])
    to = tcp + left + across + over
    to[0] = min(to[0], FAR_M)
    return Aim(to, yaw, 1.0, f"{'carry' if over[2] > 0 else 'lower'} {colour}", planned=True)


def _may_let_go(env: Sort, colour: str) -> bool:
    away = env.cube_pos_m(colour) - env.tray_pos_m(colour)
    return bool(np.abs(away[:2]).max() < INSIDE_M and away[2] < FLOOR_M + HALF_M + LET_GO_M[1])


def _let_go(env: Sort, colour: str) -> Aim:
    """Open, wait for the cube to stand, rise."""
    tcp = env.tcp_pos_m
    if env.is_in_place(colour) or env.gripper_width_m > WIDE_M:
        return Aim(np.array([tcp[0], tcp[1], SAFE_M + 0.03]), 0.0, -1.0, "rise", planned=True)
    return Aim(tcp, 0.0, -1.0, f"let go {colour}", planned=True)
