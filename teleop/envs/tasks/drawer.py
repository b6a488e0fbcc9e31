"""Drawer: pull a drawer open by its handle."""

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Vector
from teleop.envs.render import GhostGeom

HALF_M = (0.09, 0.12, 0.0425)  # of the cabinet: depth, width, height
WALL_M = 0.008
GAP_M = 0.055  # between the front and the bar of the handle: room for the fingers of either gripper
BAR_HALF_M, BAR_RADIUS_M, BAR_Z_M = 0.06, 0.006, 0.058
TRAVEL_M, OPEN_M = 0.15, 0.12
PLACES_M = ((0.72, -0.10), (0.75, 0.10))  # of the cabinet's middle
YAW_RAD = np.radians(10.0)
BOX = mujoco.mjtGeom.mjGEOM_BOX


class Drawer(ArmEnv):
    """`object` (9,): middle of the handle's bar (m), bar − tool centre point (m), opening (m), cosine and sine of the cabinet's yaw.

    Success: the drawer is open by 12 cm of its 15. The cabinet stands ±10 cm to either side, turned by up to ±10°.
    """

    task = "pull the drawer open by 12 cm"
    object_width = 9

    def add_objects(self, world: mujoco.MjsBody) -> None:
        """The cabinet is placed anew and stands still: a mocap body. It has no joint of its own, but its child may slide; so the
        place is part of the state, and the shell cannot be pulled away by any force, as one welded to a mocap body could.
        """
        cabinet = world.add_body(name="cabinet", mocap=True)
        _add_shell(cabinet)
        drawer = cabinet.add_body(name="drawer", gravcomp=1.0)
        drawer.add_joint(
            name="drawer", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[-1, 0, 0], range=[0.0, TRAVEL_M],
            limited=mujoco.mjtLimited.mjLIMITED_TRUE, frictionloss=2.0, armature=0.2,
        )  # fmt: skip
        _add_drawer(drawer)

    def reset_objects(self) -> None:
        yaw = self.np_random.uniform(-YAW_RAD, YAW_RAD)
        self.data.mocap_pos[0] = [*self.np_random.uniform(*PLACES_M), HALF_M[2]]
        self.data.mocap_quat[0] = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]

    @property
    def opening_m(self) -> float:
        return float(self.data.qpos[self.model.joint("drawer").qposadr[0]])

    @property
    def bar_pos_m(self) -> Vector:
        """(3,) the middle of the handle's bar."""
        return np.array(self.data.site("bar").xpos)

    @property
    def cabinet_rot(self) -> Vector:
        """(3, 3); its first column points from the robot into the cabinet."""
        return np.array(self.data.body("cabinet").xmat).reshape(3, 3)

    def object_obs(self) -> Vector:
        bar = self.bar_pos_m
        return np.concatenate([bar, bar - self.tcp_pos_m, [self.opening_m], self.cabinet_rot[:2, 0]])

    def is_success(self) -> bool:
        return self.opening_m > OPEN_M

    def dense_reward(self) -> float:
        if self.is_success():
            return 1.0
        reach = float(1.0 - np.tanh(5.0 * np.linalg.norm(self.bar_pos_m - self.tcp_pos_m)))
        return 0.3 * reach + 0.6 * max(0.0, self.opening_m) / OPEN_M

    def target_pos_m(self) -> Vector:
        """Behind the bar; where the bar belongs once the hand is there."""
        behind = self.bar_pos_m + self.cabinet_rot @ [0.5 * GAP_M, 0.0, 0.0]
        left = self.cabinet_rot @ [self.opening_m - OPEN_M, 0.0, 0.0]
        return np.asarray(self.bar_pos_m + left if np.linalg.norm(behind - self.tcp_pos_m) < 0.03 else behind)

    def goal_ghost(self) -> tuple[GhostGeom, ...]:
        """The bar where it belongs."""
        if self.is_success():
            return ()
        pos = self.bar_pos_m + self.cabinet_rot @ [self.opening_m - OPEN_M, 0.0, 0.0]
        return (GhostGeom(BOX, (BAR_RADIUS_M, BAR_HALF_M, BAR_RADIUS_M), pos, (0.25, 0.85, 0.45, 0.4), self.cabinet_rot),)


def _add_shell(cabinet: mujoco.MjsBody) -> None:
    """Bottom, top, sides and back; the front is the drawer's."""
    depth, width, height = HALF_M
    wood, wall = [0.58, 0.44, 0.30, 1.0], WALL_M / 2
    for z in (-height + wall, height - wall):
        cabinet.add_geom(type=BOX, size=[depth, width, wall], pos=[0.0, 0.0, z], rgba=wood)
    for y in (-width + wall, width - wall):
        cabinet.add_geom(type=BOX, size=[depth, wall, height - WALL_M], pos=[0.0, y, 0.0], rgba=wood)
    cabinet.add_geom(type=BOX, size=[wall, width - WALL_M, height - WALL_M], pos=[depth - wall, 0.0, 0.0], rgba=wood)
    for geom in cabinet.geoms:
        geom.contype, geom.conaffinity = 2, 1  # hands and arms touch it, its drawer does not


def _add_drawer(drawer: mujoco.MjsBody) -> None:
    """A box with a front, and a handle that stands off it."""
    depth, width, height = HALF_M
    front, inside, wall = [0.80, 0.70, 0.54, 1.0], [0.88, 0.82, 0.70, 1.0], WALL_M / 2
    w, h, d = width - WALL_M - 0.002, height - WALL_M - 0.002, depth - WALL_M
    x, bar_z = -depth + wall, BAR_Z_M - height
    drawer.add_geom(type=BOX, size=[wall, w, h], pos=[x, 0.0, 0.0], rgba=front, mass=0.1)
    drawer.add_geom(type=BOX, size=[d, w, wall], pos=[0.0, 0.0, -h + wall], rgba=inside, mass=0.1)
    for y in (-w + wall, w - wall):
        drawer.add_geom(type=BOX, size=[d, wall, 0.6 * h], pos=[0.0, y, -0.4 * h], rgba=inside, mass=0.05)
    steel, bar_x = [0.45, 0.48, 0.52, 1.0], -depth - GAP_M
    drawer.add_site(name="bar", pos=[bar_x, 0.0, bar_z], size=[0.001] * 3, rgba=[0, 0, 0, 0])
    bar = [[bar_x, -BAR_HALF_M, bar_z], [bar_x, BAR_HALF_M, bar_z]]
    posts = [[[bar_x, y, bar_z], [-depth, y, bar_z]] for y in (-BAR_HALF_M, BAR_HALF_M)]
    for start, end in (bar, *posts):
        drawer.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[*start, *end], size=[BAR_RADIUS_M, 0, 0], rgba=steel, mass=0.02,
            friction=[1.0, 0.01, 0.001], condim=4,
        )  # fmt: skip
    for geom in drawer.geoms:
        geom.contype, geom.conaffinity = 2, 1
