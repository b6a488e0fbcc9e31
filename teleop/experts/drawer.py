"""PandaDrawer: closed fingers down behind the bar of the handle, and pull."""

import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.drawer import BAR_HALF_M, BAR_Z_M, GAP_M, Drawer
from teleop.experts.aim import Aim, Wish

BEHIND_M = 0.5 * GAP_M
LOW_M, HIGH_M = BAR_Z_M - 0.006, BAR_Z_M + 0.07  # of the tool centre point: hooked, and free to go across
HOOKED_M = BAR_Z_M + 0.004
PAST_M = 0.03  # pull further than it has to be
NEAR_M = 0.012


def drawer_expert(env: ArmEnv, wish: Wish) -> Aim:
    """A function of the state alone, so it can answer from any state."""
    assert isinstance(env, Drawer)
    tcp, bar, rot = env.tcp_pos_m, env.bar_pos_m, env.cabinet_rot
    if env.opening_m > 0.14:
        return Aim(np.array([*tcp[:2], HIGH_M]), 0.0, 1.0, "done")
    behind, aside, _ = rot.T @ (tcp - bar)
    if 0.0 < behind < GAP_M and abs(aside) < BAR_HALF_M - 0.015 and tcp[2] < HOOKED_M:
        to = tcp + rot @ [-(BEHIND_M + PAST_M + 0.03), -aside, 0.0]
        return Aim(np.array([*to[:2], LOW_M]), 0.0, 1.0, "pull", planned=True, speed=0.7)
    hook = bar + rot @ [BEHIND_M, 0.0, 0.0]
    beside = float(np.linalg.norm((hook - tcp)[:2]))
    if beside > NEAR_M and tcp[2] < HIGH_M - 0.025 and beside < 0.25:
        return Aim(np.array([*tcp[:2], HIGH_M]), 0.0, 1.0, "rise", planned=True)
    height = HIGH_M if beside > NEAR_M else LOW_M
    return Aim(np.array([*hook[:2], height]), 0.0, 1.0, "approach" if height == HIGH_M else "hook", planned=height == LOW_M)
