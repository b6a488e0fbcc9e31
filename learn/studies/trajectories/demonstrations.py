"""Demonstrations: each seed's own session of an expert's trajectories, and which of their steps a training is given. A job."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from data.session import Session
from learn.dataset import Frames, load_frames
from learn.studies.expert import load_expert
from learn.studies.expert_hand import ExpertHand
from learn.studies.jobs import Result
from learn.studies.scenes import SCENES_A_SEED, slug_of
from learn.studies.trajectories.recipe import Recipe, Variant
from teleop.cockpit import CockpitConfig, open_cockpit
from teleop.loop import LoopConfig
from teleop.mapping import MappingConfig

SESSIONS_NAME = "sessions"


@dataclass(frozen=True)
class Demonstrate:
    """The expert at the sticks, recorded as a person would be: each trajectory to the environment's own end, whatever comes of it."""

    env_id: str
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        return f"{slug_of(self.env_id)}-demonstrations-{self.seed}"

    def folder(self, out: Path) -> Path:
        return out / SESSIONS_NAME / f"{slug_of(self.env_id)}-{self.seed}"

    def do(self, out: Path) -> Result:
        shutil.rmtree(self.folder(out), ignore_errors=True)  # an interrupted one: half an episode would shift the scenes
        session = Session.create(self.folder(out))
        policy, first = load_expert(self.env_id).policy, SCENES_A_SEED * self.seed
        config = CockpitConfig(self.env_id, headless=True, seed=first, own_device=lambda plant: ExpertHand(plant, policy, MappingConfig()))
        with session.claim(), open_cockpit(config) as cockpit:
            cockpit.loop(session, LoopConfig(episodes=self.recipe.trajectories, seed=first, hold_ticks=0)).run()
        episodes = list(session)
        return {
            "env": self.env_id,
            "seed": self.seed,
            "scenes": [episode.meta.seed for episode in episodes],
            "steps": [len(episode) for episode in episodes],
            "returns": [float(np.sum(episode.steps["rewards"], dtype=np.float64)) for episode in episodes],
        }

    def frames(self, out: Path) -> Frames:
        """Every step of the session; an expert's trajectory teaches whether or not it counts as a success."""
        return load_frames(Session.open(self.folder(out)), include_failures=True)


def chosen_rows(frames: Frames, trajectories: int, step: int, seed: int) -> NDArray[np.int64]:
    """The rows of the first `trajectories`, of each every `step`-th from a start drawn for it.

    More trajectories give the same rows and others. The start is drawn as in the code of Ho & Ermon (2016), `load_dataset` in
    scripts/imitate_mj.py.
    """
    numbers = np.unique(frames.episode)
    if trajectories > len(numbers):
        raise UserError(f"{trajectories} trajectories are asked for, {len(numbers)} were shown")
    parts = []
    for number in numbers[:trajectories]:
        start = int(np.random.default_rng([seed, int(number)]).integers(step))
        parts.append(np.flatnonzero(frames.episode == number)[start::step])
    return np.concatenate(parts).astype(np.int64)


def pairs_of(frames: Frames, trajectories: int, variant: Variant, recipe: Recipe, seed: int) -> Frames:
    """What a training is given."""
    return frames.only(chosen_rows(frames, trajectories, recipe.step_of(variant), seed))
