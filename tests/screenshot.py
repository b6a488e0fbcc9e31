"""Draw the README's picture: the real window with the real HUD, in the middle of a scripted episode.

`python tests/screenshot.py docs/recorder.png`; needs a display (`xvfb-run make screenshot` where there is none). With
`--ask` the policy's question is shown instead.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from data.schema import Phase
from data.session import Session
from teleop.clock import SimulatedClock
from teleop.devices import has_display
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_panda
from teleop.envs.render import PRETTY
from teleop.loop import Loop, LoopConfig
from teleop.mapping import MappingConfig
from teleop.pilot import Pilot
from teleop.recorder import Recorder
from teleop.screen import Status
from teleop.window import Window, start_pygame

STEP, SEED = 27, 5


class Photographer:
    """A `Screen` that shows the window only at the moment of the picture."""

    def __init__(self, window: Window, path: str, phase: Phase) -> None:
        self.window, self.path, self.phase, self.done = window, path, phase, False

    def poll(self) -> Sequence[Any]:
        self.window.poll()
        return ()

    def wants_to_quit(self) -> bool:
        return self.done

    def show(self, status: Status) -> None:
        if status.phase is self.phase and status.steps >= STEP and not self.done:
            self.window.show(status)
            self.window.save(self.path)
            self.done = True

    def close(self) -> None:
        self.window.close()


class StraightDown:
    """A policy with one idea, to have something to ask about."""

    def act(self, obs: Any) -> Any:
        away = np.asarray(obs["object"][7:10], np.float64)
        return np.array([[*(away / np.linalg.norm(away)), 0, 0, 0, -1]], np.float32)


class AskLate:
    """A gate that asks once the episode is far enough on for a good picture."""

    def __init__(self) -> None:
        self.states = 0

    def score(self, obs: Any) -> float:
        self.states += 1
        return 0.137

    def asks(self, score: float) -> bool:
        return self.states > STEP


def main(path: str, *, ask: bool) -> None:
    if not has_display():
        sys.exit("no display: run under xvfb-run")
    start_pygame(display=True)
    env, arm = make_panda("PandaLift-v0", {})
    window = Window(arm, "recorder", keyboard=not ask, look=PRETTY)
    operator = ScriptedOperator(arm, MappingConfig(), OperatorConfig(skill=2.0), SEED)
    photographer = Photographer(window, path, Phase.ASKING if ask else Phase.HUMAN)
    with TemporaryDirectory() as folder:
        facts = {"env_id": "PandaLift-v0", "env_kwargs": {}, "operator": operator.name, "clock": "simulated"}
        recorder = Recorder(Session.create(folder), arm, facts)
        pilot = Pilot(StraightDown(), AskLate(), label_budget=200) if ask else None
        config = LoopConfig(episodes=1, seed=SEED, mode="left")
        Loop(env, arm, operator, photographer, SimulatedClock(0.05), recorder, config, pilot).run()
    photographer.close()
    print(f"wrote {path}")


if __name__ == "__main__":
    main(sys.argv[1], ask="--ask" in sys.argv)
