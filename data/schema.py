"""What is kept of a demonstration: the field table that the writer, the reader and the documentation share."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum, StrEnum
from typing import Any

SCHEMA_VERSION = 4
ACTION_NAMES = ("dx", "dy", "dz", "droll", "dpitch", "dyaw", "grip")  # of an arm
LATE_S = 2e-3  # a tick that begins later than this is counted in late_ticks


class Source(IntEnum):
    """Who chose the executed action."""

    HUMAN = 0
    POLICY = 1
    SCRIPTED = 2


class Phase(IntEnum):
    """Who drives now; stored per step, so the numbers are part of the file format."""

    READY = 0
    HUMAN = 1
    POLICY = 2
    ASKING = 3
    PAUSED = 4
    QUIT = 5
    REWIND = 6


class Outcome(StrEnum):
    """How an episode ended. Everything is kept; training takes successes and failures.

    Abandoned: the operator rewound and drove on otherwise; `parent` is the episode that went on, `branch_step` where.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    DISCARDED = "discarded"
    PARTIAL = "partial"
    ABANDONED = "abandoned"

    @property
    def usable(self) -> bool:
        """Whether training may take it: it came to its end, well or not."""
        return self in (Outcome.SUCCESS, Outcome.FAILURE)


@dataclass(frozen=True)
class Field:
    """One per-step dataset. `shape` names the axes: T steps, A action width, S state width, K stick width.

    `since` is the schema version that brought it; a file from before reads as `absent` in every step.
    """

    name: str
    dtype: str
    shape: tuple[str, ...]
    unit: str
    meaning: str
    since: int = 1
    absent: float = 0.0


STEP_FIELDS: tuple[Field, ...] = (
    Field("actions", "float32", ("T", "A"), "-1…1", "the action that was executed, after clipping"),
    Field("rewards", "float32", ("T",), "", "reward of the step"),
    Field("dones", "int64", ("T",), "0/1", "1 on the last step of the episode"),
    Field("states", "float64", ("T", "1+nq+nv"), "MuJoCo", "robomimic's [time, qpos, qvel] before the action"),
    Field("sim_state", "float64", ("T+1", "S"), "MuJoCo", "mjSTATE_INTEGRATION before each action and at the end: exact"),
    Field("labels", "float32", ("T", "A"), "-1…1", "the demonstrator's answer for this state; NaN where none was asked for"),
    Field("policy_actions", "float32", ("T", "A"), "-1…1", "what the policy proposed; NaN where no policy ran"),
    Field("source", "uint8", ("T",), "enum", "who chose the action: 0 human, 1 policy, 2 scripted"),
    Field("phase", "uint8", ("T",), "enum", "1 human drives, 2 policy drives, 3 policy asked"),
    Field("interventions", "uint8", ("T",), "0/1", "a demonstrator's action replaced the policy's"),
    Field("policy_acting", "uint8", ("T",), "0/1", "the policy's action was executed"),
    Field("user_acting", "uint8", ("T",), "0/1", "the demonstrator's action was executed"),
    Field("gate_scores", "float32", ("T",), "gate", "the gate's doubt about this state; NaN where no gate ran"),
    Field("stick", "float32", ("T", "K"), "-1…1", "raw device: 6 axes, then 15 buttons (1 = held or tapped)"),
    Field("time_s", "float64", ("T",), "s", "monotonic time of the tick since the episode began"),
    Field("decision_latency_s", "float32", ("T",), "s", "from the question to the answer; NaN where none was asked"),
    Field("lateness_s", "float32", ("T",), "s", "how late the tick began; 0 when on time", 2, math.nan),
    Field("control_mode", "uint8", ("T",), "enum", "what the sticks did: 0 six axes, 1 translate, 2 rotate, 3 joint", 2),
    Field("heading_deg", "float32", ("T",), "degrees", "where the left stick's forward pointed, from the base's x axis", 2, 180.0),
    Field("at_rest", "uint8", ("T",), "0/1", "the operator's hands were at rest", 3),
)


SINCE = {"idle_start": 2, "idle_end": 2, "uid": 3, "recovered": 3, "origin": 3, "found_mode": 4}  # attributes; the others are of version 1


