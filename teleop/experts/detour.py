"""PandaDetour: beside or over each board in turn, then to the ball."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.detour import BOARD_HALF_M, BOARDS, SIDES, WAYS, Detour, openings_m
from teleop.experts.aim import Aim, Vector, Wish
from teleop.experts.grasp import turn_to_square

HAND_HALF_M = 0.10  # across the fingers' opening direction
OVER_M = (0.06, 0.04)  # over a board: as near to its middle, and as far above its top
CLEAR_M = 0.05  # before or behind a board: a hand is 6.3 cm thick
SLACK_M = 0.012  # what may be missing once the hand is beside the board, where going back and forth helps nobody
SIDE_M = BOARD_HALF_M[1] + HAND_HALF_M + SLACK_M
AHEAD_M = 0.12  # as far behind a board the eye looks while passing it


def detour_expert(env: ArmEnv, wish: Wish) -> Aim:
    """A function of the state alone. A board that is passed is passed: another way than wished is not taken back."""
    assert isinstance(env, Detour)
    tcp, yaw = env.tcp_pos_m, turn_to_square(env, BOARDS[0])
    speed = 0.7 + 0.25 * wish.whim[4]
    asked = wished_ways(wish.mode)
    for board, (top, done) in enumerate(zip(env.board_tops_m, env.ways(), strict=True)):
        if tcp[0] > top[0] + CLEAR_M:
            continue
        way = done or asked[board] or nearest_way(tcp, top, wish.whim[5])
        place = opening_m(top, way, wish.whim[board], wish.whim[2 + board])
        missing, beside_it = missing_m(tcp, top, way), bool(tcp[0] > top[0] - CLEAR_M)
        if done or missing <= (SLACK_M if beside_it else 0.0):
            behind = AHEAD_M * (1.0 + 0.4 * wish.whim[5])
            return Aim(np.add(place, [behind, 0.0, 0.0]), yaw, -1.0, f"pass {BOARDS[board]} {way}", planned=True, speed=speed)
        if beside_it and missing > 2 * SLACK_M:
            return Aim(np.array([top[0] - 1.5 * CLEAR_M, tcp[1], tcp[2]]), yaw, -1.0, f"back from {BOARDS[board]}", speed=speed)
        # Rounded, not around a corner: the more is missing, the further from the board.
        before = CLEAR_M + 0.005 * (1.0 + wish.whim[5]) + min(0.04, 0.2 * missing)
        return Aim(np.subtract(place, [before, 0.0, 0.0]), yaw, -1.0, f"make for {BOARDS[board]} {way}", planned=True, speed=speed)
    return Aim(env.goal_pos_m, yaw, -1.0, "reach", planned=True, speed=speed)


def wished_ways(mode: str) -> tuple[str, str]:
    """The way past each board that a mode asks for, ("", "") for a word that is none."""
    first, _, second = mode.partition("-")
    ways = (first, second or first)
    return ways if mode in Detour.modes else ("", "")


def nearest_way(tcp_m: Vector, top_m: Vector, liking: float) -> str:
    """The way whose opening is the nearest; `liking` in [−1, 1] leans to over (−) or beside (+)."""
    away = np.linalg.norm(openings_m(top_m) - tcp_m, axis=1) + np.array([0.0, 0.0, 0.04 * liking])
    return WAYS[int(np.argmin(away))]


def opening_m(top_m: Vector, way: str, out: float, up: float) -> Vector:
    """(3,) where to cross the board's plane; `out` and `up` in [−1, 1] say how far out and how high."""
    if way == "over":
        return np.add(top_m, [0.0, 0.04 * out, 0.11 + 0.055 * up])
    return np.array([top_m[0], top_m[1] + SIDES[way] * (SIDE_M + 0.07 + 0.055 * out), 0.17 + 0.09 * up])


def missing_m(tcp_m: Vector, top_m: Vector, way: str) -> float:
    """How far the hand still has to go beside or up before it may go forward past the board; ≤ 0 when it may."""
    beside = float(tcp_m[1] - top_m[1])
    if way == "over":
        return max(abs(beside) - OVER_M[0], float(top_m[2] + OVER_M[1] - tcp_m[2]))
    return SIDE_M - SIDES[way] * beside
