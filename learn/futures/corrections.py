"""Corrections: the stretches of an episode in which somebody took the policy's place, and the time that took them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.schema import Phase


@dataclass(frozen=True)
class Stretch:
    """Steps `begin` up to, but not, `end`: from state `begin` the policy's actions were replaced, from state `end` no longer.

    `human_s`: from the first of these actions to the first afterwards, and the thinking before the first; at least a control
    period for each.
    """

    begin: int
    end: int
    human_s: float


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
