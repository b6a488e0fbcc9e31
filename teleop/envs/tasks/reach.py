"""Reach: bring the tool centre point to a marked point in the air."""

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Vector

REACHED_M = 0.02


class Reach(ArmEnv):
    """`object` (6,): goal position (m), goal − tool centre point (m). Success: closer than 2 cm."""

    task = "bring the gripper to the green ball"
    object_width = 6

    def add_objects(self, world: mujoco.MjsBody) -> None:
        goal = world.add_body(name="goal", mocap=True)
        goal.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[REACHED_M, 0, 0], rgba=[0.15, 0.75, 0.35, 0.8], contype=0, conaffinity=0)

    def reset_objects(self) -> None:
        self.data.mocap_pos[0] = self.np_random.uniform([0.35, -0.25, 0.05], [0.62, 0.25, 0.38])

    def object_obs(self) -> Vector:
        return np.concatenate([self.data.mocap_pos[0], self.data.mocap_pos[0] - self.tcp_pos_m])

    def distance_m(self) -> float:
        return float(np.linalg.norm(self.data.mocap_pos[0] - self.tcp_pos_m))

    def is_success(self) -> bool:
        return self.distance_m() < REACHED_M

    def target_pos_m(self) -> Vector:
        return np.array(self.data.mocap_pos[0])

    def dense_reward(self) -> float:
        return 1.0 if self.is_success() else float(1.0 - np.tanh(5.0 * self.distance_m()))
