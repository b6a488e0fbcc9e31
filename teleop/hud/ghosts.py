"""Ghosts over the picture: smooth lines with a dark edge, a dot at the end, and beside it how likely it ends well."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import ceil, floor

import pygame

from teleop.ghost_lines import GhostLine, Pixels, Point, Stroke, strokes
from teleop.hud.hud import Hud
from teleop.hud.shapes import DARK, INK, Colour

EDGE = 1.5  # how much wider the dark line below each is, on each side, at 720 lines
HEART = 0.42  # of the chosen one's dot
FINER = 3
ROOM = (230, 20)  # a label, a dot and a label


def draw_ghosts(hud: Hud, surface: pygame.Surface, lines: Sequence[GhostLine], pixels: Pixels) -> tuple[Stroke, ...]:
    """Draw `lines` over the picture, the chosen one on top, before the panels; what `label_ghosts` needs once these are there.

    `pixels` gives the places in the picture (n, 2) of points (n, 3) of the scene (`ghost_lines.project_all`).
    """
    found = strokes(lines, pixels, hud.type.scale)
    if found:
        image, place = _painted(found, EDGE * hud.type.scale, surface.get_size())
        surface.blit(image, place)
    return found


def label_ghosts(hud: Hud, surface: pygame.Surface, found: Sequence[Stroke]) -> None:
    """How likely each ends well, beside the last of it that no panel hides, on the side that the line does not come from."""
    for number, stroke in enumerate(found):
        at = _free_end(hud, surface, stroke) if stroke.words else None
        if at is not None:
            left = stroke.points[max(0, at - 1)][0] > stroke.points[at][0]
            hud.draw_tag(surface, f"ghost {number}", stroke.words, _whole(stroke.points[at]), left=left)


def _free_end(hud: Hud, surface: pygame.Surface, stroke: Stroke) -> int | None:
    """Which is the last point with room for a label on either side; None without any."""
    room = pygame.Rect(0, 0, *(round(side * hud.type.scale) for side in ROOM))
    taken = [hud.inset_px, *(panel.area for panel in hud.panels)]
    for k in reversed(range(len(stroke.points))):
        room.center = _whole(stroke.points[k])
        if surface.get_rect().contains(room) and room.collidelist(taken) < 0:
            return k
    return None


def _whole(point: Point) -> tuple[int, int]:
    return round(point[0]), round(point[1])


@lru_cache(maxsize=4)
def _painted(found: tuple[Stroke, ...], edge: float, size: tuple[int, int]) -> tuple[pygame.Surface, tuple[int, int]]:
    """The strokes as a smooth picture, no larger than they need, and where that belongs: drawn finer, on a dark that is seen nowhere."""
    margin = max(stroke.dot + stroke.width for stroke in found) + edge + 1
    xs, ys = ([point[axis] for stroke in found for point in stroke.points] for axis in (0, 1))
    left, top = max(0, floor(min(xs) - margin)), max(0, floor(min(ys) - margin))
    width, height = (
        max(1, min(edge_px, ceil(max(at) + margin)) - from_px) for edge_px, at, from_px in zip(size, (xs, ys), (left, top), strict=True)
    )
    fine = pygame.Surface((width * FINER, height * FINER), pygame.SRCALPHA)
    fine.fill((*DARK, 0))
    for stroke in found:
        corners = [pygame.Vector2(x - left, y - top) * FINER for x, y in stroke.points]
        for colour, wider in ((DARK, edge), (stroke.colour, 0.0)):
            _draw_line(fine, colour, corners, (stroke.width / 2 + wider) * FINER, (stroke.dot + wider) * FINER)
        if stroke.chosen:
            pygame.draw.circle(fine, INK, corners[-1], HEART * stroke.dot * FINER)
    return pygame.transform.smoothscale(fine, (width, height)), (left, top)


def _draw_line(surface: pygame.Surface, colour: Colour, corners: Sequence[pygame.Vector2], half: float, dot: float) -> None:
    for a, b in pairwise(corners):
        across = (b - a).normalize().rotate(90) * half
        pygame.draw.polygon(surface, colour, [a + across, b + across, b - across, a - across])
    for corner in corners:
        pygame.draw.circle(surface, colour, corner, half)
    pygame.draw.circle(surface, colour, corners[-1], dot)
