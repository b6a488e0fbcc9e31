"""Sheet: a see-through panel with text and shapes, measured in units: 1/720 of the window's height."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import pygame

from teleop.hud import shapes
from teleop.hud.shapes import DARK, EDGE, INK, Colour, Point

Align = Literal["left", "centre", "right"]
LINES = 720
PANEL_ALPHA = 212
SMALLEST_PX, REMEMBERED = 10, 2000


def _font_file(bold: bool) -> str | None:
    """DejaVu Sans as Matplotlib brings it: the same on every platform, with arrows and the PlayStation's shapes."""
    found = find_spec("matplotlib")
    if found is None or not found.submodule_search_locations:
        return None
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(found.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf" / name
    return str(path) if path.is_file() else None


class Type:
    """Owns the fonts and what was written with them. `scale` is pixels per unit."""

    def __init__(self, scale: float) -> None:
        pygame.font.init()
        self.scale = scale
        self._fonts: dict[tuple[int, bool], pygame.font.Font] = {}
        self._written: dict[tuple[str, int, Colour, bool], pygame.Surface] = {}

    def font(self, size: float, bold: bool) -> pygame.font.Font:
        size_px = max(SMALLEST_PX, round(size * self.scale))
        if (size_px, bold) not in self._fonts:
            self._fonts[size_px, bold] = pygame.font.Font(_font_file(bold), size_px)
        return self._fonts[size_px, bold]

    def write(self, words: str, size: float, colour: Colour, bold: bool) -> pygame.Surface:
        key = (words, max(SMALLEST_PX, round(size * self.scale)), colour, bold)
        if key not in self._written:
            if len(self._written) >= REMEMBERED:
                self._written.clear()
            self._written[key] = self.font(size, bold).render(words, True, colour)
        return self._written[key]

    def width(self, words: str, size: float, *, bold: bool = False) -> float:
        """In units."""
        return self.font(size, bold).size(words)[0] / self.scale

    def cut(self, words: str, size: float, width: float, *, bold: bool = False) -> str:
        """As much of `words` as fits into `width` units."""
        while len(words) > 1 and self.width(words, size, bold=bold) > width:
            words = words[:-2].rstrip() + "…"
        return words

    def wrap(self, words: str, size: float, width: float, *, bold: bool = False) -> list[str]:
        """Lines no wider than `width` units; a longer word stands alone."""
        lines = [""]
        for word in words.split(" "):
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.width(longer, size, bold=bold) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines


@dataclass
class Sheet:
    """`texts` says what was written where, in pixels of the sheet, for whoever checks it."""

    type: Type
    width: float
    height: float
    radius: float = 10.0
    fill: Colour | None = DARK
    scale: float = field(init=False)
    surface: pygame.Surface = field(init=False)
    texts: list[tuple[str, pygame.Rect]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scale = self.type.scale
        self.surface = pygame.Surface((round(self.width * self.scale), round(self.height * self.scale)), pygame.SRCALPHA)
        if self.fill is not None:
            self.box(0, 0, self.width, self.height, self.fill, self.radius, alpha=PANEL_ALPHA)

    def text(
        self,
        words: str,
        x: float,
        y: float,
        size: float = 13,
        colour: Colour = INK,
        *,
        bold: bool = False,
        align: Align = "left",
        width: float | None = None,
    ) -> float:
        """Write one line whose middle is at height `y`, cut to `width`; gives the right end."""
        if width is not None:
            words = self.type.cut(words, size, width, bold=bold)
        image = self.type.write(words, size, colour, bold)
        left = x * self.scale - {"left": 0.0, "centre": 0.5, "right": 1.0}[align] * image.get_width()
        area = image.get_rect(topleft=(round(left), round(y * self.scale - image.get_height() / 2)))
        self.surface.blit(image, area)
        if words:
            self.texts.append((words, area))
        return area.right / self.scale

    def box(
        self, x: float, y: float, width: float, height: float, colour: Colour, radius: float = 3.0, *, alpha: int = 255, line: float = 0.0
    ) -> None:
        s = self.scale
        self.put(shapes.box(round(width * s), round(height * s), round(radius * s, 1), colour, alpha, round(line * s, 1)), x, y)

    def bar(self, x: float, y: float, width: float, height: float, fraction: float, colour: Colour, track: Colour = EDGE) -> None:
        """A track with a filled part."""
        self.box(x, y, width, height, track, height / 2)
        filled = min(1.0, max(0.0, fraction)) * width
        if filled > 0:
            self.box(x, y, max(filled, height), height, colour, height / 2)

    def disc(self, x: float, y: float, diameter: float, colour: Colour, *, alpha: int = 255) -> None:
        """Centred on (x, y)."""
        self.put(shapes.disc(round(diameter * self.scale), colour, alpha), x - diameter / 2, y - diameter / 2)

    def ring(self, x: float, y: float, diameter: float, line: float, colour: Colour, fraction: float = 1.0) -> None:
        """Centred on (x, y)."""
        s = self.scale
        self.put(shapes.ring(round(diameter * s), round(line * s, 1), colour, round(fraction, 2)), x - diameter / 2, y - diameter / 2)

    def polygon(self, x: float, y: float, width: float, height: float, corners: Sequence[Point], colour: Colour) -> None:
        s = self.scale
        self.put(shapes.polygon(round(width * s), round(height * s), tuple(corners), colour), x, y)

    def put(self, image: pygame.Surface, x: float, y: float) -> None:
        self.surface.blit(image, (round(x * self.scale), round(y * self.scale)))
