"""Detour: bring the gripper past two boards to the ball behind them; each can be passed left, right or over."""

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Vector

REACHED_M = 0.025
BOARD_HALF_M = (0.010, 0.05, 0.0925)
BESIDE_M = BOARD_HALF_M[1] + 0.05  # further out than this is past a board's side, however high
BOARDS = ("first", "second")
BOARDS_X_M = (0.41, 0.59)
WAYS = ("left", "right", "over")
SIDES = {"left": -1.0, "right": 1.0}  # the sign of y: left as the operator, opposite the robot, sees it and pushes the stick
FREE_M = (0.19, 0.07)  # how far beside the middle, and above the top, a hand passes without touching
REWARD_PER_M = 5.0


class Detour(ArmEnv):
    """`object` (18,): goal, top of the first board's middle, top of the second's (m); the same three − tool centre point (m).

    Left is the operator's left in the `front` camera, y < 0. The way past a board is decided where the tool centre point
    crosses the board's plane: beyond its sides left or right, however high, else over. Going back undoes it. The mode is
    "left" when both were passed on the left, "left-over" when the first was passed on the left and the second above.
    Success: both passed, and the tool centre point closer than 2.5 cm to the ball's middle.
    """

    task = "bring the gripper past both boards to the green ball"
    object_width = 18
    memory_size = len(BOARDS)  # of each board: 0 not passed, else 1 + the way's place in WAYS
    modes = (*WAYS, *(f"{a}-{b}" for a in WAYS for b in WAYS if a != b))
    start_box_m = ((0.31, -0.08, 0.08), (0.34, 0.08, 0.20))

    def add_objects(self, world: mujoco.MjsBody) -> None:
        goal = world.add_body(name="goal", mocap=True)
        goal.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[REACHED_M, 0, 0], rgba=[0.15, 0.75, 0.35, 0.8], contype=0, conaffinity=0)
        for name, shade in zip(BOARDS, ([0.38, 0.58, 0.84, 1.0], [0.68, 0.72, 0.78, 1.0]), strict=True):
            board = world.add_body(name=name, mocap=True)
            board.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_BOX, size=BOARD_HALF_M, pos=[0.0, 0.0, -BOARD_HALF_M[2]], rgba=shade)

    def reset_objects(self) -> None:
        """The boards' feet are sunk into the table, so that their heights differ."""
        self.data.mocap_pos[0] = self.np_random.uniform([0.66, -0.12, 0.07], [0.68, 0.12, 0.16])
        for board, x in enumerate(BOARDS_X_M, start=1):
            self.data.mocap_pos[board] = self.np_random.uniform([x - 0.008, -0.02, 0.15], [x + 0.008, 0.02, 0.18])

    @property
    def goal_pos_m(self) -> Vector:
        return np.array(self.data.mocap_pos[0])

    @property
    def board_tops_m(self) -> Vector:
        """(2, 3) the middle of each board's upper edge."""
        return np.array(self.data.mocap_pos[1:3])

    def object_obs(self) -> Vector:
        return np.concatenate([self.data.mocap_pos.ravel(), (self.data.mocap_pos - self.tcp_pos_m).ravel()])

    def note_progress(self) -> None:
        tcp = self.tcp_pos_m
        for board, top in enumerate(self.board_tops_m):
            if tcp[0] <= top[0]:
                self.memory[board] = 0.0
            elif self.memory[board] == 0.0:
                self.memory[board] = 1.0 + WAYS.index(way_past(tcp, top))

    def ways(self) -> tuple[str, str]:
        """The way each board was passed; "" while it is not."""
        first, second = ("" if code == 0.0 else WAYS[int(code) - 1] for code in self.memory)
        return first, second

    def behaviour_mode(self) -> str:
        first, second = self.ways()
        if not (first and second):
            return ""
        return first if first == second else f"{first}-{second}"

    def distance_m(self) -> float:
        return float(np.linalg.norm(self.goal_pos_m - self.tcp_pos_m))

    def is_success(self) -> bool:
        return bool(np.all(self.memory)) and self.distance_m() < REACHED_M

    def target_pos_m(self) -> Vector:
        return self.goal_pos_m

    def dense_reward(self) -> float:
        """A third for each board passed, and on the way to a third how near the next opening, or at last the ball, is."""
        if self.is_success():
            return 1.0
        passed = [bool(way) for way in self.ways()]
        if all(passed):
            return float((3.0 - np.tanh(REWARD_PER_M * self.distance_m())) / 3.0)
        following = passed.index(False)
        nearest = min(float(np.linalg.norm(place - self.tcp_pos_m)) for place in openings_m(self.board_tops_m[following]))
        return float((following + 1.0 - np.tanh(REWARD_PER_M * nearest)) / 3.0)


def way_past(tcp_m: Vector, top_m: Vector) -> str:
    """Which of WAYS a point (3,) in the plane of a board is, whose upper edge has its middle at `top_m` (3,)."""
    beside = float(tcp_m[1] - top_m[1])
    if abs(beside) < BESIDE_M:
        return "over"
    return "left" if beside * SIDES["left"] > 0 else "right"


def openings_m(top_m: Vector) -> Vector:
    """(3, 3) for each of WAYS a place in the board's plane where a hand passes without touching; beside it, half-way up."""
    beside, above = FREE_M
    half_way = -top_m[2] / 2
    sides = [[0.0, side * beside, half_way] for side in SIDES.values()]
    return np.asarray(top_m + np.array([*sides, [0.0, 0.0, above]]))
