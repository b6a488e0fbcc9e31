"""PandaReach: straight to the ball."""

from teleop.envs.arm import ArmEnv
from teleop.experts.aim import Aim, Wish


def reach_expert(env: ArmEnv, wish: Wish) -> Aim:
    return Aim(env.data.mocap_pos[0].copy(), 0.0, -1.0, "reach")
