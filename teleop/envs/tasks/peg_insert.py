"""PegInsert: a square peg into a square hole, with 2.5 mm of play."""

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv, quat_xyzw
from teleop.envs.plant import Vector
from teleop.envs.props import BLUE, RED, YAW_RAD, closeness, put_down
from teleop.envs.render import GhostGeom

PEG_HALF_M = (0.011, 0.011, 0.045)
HOLE_HALF_M = 0.01225  # 24.5 mm for 22 mm: 2.5 mm of play in all
BLOCK_HALF_M, BLOCK_HEIGHT_M, FLOOR_M = 0.034, 0.04, 0.004
INSERTED_M = 0.026  # of the 36 mm that the hole is deep
UPRIGHT = np.cos(np.radians(8.0))
BLOCKS_M = ((0.44, 0.10), (0.56, 0.18))
PEGS_M = ((0.40, 0.02), (0.56, 0.16))
BLOCK_YAW_RAD = np.radians(20.0)


class PegInsert(ArmEnv):
    """`object` (18,): peg position (m), its quaternion xyzw, peg − tool centre point (m); block position (m), cosine and sine of
    its yaw; rim of the hole − lower end of the peg (m).

    The peg is 22 mm square and 9 cm long, the hole 24.5 mm square and 36 mm deep: a clearance of 2.5 mm. Success: the peg
    stands upright with its lower end at least 26 mm in the hole. The peg stands on the table, the block on the other side,
    turned by up to ±30° and ±20°.
    """

    task = "put the red peg into the hole of the block"
    object_width = 18

    def add_objects(self, world: mujoco.MjsBody) -> None:
        _add_block(world.add_body(name="block", mocap=True))
        peg = world.add_body(name="peg")
        peg.add_freejoint(name="peg")
        peg.add_geom(
            name="peg", type=mujoco.mjtGeom.mjGEOM_BOX, size=PEG_HALF_M, rgba=[*RED, 1.0], mass=0.06,
            friction=[1.0, 0.01, 0.001], condim=4,
        )  # fmt: skip

    def reset_objects(self) -> None:
        side = self.np_random.choice([-1.0, 1.0])
        self.data.mocap_pos[0, :2] = self.np_random.uniform(*BLOCKS_M) * [1.0, side]
        yaw = self.np_random.uniform(-BLOCK_YAW_RAD, BLOCK_YAW_RAD)
        self.data.mocap_quat[0] = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
        xy = self.np_random.uniform(*PEGS_M) * [1.0, -side]
        put_down(self, "peg", xy, PEG_HALF_M[2], self.np_random.uniform(-YAW_RAD, YAW_RAD))

    @property
    def peg_pos_m(self) -> Vector:
        return np.array(self.data.body("peg").xpos)

    @property
    def peg_axis(self) -> Vector:
        """(3,) unit vector from the peg's lower end to its upper one; both ends are alike, so either may be the lower one."""
        axis = np.array(self.data.body("peg").xmat[[2, 5, 8]])
        return axis if axis[2] >= 0.0 else -axis

    @property
    def peg_end_m(self) -> Vector:
        """(3,) the middle of the peg's lower end."""
        return np.asarray(self.peg_pos_m - PEG_HALF_M[2] * self.peg_axis)

    @property
    def rim_pos_m(self) -> Vector:
        """(3,) the middle of the hole, at the block's upper side."""
        return np.array(self.data.mocap_pos[0] + [0.0, 0.0, BLOCK_HEIGHT_M])

    def object_obs(self) -> Vector:
        peg, block = self.data.body("peg"), self.data.body("block")
        yaw = block.xmat.reshape(3, 3)[:2, 0]
        return np.concatenate([peg.xpos, quat_xyzw(peg.xmat), peg.xpos - self.tcp_pos_m, block.xpos, yaw, self.rim_pos_m - self.peg_end_m])

    def depth_m(self) -> float:
        """How deep the peg's lower end is in the hole; 0 beside it."""
        away = self.rim_pos_m - self.peg_end_m
        inside = np.linalg.norm(away[:2]) < 2 * HOLE_HALF_M - 2 * PEG_HALF_M[0] + 0.003
        return max(0.0, float(away[2])) if inside else 0.0

    def is_success(self) -> bool:
        return bool(self.peg_axis[2] > UPRIGHT and self.depth_m() > INSERTED_M)

    def dense_reward(self) -> float:
        if self.is_success():
            return 1.0
        reach = closeness(float(np.linalg.norm(self.peg_pos_m - self.tcp_pos_m)))
        carry = closeness(float(np.linalg.norm(self.rim_pos_m - self.peg_end_m)))
        return float(0.2 * reach + 0.4 * carry + 0.3 * min(1.0, self.depth_m() / INSERTED_M))

    def target_pos_m(self) -> Vector:
        """The peg's upper part; above the hole while it is between the fingers."""
        upper = self.peg_pos_m + 0.03 * self.peg_axis
        is_held = self.grip_command > 0 and np.linalg.norm(upper - self.tcp_pos_m) < 0.03
        return np.add(self.rim_pos_m, [0.0, 0.0, 2 * PEG_HALF_M[2]]) if is_held else upper

    def goal_ghost(self) -> tuple[GhostGeom, ...]:
        if self.is_success():
            return ()
        rot = np.array(self.data.body("block").xmat).reshape(3, 3)
        pos = np.add(self.data.mocap_pos[0], [0.0, 0.0, FLOOR_M + PEG_HALF_M[2]])
        return (GhostGeom(mujoco.mjtGeom.mjGEOM_BOX, PEG_HALF_M, pos, (*RED, 0.22), rot),)


def _add_block(block: mujoco.MjsBody) -> None:
    """Four walls around the hole, and its floor."""
    box, half, wall = mujoco.mjtGeom.mjGEOM_BOX, BLOCK_HEIGHT_M / 2, (BLOCK_HALF_M - HOLE_HALF_M) / 2
    shade = [*(0.7 * np.array(BLUE) + 0.2), 1.0]
    block.add_geom(type=box, size=[HOLE_HALF_M, HOLE_HALF_M, FLOOR_M / 2], pos=[0.0, 0.0, FLOOR_M / 2], rgba=[0.2, 0.25, 0.32, 1.0])
    for side in (-1.0, 1.0):
        out = side * (HOLE_HALF_M + wall)
        block.add_geom(type=box, size=[wall, BLOCK_HALF_M, half], pos=[out, 0.0, half], rgba=shade)
        block.add_geom(type=box, size=[HOLE_HALF_M, wall, half], pos=[0.0, out, half], rgba=shade)
