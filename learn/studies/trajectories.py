"""Exercise 6.1: How many trajectories does behaviour cloning need?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from learn.studies.jobs import Job, Result
from learn.studies.page import Section


@dataclass(frozen=True)
class TrajectoriesStudy:
    """Being written."""

    name: ClassVar[str] = "trajectories"
    title: ClassVar[str] = "How many trajectories does behaviour cloning need?"
    exercise: ClassVar[str] = "Exercise 6.1"

    @classmethod
    def quick(cls) -> "TrajectoriesStudy":
        return cls()

    def stages(self) -> Sequence[Sequence[Job]]:
        return []

    def findings(self, results: Mapping[str, Result]) -> dict[str, Any]:
        return {"answers": []}

    def sections(self, findings: Mapping[str, Any], out: Path) -> Sequence[Section]:
        return []
