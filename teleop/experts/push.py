"""PandaPush: behind the puck, down, push; behind it anew when it has slipped aside."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.push import HALF_HEIGHT_M, RADIUS_M, THERE_M, Push
from teleop.experts.aim import Aim, Vector, Wish

BEHIND_M = RADIUS_M + 0.030  # where to come down
TOUCH_M = RADIUS_M + 0.016  # tool centre point to middle while pushing
ABOVE_M, LOW_M = 0.10, HALF_HEIGHT_M + 0.004
DUG_IN_M = 0.011  # below it the fingers rub on the table and push nothing
IN_LINE = np.cos(np.radians(40.0))
STEER = 2.0


def push_expert(env: ArmEnv, wish: Wish) -> Aim:
    """A function of the state alone, so it can answer from any state."""
    assert isinstance(env, Push)
    puck, tcp, left = env.puck_pos_m, env.tcp_pos_m, env.goal_pos_m - env.puck_pos_m
    distance = float(np.linalg.norm(left[:2]))
    if distance < 0.5 * THERE_M:
        return Aim(np.array([*tcp[:2], ABOVE_M]), 0.0, 1.0, "done", planned=True)
    along = np.array([*left[:2], 0.0]) / distance
    away = np.array([*(puck - tcp)[:2], 0.0])
    in_line = float(away @ along) > IN_LINE * float(np.linalg.norm(away))
    if tcp[2] < DUG_IN_M:
        return Aim(np.array([*tcp[:2], LOW_M + 0.01]), 0.0, 1.0, "free", planned=True)
    is_low = tcp[2] < 2 * HALF_HEIGHT_M
    if is_low and in_line and np.linalg.norm(away) < BEHIND_M + 0.03:
        return _push(tcp, away, along, distance)
    return _go_behind(puck, tcp, along, away)


def _push(tcp: Vector, away: Vector, along: Vector, distance: float) -> Aim:
    """Along the line to the goal, and towards it from the side: the puck turns to where it is not pushed."""
    aside = away - (away @ along) * along
    ahead = max(0.0, float(away @ along) - TOUCH_M) + distance
    to = tcp + ahead * along + STEER * aside
    to[2] = LOW_M
    return Aim(to, 0.0, 1.0, "push", speed=0.6)


def _go_behind(puck: Vector, tcp: Vector, along: Vector, away: Vector) -> Aim:
    behind = puck - BEHIND_M * along
    left = float(np.linalg.norm((behind - tcp)[:2]))
    if left < 0.012:
        return Aim(np.array([*behind[:2], LOW_M]), 0.0, 1.0, "lower", planned=True)
    if tcp[2] < 0.06 and np.linalg.norm(away) < RADIUS_M + 0.10:
        return Aim(np.array([*tcp[:2], ABOVE_M]), 0.0, 1.0, "rise", planned=True)
    return Aim(np.array([*behind[:2], LOW_M + np.clip((left - 0.012) * 4.0, 0.0, ABOVE_M)]), 0.0, 1.0, "behind", planned=left < 0.03)
