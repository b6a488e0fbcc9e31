"""Exercise 6.3: Several ways to the end, and which policies keep them"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from learn.studies.jobs import Job, Result
from learn.studies.page import Section


@dataclass(frozen=True)
class ModesStudy:
    """Being written."""

    name: ClassVar[str] = "modes"
    title: ClassVar[str] = "Several ways to the end, and which policies keep them"
    exercise: ClassVar[str] = "Exercise 6.3"

    @classmethod
    def quick(cls) -> "ModesStudy":
        return cls()

    def stages(self) -> Sequence[Sequence[Job]]:
        return []

    def findings(self, results: Mapping[str, Result]) -> dict[str, Any]:
        return {"answers": []}

    def sections(self, findings: Mapping[str, Any], out: Path) -> Sequence[Section]:
        return []
