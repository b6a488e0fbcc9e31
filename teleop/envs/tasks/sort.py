"""Sort: each of three cubes into the tray of its own colour, in any order."""

import itertools

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv, quat_xyzw
from teleop.envs.plant import Vector
from teleop.envs.props import BLUE, GREEN, RED, YAW_RAD, add_cube, draw_apart, is_let_go, put_down
from teleop.envs.render import GhostGeom

COLOURS = ("red", "green", "blue")
SHADES = {"red": RED, "green": GREEN, "blue": BLUE}
HALF_M = 0.02
TRAY_HALF_M = 0.055  # of its floor
RIM_HALF_M = (0.002, 0.003)  # thickness and height
FLOOR_M = 0.002
INSIDE_M = TRAY_HALF_M - HALF_M + 0.002  # a cube whose middle is that near to the tray's stands on its floor
STANDS_M = 0.006  # how far from standing flat it may be
TRAYS_M = ((0.60, 0.21), (0.60, 0.0), (0.60, -0.21))
APART_M = 0.125  # cubes' middles: the opened fingers fit between
CUBES_M = (np.array([0.34, -0.22]), np.array([0.47, 0.22]))


class Sort(ArmEnv):
    """`object` (39,): for red, green, blue the cube's position (m), its quaternion xyzw, cube − tool centre point (m), its tray (m).

    A cube is in place when it stands in the tray of its colour and the gripper has let go of it. Success: all three are. The
    mode is the order in which they were first put in place, such as "red-green-blue".
    """

    task = "put each cube into the tray of its colour"
    object_width = 13 * len(COLOURS)
    memory_size = len(COLOURS)  # of each colour: 0 never in place so far, else which it was (1, 2, 3)
    modes = tuple("-".join(order) for order in itertools.permutations(COLOURS))

    def add_objects(self, world: mujoco.MjsBody) -> None:
        for colour in COLOURS:
            _add_tray(world.add_body(name=f"{colour} tray", mocap=True), SHADES[colour])
        for colour in COLOURS:
            add_cube(world, colour, HALF_M, SHADES[colour])

    def reset_objects(self) -> None:
        self.data.mocap_pos[:, :2] = TRAYS_M + self.np_random.uniform(-0.01, 0.01, (len(COLOURS), 2))
        places: list[Vector] = []
        for colour in COLOURS:
            places.append(draw_apart(self, *CUBES_M, places, APART_M))
            put_down(self, colour, places[-1], HALF_M, self.np_random.uniform(-YAW_RAD, YAW_RAD))

    def cube_pos_m(self, colour: str) -> Vector:
        return np.array(self.data.body(colour).xpos)

    def tray_pos_m(self, colour: str) -> Vector:
        """(3,) the tray's middle, on the table."""
        return np.array(self.data.mocap_pos[COLOURS.index(colour)])

    def object_obs(self) -> Vector:
        bodies = [(self.data.body(colour), self.tray_pos_m(colour)) for colour in COLOURS]
        return np.concatenate([np.concatenate([b.xpos, quat_xyzw(b.xmat), b.xpos - self.tcp_pos_m, tray]) for b, tray in bodies])

    # -- what is where ---------------------------------------------------------------------------------------------

    def is_in_tray(self, colour: str) -> bool:
        """Whether the cube stands in its tray, held or not."""
        away = self.cube_pos_m(colour) - self.tray_pos_m(colour)
        return bool(np.abs(away[:2]).max() < INSIDE_M and abs(away[2] - FLOOR_M - HALF_M) < STANDS_M)

    def is_let_go(self, colour: str) -> bool:
        """Whether the hand is away from the cube, or opened around it."""
        return is_let_go(self, self.cube_pos_m(colour), 2 * HALF_M)

    def is_in_place(self, colour: str) -> bool:
        return self.is_in_tray(colour) and self.is_let_go(colour)

    def missing(self) -> list[str]:
        """The colours that are not in place now."""
        return [colour for colour in COLOURS if not self.is_in_place(colour)]

    def note_progress(self) -> None:
        for k, colour in enumerate(COLOURS):
            if self.memory[k] == 0.0 and self.is_in_place(colour):
                self.memory[k] = 1.0 + np.count_nonzero(self.memory)

    def behaviour_mode(self) -> str:
        if not np.all(self.memory):
            return ""
        return "-".join(COLOURS[k] for k in np.argsort(self.memory))

    def is_success(self) -> bool:
        return not self.missing()

    # -- for learning, and for the operator ------------------------------------------------------------------------

    def dense_reward(self) -> float:
        """A third for each cube in place, and on the way to a third how near the hand is to a cube, and that to its tray."""
        missing = self.missing()
        done = len(COLOURS) - len(missing)
        return float((done + 0.9 * max((self._closeness(colour) for colour in missing), default=0.0)) / len(COLOURS))

    def _closeness(self, colour: str) -> float:
        cube = self.cube_pos_m(colour)
        reach, carry = (float(np.linalg.norm(cube - other)) for other in (self.tcp_pos_m, self.tray_pos_m(colour)))
        return float(1.0 - 0.4 * np.tanh(5.0 * reach) - 0.6 * np.tanh(5.0 * max(0.0, carry - INSIDE_M)))

    def target_pos_m(self) -> Vector | None:
        """Of the cube that is nearest to the hand and not in place: its tray while it is between the fingers, else itself."""
        missing = self.missing()
        if not missing:
            return None
        nearest = min(missing, key=lambda colour: float(np.linalg.norm(self.cube_pos_m(colour) - self.tcp_pos_m)))
        is_held = not self.is_let_go(nearest)
        return np.add(self.tray_pos_m(nearest), [0.0, 0.0, HALF_M]) if is_held else self.cube_pos_m(nearest)

    def goal_ghost(self) -> tuple[GhostGeom, ...]:
        """The cubes that are not in place, where they belong."""
        above = np.array([0.0, 0.0, FLOOR_M + HALF_M])
        return tuple(
            GhostGeom(mujoco.mjtGeom.mjGEOM_BOX, (HALF_M,) * 3, self.tray_pos_m(colour) + above, (*SHADES[colour], 0.25))
            for colour in self.missing()
        )


def _add_tray(tray: mujoco.MjsBody, shade: tuple[float, float, float]) -> None:
    """A pale floor with a low rim in its colour."""
    box, (rim, height) = mujoco.mjtGeom.mjGEOM_BOX, RIM_HALF_M
    pale = 0.55 * np.array(shade) + 0.45 * np.array([0.95, 0.93, 0.90])
    out = TRAY_HALF_M + rim
    tray.add_geom(type=box, size=[TRAY_HALF_M, TRAY_HALF_M, FLOOR_M / 2], pos=[0.0, 0.0, FLOOR_M / 2], rgba=[*pale, 1.0])
    for side in (-1.0, 1.0):
        tray.add_geom(type=box, size=[rim, out + rim, height], pos=[side * out, 0.0, height], rgba=[*shade, 1.0])
        tray.add_geom(type=box, size=[TRAY_HALF_M, rim, height], pos=[0.0, side * out, height], rgba=[*shade, 1.0])
