"""Push: a puck over the table onto a marked spot."""

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Vector
from teleop.envs.props import BLUE, GOAL, closeness, draw_apart, put_down
from teleop.envs.render import GhostGeom

RADIUS_M, HALF_HEIGHT_M = 0.045, 0.016
THERE_M = 0.025
AREA_M = (np.array([0.40, -0.20]), np.array([0.58, 0.20]))
FAR_M = 0.12  # the goal is at least so far from the start
ON_TABLE_M = 0.006
FRICTION = [0.6, 0.005, 0.0001]


class Push(ArmEnv):
    """`object` (9,): puck position (m), puck − tool centre point (m), goal − puck (m).

    The puck is 9 cm wide: it does not fit between the fingers. Success: its middle is closer than 2.5 cm to the goal's and
    it lies on the table.
    """

    task = "push the blue puck onto the green spot"
    object_width = 9

    def add_objects(self, world: mujoco.MjsBody) -> None:
        goal = world.add_body(name="goal", mocap=True)
        disc = mujoco.mjtGeom.mjGEOM_CYLINDER
        for radius, height, shade in ((RADIUS_M + 0.008, 0.0005, (0.95, 0.95, 0.93)), (RADIUS_M, 0.0008, GOAL)):
            goal.add_geom(type=disc, size=[radius, height, 0.0], pos=[0.0, 0.0, height], rgba=[*shade, 1.0], contype=0, conaffinity=0)
        _add_puck(world.add_body(name="puck"))

    def reset_objects(self) -> None:
        start = self.np_random.uniform(*AREA_M)
        put_down(self, "puck", start, HALF_HEIGHT_M, 0.0)
        self.data.mocap_pos[0, :2] = draw_apart(self, *AREA_M, [start], FAR_M)

    @property
    def puck_pos_m(self) -> Vector:
        return np.array(self.data.body("puck").xpos)

    @property
    def goal_pos_m(self) -> Vector:
        """(3,) where the puck's middle belongs."""
        return np.array([*self.data.mocap_pos[0, :2], HALF_HEIGHT_M])

    def object_obs(self) -> Vector:
        puck = self.puck_pos_m
        return np.concatenate([puck, puck - self.tcp_pos_m, self.goal_pos_m - puck])

    def distance_m(self) -> float:
        """How far the puck's middle is from where it belongs, over the table."""
        return float(np.linalg.norm((self.goal_pos_m - self.puck_pos_m)[:2]))

    def is_success(self) -> bool:
        return bool(self.distance_m() < THERE_M and abs(self.puck_pos_m[2] - HALF_HEIGHT_M) < ON_TABLE_M)

    def dense_reward(self) -> float:
        if self.is_success():
            return 1.0
        reach = closeness(float(np.linalg.norm(self.puck_pos_m - self.tcp_pos_m)) - RADIUS_M)
        return 0.2 * reach + 0.7 * closeness(self.distance_m())

    def target_pos_m(self) -> Vector:
        """Behind the puck, seen from the goal; the goal itself once the hand is there."""
        puck, away = self.puck_pos_m, self.goal_pos_m - self.puck_pos_m
        behind: Vector = puck - away / max(float(np.linalg.norm(away)), 1e-9) * (RADIUS_M + 0.02)
        return self.goal_pos_m if np.linalg.norm(behind - self.tcp_pos_m) < 0.05 else behind

    def goal_ghost(self) -> tuple[GhostGeom, ...]:
        if self.is_success():
            return ()
        size = (RADIUS_M, HALF_HEIGHT_M, 0.0)
        return (GhostGeom(mujoco.mjtGeom.mjGEOM_CYLINDER, size, self.goal_pos_m, (*BLUE, 0.22)),)


def _add_puck(puck: mujoco.MjsBody) -> None:
    """A disc that stands on a box inside it, a little lower: box on box is a stable contact in every version of MuJoCo."""
    puck.add_freejoint(name="puck")
    foot, inside = 0.002, 0.69 * RADIUS_M
    puck.add_geom(
        name="puck", type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[RADIUS_M, HALF_HEIGHT_M - foot / 2, 0.0], pos=[0.0, 0.0, foot / 2],
        rgba=[*BLUE, 1.0], mass=0.10, friction=FRICTION,
    )  # fmt: skip
    puck.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=[inside, inside, HALF_HEIGHT_M - foot / 2], pos=[0.0, 0.0, -foot / 2], rgba=[*BLUE, 1.0],
        mass=0.02, friction=FRICTION,
    )  # fmt: skip
