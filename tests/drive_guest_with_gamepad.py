"""A virtual gamepad balances the pole while `python -m teleop record --env CartPole-v1` runs for real."""

import runpy
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from drive_with_gamepad import press, shown, wait_for, watch
from virtual_gamepad import VirtualGamepad

from data.schema import Phase
from teleop.screen import Headless
from teleop.stick import Axis, Button
from teleop.window import start_pygame

MAP = """
hz = 25
[[button]]
button = "left"
action = 0
[[button]]
button = "right"
action = 1
"""


def drive(pad: VirtualGamepad) -> None:
    wait_for("the recorder to be ready", lambda s: s.phase is Phase.READY)
    press(pad, Button.START, "the episode to start", lambda s: s.phase is Phase.HUMAN)
    for button in (Button.RIGHT, Button.LEFT, Button.RIGHT, Button.LEFT):
        if shown[-1].phase is not Phase.HUMAN:
            return  # the pole has fallen: the episode is kept
        pad.press(button)
        wait_for(f"{button} or the end", lambda s, button=button: button in s.stick.held or s.phase is not Phase.HUMAN)
        pad.release(button)
    pad.move(Axis.LEFT_X, -1.0)  # the stick means the D-pad
    wait_for("the end", lambda s: s.phase is not Phase.HUMAN)


def main(session: str) -> None:
    start_pygame(display=False)
    pad = VirtualGamepad()
    Headless.show = watch  # type: ignore[method-assign]
    sticks = Path(session).with_suffix(".toml")
    sticks.write_text(MAP, encoding="utf-8")
    threading.Thread(target=drive, args=(pad,), daemon=True).start()
    sys.argv = ["teleop", "record", "--env", "CartPole-v1", "--device", "gamepad", "--headless", "--session", session, "--episodes", "1"]
    sys.argv += ["--sticks", str(sticks)]
    runpy.run_module("teleop", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
