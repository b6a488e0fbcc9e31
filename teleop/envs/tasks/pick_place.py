"""PickPlace: a cube into the bin."""

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv, quat_xyzw
from teleop.envs.plant import Vector
from teleop.envs.props import RED, YAW_RAD, add_cube, closeness, is_let_go, put_down
from teleop.envs.render import GhostGeom

HALF_M = 0.02
BIN_HALF_M, WALL_M, WALL_HEIGHT_M, FLOOR_M = 0.075, 0.004, 0.04, 0.004
BINS_M = ((0.42, 0.13), (0.56, 0.22))
CUBES_M = ((0.40, 0.02), (0.58, 0.18))


class PickPlace(ArmEnv):
    """`object` (13,): cube position (m), cube quaternion xyzw, cube − tool centre point (m), bin − cube (m).

    Success: the cube lies in the bin, below its rim, and the gripper has let go of it. The bin (15 cm wide inside, 4 cm
    high) stands left or right, the cube on the other side, turned by up to ±30°.
    """

    task = "put the red cube into the bin"
    object_width = 13

    def add_objects(self, world: mujoco.MjsBody) -> None:
        _add_bin(world.add_body(name="bin", mocap=True))
        add_cube(world, "cube", HALF_M, RED)

    def reset_objects(self) -> None:
        side = self.np_random.choice([-1.0, 1.0])
        self.data.mocap_pos[0, :2] = self.np_random.uniform(*BINS_M) * [1.0, side]
        xy = self.np_random.uniform(*CUBES_M) * [1.0, -side]
        put_down(self, "cube", xy, HALF_M, self.np_random.uniform(-YAW_RAD, YAW_RAD))

    @property
    def cube_pos_m(self) -> Vector:
        return np.array(self.data.body("cube").xpos)

    @property
    def bin_pos_m(self) -> Vector:
        """(3,) the bin's middle, on the table."""
        return np.array(self.data.mocap_pos[0])

    def object_obs(self) -> Vector:
        cube = self.data.body("cube")
        return np.concatenate([cube.xpos, quat_xyzw(cube.xmat), cube.xpos - self.tcp_pos_m, self.bin_pos_m - cube.xpos])

    def is_in_bin(self) -> bool:
        """Whether the cube is between the walls and below their rim, held or not."""
        away = self.cube_pos_m - self.bin_pos_m
        return bool(np.abs(away[:2]).max() < BIN_HALF_M - 0.5 * HALF_M and away[2] < WALL_HEIGHT_M)

    def is_let_go(self) -> bool:
        return is_let_go(self, self.cube_pos_m, 2 * HALF_M)

    def is_success(self) -> bool:
        return self.is_in_bin() and self.is_let_go()

    def dense_reward(self) -> float:
        if self.is_success():
            return 1.0
        reach = closeness(float(np.linalg.norm(self.cube_pos_m - self.tcp_pos_m)))
        carry = closeness(float(np.linalg.norm(self.cube_pos_m - self.bin_pos_m)) - HALF_M)
        return 0.3 * reach + 0.6 * carry

    def target_pos_m(self) -> Vector:
        """The cube; the bin while the cube is between the fingers."""
        if self.is_let_go():
            return self.cube_pos_m
        return np.add(self.bin_pos_m, [0.0, 0.0, HALF_M])

    def goal_ghost(self) -> tuple[GhostGeom, ...]:
        if self.is_in_bin():
            return ()
        above = np.array([0.0, 0.0, FLOOR_M + HALF_M])
        return (GhostGeom(mujoco.mjtGeom.mjGEOM_BOX, (HALF_M,) * 3, self.bin_pos_m + above, (*RED, 0.25)),)


def _add_bin(bin_: mujoco.MjsBody) -> None:
    box, out, height = mujoco.mjtGeom.mjGEOM_BOX, BIN_HALF_M + WALL_M, WALL_HEIGHT_M / 2
    floor, wall = [0.56, 0.66, 0.72, 1.0], [0.33, 0.45, 0.54, 1.0]
    bin_.add_geom(type=box, size=[out, out, FLOOR_M / 2], pos=[0.0, 0.0, FLOOR_M / 2], rgba=floor)
    for side in (-1.0, 1.0):
        bin_.add_geom(type=box, size=[WALL_M, out + WALL_M, height], pos=[side * out, 0.0, height], rgba=wall)
        bin_.add_geom(type=box, size=[BIN_HALF_M, WALL_M, height], pos=[0.0, side * out, height], rgba=wall)
