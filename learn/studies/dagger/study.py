"""Exercise 6.2: DAgger and behaviour cloning with the same number of labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from learn.studies.dagger.arenas import BRISK_PUSH, GENTLE_PUSH
from learn.studies.dagger.arenas import REACHER as REACHER_ARENA
from learn.studies.dagger.chains import Chain
from learn.studies.dagger.contest import Contest, Method
from learn.studies.dagger.expertise import LearnFromExpert
from learn.studies.dagger.film import FilmBoth
from learn.studies.dagger.sections import sections_of
from learn.studies.dagger.verdicts import answer, compared
from learn.studies.jobs import Job, Result
from learn.studies.page import Section

BRISK = Contest(BRISK_PUSH.name, demonstrations=20, more=40, minibatches=4000, scenes=40, most_steps=160, every=5)
GENTLE = replace(BRISK, arena=GENTLE_PUSH.name, rounds=2)
REACHER = Contest(REACHER_ARENA.name, seeds=10, demonstrations=4, more=8, rounds=5, scenes=80, reference=400)


@dataclass(frozen=True)
class DaggerStudy:
    """Behaviour cloning first: it decides how many labels DAgger gets, to the step."""

    reacher: Contest = field(default=REACHER)
    brisk: Contest = field(default=BRISK)
    gentle: Contest = field(default=GENTLE)

    name: ClassVar[str] = "dagger"
    title: ClassVar[str] = "DAgger and behaviour cloning with the same number of labels"
    exercise: ClassVar[str] = "Exercise 6.2"

    @classmethod
    def quick(cls) -> "DaggerStudy":
        brisk = replace(BRISK, seeds=1, rounds=1, minibatches=80, demonstrations=1, more=1, scenes=2, reference=2, most_steps=40)
        return cls(
            replace(REACHER, seeds=2, demonstrations=2, more=2, rounds=1, minibatches=80, scenes=2, reference=4),
            brisk,
            replace(brisk, arena=GENTLE.arena),
        )

    @property
    def contests(self) -> tuple[Contest, ...]:
        return (self.reacher, self.brisk, self.gentle)

    def stages(self) -> Sequence[Sequence[Job]]:
        return [
            [LearnFromExpert(contest) for contest in self.contests],
            self._chains("bc"),
            self._chains("dagger"),
            [FilmBoth(contest) for contest in self.contests],
        ]

    def _chains(self, method: Method) -> list[Job]:
        return [Chain(contest, seed, method) for contest in self.contests for seed in range(contest.seeds)]

    def findings(self, results: Mapping[str, Result]) -> dict[str, Any]:
        found = [compared(contest, results) | {"films": results[FilmBoth(contest).name]} for contest in self.contests]
        answers = [answer(one, contest.seeds) for one, contest in zip(found, self.contests, strict=True)]
        return {"answers": answers, "environments": found}

    def sections(self, findings: Mapping[str, Any], out: Path) -> Sequence[Section]:
        return sections_of(self.contests, findings["environments"], out)
