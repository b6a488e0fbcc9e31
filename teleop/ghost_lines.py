"""Ghost lines: where the policy would go from here, as lines in the scene and in the picture, coloured by how well that would end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from numpy.typing import NDArray

from teleop.envs.render import GhostGeom, camera_id, camera_pose, ghost_line

if TYPE_CHECKING:
    from teleop.screen import Orbit

Vector = NDArray[np.float64]
Colour = tuple[int, int, int]
Point = tuple[float, float]
Pixels = Callable[[Vector], Vector]

FAILS, UNSURE, SUCCEEDS, UNKNOWN = (242, 98, 98), (246, 186, 80), (88, 204, 138), (176, 184, 196)
WIDTH_PX, CHOSEN_WIDTH_PX = 3.0, 6.0  # at 720 lines
RADIUS_M, CHOSEN_RADIUS_M = 0.0014, 0.0028
DOT = 2.4  # the end's radius, in half widths of the line
ROD_STEPS = 4  # as many steps are one rod
NEAREST_M = 0.01  # what is nearer to the camera, or behind it, is drawn as if there


@dataclass(frozen=True)
class GhostLine:
    """One ghost as the window shows it; plain data, it travels to the window's process. `path_m` (n, 3) begins at the gripper.

    `predicted` in [0, 1] is the share of its futures that succeed, None while that is not known; `chosen`: the operator's.
    """

    path_m: Vector
    predicted: float | None = None
    chosen: bool = False

    @property
    def words(self) -> str:
        return "" if self.predicted is None else f"{100 * self.predicted:.0f} % succeed"


@dataclass(frozen=True)
class Stroke:
    """A line in the picture: `points` (pixels) with a dot at the last, `width` and `dot` (radius) in pixels."""

    points: tuple[Point, ...]
    width: float
    dot: float
    colour: Colour
    words: str
    chosen: bool


def success_colour(predicted: float | None) -> Colour:
    """Red for 0, through amber, to green for 1; grey while unknown."""
    if predicted is None:
        return UNKNOWN
    low, high, share = (FAILS, UNSURE, 2.0 * predicted) if predicted < 0.5 else (UNSURE, SUCCEEDS, 2.0 * predicted - 1.0)
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(low, high, strict=True))
    return red, green, blue


def strokes(lines: Sequence[GhostLine], pixels: Pixels, scale: float = 1.0) -> tuple[Stroke, ...]:
    """The lines as a camera sees them, the chosen one last, so over the others; `pixels` as `project_all` gives them."""
    return tuple(_stroke(line, pixels, scale) for line in _drawn(lines))


def project_all(
    model: mujoco.MjModel, data: mujoco.MjData, camera: str, points_m: Vector, size_px: tuple[int, int], orbit: "Orbit | None" = None
) -> Vector:
    """(n, 2) where in a picture of `size_px` (width, height) the camera sees world points (n, 3): x and y, in parts of pixels."""
    pos, rot = camera_pose(model, data, camera, orbit)
    seen = (points_m - pos) @ rot
    scale = size_px[1] / 2 / np.tan(np.radians(model.cam_fovy[camera_id(model, camera)]) / 2)
    middle = np.array(size_px) / 2
    return np.asarray(middle + scale * seen[:, :2] * [1.0, -1.0] / np.maximum(-seen[:, 2:], NEAREST_M))


def ghost_geoms(lines: Sequence[GhostLine]) -> tuple[GhostGeom, ...]:
    """The lines as rods in the scene with a ball at the end: what stands before them hides them."""
    return tuple(geom for line in _drawn(lines) for geom in _geoms(line))


def _stroke(line: GhostLine, pixels: Pixels, scale: float) -> Stroke:
    width = scale * (CHOSEN_WIDTH_PX if line.chosen else WIDTH_PX)
    points = [(x, y) for x, y in np.round(pixels(line.path_m), 1).tolist()]
    unlike = (points[0], *(b for a, b in pairwise(points) if a != b))
    return Stroke(unlike, width, DOT * width / 2 + scale, success_colour(line.predicted), line.words, line.chosen)


def _geoms(line: GhostLine) -> list[GhostGeom]:
    red, green, blue = (value / 255 for value in success_colour(line.predicted))
    rgba, radius_m = (red, green, blue, 1.0), CHOSEN_RADIUS_M if line.chosen else RADIUS_M
    joints = [*line.path_m[:-1:ROD_STEPS], line.path_m[-1]]
    ball_m = 2.0 * DOT * radius_m
    ball = GhostGeom(mujoco.mjtGeom.mjGEOM_SPHERE, (ball_m, ball_m, ball_m), joints[-1], rgba)
    return [*(ghost_line(a, b, radius_m, rgba) for a, b in pairwise(joints)), ball]


def _drawn(lines: Sequence[GhostLine]) -> list[GhostLine]:
    """Those that have a path; of plants that are no arms there is none."""
    return sorted((line for line in lines if len(line.path_m)), key=lambda line: line.chosen)
