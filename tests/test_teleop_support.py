"""What the tests of `teleop` share: scripted devices, a screen that remembers, a policy with one idea, a loop over them."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.schema import Source
from data.session import Session
from teleop.clock import SimulatedClock
from teleop.devices.device import Pulse, View
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Plant
from teleop.loop import Loop, LoopConfig
from teleop.mapping import MappingConfig
from teleop.pilot import Pilot, Way
from teleop.recorder import Recorder
from teleop.screen import Status
from teleop.scribe import InlineScribe
from teleop.stick import Axis, Button, Stick, make_stick

REACH, LIFT = "PandaReach-v0", "PandaLift-v0"
PERIOD_S = 0.05

REST = make_stick()
UNPLUGGED = Stick(connected=False)


def push(**axes: float) -> Stick:
    """A stick with these axes deflected: push(left_x=1.0)."""
    return make_stick({Axis(name): value for name, value in axes.items()})


def tap(*buttons: Button, **axes: float) -> Stick:
    return make_stick({Axis(name): value for name, value in axes.items()}, buttons, buttons)


def hold(*buttons: Button, **axes: float) -> Stick:
    """Buttons that went down at an earlier poll."""
    return make_stick({Axis(name): value for name, value in axes.items()}, buttons)


class TableDevice:
    """One row of the table per poll; afterwards the guide button, which quits. A row may be a function to call instead."""

    name, source, profile = "table", Source.HUMAN, "xbox"

    def __init__(self, rows: Sequence[Stick | Callable[[], Stick]]) -> None:
        self._rows = list(rows)
        self.views: list[View] = []
        self.rumbles: list[Pulse] = []

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        self.views.append(view)
        if not self._rows:
            return tap(Button.GUIDE)
        row = self._rows.pop(0)
        return row if isinstance(row, Stick) else row()

    def rumble(self, pulse: Pulse) -> None:
        self.rumbles.append(pulse)

    def close(self) -> None: ...


@dataclass
class Memory:
    """A `Screen` that remembers what it was shown."""

    shown: list[Status] = field(default_factory=list)

    def poll(self) -> Sequence[Any]:
        return ()

    def wants_to_quit(self) -> bool:
        return False

    def show(self, status: Status) -> None:
        self.shown.append(status)

    def close(self) -> None: ...


@dataclass
class Always:
    """A policy with one idea, that knows of others."""

    action: Sequence[float] = (0.2, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    others: tuple[Sequence[float], ...] = ()
    taken: list[int] = field(default_factory=list)

    def begin(self, seed: int) -> None:
        pass

    def replan(self) -> None:
        pass

    def act(self, obs: Any) -> np.ndarray:
        return np.array([self.action], np.float32)

    def ways(self, obs: Any) -> tuple[Way, ...]:
        return tuple(Way(np.array(action, np.float32), 1.0 / (1 + len(self.others))) for action in (self.action, *self.others))

    def take(self, way: int) -> None:
        self.taken.append(way)


@dataclass
class AskAt:
    """A gate that asks at these of its states (0 is the first); `None` asks at every one. Its score is the state's number."""

    states: tuple[int, ...] | None = None
    seen: int = 0
    hands_over: bool = False
    back_after: int = 0

    def score(self, obs: Any) -> float:
        self.seen += 1
        return float(self.seen - 1)

    def asks(self, score: float) -> bool:
        return self.states is None or int(score) in self.states

    def hands_back(self, score: float, meant: Any, proposal: Any) -> bool:
        self.back_after -= 1
        return self.back_after < 0


def loop_of(
    folder: Path,
    env: Any,
    arm: Plant,
    device: Any,
    config: LoopConfig | None = None,
    pilot: Pilot | None = None,
    env_id: str = REACH,
    env_kwargs: dict[str, Any] | None = None,
    **hooks: Any,
) -> tuple[Loop, Session, Memory]:
    """THE loop on simulated time over a session in `folder`."""
    session, memory = Session.create(folder), Memory()
    settings = {"operator": asdict(device.config)} if isinstance(device, ScriptedOperator) else {}
    facts = {"env_id": env_id, "env_kwargs": env_kwargs or {}, "operator": device.name, "clock": "simulated", "settings": settings}
    scribe = InlineScribe(session)
    recorder = Recorder(session, arm, facts, scribe)
    loop = Loop(env, arm, device, memory, SimulatedClock(PERIOD_S), recorder, config or LoopConfig(), pilot, **hooks)
    weakref.finalize(loop, scribe._journal.close)  # for tests that tick it a few times only
    return loop, session, memory


def scripted_session(folder: Path, env_id: str, episodes: int, skill: float = 1.0, max_steps: int = 600) -> Session:
    """A session that the scripted operator recorded."""
    env, arm = make_plant(env_id, {"max_episode_steps": max_steps})
    operator = ScriptedOperator(arm, MappingConfig(), OperatorConfig(skill=skill), 0)
    loop, session, _ = loop_of(folder, env, arm, operator, LoopConfig(episodes=episodes), env_id=env_id)
    loop.run()
    env.close()
    return session


def put(env: ArmEnv, body: str, pos_m: Any) -> None:
    """Place a free body, or the goal."""
    if body == "goal":
        env.data.mocap_pos[0] = pos_m
    else:
        joint = env.model.joint(body).qposadr[0]
        env.data.qpos[joint : joint + 7] = [*pos_m, 1, 0, 0, 0]
        env.data.qvel[env.model.joint(body).dofadr[0] : env.model.joint(body).dofadr[0] + 6] = 0.0
    env.restore(env.sim_state())
