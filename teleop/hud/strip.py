"""Strip: the last kept episodes as thumbnails, newest to the right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pygame

from data.schema import Outcome
from teleop.hud.shapes import AMBER, DIM, EDGE, GREEN, GREY, INK, RED, VIOLET, Colour
from teleop.hud.sheet import Sheet, Type
from teleop.screen import Kept

THUMB = (80.0, 60.0)
GAP, TOP, BOTTOM = 8.0, 10.0, 20.0
HEIGHT = TOP + THUMB[1] + BOTTOM
OUTCOME_COLOURS: dict[Outcome, Colour] = {
    Outcome.SUCCESS: GREEN,
    Outcome.FAILURE: RED,
    Outcome.DISCARDED: GREY,
    Outcome.PARTIAL: AMBER,
    Outcome.ABANDONED: VIOLET,
}


@dataclass(frozen=True)
class Frame:
    """What the strip says of an episode; `thumb` once it has been drawn."""

    number: int
    outcome: Outcome
    mode: str
    thumb: pygame.Surface | None


def strip_facts(kept: Sequence[Kept], width: float, thumbs: Mapping[int, pygame.Surface]) -> tuple[Frame, ...]:
    """As many of the last episodes as fit into `width` units."""
    fits = max(0, int((width - GAP) // (THUMB[0] + GAP)))
    return tuple(Frame(k.number, k.outcome, k.mode, thumbs.get(k.number)) for k in kept[-fits:]) if fits else ()


def draw_strip(type_: Type, frames: tuple[Frame, ...]) -> Sheet:
    width, height = THUMB
    sheet = Sheet(type_, GAP + (width + GAP) * len(frames), HEIGHT)
    for i, frame in enumerate(frames):
        x = GAP + i * (width + GAP)
        colour = OUTCOME_COLOURS[frame.outcome]
        sheet.box(x - 2.5, TOP - 2.5, width + 5, height + 5, colour, 4)
        if frame.thumb is not None:
            sheet.put(frame.thumb, x, TOP)
        else:
            sheet.box(x, TOP, width, height, EDGE, 0)
        end = sheet.text(str(frame.number), x, TOP + height + 11, 10.5, colour, bold=True)
        words = frame.mode or (str(frame.outcome) if frame.outcome is not Outcome.SUCCESS else "")
        sheet.text(words, x + width, TOP + height + 11, 10.5, INK if frame.mode else DIM, align="right", width=x + width - end - 4)
    return sheet
