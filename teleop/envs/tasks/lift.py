"""Lift: pick a cube up from the table."""

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv, quat_xyzw
from teleop.envs.plant import Vector
from teleop.envs.props import RED, YAW_RAD, add_cube, put_down
from teleop.envs.render import GhostGeom

HALF_M = 0.02
LIFTED_M = 0.06


class Lift(ArmEnv):
    """`object` (10,): cube position (m), cube quaternion xyzw, cube − tool centre point (m).

    Success: the cube's centre is 6 cm above where it lay. The cube starts within ±10 cm of the table's middle,
    turned by up to ±30° (at 45° it would be a toss-up which way to turn the gripper).
    """

    task = "pick up the red cube"
    object_width = 10

    def add_objects(self, world: mujoco.MjsBody) -> None:
        add_cube(world, "cube", HALF_M, RED)

    def reset_objects(self) -> None:
        yaw = self.np_random.uniform(-YAW_RAD, YAW_RAD)
        xy = self.np_random.uniform([0.40, -0.10], [0.60, 0.10])
        put_down(self, "cube", xy, HALF_M, yaw)

    @property
    def cube_pos_m(self) -> Vector:
        return np.array(self.data.body("cube").xpos)

    def object_obs(self) -> Vector:
        cube = self.data.body("cube")
        return np.concatenate([cube.xpos, quat_xyzw(cube.xmat), cube.xpos - self.tcp_pos_m])

    def is_success(self) -> bool:
        return bool(self.data.body("cube").xpos[2] > HALF_M + LIFTED_M)

    def target_pos_m(self) -> Vector:
        return self.cube_pos_m

    def goal_ghost(self) -> tuple[GhostGeom, ...]:
        """The cube at the height it must reach; it fades as the real one comes up to it."""
        cube = self.data.body("cube")
        missing = float(np.clip(1.0 - (cube.xpos[2] - HALF_M) / LIFTED_M, 0.0, 1.0))
        goal = np.array([*cube.xpos[:2], HALF_M + LIFTED_M])
        visible = (0.25, 0.85, 0.45, 0.4 * missing)
        return (GhostGeom(mujoco.mjtGeom.mjGEOM_BOX, (HALF_M,) * 3, goal, visible, np.array(cube.xmat).reshape(3, 3)),) if missing else ()

    def dense_reward(self) -> float:
        if self.is_success():
            return 1.0
        reach = 1.0 - np.tanh(5.0 * float(np.linalg.norm(self.cube_pos_m - self.tcp_pos_m)))
        lifted = np.clip((self.cube_pos_m[2] - HALF_M) / LIFTED_M, 0.0, 1.0)
        return float(0.4 * reach + 0.6 * lifted)
