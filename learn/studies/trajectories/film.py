"""Film: the expert, and behaviour cloning with few and with many trajectories, in the same scenes. A job."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from learn.checkpoint import load_policy
from learn.driver import Driver
from learn.evaluate import OnStep
from learn.policies import Policy
from learn.studies.expert import load_expert
from learn.studies.jobs import Result
from learn.studies.reel import write_film
from learn.studies.returns import whole_episode
from learn.studies.scenes import slug_of
from learn.studies.trajectories.learning import Learn
from teleop.envs import make_plant
from teleop.envs.plant import Plant
from teleop.envs.render import PRETTY, Image
from teleop.screen import Orbit

SIZE_PX = (480, 360)
FPS = 25
HOLD_FRAMES = 12
VIEWS: Mapping[str, Orbit] = {"Reacher-v5": Orbit(elevation_deg=25.0, zoom=0.47)}  # nearer than its own camera, which shows an empty table


@dataclass(frozen=True)
class FilmDriver:
    """Who drives is the expert, or the policy that `learned` has trained; in so many `scenes`, every `stride`-th step is drawn."""

    env_id: str
    learned: Learn | None
    scenes: tuple[int, ...]
    stride: int

    @property
    def name(self) -> str:
        return f"film-{slug_of(self.env_id)}-expert" if self.learned is None else f"film-{self.learned.name}"

    def do(self, out: Path) -> Result:
        policy = load_expert(self.env_id).policy if self.learned is None else load_policy(self.learned.folder(out)).policy
        returns: list[float] = []
        write_film(out, self.name, self._frames(policy, returns), FPS)
        return {"scenes": list(self.scenes), "returns": returns}

    def _frames(self, policy: Policy, returns: list[float]) -> Iterator[Image]:
        driver = Driver(policy)
        env, plant = make_plant(self.env_id, {})
        with closing(env):
            for scene in self.scenes:
                pictures: list[Image] = []
                returns.append(whole_episode(driver, env, scene, self._photographer(plant, pictures)))
                yield from pictures
                yield from [self._picture(plant)] * HOLD_FRAMES

    def _photographer(self, plant: Plant, pictures: list[Image]) -> OnStep:
        steps = count()

        def draw(*_: object) -> None:
            if next(steps) % self.stride == 0:
                pictures.append(self._picture(plant))

        return draw

    def _picture(self, plant: Plant) -> Image:
        return plant.draw(plant.camera_names[0], *SIZE_PX, PRETTY, VIEWS.get(self.env_id))
