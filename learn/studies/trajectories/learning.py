"""Learning: behaviour cloning from so many trajectories, and the ends of the scale it is measured on. Jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from learn.driver import Driver
from learn.studies.expert import load_expert
from learn.studies.jobs import Result
from learn.studies.returns import at_random, returns_of
from learn.studies.scenes import slug_of
from learn.studies.trajectories.demonstrations import Demonstrate, pairs_of
from learn.studies.trajectories.recipe import Recipe, Variant
from learn.train import TrainConfig, train_on

MODELS_NAME = "models"


@dataclass(frozen=True)
class Measure:
    """The expert and acting at random in the scenes in which policies are judged: 1 and 0 of the score."""

    env_id: str
    recipe: Recipe

    @property
    def name(self) -> str:
        return f"{slug_of(self.env_id)}-expert"

    def do(self, out: Path) -> Result:
        expert = returns_of(Driver(load_expert(self.env_id).policy), self.env_id, self.recipe.scenes)
        chance = returns_of(at_random(self.env_id), self.env_id, self.recipe.scenes)
        return {"env": self.env_id, "expert": expert, "random": chance}


@dataclass(frozen=True)
class Learn:
    """One training and its evaluation over whole episodes."""

    env_id: str
    variant: Variant
    trajectories: int
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        return f"{slug_of(self.env_id)}-{self.variant}-{self.trajectories}-{self.seed}"

    def folder(self, out: Path) -> Path:
        return out / MODELS_NAME / self.name

    def do(self, out: Path) -> Result:
        frames = pairs_of(
            Demonstrate(self.env_id, self.seed, self.recipe).frames(out), self.trajectories, self.variant, self.recipe, self.seed
        )
        result = train_on(frames, self.train_config(), self.folder(out))
        returns = returns_of(Driver(result.policy), self.env_id, self.recipe.scenes)
        return {
            "env": self.env_id,
            "variant": self.variant,
            "trajectories": self.trajectories,
            "seed": self.seed,
            "pairs": len(frames),
            "loss": result.train_loss,
            "returns": returns,
        }

    def train_config(self) -> TrainConfig:
        """The same for every number of trajectories; nothing is held out, for of one trajectory nothing can be."""
        r = self.recipe
        return TrainConfig("bc", steps=r.steps, hidden=r.hidden, weight_decay=r.weight_decay, valid_fraction=0.0, seed=self.seed)


def score(returns: Sequence[float], ends: Result) -> float:
    """0 as good as at random, 1 as good as the expert, by mean returns over the same scenes (as Ho & Ermon 2016, figure 1)."""
    worst, best = fmean(ends["random"]), fmean(ends["expert"])
    return (fmean(returns) - worst) / (best - worst)
