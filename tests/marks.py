"""Marks: measured figures beside what they have to reach."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Mark:
    what: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def show(marks: Sequence[Mark], title: str) -> int:
    """Print the table and one JSON object; 0 when every mark is met, else 1."""
    table = Table("what", "here", "mark", "met", title=title)
    for mark in marks:
        table.add_row(mark.what, f"{mark.value:.3f}", f"{'≥' if mark.at_least else '≤'} {mark.limit:g}", "yes" if mark.met else "NO")
    Console(width=120).print(table)
    print(json.dumps({mark.what: round(mark.value, 4) for mark in marks}))
    return 0 if all(mark.met for mark in marks) else 1
