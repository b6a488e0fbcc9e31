"""Enough: how many trajectories are needed, by intervals over seeds, and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from learn.studies.trajectories.recipe import Variant

TARGET = 0.95  # of the expert's score


@dataclass(frozen=True)
class Point:
    """So many trajectories: the score's mean over seeds and its 95 % interval; `pairs` (of state and action), `returned`: means too."""

    trajectories: int
    pairs: float
    returned: float
    mean: float
    low: float
    high: float
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Enough:
    """The smallest number whose interval reaches TARGET, and whose whole interval is at or above it; None: none that was tried.

    `most` was tried. `again_below`: larger ones whose interval is not wholly there.
    """

    reached: int | None
    surely: int | None
    again_below: tuple[int, ...]
    most: int


def enough_of(points: Sequence[Point]) -> Enough:
    """Of one variant in one environment."""
    ordered = sorted(points, key=lambda point: point.trajectories)
    reached = next((p.trajectories for p in ordered if p.high >= TARGET), None)
    surely = next((p.trajectories for p in ordered if p.low >= TARGET), None)
    below = () if surely is None else tuple(p.trajectories for p in ordered if p.trajectories > surely and p.low < TARGET)
    return Enough(reached, surely, below, ordered[-1].trajectories)


def needed(found: Enough) -> str:
    """ "1 may be enough, 5 surely are" and the like, for a sentence."""
    if found.reached is None:
        return f"not even {found.most} are enough"
    if found.surely is None:
        return f"{found.reached} may be enough, but not even with {found.most} is the whole interval there"
    rest = f" (though with {_list(found.again_below)} it is not wholly there)" if found.again_below else ""
    if found.reached == found.surely:
        return f"{found.surely} {'is' if found.surely == 1 else 'are'} enough{rest}"
    return f"{found.reached} may be enough, {found.surely} surely {'is' if found.surely == 1 else 'are'}{rest}"


def in_table(number: int | None, most: int) -> str:
    return f"not with {most}" if number is None else str(number)


def _list(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers))


def answers(found: Mapping[Variant, Mapping[str, Enough]], every: int, seeds: int) -> list[str]:
    """Two sentences: of whole trajectories and of subsampled ones."""
    whole = "How many whole trajectories behaviour cloning needs for 95 % of the expert's score"
    thinned = f"How many of which only every {every}th pair of state and action is kept"
    sure = f" (95 % intervals over {seeds} seeds)"
    return [f"{whole}: {_each(found['whole'])}{sure}.", f"{thinned}: {_each(found['subsampled'])}."]


def _each(found: Mapping[str, Enough]) -> str:
    return "; ".join(f"on {env_id} {needed(enough)}" for env_id, enough in found.items())
