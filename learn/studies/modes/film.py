"""Film: rollouts of one start in one scene; each leaves its path behind, in the colour of its mode."""

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import pairwise

import numpy as np

from learn.studies.modes.colours import colour_of
from learn.studies.modes.walks import Walk
from teleop.envs.plant import Plant, Vector
from teleop.envs.render import GhostGeom, Image, Look, ghost_line

SIZE_PX = (480, 360)
LOOK = Look(meshes=True, samples=4)
CAMERA = "front"
FPS = 20
TRAIL_M = 0.0025  # radius
HOLD_FRAMES, LAST_HOLD_FRAMES = 6, 30
RGBA = tuple[float, float, float, float]


def film_walks(walks: Sequence[Walk], plant: Plant, shown: Sequence[str], stride: int) -> Iterator[Image]:
    """The pictures; every `stride`-th state is drawn."""
    trails: list[GhostGeom] = []
    colours = palette()
    for done in walks:
        rgba = colours[colour_of(done.rollout.mode if done.rollout.success else "", shown)]
        at = [*range(0, len(done.states) - 1, stride), len(done.states) - 1]
        for before, now in pairwise(at):
            plant.stand_as(done.states[now])
            trails.append(_rod(done.tcp_m[before], done.tcp_m[now], rgba))
            picture = plant.draw(CAMERA, *SIZE_PX, LOOK, ghosts=trails)
            yield picture
        yield from [picture] * HOLD_FRAMES
    plant.stand_as(walks[0].states[0])  # out of the way of its paths
    yield from [plant.draw(CAMERA, *SIZE_PX, LOOK, ghosts=trails)] * LAST_HOLD_FRAMES


def _rod(start_m: Vector, end_m: Vector, rgba: RGBA) -> GhostGeom:
    return ghost_line(start_m, end_m, TRAIL_M, rgba)


def palette() -> list[RGBA]:
    """The light style sheet's colours."""
    css = resources.files("learn.studies").joinpath("study.css").read_text(encoding="utf-8").splitlines()[0]
    hexes = re.findall(r"--c\d: #([0-9a-f]{6})", css)
    return [(*(np.array(list(bytes.fromhex(h))) / 255).tolist(), 1.0) for h in hexes]
