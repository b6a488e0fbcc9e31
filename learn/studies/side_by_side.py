"""Side by side: films of both methods' policies in the same scenes, with few labels. A job of the DAgger study."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.video import write_video
from learn.checkpoint import load_policy
from learn.evaluate import FIRST_EVALUATION_SEED
from learn.films import rollout_frames
from learn.rounds import round_dir
from learn.studies.arenas import ARENAS, Arena
from learn.studies.chains import Chain
from learn.studies.contest import METHODS, Contest, Method
from learn.studies.jobs import Result, kept_result
from teleop.envs.render import Image

FILMS_NAME = "films"
FPS = 20
SHORT_EPISODES = 3  # shown one after the other where one lasts no longer than a few seconds
QUALITY = 5


@dataclass(frozen=True)
class FilmBoth:
    """Both policies of the first seed after the first round, in the same scenes."""

    contest: Contest

    @property
    def arena(self) -> Arena:
        return ARENAS[self.contest.env_id]

    @property
    def name(self) -> str:
        return f"{self.arena.slug}-films"

    def path(self, out: Path, method: Method) -> Path:
        return out / FILMS_NAME / f"{self.arena.slug}-{method}.mp4"

    def do(self, out: Path) -> Result:
        points = {method: (kept_result(out, Chain(self.contest, 0, method).name) or {})["points"][1] for method in METHODS}
        if self.arena.score == "success":
            shown = [scene_that_tells(*(points[method]["successes"] for method in METHODS))]
        else:
            shown = list(range(min(SHORT_EPISODES, self.contest.scenes)))
        for method in METHODS:
            folder = round_dir(Chain(self.contest, 0, method).folder(out), 1)
            write_video(self.path(out, method), self._frames(folder, shown), FPS, quality=QUALITY)
        return {
            "env": self.contest.env_id,
            "scenes": [FIRST_EVALUATION_SEED + k for k in shown],
            "labels": points["bc"]["labels"],
            "shown": {method: _shown(points[method], shown) for method in METHODS},
        }

    def _frames(self, model: Path, shown: Sequence[int]) -> Iterator[Image]:
        """At half the size."""
        kwargs = self.arena.env_kwargs(self.contest.most_steps)
        seeds = [FIRST_EVALUATION_SEED + k for k in shown]
        for picture in rollout_frames(load_policy(model).policy, self.contest.env_id, kwargs, seeds):
            height, width = picture.shape[0] // 2, picture.shape[1] // 2
            yield picture.reshape(height, 2, width, 2, 3).mean(axis=(1, 3)).astype(np.uint8)


def scene_that_tells(bc: Sequence[bool], dagger: Sequence[bool]) -> int:
    """The first in which one of them succeeds alone; 0 where there is none."""
    return next((k for k, (a, b) in enumerate(zip(bc, dagger, strict=True)) if a != b), 0)


def _shown(point: Mapping[str, Any], scenes: Sequence[int]) -> dict[str, Any]:
    return {name: [point[name][k] for k in scenes] for name in ("successes", "returns", "lengths")}
