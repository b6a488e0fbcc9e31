"""Foreign: a demonstration as another tool kept it, and the episode of ours that it becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data import __version__
from data.check import WITHIN_ONE, problems
from data.checksum import digest_of
from data.episode import Array, Episode
from data.errors import UserError
from data.exchange.units import Unit
from data.schema import STEP_FIELDS, EpisodeMeta, Field, Outcome, Phase, Source
from data.simulator import with_cameras

STICK_WIDTH = 21  # 6 axes, then 15 buttons: all at rest
DEFAULT_HZ = 20.0
STATE = "state"  # what an observation without parts is called, as in `teleop record`
UNKNOWN_SEED = -1
FIELDS = {f.name: f for f in STEP_FIELDS}
ROUNDING = 1e-6  # of float32 actions at the bounds of their range, after rescaling
STATES_ONLY = "of its states --cameras makes some, where the environment is known here, else robomimic's dataset_states_to_obs does"
OURS_TO_SAY = ("actions", "rewards", "dones")  # never taken as columns


class BadEpisodeError(UserError):
    """One demonstration of a file that cannot become an episode; the others may."""


@dataclass(frozen=True)
class Foreign:
    """T steps: `obs[key]` (T, …), `actions` (T, A) in whatever range, `rewards` (T,) or None.

    `final_obs[key]`: what was seen after the last action, None where nobody kept it. `columns`: others of `STEP_FIELDS`,
    under our names. `outcome`, `seed`: None where the file does not say. `about`: what else is worth keeping, as JSON.
    """

    obs: Mapping[str, Array]
    actions: Array
    rewards: Array | None = None
    final_obs: Mapping[str, Array] | None = None
    columns: Mapping[str, Array] = field(default_factory=dict)
    outcome: Outcome | None = None
    seed: int | None = None
    model_xml: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Collection:
    """The demonstrations of a file or folder, read one at a time by name.

    `read` gives what another tool kept, or an episode of ours as it is; raises BadEpisodeError for one that is damaged.
    `env_id` "" and `env_kwargs`, `control_hz` None: the file does not say. `masks`: the names in `train` and in `valid`.
    `action_range`: the range (low (A,), high (A,)) the file says the actions have; None where it says none. With
    `in_env_units` they are what the environment itself takes, by the convention of the format. `unit_note`: `read` has made
    them -1…1 already, for the file says what they are, and this is what to tell of it.
    """

    format: str
    names: tuple[str, ...]
    read: Callable[[str], Foreign | Episode]
    env_id: str = ""
    env_kwargs: Mapping[str, Any] | None = None
    control_hz: float | None = None
    masks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    action_range: tuple[Array, Array] | None = None
    in_env_units: bool = False
    unit_note: str = ""


@dataclass(frozen=True)
class Terms:
    """What an import says of every episode; `outcome` and `source` only where the file does not say.

    `action_range` is what -1 and 1 stand for in the file's actions; None: they are what they are here. `cameras`: by which
    the states are seen again, in pictures of `image_size` pixels a side; none leave the observations as they are.
    """

    env_id: str
    env_kwargs: Mapping[str, Any]
    control_hz: float
    outcome: Outcome
    source: Source
    action_range: Unit | None = None
    cameras: tuple[str, ...] = ()
    image_size: int = 84

    @property
    def seen_kwargs(self) -> Mapping[str, Any]:
        """The environment's arguments with the cameras that were asked for."""
        return with_cameras(self.env_kwargs, self.cameras, self.image_size) if self.cameras else self.env_kwargs


def check_foreign(name: str, foreign: Foreign, terms: Terms) -> None:
    """Refuse what cannot become an episode, in one line that names it."""
    actions = np.asarray(foreign.actions)
    if actions.ndim != 2 or actions.dtype.kind not in "fiub":
        raise BadEpisodeError(f"{name} has actions {actions.dtype} {actions.shape}; allowed: one row of numbers a step")
    if not actions.size:
        raise BadEpisodeError(f"{name} has no steps")
    if not foreign.obs and not ("states" in foreign.columns and terms.cameras):
        there = STATES_ONLY if "states" in foreign.columns else "there is nothing to learn from"
        raise BadEpisodeError(f"{name} has no observations; {there}")
    numbers = {f"observation {key}": column for key, column in foreign.obs.items()}
    rewards = {} if foreign.rewards is None else {"rewards": foreign.rewards}
    for what, column in (numbers | rewards).items():
        if column.shape[:1] != actions.shape[:1]:
            raise BadEpisodeError(f"{name} has {len(actions)} rows of actions and {len(column)} of {what}; they must be as many")
    for what, column in {"actions": actions, **numbers}.items():
        if column.dtype.kind == "f" and (bad := np.count_nonzero(~np.isfinite(column))):
            raise BadEpisodeError(f"{name} has {bad} values in {what} that are not finite")


def uid_of(name: str, foreign: Foreign) -> str:
    """The same for the same demonstration, whichever file it lies in: from its name there and its contents."""
    parts = [foreign.actions, *(foreign.obs[key] for key in sorted(foreign.obs))]
    words = " ".join([name, *sorted(foreign.obs), *(digest_of(np.asarray(part)) for part in parts)])
    return digest_of(np.frombuffer(words.encode(), np.uint8))


def count_outside(foreign: Foreign, terms: Terms) -> int:
    """How many numbers of the actions lie outside [-1, 1] as they will be kept."""
    return int(np.count_nonzero(np.abs(_in_unit(foreign.actions, terms)) > 1.0 + ROUNDING))


