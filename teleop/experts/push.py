"""PandaPush: onto the lane behind the puck, down, push; out of it and behind anew when the puck has slipped aside."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.push import HALF_HEIGHT_M, RADIUS_M, THERE_M, Push
from teleop.experts.aim import Aim, Vector, Wish

TOUCH_M = RADIUS_M + 0.016  # tool centre point to middle while pushing
CLEAR_M = RADIUS_M + 0.030  # the same where it comes down
LANE_M = 0.12  # how far behind the puck the lane begins
ABOVE_M, LOW_M = 0.10, HALF_HEIGHT_M + 0.004
DUG_IN_M = (0.007, 0.011)  # lower than this the fingers rub on the table and push nothing
BESIDE_LANE_M, FUNNEL = 0.012, 4.0  # so far beside the lane the hand may be low; each metre further is so many metres higher
STEER, PAST_M = 4.0, 0.02


def push_expert(env: ArmEnv, wish: Wish) -> Aim:
    """A continuous function of the state alone until the puck is there.

    So it can answer from any state, and who learns from it meets no opposite answers next to each other: their mean would be to
    stand still.
    """
    assert isinstance(env, Push)
    puck, tcp, left = env.puck_pos_m, env.tcp_pos_m, env.goal_pos_m - env.puck_pos_m
    distance = float(np.linalg.norm(left[:2]))
    if distance < 0.5 * THERE_M:
        return Aim(np.array([*tcp[:2], ABOVE_M]), 0.0, 1.0, "done", planned=True)
    along = np.array([*left[:2], 0.0]) / distance
    away = np.array([*(puck - tcp)[:2], 0.0])
    ahead = float(away @ along)
    aside = away - ahead * along
    pushes = _share(tcp[2], 0.038, 0.026) * _share(float(np.linalg.norm(aside)), 0.033, 0.018) * _share(ahead, 0.035, 0.050)
    to_lane, height, stage = _to_lane(float(tcp[2]), along, away, ahead, aside)
    push = (max(0.0, ahead - TOUCH_M) + distance + PAST_M) * along + STEER * aside  # the puck turns to where it is not pushed
    move = (pushes * push + (1.0 - pushes) * to_lane) * _share(tcp[2], *DUG_IN_M)
    move[2] = pushes * LOW_M + (1.0 - pushes) * height - tcp[2]
    return Aim(tcp + move, 0.0, 1.0, "push" if pushes > 0.5 else stage, planned=True, speed=1.0 - 0.4 * pushes)


def _to_lane(z_m: float, along: Vector, away: Vector, ahead: float, aside: Vector) -> tuple[Vector, float, str]:
    """The way (3,) over the table to the nearest place from which a straight push leads to the goal, the height to be at on it, and a
    word for that: a funnel, higher the further beside the lane, and near the puck no further in than the hand is high.
    """
    nearest = TOUCH_M + (CLEAR_M - TOUCH_M) * _share(z_m, LOW_M, LOW_M + 0.04)
    to_lane = aside + (ahead - float(np.clip(ahead, nearest, LANE_M))) * along
    left = float(np.linalg.norm(to_lane))
    height = LOW_M + float(np.clip((left - BESIDE_LANE_M) * FUNNEL, 0.0, ABOVE_M))
    passes = _share(float(np.linalg.norm(away)), RADIUS_M + 0.06, RADIUS_M + 0.10)
    to_lane *= max(passes, _share(height - z_m, 0.03, 0.0))
    stage = "rise" if height - z_m > 0.02 and passes < 0.5 else "lower" if left < 2 * BESIDE_LANE_M else "behind"
    return to_lane, height, stage


def _share(value: float, none: float, whole: float) -> float:
    """From 0 at `none` to 1 at `whole`, in a straight line."""
    return float(np.clip((value - none) / (whole - none), 0.0, 1.0))
