"""Figures: what is measured here, each with its unit and how; kept as docs/scale.json."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`; `how` says in a few words what was measured, `size` of how many episodes the session was, 0 where it does not
    matter.
    """

    name: str
    value: float
    unit: str
    how: str
    size: int = 0


class Figures:
    """Figures by name and size."""

    def __init__(self, figures: list[Figure]) -> None:
        self.all = tuple(figures)
        self._by = {(figure.name, figure.size): figure.value for figure in figures}

    def __call__(self, name: str, size: int = 0) -> float:
        return self._by[name, size]

    def sizes(self, name: str) -> list[int]:
        return sorted(size for known, size in self._by if known == name)

    def grown(self, name: str, size: float) -> float:
        """At a session of `size` episodes: along the line through the two largest that were measured."""
        below, above = self.sizes(name)[-2:]
        return self.line(name, below, above, size)

    def line(self, name: str, below: int, above: int, size: float) -> float:
        """At `size`, by the line through these two sizes."""
        slope = (self(name, above) - self(name, below)) / (above - below)
        return self(name, above) + slope * (size - above)

    def reached(self, name: str, value: float) -> float:
        """The size at which it is that much, along the same line."""
        below, above = self.sizes(name)[-2:]
        slope = (self(name, above) - self(name, below)) / (above - below)
        return above + (value - self(name, above)) / slope

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(figure) for figure in self.all]

    @classmethod
    def from_json(cls, values: list[Mapping[str, Any]]) -> "Figures":
        return cls([Figure(**value) for value in values])
