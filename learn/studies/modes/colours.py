"""Colours of the modes: one each for those that were shown, ink for all others, grey for what did not arrive."""

from collections.abc import Iterable, Sequence

from learn.studies.plots import GREY, INK
from teleop.envs.tasks.detour import Detour

SHOWN_COLOURS = (0, 1, 2, 3)
UNSEEN_COLOUR, LOST_COLOUR = INK, GREY
UNSEEN, LOST = "a way nobody showed", "did not arrive"


def colour_of(mode: str, shown: Sequence[str]) -> int:
    """Place in the style sheet; `mode` "" did not arrive."""
    if not mode:
        return LOST_COLOUR
    return SHOWN_COLOURS[list(shown).index(mode) % len(SHOWN_COLOURS)] if mode in shown else UNSEEN_COLOUR


def colours_of(shown: Sequence[str]) -> dict[str, int]:
    """Of all modes, and of "did not arrive"; those that were shown first."""
    modes = [*shown, *(mode for mode in Detour.modes if mode not in shown)]
    return {mode: colour_of(mode, shown) for mode in modes} | {LOST: LOST_COLOUR}


def legend_entries(shown: Sequence[str], modes: Iterable[str]) -> list[tuple[str, int]]:
    """Names and colours of the shown ones and, where `modes` need them, the others."""
    found = set(modes)
    entries = [(mode, colour_of(mode, shown)) for mode in shown]
    if any(mode and mode not in (*shown, LOST) for mode in found):
        entries.append((UNSEEN, UNSEEN_COLOUR))
    return entries + ([(LOST, LOST_COLOUR)] if found & {"", LOST} else [])
