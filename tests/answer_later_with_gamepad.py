"""Hands on a virtual gamepad that answer a queue of stored states while `python -m learn dagger --label-later` runs for real.

`python tests/answer_later_with_gamepad.py SESSION MODEL_DIR SEEN`; what was seen is written to the file SEEN. Answers in each way,
pauses, goes back to a question, and leaves before the last one.
"""

import json
import runpy
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from drive_with_gamepad import press, shown, wait_for, watch
from virtual_gamepad import VirtualGamepad

from data.schema import Phase
from teleop.screen import Headless, Status
from teleop.stick import Axis, Button
from teleop.window import start_pygame

QUESTIONS = 6


def asks(number: int):
    return lambda s: s.phase is Phase.ASKING and s.queue == (number, QUESTIONS)


def is_past(number: int):
    """Something else than this question, answered, is shown."""
    return lambda s: s.queue is not None and s.queue[0] != number


def answer(pad: VirtualGamepad, button: Button, number: int) -> None:
    wait_for(f"question {number}", asks(number))
    press(pad, button, f"question {number} to be answered", is_past(number))


def correct(pad: VirtualGamepad, number: int) -> None:
    """The stick stays over for a while: the next question must not take that for its answer."""
    wait_for(f"question {number}", asks(number))
    pad.move(Axis.LEFT_X, -0.6)
    wait_for("the correction to be taken", is_past(number))
    wait_for("the next question to wait for the stick", lambda s: "let go" in s.message, ticks=3)
    pad.move(Axis.LEFT_X, 0.0)


def pause(pad: VirtualGamepad) -> None:
    press(pad, Button.L3, "the pause", lambda s: s.phase is Phase.PAUSED)
    press(pad, Button.L3, "going on", lambda s: s.phase is not Phase.PAUSED)


def go_back(pad: VirtualGamepad, to: int) -> None:
    pad.move(Axis.LT, 1.0)
    wait_for(f"question {to} again", lambda s: s.queue == (to, QUESTIONS))
    pad.move(Axis.LT, 0.0)


def sit(pad: VirtualGamepad, seen: Path) -> None:
    def waits(status: Status) -> bool:
        return status.phase is Phase.READY and status.queue is not None

    wait_for("the queue", waits, ticks=3)
    press(pad, Button.START, "the first question", lambda s: s.phase is Phase.POLICY)
    answer(pad, Button.A, 1)
    answer(pad, Button.X, 2)
    correct(pad, 3)
    wait_for("a ghost at question 4", lambda s: asks(4)(s) and bool(s.ghosts))
    pause(pad)
    wait_for("question 4 again", asks(4))
    go_back(pad, 3)
    answer(pad, Button.RB, 3)
    answer(pad, Button.A, 4)
    wait_for("question 5", asks(5))
    seen.write_text(json.dumps({"labels": shown[-1].labels, "left": shown[-1].labels_left, "ghosts": any(s.ghosts for s in shown)}))
    pad.press(Button.GUIDE)


def main(session: str, model: str, seen: str) -> None:
    start_pygame(display=False)
    pad = VirtualGamepad()
    Headless.show = watch  # type: ignore[method-assign]
    Headless.is_seen = True  # by the hands' eyes: what is shown is what they wait for
    threading.Thread(target=sit, args=(pad, Path(seen)), daemon=True).start()
    few = "--rounds 1 --episodes 1 --steps 5 --members 2 --evaluation-episodes 1 --scenes 1 --workers 1"
    later = f"--label-later --labels {QUESTIONS}"
    sys.argv = ["learn", "dagger", session, "--out", model, "--device", "gamepad", "--headless", *later.split(" "), *few.split(" ")]
    runpy.run_module("learn", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
