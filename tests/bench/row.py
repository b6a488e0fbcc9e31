"""Row: one thing measured here and elsewhere in the same run, and how many times as good the one is as the other."""

import math
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

FAILED = "could not be timed: "
Better = Literal["less", "more"]
FLOOR = "floor"
OTHER = "other"  # what is in our own environment, too
TOOLS = (FLOOR, OTHER, "robosuite", "robomimic", "LeRobot")


@dataclass(frozen=True)
class Thing:
    """What a row is about: `what` in `unit`, of which `better` is less or more. `headline`: it is in the README, too."""

    family: str
    what: str
    unit: str
    better: Better = "less"
    headline: bool = True


@dataclass(frozen=True)
class Row:
    """A thing here (`ours`) and of a `tool` (`theirs`): a figure for each round, taken in turns. `against` says what of that tool.

    `theirs` empty: it could not be timed, and `note` says why; else `note` is what one should know of the comparison.
    """

    thing: Thing
    tool: str
    against: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if self.tool not in TOOLS:
            raise ValueError(f"{self.tool} is not one of {TOOLS}")
        if self.theirs and len(self.theirs) != len(self.ours):
            raise ValueError(f"{self.thing.what}: {len(self.ours)} rounds here, {len(self.theirs)} of {self.against}")
        if not self.theirs and not self.note:
            raise ValueError(f"{self.thing.what}: nothing of {self.against}, and not said why")

    @property
    def failed(self) -> bool:
        """It should have a figure and has none."""
        return self.note.startswith(FAILED)

    @property
    def here(self) -> float | None:
        return median(self.ours) if self.ours else None

    @property
    def there(self) -> float | None:
        return median(self.theirs) if self.theirs else None

    @property
    def ratio(self) -> float | None:
        """How many times as good ours is (medians): above 1 ours is better, whichever way round the thing is. None where one is 0."""
        return self._times(self.here, self.there)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The least and the largest of the rounds' own ratios."""
        each = [self._times(a, b) for a, b in zip(self.ours, self.theirs, strict=False)]
        known = [ratio for ratio in each if ratio is not None]
        return (min(known), max(known)) if known and self.ratio is not None else None

    def _times(self, ours: float | None, theirs: float | None) -> float | None:
        if not ours or not theirs:
            return None
        return theirs / ours if self.thing.better == "less" else ours / theirs

    def to_json(self) -> dict[str, Any]:
        return {
            "family": self.thing.family,
            "what": self.thing.what,
            "unit": self.thing.unit,
            "better": self.thing.better,
            "headline": self.thing.headline,
            "tool": self.tool,
            "against": self.against,
            "ours": self.here,
            "theirs": self.there,
            "times as good": self.ratio,
            "interval": self.interval,
            "rounds": len(self.ours),
            "each round, ours": self.ours,
            "each round, theirs": self.theirs,
            "note": self.note,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Row":
        thing = Thing(*(values[name] for name in ("family", "what", "unit", "better", "headline")))
        ours, theirs = (tuple(values[f"each round, {side}"]) for side in ("ours", "theirs"))
        return cls(thing, values["tool"], values["against"], ours, theirs, values["note"])


def figure(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None:
        return ""
    if value == 0.0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"
