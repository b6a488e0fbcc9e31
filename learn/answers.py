"""Answers: what people said to do, in which states, and which of a policy's own states are near those."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.errors import UserError
from data.schema import Source
from data.session import Session
from learn.dataset import Floats, Ints, default_keys
from learn.inverse.motion import hide_actions
from learn.inverse.verify import Ruler, Vector

LEAST_MOVE = 0.1  # typical one-step changes: an answer that does less holds still, which is said of its own state alone
LEAST_COSINE = 0.5  # between the ways to the goal: a state beside or behind the answered one, never one that is past it


@dataclass(frozen=True)
class Near:
    """How far from an answered place another may be, and how far from all that have labels it must be; in typical one-step changes.

    A policy that is stuck comes to one place a hundred times: labels for all of these would drown what else was said.
    """

    nearest: int
    radius: float
    apart: float


@dataclass(frozen=True)
class Places:
    """N steps of a session: the number of the episode and the step in it (N,), and what was observed there, `states[key]` (N, n)."""

    episode: Ints
    step: Ints
    states: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.step)

    def state(self, index: int) -> dict[str, Floats]:
        return {key: values[index] for key, values in self.states.items()}


@dataclass(frozen=True)
class Answers:
    """N labelled steps `at`: the labels (N, A) and the simulator's states (N, S); `moved` (A,): what demonstrators ever moved."""

    at: Places
    label: Floats
    sim_state: Vector
    moved: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.at)


def gather(session: Session, numbers: Sequence[int], no_answers: Sequence[str]) -> tuple[Answers, Places, Ruler]:
    """Of these episodes every labelled step, every step in which a policy drove unanswered, and the ruler of their states.

    Looked at is what a policy sees when nothing else is asked for (`default_keys`). Refuses episodes with one of the words
    `no_answers` in their settings: their labels were made by a computer.
    """
    keys = default_keys(session.read(numbers[0]).obs)
    answered, visited, recordings = [], [], []
    labels, sim_states, demonstrated = [], [], []
    for number in numbers:
        episode = session.read(number, keys)
        _check_labels_are_answers(session, number, episode, no_answers)
        recording = hide_actions(episode)
        if set(recording.states) != set(keys):
            raise UserError(f"episode {number} of {session.path} does not observe {' '.join(keys)} as the first one does; leave it out")
        recordings.append(recording.states)
        label = np.asarray(episode.steps["labels"], np.float32)
        is_answered = np.asarray(~np.isnan(label).any(axis=1))
        drove = np.asarray(episode.steps["source"] != Source.POLICY)
        answered.append(_places(number, recording.states, is_answered))
        visited.append(_places(number, recording.states, ~drove & ~is_answered))
        labels.append(label[is_answered])
        sim_states.append(recording.sim_state[:-1][is_answered])
        demonstrated += [labels[-1], np.asarray(episode.steps["actions"], np.float32)[drove]]
    moved = np.abs(np.concatenate(demonstrated)).max(axis=0) > 0.0
    answers = Answers(_joined(answered), np.concatenate(labels), np.concatenate(sim_states), moved)
    return answers, _joined(visited), Ruler.robust(recordings)


def near_pairs(ruler: Ruler, answers: Answers, goals: Vector, visited: Places, near: Near) -> tuple[Ints, Ints, Vector]:
    """(P,) each: which answer might be carried to which of the visited places, and how far apart the two are; the nearest first.

    `goals` (N, D): where the answers lead, by `ruler.flat`. The goal must lie in the same direction from a place as from
    the answered one: from one that is past it, the action that leads there is one that turns back, which nobody said.
    """
    places, origins = ruler.flat(visited.states), ruler.flat(answers.at.states)
    moves = ruler.residuals(goals - origins) >= LEAST_MOVE
    closest, found = np.full(len(places), np.inf), list[tuple[float, int, int]]()
    for which, (origin, goal) in enumerate(zip(origins, goals, strict=True)):
        distance = ruler.residuals(places - origin)
        closest = np.minimum(closest, distance)
        inside = np.flatnonzero((distance <= near.radius) & moves[which])
        ahead = inside[_cosines(goal - places[inside], goal - origin) >= LEAST_COSINE]
        found += [(float(distance[place]), which, int(place)) for place in ahead]
    spread = _spread(ruler, places, [place for _, _, place in sorted(found) if closest[place] >= near.apart], near.apart)
    uses = np.zeros(len(origins), np.int64)
    kept = []
    for distance_, which, place in sorted(found):
        if place in spread and uses[which] < near.nearest:
            uses[which] += 1
            kept.append((distance_, which, place))
    return (
        np.array([which for _, which, _ in kept], np.int64),
        np.array([place for _, _, place in kept], np.int64),
        np.array([distance_ for distance_, _, _ in kept], np.float64),
    )


def _spread(ruler: Ruler, places: Vector, wanted: Sequence[int], apart: float) -> set[int]:
    """Of the wanted places, in their order, those that are as far apart from all that were taken before."""
    taken: list[int] = []
    for place in dict.fromkeys(wanted):
        if not taken or ruler.residuals(places[taken] - places[place]).min() >= apart:
            taken.append(place)
    return set(taken)


def _cosines(ways: Vector, way: Vector) -> Vector:
    """(N,) between each of the ways (N, D) and one (D,); 0 for a way of no length."""
    lengths = np.linalg.norm(ways, axis=1) * np.linalg.norm(way)
    cosines: Vector = np.divide(ways @ way, lengths, out=np.zeros(len(ways)), where=lengths > 0.0)
    return cosines


def _check_labels_are_answers(session: Session, number: int, episode: Episode, no_answers: Sequence[str]) -> None:
    made = [word for word in no_answers if word in episode.meta.settings]
    if made:
        raise UserError(
            f"episode {number} of {session.path} has labels that nobody gave ({made[0]}); give the session with the answers themselves"
        )


def _places(number: int, states: Mapping[str, Floats], at: NDArray[np.bool_]) -> Places:
    step = np.flatnonzero(at).astype(np.int64)
    return Places(np.full(len(step), number, np.int64), step, {key: values[step] for key, values in states.items()})


def _joined(parts: Sequence[Places]) -> Places:
    states = {key: np.concatenate([part.states[key] for part in parts]) for key in parts[0].states}
    return Places(np.concatenate([p.episode for p in parts]), np.concatenate([p.step for p in parts]), states)
