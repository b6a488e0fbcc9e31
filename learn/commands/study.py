"""`python -m learn study`: the textbook's exercises, each measured by one command."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from data.cli import WORKERS, print_json, progress_bar
from data.cores import core_count
from data.errors import UserError

if TYPE_CHECKING:
    from learn.studies.study import Study

StudyName = Literal["trajectories", "dagger", "modes"]


@dataclass(frozen=True)
class StudyCommand:
    """Do one of the textbook's exercises and write what came of it: a page to read and a JSON. Goes on where it stopped.

    trajectories (6.1): how many expert trajectories behaviour cloning needs. dagger (6.2): DAgger and behaviour cloning with
    the same number of labels, and how far each strays from the expert. modes (6.3): several ways of solving PandaDetour, and
    which policies keep them.
    """

    name: tyro.conf.Positional[StudyName]
    out: Path
    """folder for everything: results, models, NAME.html and NAME.json"""
    quick: bool = False
    """a small one, in less than two minutes: it shows that the study works, not what is true"""
    workers: WORKERS = None
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        from learn.studies.study import job_count, run_study

        workers = core_count() if self.workers is None else self.workers
        if workers < 1:
            raise UserError(f"--workers {workers}: give at least 1")
        kind = _study(self.name)
        study = kind.quick() if self.quick else kind()
        with progress_bar(f"study {self.name}", job_count(study)) as advance:
            written = run_study(study, self.out, workers, quick=self.quick, advance=advance)
        for answer in written.facts["answers"]:
            print(answer)
        print(f"{written.page}, {written.json.name}")
        if self.json:
            print_json({name: written.facts[name] for name in ("study", "answers", "quick", "seconds")} | {"out": str(written.page)})
        return 0


def _study(name: StudyName) -> "type[Study]":
    """Imported here, so that no other command waits for it."""
    from learn.studies.dagger.study import DaggerStudy
    from learn.studies.modes.study import ModesStudy
    from learn.studies.trajectories.study import TrajectoriesStudy

    studies: dict[StudyName, type[Study]] = {"trajectories": TrajectoriesStudy, "dagger": DaggerStudy, "modes": ModesStudy}
    return studies[name]
