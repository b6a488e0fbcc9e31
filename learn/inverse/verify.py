"""Verification: every inferred action is carried out in the simulator, from the exact state it was inferred for."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.catalog import Row
from data.errors import UserError
from learn.dataset import Floats
from learn.inverse.motion import Recording
from teleop.envs import make_plant
from teleop.envs.plant import Plant

Vector = NDArray[np.float64]
PLACE_KEY = "robot0_eef_pos"
UNIT_FLOOR = 2e-3  # m, rad, quaternion parts: what hardly ever changes is compared in these
ROBUST_FLOOR = 5e-3  # likewise; below it a hand trembles and an arm settles, which is no step
SAME_STATE = 1e-3  # of a unit, between what was recorded and what the same state looks like
PROBES = (0.02, 0.005, 0.05)  # how far an action dimension is moved, in turn: an arm's inverse kinematics has small jumps
NEAR_EXACT = 0.1  # share of the tolerance below which nothing is refined any further
DAMPING, DAMPING_STEP = 1e-3, 10.0
SHARES = (1.0, 0.3)  # of a step that are tried: beyond a jump the slope is another one
LEAST_SLOPE = 1e-6  # of the largest, squared: a dimension that does less than this here is held back
STILL = 0.02  # an inferred number below this may have been a stick at rest, exactly 0


@dataclass(frozen=True)
class Ruler:
    """How far two observations are apart: of each key the distance in units of its typical change in a step, of these the worst.

    So 1 is as wrong as if nothing had been done in a typical step, in metres or radians alike, and a wrong grip is not
    averaged away by thirty right joints. `units` (key, width, unit): root mean square length of one-step changes.
    """

    units: tuple[tuple[str, int, float], ...]

    @classmethod
    def of(cls, recordings: Sequence[Mapping[str, Floats]]) -> "Ruler":
        """Measured over the states (T+1, n) by key of recordings."""
        units = []
        for key, first in recordings[0].items():
            moved = np.concatenate([np.diff(states[key].astype(np.float64), axis=0) for states in recordings])
            units.append((key, first.shape[1], max(UNIT_FLOOR, float(np.sqrt(np.square(moved).sum(axis=1).mean())))))
        return cls(tuple(units))

    @classmethod
    def robust(cls, recordings: Sequence[Mapping[str, Floats]]) -> "Ruler":
        """The same, but of each key the median length of those changes that are steps: a few jumps, as of a quaternion's sign or of
        a thing that falls, must not make what is far off look near, nor an arm that settles what is near look far off."""
        units = []
        for key, first in recordings[0].items():
            moved = np.concatenate([np.diff(states[key].astype(np.float64), axis=0) for states in recordings])
            lengths = np.linalg.norm(moved, axis=1)
            changes = lengths[lengths > ROBUST_FLOOR]
            units.append((key, first.shape[1], float(np.median(changes)) if len(changes) else ROBUST_FLOOR))
        return cls(tuple(units))

    def offset(self, here: Mapping[str, NDArray[np.generic]], wanted: Mapping[str, NDArray[np.generic]]) -> Vector:
        """(D,) the keys' differences side by side, each in its unit."""
        parts = [(np.asarray(here[key], np.float64) - np.asarray(wanted[key], np.float64)) / unit for key, _, unit in self.units]
        return np.concatenate(parts)

    def residual(self, offset: Vector) -> float:
        """The worst key's length in an `offset`."""
        ends = np.cumsum([width for _, width, _ in self.units])[:-1]
        return max(float(np.linalg.norm(part)) for part in np.split(offset, ends))

    def flat(self, states: Mapping[str, Floats]) -> Vector:
        """(N, D) the keys of N states (N, n) side by side, each in its unit: differences of rows are `offset`s."""
        return np.concatenate([states[key].astype(np.float64) / unit for key, _, unit in self.units], axis=1)

    def residuals(self, offsets: Vector) -> Vector:
        """(N,) the `residual` of each of N offsets (N, D)."""
        ends = np.cumsum([width for _, width, _ in self.units])[:-1]
        worst: Vector = np.max([np.linalg.norm(part, axis=1) for part in np.split(offsets, ends, axis=1)], axis=0)
        return worst


@contextmanager
def open_plant(env_id: str, env_kwargs: Mapping[str, Any]) -> Iterator[tuple[Plant, tuple[int, ...]]]:
    """What recorded states are put back into, without cameras, and the shape of its actions; refuses what cannot do it."""
    env, plant = make_plant(env_id, {key: value for key, value in env_kwargs.items() if key not in ("cameras", "image_size")})
    with closing(env):
        env.reset(seed=0)
        if not plant.can_restore:
            raise UserError(f"{env_id} cannot be put into a recorded state, so no label could be verified; label simulations of MuJoCo")
        yield plant, tuple(env.action_space.shape or ())


def check_states(plant: Plant, sim_state: Vector, env_id: str, number: int) -> None:
    """Refuse the states (T+1, S) of episode `number` where `plant` has others."""
    stored, here = sim_state.shape[1:], plant.sim_state().shape
    if stored == (0,):
        raise UserError(f"episode {number} has no simulator states, so no label could be verified; imported ones have none: leave them out")
    if stored != here:
        raise UserError(
            f"episode {number} has simulator states of {stored} numbers and {env_id} here has {here}; "
            "it was recorded with another version of the environment or of MuJoCo"
        )


