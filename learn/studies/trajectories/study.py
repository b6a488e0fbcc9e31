"""The study: its settings, its jobs, and what their results come to."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

from learn.studies.expert import load_expert
from learn.studies.intervals import mean_interval
from learn.studies.jobs import Job, Result
from learn.studies.page import Section
from learn.studies.trajectories.demonstrations import Demonstrate
from learn.studies.trajectories.enough import Enough, Point, answers, enough_of
from learn.studies.trajectories.film import FilmDriver
from learn.studies.trajectories.learning import Learn, Measure, score
from learn.studies.trajectories.recipe import VARIANTS, Recipe, Variant
from learn.studies.trajectories.sections import all_sections

STRIDES: Mapping[str, int] = {"CartPole-v1": 2}  # in films; its episodes are ten times as long


@dataclass(frozen=True)
class TrajectoriesStudy:
    """Behaviour cloning of each expert from 1 to 50 of its trajectories, whole and subsampled, over several seeds."""

    envs: tuple[str, ...] = ("CartPole-v1", "Reacher-v5")
    counts: tuple[int, ...] = (1, 2, 5, 10, 20, 50)
    seeds: int = 5
    episodes: int = 50
    every: int = 10
    hidden: tuple[int, ...] = (100, 100)
    steps: int = 4000
    weight_decay: float = 0.1
    films: int = 3

    name: ClassVar[str] = "trajectories"
    title: ClassVar[str] = "How many trajectories does behaviour cloning need?"
    exercise: ClassVar[str] = "Exercise 6.1"

    @classmethod
    def quick(cls) -> "TrajectoriesStudy":
        return cls(counts=(1, 3), seeds=2, episodes=2, steps=200, films=1)

    @property
    def recipe(self) -> Recipe:
        return Recipe(max(self.counts), self.every, self.hidden, self.steps, self.weight_decay, self.episodes)

    def stages(self) -> Sequence[Sequence[Job]]:
        shown = [Demonstrate(env_id, seed, self.recipe) for env_id, seed in product(self.envs, range(self.seeds))]
        ends = [Measure(env_id, self.recipe) for env_id in self.envs]
        learned = [
            self._learn(env_id, variant, count, seed)
            for env_id, count, variant, seed in product(self.envs, self.counts, VARIANTS, range(self.seeds))
        ]
        return [[*shown, *ends], learned, [film for env_id in self.envs for film in self._films(env_id).values()]]

    def findings(self, results: Mapping[str, Result]) -> dict[str, Any]:
        found = {env_id: {v: self._points(env_id, v, results) for v in VARIANTS} for env_id in self.envs}
        enough: dict[Variant, dict[str, Enough]] = {v: {env_id: enough_of(found[env_id][v]) for env_id in self.envs} for v in VARIANTS}
        return {
            "answers": answers(enough, self.every, self.seeds),
            "environments": {env_id: self._environment(env_id, found[env_id], results) for env_id in self.envs},
        }

    def sections(self, findings: Mapping[str, Any], out: Path) -> Sequence[Section]:
        return all_sections(findings["environments"], self.recipe, self.seeds, {e: self._films(e) for e in self.envs}, out)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _learn(self, env_id: str, variant: Variant, count: int, seed: int) -> Learn:
        return Learn(env_id, variant, count, seed, self.recipe)

    def _films(self, env_id: str) -> dict[str, FilmDriver]:
        """By what is said of them: the expert, and the first seed's policies from fewest and most trajectories."""
        few, many = min(self.counts), max(self.counts)
        drivers = {
            "The expert": None,
            f"From {_trajectories(few)}": self._learn(env_id, "whole", few, 0),
            f"From {_trajectories(few)}, subsampled": self._learn(env_id, "subsampled", few, 0),
            f"From {_trajectories(many)}": self._learn(env_id, "whole", many, 0),
        }
        scenes = tuple(self.recipe.scenes)[: self.films if env_id not in STRIDES else 1]
        return {words: FilmDriver(env_id, learned, scenes, STRIDES.get(env_id, 1)) for words, learned in drivers.items()}

    def _points(self, env_id: str, variant: Variant, results: Mapping[str, Result]) -> list[Point]:
        ends, points = results[Measure(env_id, self.recipe).name], []
        for count in self.counts:
            each = [results[self._learn(env_id, variant, count, seed).name] for seed in range(self.seeds)]
            scores = tuple(score(one["returns"], ends) for one in each)
            pairs, returned = fmean(one["pairs"] for one in each), fmean(fmean(one["returns"]) for one in each)
            points.append(Point(count, pairs, returned, *mean_interval(scores), scores))
        return points

    def _environment(self, env_id: str, points: Mapping[Variant, Sequence[Point]], results: Mapping[str, Result]) -> dict[str, Any]:
        """All about one, as JSON takes it."""
        ends, expert = results[Measure(env_id, self.recipe).name], load_expert(env_id)
        shown = [results[Demonstrate(env_id, seed, self.recipe).name] for seed in range(self.seeds)]
        return {
            "expert_return": fmean(ends["expert"]),
            "random_return": fmean(ends["random"]),
            "demonstrated_return": fmean(r for one in shown for r in one["returns"]),
            "demonstrations": len(shown) * self.recipe.trajectories,
            "points": {variant: [asdict(point) for point in several] for variant, several in points.items()},
            "enough": {variant: asdict(enough_of(several)) for variant, several in points.items()},
            "films": {words: results[film.name] for words, film in self._films(env_id).items()},
            "expert": dict(expert.summary["expert"]),
            "expert_versions": dict(expert.versions),
        }


def _trajectories(count: int) -> str:
    return f"{count} trajector{'y' if count == 1 else 'ies'}"
