"""Exercise 6.2: DAgger and behaviour cloning with the same number of labels"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from learn.studies.jobs import Job, Result
from learn.studies.page import Section


@dataclass(frozen=True)
class DaggerStudy:
    """Being written."""

    name: ClassVar[str] = "dagger"
    title: ClassVar[str] = "DAgger and behaviour cloning with the same number of labels"
    exercise: ClassVar[str] = "Exercise 6.2"

    @classmethod
    def quick(cls) -> "DaggerStudy":
        return cls()

    def stages(self) -> Sequence[Sequence[Job]]:
        return []

    def findings(self, results: Mapping[str, Result]) -> dict[str, Any]:
        return {"answers": []}

    def sections(self, findings: Mapping[str, Any], out: Path) -> Sequence[Section]:
        return []
