"""Walks: rollouts in Detour with the way the gripper took, and how these are kept for the pictures."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import numpy as np
from numpy.typing import NDArray

from learn.columns import read_columns, write_columns
from learn.driver import Driver
from learn.evaluate import FIRST_EVALUATION_SEED, Rollout, rollout
from learn.policies import Policy
from learn.studies.modes.subject import ENV
from learn.threads import torch_threads
from teleop.envs import make_plant
from teleop.envs.plant import Plant, Vector
from teleop.envs.tasks.detour import BOARD_HALF_M, Detour

PATHS_NAME = "paths"
TCP, OBJECT = "robot0_eef_pos", "object"
BESIDE = 13  # in `object`: the first board's y − the tool centre point's (m)
MIDDLE_M = 0.015  # as near to the middle a start counts
Path2 = NDArray[np.float32]
Box = tuple[float, float, float, float]  # y, x of two corners (m)


class OtherNoise(Driver):
    """A driver whose noise comes from `noise_seed`, whatever scene it is in."""

    def __init__(self, policy: Policy, noise_seed: int) -> None:
        self.noise_seed = noise_seed
        super().__init__(policy)

    def begin(self, seed: int) -> None:
        super().begin(self.noise_seed)


@dataclass(frozen=True)
class Walk:
    """A rollout, and where the tool centre point was: (T, 3) in metres, from the start to the end; `states` (T, S) where asked for."""

    rollout: Rollout
    tcp_m: Vector
    states: Vector

    @property
    def way(self) -> Path2:
        """(T, 2) y and x, as seen from above."""
        return seen_from_above(self.tcp_m)


@contextmanager
def detour() -> Iterator[tuple[gymnasium.Env, Plant]]:
    """The env and the plant inside it; torch with one thread, as evaluations have it."""
    env, plant = make_plant(ENV, {})
    with closing(env), torch_threads(1):
        yield env, plant


def walk(driver: Driver, env: gymnasium.Env, seed: int, *, states: bool = False) -> Walk:
    """One episode from `env.reset(seed=seed)`, as `rollout`."""
    plant = env.unwrapped
    assert isinstance(plant, Detour)
    places: list[Vector] = []
    stood: list[Vector] = []

    def note() -> None:
        places.append(plant.tcp_pos_m)
        if states:
            stood.append(plant.sim_state())

    env.reset(seed=seed)
    note()
    done = rollout(driver, env, seed, lambda *_: note())
    return Walk(done, np.array(places), np.array(stood))


def boards_of(object_obs: NDArray[np.generic]) -> list[Box]:
    """Both boards, seen from above, from the observation `object`."""
    tops = np.asarray(object_obs, np.float64)[3:9].reshape(2, 3)
    half_x, half_y, _ = BOARD_HALF_M
    return [(float(y - half_y), float(x - half_x), float(y + half_y), float(x + half_x)) for x, y, _ in tops]


def seen_from_above(tcp_m: NDArray[np.generic]) -> Path2:
    """(T, 2) y and x of (T, 3)."""
    return np.asarray(tcp_m)[:, 1::-1].astype(np.float32)


def starts_in_the_middle(env: gymnasium.Env, count: int) -> list[int]:
    """Seeds of the first held-out scenes that begin before the middle of the first board, where left and right are as good."""
    found: list[int] = []
    seed = FIRST_EVALUATION_SEED
    while len(found) < count:
        if abs(env.reset(seed=seed)[0][OBJECT][BESIDE]) < MIDDLE_M:
            found.append(seed)
        seed += 1
    return found


# -- kept --------------------------------------------------------------------------------------------------------------


def keep_ways(out: Path, name: str, ways: Sequence[Path2]) -> None:
    """Ways (T, 2) of any length in one file, which `kept_ways` reads."""
    lengths = np.array([len(way) for way in ways], np.int64)
    write_columns(_path(out, name), {"points": np.concatenate(ways), "lengths": lengths})


def kept_ways(out: Path, name: str) -> list[Path2]:
    """Raises DamagedError where they cannot be read."""
    path = _path(out, name)
    cure = f"remove it and results/{name}.json, and the same command makes both again"
    found = read_columns(path, ("points", "lengths"), cure)
    return np.split(found["points"], np.cumsum(found["lengths"])[:-1])


def _path(out: Path, name: str) -> Path:
    return out / PATHS_NAME / f"{name}.hdf5"
