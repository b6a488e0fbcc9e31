"""The jobs of exercise 6.3: demonstrations, trainings, and what is found out about each policy."""

import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from data.session import Session
from learn.background import train_or_go_on
from learn.checkpoint import load_policy
from learn.driver import Driver
from learn.evaluate import FIRST_EVALUATION_SEED, Rollout
from learn.policies import Policy
from learn.studies.jobs import Result
from learn.studies.modes.averaging import sideways_of_demonstrations, sideways_of_policy
from learn.studies.modes.film import FPS, film_walks
from learn.studies.modes.subject import ENV, SESSION_NAME, Subject
from learn.studies.modes.walks import OBJECT, TCP, OtherNoise, boards_of, detour, keep_ways, seen_from_above, starts_in_the_middle, walk
from learn.studies.reel import write_film
from learn.train import TrainConfig
from teleop.api import record

WARM_UP, LOOKS = 10, 50


@dataclass(frozen=True)
class Demonstrations:
    """As many episodes of each mode, driven by the scripted operator through the sticks; an unfinished session is begun anew."""

    modes: tuple[str, ...]
    each: int
    name: str = "demonstrations"

    def do(self, out: Path) -> Result:
        path = out / SESSION_NAME
        shutil.rmtree(path, ignore_errors=True)  # so that an episode's seed is its number
        for mode in self.modes:
            record(path, ENV, device="scripted", headless=True, mode=mode, episodes=self.each, workers=1)
        session = Session.open(path)
        episodes = [session.read(row.number) for row in session.rows()]
        keep_ways(out, self.name, [seen_from_above(np.vstack([e.obs[TCP], e.final_obs[TCP][None]])) for e in episodes])
        facts = [
            {"seed": e.meta.seed, "asked": e.meta.behaviour_mode, "found": e.meta.found_mode, "outcome": str(e.meta.outcome)}
            for e in episodes
        ]
        boards = np.mean([boards_of(e.obs[OBJECT][0]) for e in episodes], axis=0)
        return {"episodes": facts, "boards": boards.tolist(), "sideways": sideways_of_demonstrations(episodes)}


@dataclass(frozen=True)
class Training:
    """One policy from all demonstrations, by its own recipe unless `steps` are given; goes on where it was cut off."""

    subject: Subject
    rollouts: int
    steps: int | None

    @property
    def name(self) -> str:
        return f"train-{self.subject.name}"

    def do(self, out: Path) -> Result:
        teacher = self.subject.teacher
        config = TrainConfig(
            policy=self.subject.kind,
            steps=self.steps,
            seed=self.subject.seed,
            valid_fraction=0.0,
            teacher=None if teacher is None else teacher.model(out),
            rollouts=self.rollouts,
        )
        done = train_or_go_on(Session.open(out / SESSION_NAME), config, self.subject.model(out))
        checks = [[check.step, check.successes, check.episodes] for check in done.checks]
        return {"steps": done.steps, "chosen_step": done.chosen_step, "checks": checks}


@dataclass(frozen=True)
class HeldOut:
    """Rollouts in scenes that neither demonstrations nor the choice of the checkpoint had."""

    subject: Subject
    scenes: int

    @property
    def name(self) -> str:
        return f"scenes-{self.subject.name}"

    def do(self, out: Path) -> Result:
        policy, boards = _policy(self.subject, out), []
        with detour() as (env, _):
            driver = Driver(policy)
            walks = [walk(driver, env, FIRST_EVALUATION_SEED + k) for k in range(self.scenes)]
            for one in walks:
                boards.append(boards_of(env.reset(seed=one.rollout.seed)[0][OBJECT]))
        keep_ways(out, self.name, [one.way for one in walks])
        rollouts = [asdict(one.rollout) for one in walks]
        return {"rollouts": rollouts, "boards": np.mean(boards, axis=0).tolist(), "keeps_modes": policy.head.keeps_modes}


@dataclass(frozen=True)
class OneStart:
    """The same few starts over and over, each rollout with other noise: how many ways one start shows."""

    subject: Subject
    starts: int
    rollouts: int

    @property
    def name(self) -> str:
        return f"one-start-{self.subject.name}"

    def do(self, out: Path) -> Result:
        policy, starts = _policy(self.subject, out), []
        with detour() as (env, _):
            seeds = starts_in_the_middle(env, self.starts)
            for seed in seeds:
                walks = [walk(OtherNoise(policy, k), env, seed) for k in range(self.rollouts)]
                if seed == seeds[0]:
                    keep_ways(out, self.name, [one.way for one in walks])
                starts.append({"seed": seed, "rollouts": [_outcome(one.rollout) for one in walks]})
            objects = env.reset(seed=seeds[0])[0][OBJECT]
        return {"starts": starts, "boards": boards_of(objects), "ball": [float(objects[1]), float(objects[0])]}


@dataclass(frozen=True)
class Sideways:
    """How decided the policy is where the demonstrations part."""

    subject: Subject
    starts: int

    @property
    def name(self) -> str:
        return f"sideways-{self.subject.name}"

    def do(self, out: Path) -> Result:
        return {"sideways": sideways_of_policy(_policy(self.subject, out), self.starts)}


@dataclass(frozen=True)
class Latency:
    """How long a look takes, of all policies in turns, on one core: median and 95 % quantile."""

    subjects: tuple[Subject, ...]
    name: str = "latency"

    def do(self, out: Path) -> Result:
        policies = {subject.policy: _policy(subject, out) for subject in self.subjects}
        times: dict[str, list[float]] = {name: [] for name in policies}
        with detour() as (env, _):
            obs, _ = env.reset(seed=FIRST_EVALUATION_SEED)
            for _ in range(WARM_UP + LOOKS):
                for name, policy in policies.items():
                    began_s = time.perf_counter()
                    policy.act(obs)
                    times[name].append(1e3 * (time.perf_counter() - began_s))
        return {
            name: {
                "median_ms": float(np.median(each[WARM_UP:])),
                "p95_ms": float(np.quantile(each[WARM_UP:], 0.95)),
                "executes": policies[name].config.execute,
            }
            for name, each in times.items()
        }


@dataclass(frozen=True)
class Films:
    """Of each policy rollouts of one start, one after the other in one scene; each leaves its path there."""

    subjects: tuple[Subject, ...]
    rollouts: int
    stride: int
    shown: tuple[str, ...]
    name: str = "films"

    def do(self, out: Path) -> Result:
        found = {}
        with detour() as (env, plant):
            seed = starts_in_the_middle(env, 1)[0]
            for subject in self.subjects:
                policy = _policy(subject, out)
                walks = [walk(OtherNoise(policy, k), env, seed, states=True) for k in range(self.rollouts)]
                write_film(out, subject.name, film_walks(walks, plant, self.shown, self.stride), FPS)
                found[subject.policy] = [_outcome(one.rollout) for one in walks]
        return {"seed": seed, "rollouts": found}


def _policy(subject: Subject, out: Path) -> Policy:
    return load_policy(subject.model(out)).policy


def _outcome(done: Rollout) -> str:
    """The mode of one that arrived, else ""."""
    return done.mode if done.success else ""
