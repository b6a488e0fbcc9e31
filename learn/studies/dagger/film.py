"""Side by side: films of both methods' policies in the same scenes, with few labels. A job of the DAgger study."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from learn.checkpoint import load_policy
from learn.driver import Driver
from learn.evaluate import FIRST_EVALUATION_SEED, OnStep, rollout
from learn.policies import Observation
from learn.studies.dagger.arenas import ARENAS, Arena
from learn.studies.dagger.chains import Chain
from learn.studies.dagger.contest import METHODS, Contest, Method
from learn.studies.jobs import Result, kept_result
from learn.studies.reel import write_film
from teleop.envs import make_plant
from teleop.envs.plant import Plant
from teleop.envs.render import Image, Look

FPS = 10
SIZE_PX, LOOK = (320, 240), Look(meshes=True, samples=4)  # shadows would take five times as long
SHORT_EPISODES = 3  # shown one after the other where one lasts a second


@dataclass(frozen=True)
class FilmBoth:
    """Both policies of the first seed after the first round, in the same scenes."""

    contest: Contest

    @property
    def arena(self) -> Arena:
        return ARENAS[self.contest.arena]

    @property
    def name(self) -> str:
        return f"{self.arena.slug}-films"

    def film_name(self, method: Method) -> str:
        return f"{self.arena.slug}-{method}"

    def do(self, out: Path) -> Result:
        points = {method: (kept_result(out, Chain(self.contest, 0, method).name) or {})["points"][1] for method in METHODS}
        if self.arena.score == "success":
            shown = [scene_that_tells(*(points[method]["successes"] for method in METHODS))]
        else:
            shown = list(range(min(SHORT_EPISODES, self.contest.scenes)))
        for method in METHODS:
            model = Chain(self.contest, 0, method).model(1, out)
            write_film(out, self.film_name(method), self._frames(model, shown), FPS)
        return {
            "arena": self.contest.arena,
            "scenes": [FIRST_EVALUATION_SEED + k for k in shown],
            "labels": points["bc"]["labels"],
            "shown": {method: _shown(points[method], shown) for method in METHODS},
        }

    def _frames(self, model: Path, shown: Sequence[int]) -> Iterator[Image]:
        """One episode after the other; how each ended stands for a second."""
        driver = Driver(load_policy(model).policy)
        env, plant = make_plant(self.arena.env_id, self.arena.env_kwargs(self.contest.most_steps))
        with closing(env):
            for k in shown:
                frames: list[Image] = []
                rollout(driver, env, FIRST_EVALUATION_SEED + k, self._photographer(plant, frames))
                yield from frames
                yield from [frames[-1]] * FPS

    def _photographer(self, plant: Plant, frames: list[Image]) -> OnStep:
        """Adds a picture of every `arena.film_every`-th step, and of the last."""
        seen = count()

        def on_step(obs: Observation, action: Any, info: Mapping[str, Any]) -> None:
            if next(seen) % self.arena.film_every == 0 or info["success"]:
                frames.append(plant.draw(plant.camera_names[0], *SIZE_PX, LOOK, self.arena.view))

        return on_step


def scene_that_tells(bc: Sequence[bool], dagger: Sequence[bool]) -> int:
    """The first in which one of them succeeds alone; 0 where there is none."""
    return next((k for k, (a, b) in enumerate(zip(bc, dagger, strict=True)) if a != b), 0)


def _shown(point: Mapping[str, Any], scenes: Sequence[int]) -> dict[str, Any]:
    return {name: [point[name][k] for k in scenes] for name in ("successes", "returns", "lengths")}
