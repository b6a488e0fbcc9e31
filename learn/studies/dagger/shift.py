"""Distribution shift, measured: how far the states that a policy visits are from an expert's, and how wrong it is there, step by step.

Ross and Bagnell, *Efficient Reductions for Imitation Learning* (AISTATS 2010), theorem 2.1: a policy that errs with probability ε in
the expert's states may cost T²ε more than the expert in T steps, for one mistake can lead to states in which it was never shown
anything. Ross, Gordon and Bagnell, *A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning* (AISTATS
2011), theorems 2.2 and 3.2: DAgger's, which errs with ε in its own states, costs of the order of T ε more where a mistake can be mended.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from learn.driver import Driver
from learn.evaluate import Actor, Env, Rollout, rollout
from learn.policies import Chunk, Observation, Policy

Floats = NDArray[np.float64]
Advice = Callable[[Observation], NDArray[np.float32]]
STILL = 0.02  # standard deviations of the expert's states, in a step
ROWS = 2048  # states whose distances are worked out at a time


@dataclass(frozen=True)
class Trace:
    """An episode: `states` (T, D) that were visited, `errors` (T,) how far the action was from the expert's there."""

    rollout: Rollout
    states: Floats
    errors: Floats


@dataclass(frozen=True)
class Reference:
    """The expert's `states` (N, D) from many episodes."""

    states: Floats

    @cached_property
    def scale(self) -> Floats:
        """(D,) standard deviation of each number: what distances are measured in."""
        scale: Floats = self.states.std(axis=0)
        if not (scale > 0.0).all():
            raise ValueError(
                f"numbers {np.flatnonzero(scale == 0.0).tolist()} of the state are always the same: there is no measure for them"
            )
        return scale

    @cached_property
    def _points(self) -> torch.Tensor:
        return torch.from_numpy(self.states / self.scale)

    def distances(self, states: Floats) -> Floats:
        """(T,) from each state (T, D) to the nearest of the expert's, in standard deviations."""
        rows = torch.from_numpy(np.asarray(states, np.float64) / self.scale)
        found = [torch.cdist(rows[k : k + ROWS], self._points).min(dim=1).values for k in range(0, len(rows), ROWS)]
        return np.asarray(torch.cat(found).numpy())

    def still(self, states: Floats) -> float:
        """The share of the steps of an episode (T, D) in which next to nothing moves; 0 of one that has but one."""
        moved = np.linalg.norm(np.diff(states, axis=0) / self.scale, axis=1)
        return float((moved < STILL).mean()) if len(moved) else 0.0


@dataclass
class Watched:
    """An actor at work, and what the expert would do in each state it comes to; `state_of` an observation is (D,)."""

    actor: Actor
    advice: Advice
    state_of: Callable[[Observation], Floats]

    def begin(self, seed: int) -> None:
        self.actor.begin(seed)
        self.states, self.errors = list[Floats](), list[float]()

    def act(self, obs: Observation) -> Chunk:
        advice = self.advice(obs)  # before anything moves
        chunk = self.actor.act(obs)
        self.states.append(self.state_of(obs))
        self.errors.append(error_of(chunk[0], advice))
        return chunk

    def trace(self, env: Env, seed: int) -> Trace:
        """One episode in the scene `seed` of an `env`."""
        done = rollout(self, env, seed)
        return Trace(done, np.array(self.states), np.array(self.errors))


def error_of(action: NDArray[np.float32], advice: NDArray[np.float32]) -> float:
    """Length of the difference of two actions (A,), both within [-1, 1]."""
    return float(np.linalg.norm(np.clip(action, -1.0, 1.0) - np.clip(advice, -1.0, 1.0)))


def errors_in(policy: Policy, seen: Sequence[Observation], advice: NDArray[np.float32]) -> Floats:
    """(N,) how wrong a policy is in states in which the expert's `advice` (N, A) is known."""
    driver = Driver(policy)
    driver.begin(0)
    return np.array([error_of(driver.act(obs)[0], wanted) for obs, wanted in zip(seen, advice, strict=True)])


def traces(
    policy: Policy, make: Callable[[], tuple[Env, Advice]], state_of: Callable[[Observation], Floats], scenes: Sequence[int]
) -> list[Trace]:
    """What a policy meets in each of these scenes."""
    env, advice = make()
    with closing(env):
        watched = Watched(Driver(policy), advice, state_of)
        return [watched.trace(env, seed) for seed in scenes]


def along(values: Sequence[Floats], every: int) -> dict[str, list[float]]:
    """Means over episodes (T,) of differing length in bins of `every` steps: the middle of each bin, the mean over the episodes that
    still run in it of their own means, and how many these are.
    """
    bins = range(-(-max(len(v) for v in values) // every))
    kept = [[float(v[k * every : (k + 1) * every].mean()) for v in values if len(v) > k * every] for k in bins]
    return {
        "steps": [every * (k + 0.5) for k in bins],
        "means": [float(np.mean(some)) for some in kept],
        "running": [float(len(some)) for some in kept],
    }


def growth(errors: Mapping[str, Any], least_running: float, first_step: float) -> float | None:
    """The p of errors that, summed up along the episode, grow with T^p: 1 where each step is as wrong as the one before it.

    The slope of the logarithms, from `first_step` on as long as `least_running` episodes run; None: there are too few steps for one.
    """
    middles, means, running = (np.array(errors[name], np.float64) for name in ("steps", "means", "running"))
    ends, summed = middles + middles[0], np.cumsum(means)
    used = (ends >= first_step) & (running >= least_running) & (summed > 0.0)
    used &= np.cumsum(running < least_running) == 0
    if used.sum() < 3:
        return None
    return float(np.polyfit(np.log(ends[used]), np.log(summed[used]), 1)[0])
