"""`python -m learn study`: the textbook's exercises, each measured by one command."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from data.cli import print_json, progress_bar
from data.cores import core_count
from data.errors import UserError
from learn.studies.dagger.study import DaggerStudy
from learn.studies.modes.study import ModesStudy
from learn.studies.study import Study, job_count, run_study
from learn.studies.trajectories.study import TrajectoriesStudy

StudyName = Literal["trajectories", "dagger", "modes"]
STUDIES: dict[StudyName, type[Study]] = {"trajectories": TrajectoriesStudy, "dagger": DaggerStudy, "modes": ModesStudy}


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
    workers: int = field(default_factory=core_count)
    """processes side by side; the result does not depend on it"""
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        if self.workers < 1:
            raise UserError(f"--workers {self.workers}: give at least 1")
        kind = STUDIES[self.name]
        study = kind.quick() if self.quick else kind()
        with progress_bar(f"study {self.name}", job_count(study)) as advance:
            written = run_study(study, self.out, self.workers, quick=self.quick, advance=advance)
        for answer in written.facts["answers"]:
            print(answer)
        print(f"{written.page}, {written.json.name}")
        if self.json:
            print_json({name: written.facts[name] for name in ("study", "answers", "quick", "seconds")} | {"out": str(written.page)})
        return 0
