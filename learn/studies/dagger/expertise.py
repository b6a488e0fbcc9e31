"""Expertise: where an expert goes by itself and what it scores; what policies are held against. A job of the DAgger study."""

import io
import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.errors import UserError
from data.files import replace_file
from data.session import Session
from learn.evaluate import FIRST_EVALUATION_SEED, Rollout
from learn.policies import Observation
from learn.studies.dagger.arenas import ARENAS, Arena
from learn.studies.dagger.contest import REFERENCE_SCENE, Contest
from learn.studies.dagger.shift import Reference, along
from learn.studies.intervals import mean_interval
from learn.studies.jobs import Result, kept_result
from learn.studies.returns import at_random, returns_of
from teleop.cockpit import Cockpit, open_cockpit
from teleop.envs import make_plant
from teleop.loop import LoopConfig

EXPERTS_NAME, KEPT_NAME, SEEN = "experts", "expertise.npz", "seen/"


@dataclass(frozen=True)
class Expertise:
    """`reference`: the expert's states in scenes of its own. `seen` are observations of it in the scenes in which policies are judged,
    `advice` (N, A) what it did there. `worst` and `best` are the returns of acting at random and of the expert in these scenes.
    """

    arena: Arena
    reference: Reference
    seen: Sequence[Observation]
    advice: NDArray[np.float32]
    worst: float
    best: float

    def score_of(self, rollouts: Sequence[Rollout]) -> float:
        """In percent: of successes, or of the way from acting at random to the expert."""
        if self.arena.score == "success":
            return 100.0 * float(np.mean([r.success for r in rollouts]))
        return 100.0 * (float(np.mean([r.total_reward for r in rollouts])) - self.worst) / (self.best - self.worst)


@dataclass(frozen=True)
class LearnFromExpert:
    """The expert drives by itself: in scenes of its own, and in those in which policies are judged."""

    contest: Contest

    @property
    def arena(self) -> Arena:
        return ARENAS[self.contest.arena]

    @property
    def name(self) -> str:
        return f"{self.arena.slug}-expert"

    def do(self, out: Path) -> Result:
        own = _driven(self.contest, out, "reference", REFERENCE_SCENE, self.contest.reference)
        judged = _driven(self.contest, out, "judged", FIRST_EVALUATION_SEED, self.contest.scenes)
        reference = Reference(np.concatenate([self.arena.state_of(episode.obs) for episode in own]))
        _keep(self.contest, out, reference, judged)
        visited = [self.arena.state_of(episode.obs) for episode in judged]
        strayed = [reference.distances(states) for states in visited]
        return {
            "arena": self.contest.arena,
            "successes": [episode.meta.success for episode in judged],
            "returns": [float(episode.steps["rewards"].sum()) for episode in judged],
            "lengths": [len(episode) for episode in judged],
            "random_returns": self._at_random(),
            "states": len(reference.states),
            "distance": mean_interval([float(d.mean()) for d in strayed]),
            "distances": along(strayed, self.contest.every),
            "still": 100.0 * float(np.mean([reference.still(states) for states in visited])),
        }

    def _at_random(self) -> list[float]:
        """Returns of actions drawn at random, where the score is made of them."""
        if self.arena.score != "return":
            return []
        scenes = range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + self.contest.scenes)
        return returns_of(at_random(self.arena.env_id), self.arena.env_id, scenes)


def _driven(contest: Contest, out: Path, kind: str, first_scene: int, wanted: int) -> list[Episode]:
    """The expert's episodes in the scenes from `first_scene` on."""
    session = Session.create(_folder(contest, out) / kind)
    with session.claim(), open_cockpit(ARENAS[contest.arena].cockpit(contest, first_scene)) as cockpit:
        demonstrate(session, cockpit, wanted)
    return list(session)


def demonstrate(session: Session, cockpit: Cockpit, wanted: int) -> None:
    """The expert drives until the session holds so many episodes."""
    missing = wanted - len(session.rows())
    if missing > 0:
        cockpit.loop(session, LoopConfig(episodes=missing, seed=cockpit.config.seed)).run()


def _folder(contest: Contest, out: Path) -> Path:
    return out / EXPERTS_NAME / ARENAS[contest.arena].slug


def _keep(contest: Contest, out: Path, reference: Reference, judged: Sequence[Episode]) -> None:
    """What `read_expertise` gives back."""
    arena = ARENAS[contest.arena]
    advice = []
    env, plant = make_plant(arena.env_id, arena.env_kwargs(contest.most_steps))
    with closing(env):
        expert = arena.advise(plant)
        for episode in judged:
            plant.begin_again(episode.meta.seed, np.asarray(episode.steps["sim_state"][0], np.float64))
            for t in range(len(episode)):
                plant.restore(np.asarray(episode.steps["sim_state"][t], np.float64))
                advice.append(expert({key: values[t] for key, values in episode.obs.items()}))
    seen: dict[str, Any] = {f"{SEEN}{key}": np.concatenate([episode.obs[key] for episode in judged]) for key in judged[0].obs}
    buffer = io.BytesIO()
    np.savez(buffer, states=reference.states, advice=np.array(advice), **seen)
    replace_file(_folder(contest, out) / KEPT_NAME, buffer.getvalue())


def read_expertise(contest: Contest, out: Path) -> Expertise:
    """What `LearnFromExpert` has left in the study's folder."""
    found = kept_result(out, LearnFromExpert(contest).name)
    if found is None:
        raise UserError(f"{out} does not hold yet what the expert of {contest.arena} does; the same command finds it out first")
    with np.load(_folder(contest, out) / KEPT_NAME) as kept:
        seen = {name.removeprefix(SEEN): kept[name] for name in kept.files if name.startswith(SEEN)}
        states, advice = kept["states"], kept["advice"]
    return Expertise(
        ARENAS[contest.arena],
        Reference(states),
        [{key: values[t] for key, values in seen.items()} for t in range(len(advice))],
        advice,
        worst=float(np.mean(found["random_returns"])) if found["random_returns"] else math.nan,
        best=float(np.mean(found["returns"])),
    )