def put_back(plant: Plant, ruler: Ruler, row: Row, state: Vector, seen: Mapping[str, NDArray[np.generic]]) -> None:
    """Restore a state (S,) of the episode `row`, which must look as it was `seen` when it was recorded."""
    check_states(plant, state[None], row.env_id, row.number)
    plant.set_scene(row.seed)
    if ruler.residual(ruler.offset(plant.restore(state), seen)) > SAME_STATE:
        raise UserError(
            f"episode {row.number} put back looks otherwise than recorded; it is of another version of {row.env_id} or of MuJoCo"
        )


@dataclass(frozen=True)
class Verified:
    """T labels (T, A) and how near each came to the recorded next state.

    `residual` (T,) as `Ruler` measures it; `error_m` (T,) how far off the tool centre point was, NaN where there is none;
    `accepted` (T,); `first_residual` (T,) was that of the model's own answer, `std` (T, A) the model's doubt about it.
    """

    actions: Floats
    residual: Floats
    error_m: Floats
    accepted: NDArray[np.bool_]
    first_residual: Floats
    std: Floats


@dataclass(frozen=True)
class Landing:
    """Where an action led: `offset` (D,) from what was recorded, in units."""

    action: Vector
    offset: Vector
    residual: float
    error_m: float


def _cost(landing: Landing) -> float:
    return float(landing.offset @ landing.offset)


@dataclass(frozen=True)
class Verifier:
    """Carries actions out in `plant` and compares where they lead with what was recorded.

    `refine` is the most Gauss-Newton steps (damped: Levenberg 1944, Marquardt 1963) from the model's answer towards one that
    leads exactly there; only in the dimensions `free` (A,), those that the model ever saw moved.
    """

    plant: Plant
    ruler: Ruler
    tolerance: float
    refine: int
    free: NDArray[np.bool_]

    def verify(self, recording: Recording, inferred: Floats, std: Floats) -> Verified:
        """Each step from its own recorded state: an error does not carry over to the next."""
        self.plant.set_scene(recording.meta.seed)
        firsts, lasts = [], []
        for t, action in enumerate(inferred):
            state, wanted = recording.sim_state[t], {key: states[t + 1] for key, states in recording.states.items()}
            first, last = self.approach(state, wanted, action)
            firsts.append(first)
            lasts.append(last)
        residual = np.array([landing.residual for landing in lasts], np.float32)
        return Verified(
            actions=np.array([landing.action for landing in lasts], np.float32),
            residual=residual,
            error_m=np.array([landing.error_m for landing in lasts], np.float32),
            accepted=residual <= self.tolerance,
            first_residual=np.array([landing.residual for landing in firsts], np.float32),
            std=std,
        )

    def approach(self, state: Vector, wanted: Mapping[str, NDArray[np.generic]], action: Floats) -> tuple[Landing, Landing]:
        """Where `action` (A,) leads from the plant's `state`, and where one refined from it towards the observation `wanted` does."""
        first = self._try(state, wanted, action.astype(np.float64))
        return first, self._refined(state, wanted, first)

    def _try(self, state: Vector, wanted: Mapping[str, NDArray[np.generic]], action: Vector) -> Landing:
        """What is tried is what is stored: the action to float32."""
        executed = np.clip(action, -1.0, 1.0).astype(np.float32)
        self.plant.restore(state)
        obs = self.plant.step(executed)[0]
        offset = self.ruler.offset(obs, wanted)
        error_m = float(np.linalg.norm(np.subtract(obs[PLACE_KEY], wanted[PLACE_KEY], dtype=np.float64))) if PLACE_KEY in wanted else np.nan
        return Landing(executed.astype(np.float64), offset, self.ruler.residual(offset), error_m)

    def _refined(self, state: Vector, wanted: Mapping[str, NDArray[np.generic]], best: Landing) -> Landing:
        """Nearer and nearer, by least squares over all of the offset; first sticks at rest: an arm may hold still for exact zeros only."""
        damping = DAMPING
        if not self.free.any():
            return best
        if self.refine and not self._is_near(best):
            best = min(best, self._try(state, wanted, np.where(np.abs(best.action) < STILL, 0.0, best.action)), key=_cost)
        for turn in range(self.refine):
            if self._is_near(best):
                break
            slope = self._slope(state, wanted, best, PROBES[turn % len(PROBES)])
            move = self._move(slope, best.offset, damping)
            tried = [self._try(state, wanted, best.action + share * move) for share in SHARES]
            damping = damping / DAMPING_STEP if _cost(tried[0]) < _cost(best) else damping * DAMPING_STEP
            best = min(best, *tried, key=_cost)
        return best

    def _is_near(self, landing: Landing) -> bool:
        return landing.residual <= NEAR_EXACT * self.tolerance

    def _move(self, slope: Vector, offset: Vector, damping: float) -> Vector:
        """(A,) the damped Gauss-Newton step that a slope (D, F) suggests."""
        normal = slope.T @ slope
        curvature = np.diag(normal)
        damped = normal + damping * np.diag(np.maximum(curvature, LEAST_SLOPE * curvature.max(initial=0.0) + 1e-12))
        move = np.zeros(len(self.free))
        move[self.free] = -np.linalg.solve(damped, slope.T @ offset)
        return move

    def _slope(self, state: Vector, wanted: Mapping[str, NDArray[np.generic]], here: Landing, probe: float) -> Vector:
        """(D, F) how the landing moves with each free dimension, by a small probe towards the inside of [-1, 1]."""
        columns = []
        for dim in np.flatnonzero(self.free):
            moved = here.action.copy()
            moved[dim] += -probe if here.action[dim] > 0.0 else probe
            there = self._try(state, wanted, moved)
            columns.append((there.offset - here.offset) / (there.action[dim] - here.action[dim]))
        return np.array(columns).reshape(len(columns), -1).T
