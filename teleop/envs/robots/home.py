"""Home: a pose over the table with the gripper straight down, from which as much of the workspace as possible is in reach."""

from dataclasses import replace
from itertools import product

import mujoco
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from teleop.control import ArmKinematics, IKConfig, Pose, between, pose_error, solve_ik
from teleop.envs.robots.robot import Robot
from teleop.envs.robots.spec import compile_spec, load_robot_spec

Vector = NDArray[np.float64]
WORKSPACE_M = ((0.28, -0.35, 0.012), (0.70, 0.35, 0.45))
HOME_M = (0.47, 0.0, 0.20)
DOWN = np.diag([1.0, -1.0, -1.0])
HALF_TURN = np.diag([-1.0, -1.0, 1.0])  # about the gripper's own axis: it is the same on both sides
STRAIGHT_COS = 0.9986  # 3°
GUESSES, CANDIDATES = 24, 4
STEP, WALK_STEPS = 0.2, 40  # m and rad stacked
COLUMNS_M = (0.0, 0.15, 0.3)
COLUMN_GAIN = 3  # places more that a column has to bring
SEARCH, CHECK = IKConfig(posture_gain=0.0), IKConfig(iterations=100)
REACHED = 1e-3


class Stand:
    """The robot's kinematics with its base somewhere on the table. Poses are in the table's frame."""

    def __init__(self, robot: Robot) -> None:
        self.model = compile_spec(load_robot_spec(robot), robot.model.path)
        self.data = mujoco.MjData(self.model)
        self.arm = ArmKinematics(self.model, robot.arm_joints, "tcp")
        self._qpos = [int(self.model.joint(j).qposadr[0]) for j in robot.arm_joints]
        self._links = [int(self.model.joint(j).bodyid[0]) for j in robot.arm_joints]
        self.move_base(robot.base_pos_m, robot.base_yaw_rad)

    def move_base(self, pos_m: tuple[float, float, float], yaw_rad: float) -> None:
        self.base_pos_m = pos_m
        cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
        self._base_rot = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])

    def pose(self, q: Vector) -> Pose:
        now = self.arm.pose(q)
        return Pose(self._base_rot @ now.pos_m + self.base_pos_m, self._base_rot @ now.rot)

    def solve(self, q: Vector, target: Pose, config: IKConfig) -> tuple[Vector, float]:
        local = Pose(self._base_rot.T @ (target.pos_m - self.base_pos_m), self._base_rot.T @ target.rot)
        return solve_ik(self.arm, q, local, q, config)

    def walk(self, q: Vector, target: Pose) -> tuple[Vector, float]:
        """As `solve`, from far away: in short steps, on which the joints do not run into their limits."""
        for _ in range(WALK_STEPS):
            now = self.pose(q)
            share = min(1.0, STEP / max(float(np.linalg.norm(pose_error(target, now))), 1e-9))
            q, left = self.solve(q, between(now, target, share), SEARCH)
            if share == 1.0:
                return q, left
        return q, np.inf

    def is_free(self, q: Vector) -> bool:
        """Whether no part of the arm touches another or is near the table."""
        self.data.qpos[self._qpos] = q
        mujoco.mj_forward(self.model, self.data)
        heights = self.data.xpos[self._links[2:], 2] + self.base_pos_m[2]
        touches = any(self.model.body_weldid[self.model.geom_bodyid[c.geom[0]]] in self._links for c in self.data.contact)
        return bool(heights.min() > 0.05) and not touches

    def elbow_m(self, q: Vector) -> float:
        """How high the highest joint but the base's is."""
        self.data.qpos[self._qpos] = q
        mujoco.mj_kinematics(self.model, self.data)
        return float(self.data.xpos[self._links[2:], 2].max())

    def reach(self, q: Vector, rot: Vector) -> int:
        """How many places of the workspace it comes to from `q` with the gripper pointing down, of 45."""
        places = product(*(np.linspace(low, high, n) for low, high, n in zip(*WORKSPACE_M, (3, 5, 3), strict=True)))
        return sum(self.solve(q, Pose(np.array(place), rot), CHECK)[1] < REACHED for place in places)


