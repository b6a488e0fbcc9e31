"""Hud: lays the panels out, redraws those whose words have changed and puts all of them on the picture."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from math import ceil

import pygame

from data.schema import Phase
from teleop.aids import Readout
from teleop.hud import alerts, keymap, panels, shapes, strip
from teleop.hud.labels import KEYBOARD, relabel
from teleop.hud.pad import PadPicture, mode_words
from teleop.hud.shapes import AMBER, DARK, INK, Colour
from teleop.hud.sheet import LINES, Sheet, Type
from teleop.screen import Status
from teleop.stick import AXES

MARGIN = 12.0
INSET = (240.0, 180.0)
ARROW_HEAD = 18.0
COUNTDOWN_HEIGHT = 0.36
Point = tuple[int, int]


@dataclass(frozen=True)
class Panel:
    """A sheet in its place, in pixels of the window."""

    name: str
    area: pygame.Rect
    sheet: Sheet


class Hud:
    """Owns the sheets. `keyboard` chooses which column of the key map is shown; `size` is the window's in pixels."""

    def __init__(self, size: Point, keyboard: bool) -> None:
        self.type = Type(size[1] / LINES)
        self.width, self.height = size[0] / self.type.scale, float(LINES)
        self.panels: list[Panel] = []
        self._size, self._keyboard = size, keyboard
        self._sheets: dict[str, tuple[Hashable, Sheet]] = {}
        self._pads: dict[str, PadPicture] = {}

    @property
    def inset_px(self) -> pygame.Rect:
        """Where the other camera's picture belongs."""
        return self._area(self.width - MARGIN - INSET[0], self.height - MARGIN - INSET[1], *INSET)

    @property
    def thumb_px(self) -> Point:
        width, height = (round(v * self.type.scale) for v in strip.THUMB)
        return width, height

    def draw(self, surface: pygame.Surface, status: Status, readout: Readout, thumbs: Mapping[int, pygame.Surface]) -> None:
        self.panels = []
        self._bar(status)
        left = self._left_column(status, readout)
        right = self._keymap(status)
        self._pad(status)
        floor = self._strip(status, thumbs)
        self._centre(status, readout, (left, right), floor)
        for panel in self.panels:
            surface.blit(panel.sheet.surface, panel.area)

    def pad_picture(self, status: Status) -> PadPicture:
        profile = self._profile(status)
        if profile not in self._pads:
            self._pads[profile] = PadPicture(self.type, profile)
        return self._pads[profile]

    def _profile(self, status: Status) -> str:
        return KEYBOARD if self._keyboard else status.profile

    # -- places ----------------------------------------------------------------------------------------------------

    def _bar(self, status: Status) -> None:
        facts = panels.bar_facts(status)
        self._place("bar", self._sheet("bar", facts, lambda: panels.draw_bar(self.type, self.width, *facts)), 0, 0)

    def _left_column(self, status: Status, readout: Readout) -> float:
        """The gripper, the modes and the learning, from the bar down; gives the column's right end."""
        y = panels.BAR_HEIGHT + MARGIN
        gauges = panels.gripper_facts(status, readout)
        if gauges:
            sheet = self._sheet("gripper", gauges, lambda: panels.draw_gripper(self.type, gauges))
            self._place("gripper", sheet, MARGIN, y)
            y += sheet.height + MARGIN
        rows = panels.modes_facts(status)
        if rows:
            modes = self._sheet("modes", rows, lambda: panels.draw_modes(self.type, rows))
            self._place("modes", modes, MARGIN, y)
            y += modes.height + MARGIN
        if status.learning:
            facts = status.learning
            self._place("learning", self._sheet("learning", facts, lambda: panels.draw_learning(self.type, facts)), MARGIN, y)
        return MARGIN + panels.LEFT_WIDTH

    def _keymap(self, status: Status) -> float:
        """Gives its left end."""
        facts = keymap.keymap_facts(status, self._keyboard)
        if not facts[1]:
            return self.width
        sheet = self._sheet("keymap", facts, lambda: keymap.draw_keymap(self.type, *facts))
        x = self.width - MARGIN - sheet.width
        self._place("keymap", sheet, x, panels.BAR_HEIGHT + MARGIN)
        return x

    def _pad(self, status: Status) -> None:
        picture, (mode, directions) = self.pad_picture(status), mode_words(status)
        stick = status.stick
        moved = tuple(round(stick.axis(a), 2) for a in AXES)
        facts = (picture.profile, moved, stick.held | stick.pressed, mode, directions, status.precise)
        sheet = self._sheet("pad", facts, lambda: picture.draw(stick, mode, directions, status.precise))
        self._place("pad", sheet, MARGIN, self.height - MARGIN - sheet.height)

    def _strip(self, status: Status, thumbs: Mapping[int, pygame.Surface]) -> float:
        """The strip between the pad and the other camera; gives the height that is free above it."""
        left, right = self._lower_middle()
        frames = strip.strip_facts(status.kept, right - left, thumbs)
        if not frames:
            return self.height - MARGIN
        sheet = self._sheet("strip", frames, lambda: strip.draw_strip(self.type, frames))
        self._place("strip", sheet, right - sheet.width, self.height - MARGIN - sheet.height)
        return self.height - 2 * MARGIN - sheet.height

    def _centre(self, status: Status, readout: Readout, sides: tuple[float, float], floor: float) -> None:
        """What matters now: a headline below the bar, a notice or the scrub bar above the strip, the countdown."""
        left, right = sides[0] + MARGIN, sides[1] - MARGIN
        top = panels.BAR_HEIGHT + MARGIN
        if (headline := alerts.headline_facts(status, readout)) is not None:
            words, second, colour = headline
            said = (relabel(words, self._profile(status)), relabel(second, self._profile(status)), colour)
            sheet = self._sheet("headline", said, lambda: alerts.draw_headline(self.type, right - left, *said))
            self._place("headline", sheet, (left + right - sheet.width) / 2, top)
            top += sheet.height + MARGIN
        left, right = self._lower_middle()
        if status.phase is Phase.REWIND and status.rewind is not None:
            step, steps = status.rewind
            sheet = self._sheet(
                "rewind",
                (step, steps, status.control_hz),
                lambda: alerts.draw_rewind(self.type, right - left, step, steps, status.control_hz),
            )
            self._place("rewind", sheet, left, floor - sheet.height)
        elif (notice := alerts.notice_facts(status)) is not None:
            sheet = self._sheet("notice", notice, lambda: alerts.draw_notice(self.type, right - left, *notice))
            self._place("notice", sheet, (left + right - sheet.width) / 2, floor - sheet.height)
        if status.countdown_s > 0:
            seconds = ceil(status.countdown_s)
            rest = round(status.countdown_s - seconds + 1, 2)
            sheet = self._sheet("countdown", (seconds, rest), lambda: alerts.draw_countdown(self.type, seconds, rest))
            self._place("countdown", sheet, (self.width - sheet.width) / 2, max(top, COUNTDOWN_HEIGHT * self.height - sheet.height / 2))

    def _lower_middle(self) -> tuple[float, float]:
        """Between the pad and the other camera: where it begins and ends."""
        return 2 * MARGIN + self._sheets["pad"][1].width, self.width - 2 * MARGIN - INSET[0]

    # -- sheets ----------------------------------------------------------------------------------------------------

    def _sheet(self, name: str, facts: Hashable, draw: Callable[[], Sheet]) -> Sheet:
        """The sheet called `name`, drawn anew only when its facts have changed."""
        kept = self._sheets.get(name)
        if kept is None or kept[0] != facts:
            kept = self._sheets[name] = (facts, draw())
        return kept[1]

    def _place(self, name: str, sheet: Sheet, x: float, y: float) -> None:
        self.panels.append(Panel(name, self._area(x, y, sheet.width, sheet.height), sheet))

    def _area(self, x: float, y: float, width: float, height: float) -> pygame.Rect:
        return pygame.Rect(*(round(v * self.type.scale) for v in (x, y, width, height)))

    # -- over the picture ------------------------------------------------------------------------------------------

    def draw_arrow(self, surface: pygame.Surface, start: Point, end: Point, ink: Colour = AMBER, *, bold: bool = True) -> None:
        """An arrow in pixels, fat where it is `bold`; a dot when it has no length."""
        shaft, scale = pygame.Vector2(end) - pygame.Vector2(start), self.type.scale
        for colour, width in ((DARK, (5 if bold else 2.5) * scale), (ink, (2 if bold else 0.8) * scale)):
            pygame.draw.circle(surface, colour, start, 5 * scale + width)
            if shaft.length() > ARROW_HEAD * scale:
                along = shaft.normalize()
                across, neck = along.rotate(90) * (ARROW_HEAD * scale / 2 + width), pygame.Vector2(end) - along * ARROW_HEAD * scale
                pygame.draw.line(surface, colour, start, neck, round(2 * width + 2))
                pygame.draw.polygon(surface, colour, [neck + across, neck - across, pygame.Vector2(end) + along * width])

    def draw_tag(self, surface: pygame.Surface, name: str, words: str, at: Point, *, left: bool = False) -> None:
        """A small label beside a pixel of the picture; left out where it would touch a panel or leave the window."""
        width = self.type.width(words, 11, bold=True) + 12
        x = at[0] / self.type.scale + (-10 - width if left else 10)
        area = self._area(x, at[1] / self.type.scale - 9, width, 18)
        taken = [self.inset_px, *(panel.area for panel in self.panels)]
        if surface.get_rect().contains(area) and area.collidelist(taken) < 0:
            surface.blit(self._tag(name, words, width).surface, area)

    def draw_view_names(self, surface: pygame.Surface, camera: str, other: str) -> None:
        """Which camera the small picture shows, and which the large one, above it."""
        inset = self.inset_px
        for name, words, above in (("main view", camera, True), ("small view", other, False)):
            if not words:
                continue
            width = self.type.width(words, 11, bold=True) + 12
            sheet = self._tag(name, words, width)
            area = (
                sheet.surface.get_rect(bottomright=(inset.right, inset.top - 4)) if above else sheet.surface.get_rect(topleft=inset.topleft)
            )
            surface.blit(sheet.surface, area if above else area.move(6, 6))

    def draw_frame(self, surface: pygame.Surface, area: pygame.Rect) -> None:
        """A thin frame around a picture in the picture."""
        surface.blit(shapes.box(*area.size, 2.0, DARK, 255, 2.0 * self.type.scale), area)

    def _tag(self, name: str, words: str, width: float) -> Sheet:
        def draw() -> Sheet:
            sheet = Sheet(self.type, width, 18, radius=9)
            sheet.text(words, width / 2, 9, 11, INK, bold=True, align="centre")
            return sheet

        return self._sheet(f"tag: {name}", words, draw)
