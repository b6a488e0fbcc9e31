"""The recorder as `python -m teleop record` has it, without a window: for the rows about its loop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from test_data_support import tick
from test_teleop_support import TableDevice, tap

from data.episode import Episode, Step
from data.session import Session
from teleop.cockpit import Cockpit, CockpitConfig, open_cockpit
from teleop.devices.device import Device
from teleop.envs import make_plant
from teleop.loop import LoopConfig
from teleop.recorder import Recorder
from teleop.scribe import Scribe, ScribeProcess
from teleop.stick import Axis, Button, Stick, make_stick

ENV = "PandaLift-v0"


def weaving(k: int) -> Stick:
    """A stick in motion, at poll k."""
    return make_stick({Axis.LEFT_X: 0.5 * float(np.sin(k / 10)), Axis.LEFT_Y: 0.4 * float(np.cos(k / 13))})


@contextmanager
def cockpit_for(device: Callable[[], Device], cameras: tuple[str, ...]) -> Iterator[Cockpit]:
    """On the real clock, whatever is at the sticks; episodes may last ten minutes."""
    kwargs = {"cameras": list(cameras)} if cameras else {}
    config = CockpitConfig(ENV, kwargs, headless=True, max_seconds=600.0, own_device=lambda plant: device())
    with open_cockpit(config) as cockpit:
        yield cockpit


@contextmanager
def driven(folder: Path, cameras: tuple[str, ...]) -> Iterator[Callable[[int], None]]:
    """So many ticks of an episode that is being recorded: poll, step, draw the cameras, record."""
    device = TableDevice([])
    with cockpit_for(lambda: device, cameras) as cockpit:
        loop = cockpit.loop(Session.create(folder), LoopConfig(hold_ticks=0))
        device._rows.append(tap(Button.START))
        loop.tick()

        polls = count()

        def ticks(number: int) -> None:
            device._rows += [weaving(next(polls)) for _ in range(number)]
            for _ in range(number):
                loop.tick()

        yield ticks
        loop.tick()  # its hands let go: what was driven is kept
        loop.recorder.close()


@contextmanager
def recording(folder: Path, scribe: Callable[[Session], Scribe] = ScribeProcess) -> Iterator[Recorder]:
    """A recorder into a new session, without a loop."""
    session = Session.create(folder)
    env, plant = make_plant(ENV, {})
    env.reset(seed=0)
    facts = {"env_id": ENV, "env_kwargs": {}, "operator": "bench", "clock": "simulated", "settings": {}}
    recorder = Recorder(session, plant, facts, scribe(session))
    try:
        yield recorder
    finally:
        recorder.close()
        env.close()


def steps_of(episode: Episode) -> list[Step]:
    """Steps that see what an episode saw."""
    return [tick(t, obs={key: column[t] for key, column in episode.obs.items()}) for t in range(len(episode))]
