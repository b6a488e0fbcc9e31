"""The study of exercise 6.3: its settings, its jobs in stages, what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from learn.studies.jobs import Job, Result
from learn.studies.modes.answers import answers
from learn.studies.modes.jobs import Demonstrations, Films, HeldOut, Latency, OneStart, Sideways, Training
from learn.studies.modes.measures import measured
from learn.studies.modes.sections import sections
from learn.studies.modes.subject import DISTILLED, Subject
from learn.studies.page import Section


@dataclass(frozen=True)
class ModesStudy:
    """Each of `modes` is shown `each` times; every policy is trained with each seed and rolled out in `scenes` held-out scenes.

    From `starts` held-out starts before the middle of the first board it is rolled out `rollouts` times with other noise; `sideways_starts`
    of them say how decided it is. `checks`: rollouts at each check of a training. `steps`: of each training; None: the policy's own.
    Of seed 0 `filmed` rollouts are filmed, every `film_stride`-th step.
    """

    modes: tuple[str, ...] = ("left", "right", "left-right", "right-left")
    each: int = 25
    policies: tuple[str, ...] = ("bc", "moe", "flow", DISTILLED)
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int | None = None
    checks: int = 20
    scenes: int = 100
    starts: int = 4
    rollouts: int = 50
    sideways_starts: int = 40
    filmed: int = 8
    film_stride: int = 3

    name: ClassVar[str] = "modes"
    title: ClassVar[str] = "Several ways to the end, and which policies keep them"
    exercise: ClassVar[str] = "Exercise 6.3"

    @classmethod
    def quick(cls) -> "ModesStudy":
        return cls(
            modes=("left", "right", "over"),
            each=3,
            seeds=(0,),
            steps=30,
            checks=0,
            scenes=2,
            starts=1,
            rollouts=2,
            sideways_starts=2,
            filmed=1,
            film_stride=60,
        )

    def stages(self) -> Sequence[Sequence[Job]]:
        """Long jobs first, so that no process waits for another's last one."""
        first = [s for policy in ("flow", "moe", "bc") if policy in self.policies for s in self._of(policy)]
        pupils = self._of(DISTILLED) if DISTILLED in self.policies else []
        drawn = tuple(self._of(policy)[0] for policy in self.policies)
        return [
            [Demonstrations(self.modes, self.each)],
            [self._training(subject) for subject in first],
            [*map(self._training, pupils), *self._looks(first)],
            [Films(drawn, self.filmed, self.film_stride, self.modes), *self._looks(pupils)],
            [Latency(drawn)],  # alone, so that nothing else slows it down
        ]

    def _of(self, policy: str) -> list[Subject]:
        return [Subject(policy, seed) for seed in self.seeds]

    def _training(self, subject: Subject) -> Training:
        return Training(subject, self.checks, self.steps)

    def _looks(self, subjects: Sequence[Subject]) -> list[Job]:
        """What is found out about trained policies."""
        return [
            job
            for s in subjects
            for job in (OneStart(s, self.starts, self.rollouts), HeldOut(s, self.scenes), Sideways(s, self.sideways_starts))
        ]

    def findings(self, results: Mapping[str, Result]) -> dict[str, Any]:
        found = measured(results, self.policies, self.seeds)
        return {"answers": answers(found, self.rollouts), **found}

    def sections(self, findings: Mapping[str, Any], out: Path) -> Sequence[Section]:
        return sections(self, findings, out)
