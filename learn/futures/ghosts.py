"""Ghosts: where the policy would go from a paused state, one for each way that it sees, and how well each would end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from learn.futures.future import Future, Futures, rolls_needed
from learn.policies import Chunk, Observation, Policy

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class GhostConfig:
    """How far and how many. Paths last `steps` (40 are 2 s of our arms); a mode less probable than `share` has no ghost,
    the likeliest always has one. `rolls` futures to the episode's end tell how it ends. Modes whose paths are nowhere
    further than `same_way_m` apart are one ghost: a mixture often has several experts for a way.
    """

    steps: int = 40
    share: float = 0.05
    most: int = 4
    rolls: int = 4
    same_way_m: float = 0.04

    def __post_init__(self) -> None:
        for name in ("steps", "most", "rolls"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} {getattr(self, name)} of ghost futures: give at least 1")
        if not 0.0 <= self.share <= 1.0 or self.same_way_m < 0.0:
            raise UserError(f"share {self.share} and same_way_m {self.same_way_m} of ghost futures: give 0 to 1, and 0 or more metres")


@dataclass(frozen=True)
class Ghost:
    """One way to go on. `mode` indexes `policy.modes`, `action` (A,) is its first; `path_m` (n, 3) of the tool centre point.

    `probability` is that of all modes that go this way; `predicted` the share of futures that succeed, None while unknown.
    """

    mode: int
    probability: float
    action: Chunk
    path_m: Vector
    predicted: float | None = None


@dataclass(frozen=True)
class Paused:
    """Where the ghosts begin: the state (S,) in the scene of `reset(seed=scene_seed)`, what is seen there, and the time left.

    `seed` decides all that policies draw.
    """

    sim_state: Vector
    obs: Observation
    scene_seed: int
    steps_left: int
    seed: int = 0


OnStep = Callable[[], None]


def ghosts(futures: Futures, policy: Policy, paused: Paused, config: GhostConfig | None = None) -> tuple[Ghost, ...]:
    """All ghosts with what is predicted of them, likeliest first; the same for the same policy, state and seed."""
    *_, last = unfolding(futures, policy, paused, config)
    return last


def unfolding(
    futures: Futures, policy: Policy, paused: Paused, config: GhostConfig | None = None, on_step: OnStep | None = None
) -> Iterator[tuple[Ghost, ...]]:
    """The ghosts as they become known: first their paths, then the same again with every prediction that is added.

    What `on_step` raises, which is called after each simulated step, ends it.
    """
    config = config or GhostConfig()
    found = _paths(futures, policy, paused, config, on_step)
    yield tuple(found)
    for k, ghost in enumerate(found):
        found[k] = replace(ghost, predicted=_predicted(futures, policy, paused, ghost.mode, config.rolls, on_step))
        yield tuple(found)


def _paths(futures: Futures, policy: Policy, paused: Paused, config: GhostConfig, on_step: OnStep | None) -> list[Ghost]:
    modes = policy.modes(paused.obs)
    ranked = sorted(range(len(modes)), key=lambda k: -modes[k].probability)
    found: list[Ghost] = []
    for k in (k for k in ranked if k == ranked[0] or modes[k].probability >= config.share):
        if len(found) == config.most:
            break
        steps = min(config.steps, paused.steps_left)
        path = _roll(futures, policy, paused, k, 0, steps, on_step).path_m
        like = next((i for i, ghost in enumerate(found) if is_same_way(ghost.path_m, path, config.same_way_m)), None)
        if like is None:
            found.append(Ghost(k, modes[k].probability, modes[k].chunk[0], path))
        else:
            found[like] = replace(found[like], probability=found[like].probability + modes[k].probability)
    return sorted(found, key=lambda ghost: -ghost.probability)


def _predicted(futures: Futures, policy: Policy, paused: Paused, mode: int, rolls: int, on_step: OnStep | None) -> float:
    seeds = range(rolls_needed(policy, rolls, mode))
    return float(np.mean([_roll(futures, policy, paused, mode, k, paused.steps_left, on_step).success for k in seeds]))


def _roll(futures: Futures, policy: Policy, paused: Paused, mode: int, number: int, steps: int, on_step: OnStep | None) -> Future:
    state, seed, obs = paused.sim_state, paused.seed + number, paused.obs
    return futures.roll(policy, state, paused.scene_seed, seed=seed, mode=mode, steps=steps, obs=obs, on_step=on_step)


def is_same_way(one_m: Vector, other_m: Vector, within_m: float) -> bool:
    """Whether two paths (n, 3) and (m, 3) are nowhere further apart (Hausdorff's distance), however fast; nothing is, without paths."""
    if not len(one_m) or not len(other_m):
        return False
    apart_m = np.linalg.norm(one_m[:, None] - other_m[None], axis=-1)
    return bool(max(apart_m.min(axis=0).max(), apart_m.min(axis=1).max()) < within_m)
