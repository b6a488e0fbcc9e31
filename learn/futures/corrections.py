"""Corrections: the stretches of an episode in which somebody took the policy's place, the time that took, and whose place it was."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.episode_file import read_episode
from data.migrate import uid_from_content
from data.schema import EpisodeMeta, Phase
from data.session import Session


@dataclass(frozen=True)
class Stretch:
    """Steps `begin` up to, but not, `end`: from state `begin` the policy's actions were replaced, from state `end` no longer.

    `human_s`: from the first of these actions to the first afterwards, and the thinking before the first; at least a control
    period for each.
    """

    begin: int
    end: int
    human_s: float


@dataclass(frozen=True)
class DriverName:
    """What an episode says of the policy that drove it: the round that trained it, its kind, the fingerprint of what it learned from."""

    round: int
    kind: str
    fingerprint: str

    @classmethod
    def of(cls, meta: EpisodeMeta) -> "DriverName | None":
        """None where it says nothing, as other tools' recordings do not."""
        said = meta.settings.get("policy")
        if not isinstance(said, Mapping):
            return None
        number, kind, fingerprint = (said.get(name) for name in ("round", "kind", "fingerprint"))
        if not (isinstance(number, int) and isinstance(kind, str) and isinstance(fingerprint, str)):
            return None
        return cls(number, kind, fingerprint)


@dataclass(frozen=True)
class Corrected:
    """Episode `number`, in the file `path`, with its corrections. `driver` None: nobody knows which policy it was."""

    path: Path
    number: int
    uid: str
    driver: DriverName | None
    stretches: tuple[Stretch, ...]


def corrected_in(session: Session, numbers: Iterable[int] | None = None) -> list[Corrected]:
    """Of these episodes (None: of all) those with corrections, in order. Raises UserError when one is damaged."""
    found = []
    for number in [row.number for row in session.rows()] if numbers is None else numbers:
        path = session.episode_path(number)
        episode = read_episode(path, ())
        stretches = tuple(corrections_of(episode))
        if stretches:
            uid = episode.meta.uid or uid_from_content(episode)
            found.append(Corrected(path, number, uid, DriverName.of(episode.meta), stretches))
    return found


def corrections_of(episode: Episode) -> list[Stretch]:
    """The maximal runs of replaced actions, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], replaced(episode), [False]]).astype(np.int8)))
    return [Stretch(begin, end, _human_s(episode, begin, end)) for begin, end in edges.reshape(-1, 2).tolist()]


def replaced(episode: Episode) -> NDArray[np.bool_]:
    """(T,) where a demonstrator's action replaced the policy's: at the wheel, or with an answer other than what was proposed.

    To accept a proposal is no correction, nor is a label that was not executed.
    """
    steps = episode.steps
    other = np.any(np.asarray(steps["actions"]) != np.asarray(steps["policy_actions"]), axis=1)
    at_the_wheel = np.asarray(steps["phase"]) == Phase.HUMAN
    return np.asarray(np.asarray(steps["interventions"]).astype(bool) & (at_the_wheel | other))


def _human_s(episode: Episode, begin: int, end: int) -> float:
    """By the clock, so a pause in the midst of it counts; the wait for an answer lies before the step that it became."""
    period_s = 1.0 / episode.meta.control_hz
    time_s, latency_s = (np.asarray(episode.steps[name], np.float64) for name in ("time_s", "decision_latency_s"))
    waited_s = np.nan_to_num(latency_s)
    ended_s = time_s[-1] + period_s if end == len(episode) else time_s[end] - waited_s[end]
    return float(max(ended_s - time_s[begin], (end - begin) * period_s) + waited_s[begin])
