"""Hands on a virtual gamepad through one sitting, while `python -m learn dagger --env PandaReach-v0` runs for real.

`python tests/sit_with_gamepad.py SESSION MODEL_DIR SEEN WHAT`; what was seen is written to the file SEEN. WHAT "help": nothing is carried
over, they show the task until there is a policy, take its first rescue, give it the wheel, and leave. "rest": they show it once.
"""

import json
import runpy
import sys
import threading
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from drive_with_gamepad import press, push, shown, wait_for, watch
from virtual_gamepad import VirtualGamepad

from data.schema import Phase
from teleop.loop import Loop
from teleop.mapping import MappingConfig, action_to_axes
from teleop.screen import Headless, Status
from teleop.stick import Axis, Button
from teleop.window import start_pygame

GAIN = 15.0  # action units a metre
MOST_SHOWN = 6
loops: list[Loop] = []
tick = Loop.tick


def watch_arm(loop: Loop, late_s: float = 0.0) -> None:
    """What a person would see of the arm."""
    loops[:] = [loop]
    tick(loop, late_s)


def is_ready(status: Status) -> bool:
    return status.phase is Phase.READY


def has_learned(status: Status) -> bool:
    return is_ready(status) and any(fact.fraction is not None for fact in status.learning)


def show_it(pad: VirtualGamepad) -> None:
    """An episode in which the fingers go to the ball."""
    press(pad, Button.START, "the episode to start", lambda s: s.phase is Phase.HUMAN)
    while shown[-1].phase is Phase.HUMAN:
        to_ball = loops[0].obs["object"][3:6]
        action = np.clip([*(GAIN * to_ball), 0.0, 0.0, 0.0, -1.0], -1.0, 1.0).astype(np.float32)
        for axis, value in action_to_axes(action, MappingConfig()).items():
            pad.move(axis, value)
        wait_for("the next state", lambda s: True)
    for axis in (Axis.LEFT_X, Axis.LEFT_Y, Axis.RIGHT_Y):
        push(pad, axis, 0.0, ticks=1)


def rescue(pad: VirtualGamepad) -> None:
    """Drive without RB, then press and let go of it: the policy has the wheel."""
    press(pad, Button.START, "the wheel", lambda s: s.phase is Phase.HUMAN and s.handed_over)
    push(pad, Axis.RIGHT_Y, -0.5, ticks=6)
    push(pad, Axis.RIGHT_Y, 0.0, ticks=1)
    pad.press(Button.RB)
    wait_for("RB to be down", lambda s: Button.RB in s.stick.held)
    pad.release(Button.RB)
    wait_for("the policy to drive", lambda s: s.phase is Phase.POLICY, ticks=4)


def sit(pad: VirtualGamepad, seen: Path) -> None:
    wait_for("the loop", is_ready)
    show_it(pad)
    wait_for("the first policy", has_learned)
    for _ in range(MOST_SHOWN):  # who drives next was settled when the last episode ended
        show_it(pad)
        wait_for("the next scene", is_ready)
        if shown[-1].rescues:
            break
    invitation = shown[-1].invitation
    rescue(pad)
    seen.write_text(json.dumps({"invitation": invitation, "learning": {f.label: f.value for f in shown[-1].learning}}))
    pad.press(Button.GUIDE)


def rest(pad: VirtualGamepad, seen: Path) -> None:
    wait_for("the loop", is_ready)
    show_it(pad)
    wait_for("the next scene", is_ready)
    seen.write_text(json.dumps({"invitation": shown[-1].invitation}))


DO = {
    "help": (sit, "--propagate 0 --target 0.99 --steps 100"),
    "rest": (rest, "--propagate 20 --target 0.4 --steps 800"),
}


def main(session: str, model: str, seen: str, what: str) -> None:
    start_pygame(display=False)
    pad = VirtualGamepad()
    Headless.show = watch  # type: ignore[method-assign]
    Loop.tick = watch_arm  # type: ignore[method-assign]
    hands, more = DO[what]
    threading.Thread(target=hands, args=(pad, Path(seen)), daemon=True).start()
    few = f"--env PandaReach-v0 --evaluation-episodes 1 --workers 1 {more}"
    sys.argv = ["learn", "dagger", session, "--out", model, "--device", "gamepad", "--headless", *few.split(" ")]
    runpy.run_module("learn", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
