"""Recorder: gathers the running episode's ticks and hands the finished episode to the session."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import data
from data.episode import Step, build_episode
from data.schema import EpisodeMeta, Outcome
from data.session import Session
from teleop.envs.panda import CONTROL_HZ, PandaEnv

RECORDED_VERSIONS = ("mujoco", "gymnasium", "numpy", "h5py", "pygame")


@dataclass
class Recorder:
    """Owns the running episode. `facts` are the attributes that stay the same for the whole run."""

    session: Session
    env: PandaEnv
    facts: Mapping[str, Any]
    steps: list[Step] = field(default_factory=list)
    running: bool = False
    late_ticks: int = 0
    max_lateness_s: float = 0.0
    _episode_facts: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, **episode_facts: Any) -> None:
        """Start an episode; `episode_facts` are its seed, behaviour mode and the like."""
        self.steps, self.running = [], True
        self.late_ticks, self.max_lateness_s = 0, 0.0
        self._episode_facts = episode_facts

    def note_lateness(self, late_s: float) -> None:
        """A tick counts as late from 1 ms on."""
        self.late_ticks += late_s > 1e-3
        self.max_lateness_s = max(self.max_lateness_s, late_s)

    def finish(self, outcome: Outcome, behaviour_mode: str) -> int | None:
        """Keep the running episode; its number, or None when nothing had been recorded."""
        self.running = False
        steps, self.steps = self.steps, []
        if not steps:
            return None
        meta = EpisodeMeta(
            outcome=outcome,
            behaviour_mode=behaviour_mode,
            late_ticks=self.late_ticks,
            max_lateness_s=self.max_lateness_s,
            control_hz=float(CONTROL_HZ),
            task=self.env.task,
            model_xml=self.env.xml,
            versions=installed_versions(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **self.facts,
            **self._episode_facts,
        )
        return self.session.append(build_episode(steps, self.env.observe(), self.env.sim_state(), meta))


def installed_versions() -> dict[str, str]:
    """What an episode was made with, for whoever replays it years later."""
    ours = {"teleop": data.__version__, "python": platform.python_version()}
    return {name: version(name) for name in RECORDED_VERSIONS} | ours
