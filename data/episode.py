"""One episode: the ticks of the loop, and the columns they become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.schema import STEP_FIELDS, EpisodeMeta, Phase, Source

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Step:
    """One control tick. `obs` and the states are those *before* `action`; see `data.schema` for units.

    `at_rest`: the operator's hands were; what stands at the episode's ends of these is trimmed.
    """

    obs: Mapping[str, Array]
    sim_state: Array
    state: Array
    action: Array
    reward: float
    source: Source
    phase: Phase
    stick: Array
    time_s: float
    label: Array | None = None
    policy_action: Array | None = None
    gate_score: float = float("nan")
    decision_latency_s: float = float("nan")
    lateness_s: float = 0.0
    control_mode: int = 0
    heading_deg: float = 180.0
    at_rest: bool = False


@dataclass(frozen=True)
class Part:
    """Trimmed-off idle steps, one row each. At the start: rows as in the episode. At the end: `sim_state` and `obs` are
    those *after* each step, so that start + episode + end is the whole recording again.
    """

    steps: Mapping[str, Array]
    obs: Mapping[str, Array]


@dataclass(frozen=True)
class Episode:
    """A finished episode: `steps[name]` has one row per step, `obs[key]` likewise, `final_obs[key]` one row.

    `idle` holds what was trimmed: the keys "start" and "end", where there is something.
    """

    meta: EpisodeMeta
    steps: Mapping[str, Array]
    obs: Mapping[str, Array]
    final_obs: Mapping[str, Array]
    idle: Mapping[str, Part] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.steps["actions"])


def build_episode(steps: Sequence[Step], final_obs: Mapping[str, Array], final_sim_state: Array, meta: EpisodeMeta) -> Episode:
    """Stack ticks into the columns of `data.schema.STEP_FIELDS`. At least one step is needed."""
    if not steps:
        raise ValueError("an episode needs at least one step")
    nothing = np.full_like(steps[0].action, np.nan, dtype=np.float32)
    user = np.array([s.source is not Source.POLICY for s in steps])
    proposed = np.array([s.policy_action is not None for s in steps])
    columns = {
        "actions": np.stack([s.action for s in steps]),
        "rewards": np.array([s.reward for s in steps]),
        "dones": np.arange(len(steps)) == len(steps) - 1,
        "states": np.stack([s.state for s in steps]),
        "sim_state": np.stack([*(s.sim_state for s in steps), final_sim_state]),
        "labels": np.stack([nothing if s.label is None else s.label for s in steps]),
        "policy_actions": np.stack([nothing if s.policy_action is None else s.policy_action for s in steps]),
        "source": np.array([s.source for s in steps]),
        "phase": np.array([s.phase for s in steps]),
        "interventions": user & proposed,
        "policy_acting": ~user,
        "user_acting": user,
        "gate_scores": np.array([s.gate_score for s in steps]),
        "stick": np.stack([s.stick for s in steps]),
        "time_s": shifted_s(np.array([s.time_s for s in steps]), steps[0].time_s),
        "decision_latency_s": np.array([s.decision_latency_s for s in steps]),
        "lateness_s": np.array([s.lateness_s for s in steps]),
        "control_mode": np.array([s.control_mode for s in steps]),
        "heading_deg": np.array([s.heading_deg for s in steps]),
        "at_rest": np.array([s.at_rest for s in steps]),
    }
    return Episode(
        meta=meta,
        steps={f.name: columns[f.name].astype(f.dtype) for f in STEP_FIELDS},
        obs={key: np.stack([np.asarray(s.obs[key]) for s in steps]) for key in steps[0].obs},
        final_obs={key: np.asarray(value) for key, value in final_obs.items()},
    )


def shifted_s(time_s: Array, by_s: float) -> NDArray[np.float64]:
    """(T,) times counted from `by_s` on, to the nanosecond: there and back is the same to the bit, whenever the clock began."""
    return np.round(np.asarray(time_s, np.float64) - by_s, 9)
