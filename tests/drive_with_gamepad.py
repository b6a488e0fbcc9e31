"""Hands on a virtual gamepad while `python -m teleop record` runs for real: python tests/drive_with_gamepad.py SESSION.

A thread moves the pad in real time and waits to see each change on the screen before it makes the next one, so a slow
machine only makes it slower.
"""

import os
import runpy
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from virtual_gamepad import VirtualGamepad

from data.schema import Phase
from teleop.screen import Headless, Status
from teleop.stick import Axis, Button
from teleop.window import start_pygame

PATIENCE_S = 120.0
UNPLUGGED_S = 0.5
shown: list[Status] = []


def watch(_: Headless, status: Status) -> None:
    """What a person would see in the window."""
    shown.append(status)


def wait_for(what: str, condition: Callable[[Status], bool], ticks: int = 1) -> None:
    """Until `ticks` of the ticks shown from now on satisfy `condition`."""
    deadline_s, first = time.monotonic() + PATIENCE_S, len(shown)
    while sum(condition(status) for status in shown[first:]) < ticks:
        if time.monotonic() > deadline_s:
            print(f"waited in vain for: {what}; last seen: {shown[-1] if shown else 'nothing'}", file=sys.stderr, flush=True)
            os._exit(70)
        time.sleep(0.002)


def push(pad: VirtualGamepad, axis: Axis, value: float, ticks: int) -> None:
    pad.move(axis, value)
    wait_for(f"{axis} at {value}", lambda s: abs(s.stick.axis(axis) - value) < 1e-3, ticks)


def press(pad: VirtualGamepad, button: Button, what: str, seen: Callable[[Status], bool]) -> None:
    pad.press(button)
    wait_for(what, seen)
    pad.release(button)
    wait_for(f"{button} released", lambda s: button not in s.stick.held)


def rewind(pad: VirtualGamepad, to_step: int) -> None:
    """Scrub back to that step or a little further, let go of everything, drive on."""
    pad.move(Axis.LT, 0.3)
    wait_for("the rewind", lambda s: s.phase is Phase.REWIND and s.rewind is not None and s.rewind[0] <= to_step)
    pad.move(Axis.RIGHT_X, 0.0)
    pad.move(Axis.LT, 0.0)
    wait_for("driving on", lambda s: s.phase is Phase.HUMAN)


def drive(pad: VirtualGamepad) -> None:
    wait_for("the recorder to be ready", lambda s: s.phase is Phase.READY)
    press(pad, Button.LEFT, "the mode tag", lambda s: s.mode == "left")
    press(pad, Button.START, "the episode to start", lambda s: s.phase is Phase.HUMAN)
    push(pad, Axis.LEFT_Y, -0.5, ticks=8)
    push(pad, Axis.LEFT_Y, 0.0, ticks=2)
    push(pad, Axis.RIGHT_Y, -0.5, ticks=6)
    push(pad, Axis.RIGHT_Y, 0.0, ticks=2)
    good = shown[-1].steps
    push(pad, Axis.RIGHT_X, 0.6, ticks=8)
    rewind(pad, good)
    push(pad, Axis.RIGHT_Y, 0.0, ticks=2)
    push(pad, Axis.RT, 0.5, ticks=3)
    push(pad, Axis.RT, 1.0, ticks=12)
    pad.unplug()
    wait_for("the pause", lambda s: s.phase is Phase.PAUSED)
    time.sleep(UNPLUGGED_S)
    pad.attach()
    push(pad, Axis.RT, 1.0, ticks=1)
    press(pad, Button.L3, "going on", lambda s: s.phase is Phase.HUMAN)
    pad.press(Button.Y)


def main(session: str) -> None:
    start_pygame(display=False)
    pad = VirtualGamepad()
    Headless.show = watch  # type: ignore[method-assign]
    threading.Thread(target=drive, args=(pad,), daemon=True).start()
    sys.argv = ["teleop", "record", "--device", "gamepad", "--headless", "--no-trim", "--session", session, "--episodes", "1"]
    runpy.run_module("teleop", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