def to_episode(name: str, foreign: Foreign, terms: Terms, origin: str) -> Episode:
    """The episode of a demonstration that `check_foreign` has let pass; its actions are rescaled, then clipped to [-1, 1].

    Columns that nobody kept are what `data.schema` calls absent: no labels, sticks at rest, simulator states of width 0.
    Without a last observation the one before it stands there twice. Raises BadEpisodeError for values that mean nothing.
    """
    said = {**foreign.about, "clipped": count_outside(foreign, terms), "has_final_obs": foreign.final_obs is not None}
    if terms.action_range is not None and not terms.action_range.is_unit:
        said["action_range"] = terms.action_range.to_json()
    meta = EpisodeMeta(
        env_id=terms.env_id,
        env_kwargs=terms.env_kwargs,
        seed=UNKNOWN_SEED if foreign.seed is None else foreign.seed,
        outcome=foreign.outcome or terms.outcome,
        operator=f"{terms.source.name.lower()}, imported",
        task=str(foreign.about.get("task", "")),
        control_hz=terms.control_hz,
        clock="simulated",  # nobody measured how late the ticks were
        model_xml=foreign.model_xml,
        settings={"imported": said},
        versions={"imported_by": f"gamepad-dagger {__version__}"},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        uid=uid_of(name, foreign),
        origin=origin,
    )
    final_obs = foreign.final_obs or {key: column[-1] for key, column in foreign.obs.items()}
    episode = Episode(meta, _columns(foreign, terms), dict(foreign.obs), {key: np.asarray(value) for key, value in final_obs.items()})
    if wrong := problems(episode):
        raise BadEpisodeError(f"{name} cannot become an episode: {'; '.join(wrong)}")
    return episode


def with_terms(episode: Episode, terms: Terms, origin: str) -> Episode:
    """An episode of ours, which already says everything but where it is taken to."""
    meta = episode.meta
    return replace(episode, meta=replace(meta, env_id=terms.env_id, env_kwargs=terms.env_kwargs, origin=meta.origin or origin))


def _columns(foreign: Foreign, terms: Terms) -> dict[str, Array]:
    """Every column of `STEP_FIELDS`: the demonstration's own where it has it in the right shape, else as if nobody was asked."""
    count, width = np.shape(foreign.actions)
    fitting = {k: v for k, v in foreign.columns.items() if k in FIELDS and k not in OURS_TO_SAY and _fits(FIELDS[k], v, count, width)}
    own = {k: _in_unit(v, terms) if k in WITHIN_ONE else v for k, v in fitting.items()}
    actions = _in_unit(foreign.actions, terms)
    by_policy = np.asarray(own.get("policy_acting", np.full(count, terms.source is Source.POLICY))) > 0
    person = Source.HUMAN if terms.source is Source.POLICY else terms.source
    nothing = np.full(actions.shape, np.nan)
    columns: dict[str, Array] = {
        "actions": actions,
        "rewards": np.zeros(count) if foreign.rewards is None else foreign.rewards,
        "dones": np.arange(count) == count - 1,
        "states": np.zeros((count, 0)),
        "sim_state": np.zeros((count + 1, 0)),
        "labels": nothing,
        "policy_actions": nothing,
        "source": np.where(by_policy, Source.POLICY, person),
        "phase": np.where(by_policy, Phase.POLICY, Phase.HUMAN),
        "policy_acting": by_policy,
        "user_acting": ~by_policy,
        "gate_scores": nothing[:, 0],
        "stick": np.zeros((count, STICK_WIDTH)),
        "time_s": np.round(np.arange(count) / terms.control_hz, 9),
        "decision_latency_s": nothing[:, 0],
    } | own
    absent = {f.name: np.full(count, f.absent) for f in STEP_FIELDS if f.name not in columns}
    return {f.name: _stored(f, (columns | absent)[f.name]) for f in STEP_FIELDS}


def _in_unit(actions: Array, terms: Terms) -> NDArray[np.float64]:
    return np.asarray(actions, np.float64) if terms.action_range is None else terms.action_range.to_unit(actions)


def _stored(field: Field, column: Array) -> Array:
    """In the schema's type; what is an action, within [-1, 1]."""
    inside = np.clip(column, -1.0, 1.0) if field.name in WITHIN_ONE else np.asarray(column)
    with np.errstate(over="ignore"):  # becomes infinite, which is found afterwards
        return inside.astype(field.dtype)


def _fits(field: Field, column: Array, count: int, width: int) -> bool:
    """Whether a dataset of that name can be that column: numbers, and its known axes are as long."""
    known = {"T": count, "T+1": count + 1, "A": width}
    axes = zip(field.shape, column.shape, strict=False)
    return column.dtype.kind in "fiub" and column.ndim == len(field.shape) and all(known.get(axis, size) == size for axis, size in axes)


def as_observation(column: Array, *, flat: bool = True) -> Array:
    """Pictures (T, H, W, 3) uint8 as they are, anything else a vector of floats a step (T, n).

    Not `flat`: only what is (T,) or (T, n); more axes, a depth image's say, stay.
    """
    column = np.asarray(column)
    if (column.dtype == np.uint8 and column.ndim == 4) or (not flat and column.ndim > 2):
        return column
    return as_rows(column if column.dtype.kind == "f" else column.astype(np.float32))


def as_rows(column: Array) -> Array:
    """(T, …) as (T, n)."""
    return column.reshape(len(column), -1 if column.size else 0)


def flags(column: Array) -> NDArray[np.bool_]:
    """Marks (T,) or (T, 1), as booleans."""
    return np.asarray(column).reshape(-1).astype(bool)
