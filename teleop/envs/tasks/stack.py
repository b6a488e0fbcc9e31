"""Stack: the red cube onto the blue one."""

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv, quat_xyzw
from teleop.envs.plant import Vector
from teleop.envs.props import BLUE, RED, YAW_RAD, add_cube, closeness, draw_apart, is_let_go, put_down
from teleop.envs.render import GhostGeom

HALF_M = 0.02
AREA_M = (np.array([0.40, -0.20]), np.array([0.58, 0.20]))
APART_M = 0.13  # the opened hand fits beside the other cube
RESTS_M = 0.005  # how far from two half heights above the other it may be
OFF_M = 0.018  # further off its middle it would be about to fall


class Stack(ArmEnv):
    """`object` (23,): red cube position (m), quaternion xyzw, − tool centre point (m); the same of the blue one; blue − red (m).

    Success: red rests on blue, less than 1.8 cm off its middle, and the gripper has let go of it. Both cubes start on the
    table, turned by up to ±30°.
    """

    task = "put the red cube onto the blue one"
    object_width = 23

    def add_objects(self, world: mujoco.MjsBody) -> None:
        add_cube(world, "red", HALF_M, RED)
        add_cube(world, "blue", HALF_M, BLUE)

    def reset_objects(self) -> None:
        places: list[Vector] = []
        for name in ("red", "blue"):
            places.append(draw_apart(self, *AREA_M, places, APART_M))
            put_down(self, name, places[-1], HALF_M, self.np_random.uniform(-YAW_RAD, YAW_RAD))

    def cube_pos_m(self, name: str) -> Vector:
        return np.array(self.data.body(name).xpos)

    def object_obs(self) -> Vector:
        bodies = [self.data.body(name) for name in ("red", "blue")]
        each = [np.concatenate([body.xpos, quat_xyzw(body.xmat), body.xpos - self.tcp_pos_m]) for body in bodies]
        return np.concatenate([*each, bodies[1].xpos - bodies[0].xpos])

    def is_on_blue(self) -> bool:
        """Whether red stands on blue, held or not."""
        away = self.cube_pos_m("red") - self.cube_pos_m("blue")
        return bool(np.linalg.norm(away[:2]) < OFF_M and abs(away[2] - 2 * HALF_M) < RESTS_M)

    def is_let_go(self) -> bool:
        return is_let_go(self, self.cube_pos_m("red"), 2 * HALF_M)

    def is_success(self) -> bool:
        return self.is_on_blue() and self.is_let_go()

    @property
    def place_pos_m(self) -> Vector:
        """(3,) where red belongs."""
        return np.add(self.cube_pos_m("blue"), [0.0, 0.0, 2 * HALF_M])

    def dense_reward(self) -> float:
        if self.is_success():
            return 1.0
        red = self.cube_pos_m("red")
        reach, carry = (closeness(float(np.linalg.norm(red - other))) for other in (self.tcp_pos_m, self.place_pos_m))
        return 0.3 * reach + 0.6 * carry

    def target_pos_m(self) -> Vector:
        """The red cube; its place while it is between the fingers."""
        return self.cube_pos_m("red") if self.is_let_go() else self.place_pos_m

    def goal_ghost(self) -> tuple[GhostGeom, ...]:
        if self.is_on_blue():
            return ()
        rot = np.array(self.data.body("blue").xmat).reshape(3, 3)
        return (GhostGeom(mujoco.mjtGeom.mjGEOM_BOX, (HALF_M,) * 3, self.place_pos_m, (*RED, 0.25), rot),)