@dataclass(frozen=True)
class EpisodeMeta:
    """The attributes of an episode.

    `behaviour_mode` is the operator's tag, `found_mode` what the environment itself says the episode turned out to be.
    `parent`, `branch_step`: an abandoned branch is the episode `parent` up to that step, then goes its own way; counted in
    the branch's own steps, whatever is set aside before the first of either (see `data.trim`).
    `idle_start`, `idle_end`: so many idle steps stand in `idle/start` and `idle/end` instead of among the steps.
    `uid` stays with an episode wherever it is copied to; `origin` is the session and number it was merged from.
    `recovered`: the recorder was killed while this ran; what was on disk by then is here.
    """

    env_id: str
    env_kwargs: Mapping[str, Any]
    seed: int
    outcome: Outcome
    operator: str
    task: str = ""
    behaviour_mode: str = ""
    found_mode: str = ""
    control_hz: float = 20.0
    late_ticks: int = 0
    max_lateness_s: float = 0.0
    clock: str = "real"
    parent: int = -1
    branch_step: int = -1
    dagger_round: int = -1
    model_xml: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    idle_start: int = 0
    idle_end: int = 0
    uid: str = ""
    recovered: bool = False
    origin: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def success(self) -> bool:
        return self.outcome is Outcome.SUCCESS

    def to_attrs(self) -> dict[str, Any]:
        """Plain HDF5 attributes; mappings become JSON text."""
        attrs = {k: json.dumps(v, sort_keys=True) if isinstance(v, Mapping) else v for k, v in asdict(self).items()}
        attrs["outcome"] = str(self.outcome)
        attrs["success"] = self.success
        return attrs

    @classmethod
    def from_attrs(cls, attrs: Mapping[str, Any]) -> "EpisodeMeta":
        """Inverse of `to_attrs`; raises KeyError or ValueError for attributes that are not an episode's."""
        values: dict[str, Any] = {}
        version = int(attrs["schema_version"])
        for f in fields(cls):
            if SINCE.get(f.name, 1) > version and f.name not in attrs:
                continue
            raw = attrs[f.name]
            if f.name in ("env_kwargs", "settings", "versions"):
                values[f.name] = json.loads(raw)
            elif f.name == "outcome":
                values[f.name] = Outcome(raw)
            elif isinstance(f.default, bool | int | float):
                values[f.name] = type(f.default)(raw)
            else:
                values[f.name] = int(raw) if f.name == "seed" else str(raw)
        return cls(**values)


MEANINGS: Mapping[str, str] = {
    "env_id": "the environment's id",
    "env_kwargs": "its arguments, JSON",
    "seed": "what `reset(seed=…)` was given",
    "outcome": "success, failure, discarded, partial or abandoned",
    "operator": "who drove: the device's name",
    "task": "one line for people",
    "behaviour_mode": "the way it was done, as the operator tagged it",
    "found_mode": "the way it was done, as the environment itself says",
    "control_hz": "steps a second",
    "late_ticks": "ticks that began more than 2 ms late",
    "max_lateness_s": "the latest of them, in seconds",
    "clock": "real, or simulated",
    "parent": "of an abandoned branch: the episode that went on; else −1",
    "branch_step": "of an abandoned branch: where they part, in its own steps; else −1",
    "dagger_round": "the round of DAgger it is a rollout of; else −1",
    "model_xml": "the simulator's model (MJCF), under robomimic's name",
    "settings": "mapping, stick map, the scripted operator's numbers, what an import knew, JSON",
    "versions": "of Python, MuJoCo and the others it was recorded with, JSON",
    "created": "when, ISO 8601 in UTC",
    "idle_start": "idle steps set aside in `idle/start`",
    "idle_end": "idle steps set aside in `idle/end`",
    "uid": "its name, wherever it is copied to",
    "recovered": "the recorder was killed while it ran; what was on disk by then is here",
    "origin": "the session and number it was merged from",
    "schema_version": "of these tables",
    "success": "the outcome is success",
}
FILE_NAMES = {"model_xml": "model_file"}
WRITERS = (
    ("num_samples", "int", 1, "T, the number of steps"),
    ("digests", "str", 3, "of each dataset, JSON: 128-bit BLAKE2b over dtype, shape and values"),
    ("checksum", "str", 3, "128-bit BLAKE2b over all other attributes"),
)


def attribute_table() -> str:
    """The attributes of an episode file as Markdown: `EpisodeMeta`'s, then what the writer adds."""
    rows = ["| attribute | type | since | meaning |", "| --- | --- | --- | --- |"]
    for name, value in EpisodeMeta("", {}, 0, Outcome.SUCCESS, "").to_attrs().items():
        rows.append(f"| `{FILE_NAMES.get(name, name)}` | {type(value).__name__} | {SINCE.get(name, 1)} | {MEANINGS[name]} |")
    return "\n".join(rows + [f"| `{name}` | {kind} | {since} | {meaning} |" for name, kind, since, meaning in WRITERS])


def field_table() -> str:
    """The field table as Markdown."""
    rows = ["| field | dtype | shape | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    rows += [f"| `{f.name}` | {f.dtype} | ({', '.join(f.shape)}) | {f.unit} | {f.meaning} |" for f in STEP_FIELDS]
    return "\n".join(rows)
