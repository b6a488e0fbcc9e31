"""A demonstration in pieces, each of which goes for one thing in the scene."""

import itertools
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.schema import EpisodeMeta, Source
from teleop.envs.arm import ArmEnv

JUMP_M = 0.02  # from one step to the next: it goes for something else now
FEWEST_STEPS = 4  # in a piece
AT_M = 0.1  # a body this near to where the operator has to go is what they go for
IN_HAND_M = 0.05

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Thing:
    """What is gone for: where it is, (3,) in metres, and the yaw in rad of the body there (0 where there is none)."""

    pos_m: Vector
    yaw_rad: float

    def is_apart(self, other: "Thing") -> bool:
        """Whether this is something else, or it has leapt."""
        return float(np.linalg.norm(self.pos_m - other.pos_m)) > JUMP_M


@dataclass(frozen=True)
class Piece:
    """n steps that go for one thing.

    `path_m` (n + 1, 3): where the servos were asked to bring the tool centre point, before each step and after the last.
    `thing` and `held_m` as they were at its beginning; `held_m` (3,) is the tool centre point − what the closed hand held, None
    where it held nothing.
    """

    path_m: Vector
    actions: Vector
    thing: Thing
    held_m: Vector | None

    def __len__(self) -> int:
        return len(self.actions)

    def behind(self) -> Vector:
        """(n + 1,) the share of the path's length that lies behind, 0 … 1."""
        way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.path_m, axis=0), axis=1))])
        return way / way[-1] if way[-1] > 1e-6 else np.linspace(0.0, 1.0, len(way))


@dataclass(frozen=True)
class Demonstration:
    """What a demonstrator did up to success. `bodies_m` (B, 3): where what a scene places stood."""

    meta: EpisodeMeta
    pieces: tuple[Piece, ...]
    bodies_m: Vector

    def __len__(self) -> int:
        return sum(map(len, self.pieces))


class Look:
    """What a scene holds, in whatever state `arm` stands."""

    def __init__(self, arm: ArmEnv) -> None:
        self._arm, model = arm, arm.model
        free = {int(model.jnt_bodyid[j]) for j in range(model.njnt) if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_FREE}
        self._free = np.array(sorted(free), np.int64)
        self._placed = np.array([b for b in range(model.nbody) if b in free or model.body_mocapid[b] >= 0], np.int64)

    def bodies_m(self) -> Vector:
        """(B, 3)"""
        return np.array(self._arm.data.xpos[self._placed])

    def thing(self) -> Thing | None:
        """None where the task names no place to go to."""
        at = self._arm.target_pos_m()
        if at is None:
            return None
        away = np.linalg.norm(self.bodies_m() - at, axis=1)
        if not len(away) or away.min() > AT_M:
            return Thing(np.array(at), 0.0)
        turned = self._arm.data.xmat[self._placed[away.argmin()]]
        return Thing(np.array(at), float(np.arctan2(turned[3], turned[0])))

    def held_m(self) -> Vector | None:
        """(3,) the tool centre point − the middle of what is in the closed hand; None where nothing is."""
        apart = self._arm.tcp_pos_m - self._arm.data.xpos[self._free]
        if self._arm.grip_command <= 0.0 or not len(apart):
            return None
        nearest = apart[np.linalg.norm(apart, axis=1).argmin()]
        return nearest if np.linalg.norm(nearest) < IN_HAND_M else None


def demonstration_of(arm: ArmEnv, episode: Episode) -> Demonstration | None:
    """None where there is nothing to carry over: no success, a policy drove, or `arm`'s task says of a state not where to go."""
    steps, sim_state = episode.steps, np.asarray(episode.steps["sim_state"], np.float64)
    if not episode.meta.success or np.any(steps["source"] == Source.POLICY) or sim_state.shape[1:] != arm.sim_state().shape:
        return None
    actions, look = np.asarray(steps["actions"], np.float64), Look(arm)
    path, things, held = [], list[Thing](), list[Vector | None]()
    for state in sim_state:
        arm.stand_as(state)
        thing = look.thing() or (things[-1] if things else None)  # done: nowhere to go any more
        if thing is None:
            return None
        path.append(arm.tcp_target.pos_m)
        things.append(thing)
        held.append(look.held_m())
    arm.stand_as(sim_state[0])
    cuts = [0, *_cuts(things, actions[:, -1]), len(actions)]
    pieces = tuple(Piece(np.array(path[a : b + 1]), actions[a:b], things[a], held[a]) for a, b in itertools.pairwise(cuts))
    return Demonstration(episode.meta, pieces, look.bodies_m())


def _cuts(things: list[Thing], grip: Vector) -> list[int]:
    """The steps at which it begins to go for something else, or to open or close the hand; of two close together the later."""
    cuts = list[int]()
    for step in range(FEWEST_STEPS, len(grip) - FEWEST_STEPS):
        if things[step].is_apart(things[step - 1]) or (grip[step] > 0.0) != (grip[step - 1] > 0.0):
            if cuts and step - cuts[-1] < FEWEST_STEPS:
                cuts.pop()
            cuts.append(step)
    return cuts
