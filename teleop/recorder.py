"""Recorder: the running episode as the loop sees it. Hands every step to the scribe and never waits for the disk."""

import functools
import platform
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

import data
from data.episode import Step
from data.schema import LATE_S, EpisodeMeta, Outcome
from data.session import Session
from data.takes import Begin, End, Finish, Landed, Rewind
from teleop.envs.plant import Plant
from teleop.scribe import Scribe, Tag, Trash

RECORDED_VERSIONS = ("mujoco", "gymnasium", "numpy", "h5py", "pygame")


@dataclass
class Recorder:
    """Owns the running episode. `facts` are the attributes that stay the same for the whole run; `trims`: idle ends are set aside;
    `first` is the first episode's number (None: the session's next).

    `next_number` is what the next episode will have; `states` are the simulator states before each step so far: where a
    rewind can go.
    """

    session: Session
    plant: Plant
    facts: Mapping[str, Any]
    scribe: Scribe
    trims: bool = True
    first: int | None = None
    running: bool = False
    number: int = -1
    late_ticks: int = 0
    max_lateness_s: float = 0.0
    states: list[NDArray[np.float64]] = field(default_factory=list)
    next_number: int = field(init=False)
    _family: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _episode_facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.next_number = self.session.next_number() if self.first is None else self.first

    def begin(self, behaviour_mode: str = "", about: Mapping[str, Any] | None = None, **episode_facts: Any) -> None:
        """Start an episode; `episode_facts` are its seed and the like, `about` joins its settings. It may end with another
        behaviour mode.
        """
        self.running, self.number, self.next_number = True, self.next_number, self.next_number + 1
        self.late_ticks, self.max_lateness_s = 0, 0.0
        settings = {**self.facts.get("settings", {}), **(about or {})}
        self.states, self._episode_facts = [], {**episode_facts, "settings": settings, "uid": uuid.uuid4().hex}
        self._family[self.number] = (self.number,)
        self.scribe.put(Begin(self.number, self._meta(Outcome.PARTIAL, behaviour_mode), self.trims))

    def add(self, step: Step) -> None:
        """One more step of the running episode."""
        self.late_ticks += step.lateness_s > LATE_S
        self.max_lateness_s = max(self.max_lateness_s, step.lateness_s)
        self.states.append(np.asarray(step.sim_state, np.float64))
        self.scribe.put(step)

    def landed(self, end: End) -> None:
        """What the step just added led to: whoever is killed now has not lost it."""
        self.scribe.put(Landed(end))

    def rewind_to(self, step: int, end: End) -> int:
        """Go on from before `step`; what was done so far, ending in `end`, is kept as an abandoned episode: its number."""
        number, self.next_number = self.next_number, self.next_number + 1
        self._family[self.number] += (number,)
        self.scribe.put(Rewind(step, number, end))
        del self.states[step:]
        return number

    def finish(self, outcome: Outcome, behaviour_mode: str, end: End, found_mode: str = "") -> int | None:
        """Keep the running episode; its number, or None when nothing had been recorded."""
        self.running = False
        self.scribe.put(Finish(self._meta(outcome, behaviour_mode, found_mode), end))
        if self.states:
            return self.number
        if len(self._family.pop(self.number)) == 1:
            self.next_number = self.number  # nobody saw that number
        return None

    def undo(self, number: int) -> None:
        """Move an episode of this sitting, with the branches it left, to trash/."""
        self.scribe.put(Trash(self._family.pop(number)))

    def tag(self, number: int, behaviour_mode: str) -> None:
        """Change the behaviour mode of an episode of this sitting and of its branches."""
        for each in self._family[number]:
            self.scribe.put(Tag(each, behaviour_mode))

    def close(self) -> None:
        """Wait until everything is on disk; raises UserError when something could not be written."""
        self.scribe.close()

    def _meta(self, outcome: Outcome, behaviour_mode: str, found_mode: str = "") -> EpisodeMeta:
        return EpisodeMeta(
            outcome=outcome,
            behaviour_mode=behaviour_mode,
            found_mode=found_mode,
            late_ticks=self.late_ticks,
            max_lateness_s=self.max_lateness_s,
            control_hz=self.plant.control_hz,
            task=self.plant.task,
            model_xml=self.plant.xml,
            versions=installed_versions(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **{**self.facts, **self._episode_facts},
        )


@functools.cache
def installed_versions() -> dict[str, str]:
    """What an episode was made with, for whoever replays it years later."""
    ours = {"teleop": data.__version__, "python": platform.python_version()}
    return {name: version(name) for name in RECORDED_VERSIONS} | ours