def at_home(robot: Robot, is_given: bool, chooses_base: bool) -> Robot:
    """The robot with a home pose that will do: the one it has, else one that is found. One that was given is not changed."""
    stand = Stand(robot)
    q = np.array(robot.home_qpos_rad)
    if is_over_table(stand.pose(q)) and not chooses_base:
        return _facing(robot, stand.pose(q).rot)
    if is_given:
        pose = stand.pose(q)
        raise UserError(
            f"{robot.name}: at home_qpos_rad the gripper is at {np.round(pose.pos_m, 3).tolist()} m and points along "
            f"{np.round(pose.rot[:, 2], 2).tolist()}; it must be in x {WORKSPACE_M[0][0]} … {WORKSPACE_M[1][0]}, y ±{WORKSPACE_M[1][1]}, "
            f"z up to {WORKSPACE_M[1][2]} m, point down (0, 0, -1) and open along y"
        )
    best: tuple[int, Robot] | None = None
    for column_m in COLUMNS_M if chooses_base else (robot.base_pos_m[2],):
        base = (*robot.base_pos_m[:2], column_m)
        stand.move_base(base, robot.base_yaw_rad)
        for found, rot in _candidates(stand, q):
            reached = stand.reach(found, rot)
            if best is None or reached > best[0] + (0 if base == best[1].base_pos_m else COLUMN_GAIN):
                best = reached, _facing(replace(robot, home_qpos_rad=tuple(float(v) for v in found), base_pos_m=base), rot)
    if best is None:
        raise UserError(
            f"{robot.name} finds no pose over the table with its gripper straight down; say base_pos_m, base_yaw_deg, home_qpos_rad "
            "in a robot.toml"
        )
    return best[1]


def is_over_table(pose: Pose) -> bool:
    """Inside the workspace, straight down, opening along y."""
    inside = all(low <= v <= high for v, low, high in zip(pose.pos_m, *WORKSPACE_M, strict=True))
    return inside and -pose.rot[2, 2] > STRAIGHT_COS and abs(pose.rot[1, 1]) > STRAIGHT_COS


def _candidates(stand: Stand, home: Vector) -> list[tuple[Vector, Vector]]:
    """Ways to stand at `HOME_M`, with the rotation there: the one next to the model's own home, else a few with high elbows."""
    rng = np.random.default_rng(0)
    low, high = np.maximum(stand.arm.lower, -np.pi), np.minimum(stand.arm.upper, np.pi)
    found: list[tuple[float, Vector, Vector]] = []
    for guess in (home, *rng.uniform(low, high, (GUESSES, len(home)))):
        for rot in (DOWN, DOWN @ HALF_TURN):
            q, left = stand.walk(guess, Pose(np.array(HOME_M), rot))
            q = _unwound(q, stand.arm.lower, stand.arm.upper)
            if left < REACHED and stand.is_free(q) and all(np.abs(q - other).max() > 0.1 for _, other, _ in found):
                found.append((stand.elbow_m(q), q, rot))
        if guess is home and found:
            break
    found.sort(key=lambda each: -each[0])
    return [(q, rot) for _, q, rot in found[:CANDIDATES]]


def _unwound(q: Vector, lower: Vector, upper: Vector) -> Vector:
    """Without whole turns, where the joints' ranges allow."""
    turned = (q + np.pi) % (2 * np.pi) - np.pi
    return np.where((turned > lower) & (turned < upper), turned, q)


def _facing(robot: Robot, rot: Vector) -> Robot:
    """The gripper's x axis looks away from the robot: turned half around where it does not, its two fingers are alike."""
    if rot[0, 0] > 0:
        return robot
    w, x, y, z = robot.tcp_quat_in_hand_wxyz
    return replace(robot, tcp_quat_in_hand_wxyz=(-z, y, -x, w))
