"""Hands on a virtual gamepad while `python -m learn dagger` runs for real.

`python tests/answer_with_gamepad.py SESSION MODEL_DIR SEEN`; what was seen is written to the file SEEN.
Stops the policy and answers in each way, looks at its ghosts, takes over, rewinds; then lets it drive an episode alone.
"""

import json
import runpy
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from drive_with_gamepad import press, push, shown, wait_for, watch
from virtual_gamepad import VirtualGamepad

from data.schema import Phase
from teleop.screen import Headless
from teleop.stick import Axis, Button
from teleop.window import start_pygame

SEEN_GHOSTS: list[tuple[int, float]] = []


def stop_it(pad: VirtualGamepad) -> None:
    """A tap: the policy asks here."""
    pad.press(Button.RB)
    wait_for("the scene to wait", lambda s: Button.RB in s.stick.held)
    pad.release(Button.RB)
    wait_for("the question", lambda s: s.phase is Phase.ASKING)


def answer(pad: VirtualGamepad, button: Button) -> None:
    stop_it(pad)
    press(pad, button, f"going on after {button}", lambda s: s.phase is Phase.POLICY)


def look_ahead(pad: VirtualGamepad) -> None:
    """Wait for the ghost and what is predicted of it, then correct the policy."""
    stop_it(pad)
    wait_for("a ghost whose end is known", lambda s: bool(s.ghosts) and s.ghosts[0].predicted is not None)
    SEEN_GHOSTS.extend((len(ghost.path_m), float(ghost.predicted or 0.0)) for ghost in shown[-1].ghosts)
    pad.move(Axis.LEFT_X, -0.6)
    wait_for("the correction to be taken", lambda s: s.phase is Phase.POLICY)
    push(pad, Axis.LEFT_X, 0.0, ticks=1)


def take_over(pad: VirtualGamepad) -> None:
    pad.move(Axis.RIGHT_Y, -0.5)
    pad.press(Button.RB)
    wait_for("driving", lambda s: s.phase is Phase.HUMAN, ticks=6)
    pad.release(Button.RB)
    wait_for("the policy to have the wheel again", lambda s: s.phase is Phase.POLICY)
    push(pad, Axis.RIGHT_Y, 0.0, ticks=1)


def rewind(pad: VirtualGamepad) -> None:
    before = shown[-1].steps
    pad.move(Axis.LT, 0.3)
    wait_for("the rewind", lambda s: s.rewind is not None and s.rewind[0] <= before - 3)
    pad.move(Axis.LT, 0.0)
    wait_for("the policy to drive on", lambda s: s.phase is Phase.POLICY, ticks=2)


def sit(pad: VirtualGamepad, seen: Path) -> None:
    wait_for("the first policy to be learned", lambda s: s.phase is Phase.READY)
    press(pad, Button.START, "the policy to drive", lambda s: s.phase is Phase.POLICY)
    answer(pad, Button.A)
    answer(pad, Button.X)
    look_ahead(pad)
    take_over(pad)
    rewind(pad)
    press(pad, Button.Y, "the end of the episode", lambda s: s.phase is Phase.READY)
    press(pad, Button.START, "the policy to drive again", lambda s: s.phase is Phase.POLICY)
    wait_for("some driving", lambda s: s.phase is Phase.POLICY, ticks=5)
    seen.write_text(json.dumps({"ghosts": SEEN_GHOSTS, "learning": [f.label for f in shown[-1].learning]}))
    pad.press(Button.B)


def main(session: str, model: str, seen: str) -> None:
    start_pygame(display=False)
    pad = VirtualGamepad()
    Headless.show = watch  # type: ignore[method-assign]
    Headless.is_seen = True  # by the hands' eyes: what is shown is what they wait for
    threading.Thread(target=sit, args=(pad, Path(seen)), daemon=True).start()
    few = "--rounds 1 --episodes 2 --steps 40 --members 2 --evaluation-episodes 1 --scenes 1 --workers 1"
    sys.argv = ["learn", "dagger", session, "--out", model, "--device", "gamepad", "--headless", "--gate", "human", *few.split(" ")]
    runpy.run_module("learn", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
