"""Smooth shapes in one colour, drawn once at four times their size and kept. All lengths in pixels."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import cos, radians, sin

import pygame

Colour = tuple[int, int, int]
Point = tuple[float, float]
FINER = 4

INK, DIM, DARK = (238, 242, 248), (150, 161, 178), (14, 18, 26)
GREEN, AMBER, RED, BLUE = (88, 204, 138), (246, 186, 80), (242, 98, 98), (96, 168, 252)
VIOLET, GREY, EDGE = (172, 142, 250), (108, 119, 137), (66, 76, 94)


def _smooth(size: Point, colour: Colour, alpha: int, draw: Callable[[pygame.Surface], object]) -> pygame.Surface:
    """Every pixel has the colour and only the opacity varies, so that no dark fringe appears."""
    width, height = (max(1, round(v)) for v in size)
    fine = pygame.Surface((width * FINER, height * FINER), pygame.SRCALPHA)
    fine.fill((*colour, 0))
    draw(fine)
    image = pygame.transform.smoothscale(fine, (width, height))
    if alpha < 255:
        image.set_alpha(alpha)
        faint = pygame.Surface(image.get_size(), pygame.SRCALPHA)
        faint.fill((*colour, 0))
        faint.blit(image, (0, 0))
        return faint
    return image


@lru_cache(maxsize=512)
def box(width: float, height: float, radius: float, colour: Colour, alpha: int = 255, line: float = 0.0) -> pygame.Surface:
    """A rectangle with round corners; with `line` only its outline, that thick."""

    def draw(fine: pygame.Surface) -> None:
        pygame.draw.rect(fine, colour, fine.get_rect(), round(line * FINER), border_radius=round(radius * FINER))

    return _smooth((width, height), colour, alpha, draw)


@lru_cache(maxsize=512)
def disc(diameter: float, colour: Colour, alpha: int = 255) -> pygame.Surface:
    return box(diameter, diameter, diameter / 2, colour, alpha)


@lru_cache(maxsize=256)
def ring(diameter: float, line: float, colour: Colour, fraction: float = 1.0) -> pygame.Surface:
    """A ring, or the `fraction` of one that begins at the top and goes clockwise."""
    middle, radius = diameter / 2, (diameter - line) / 2

    def draw(fine: pygame.Surface) -> None:
        for degree in range(round(360 * fraction) + 1):
            angle = radians(degree - 90)
            at = ((middle + radius * cos(angle)) * FINER, (middle + radius * sin(angle)) * FINER)
            pygame.draw.circle(fine, colour, at, line / 2 * FINER)

    return _smooth((diameter, diameter), colour, 255, draw)


@lru_cache(maxsize=128)
def polygon(width: float, height: float, corners: Sequence[Point], colour: Colour, alpha: int = 255) -> pygame.Surface:
    """`corners` as fractions of the width and the height."""

    def draw(fine: pygame.Surface) -> None:
        pygame.draw.polygon(fine, colour, [(x * width * FINER, y * height * FINER) for x, y in corners])

    return _smooth((width, height), colour, alpha, draw)
