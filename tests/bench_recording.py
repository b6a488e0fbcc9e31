"""make bench-recording: does the loop keep its time while a window draws, two cameras are recorded and episodes are written?

Hands on a virtual SDL gamepad record Lift for five minutes in a real window (Xvfb will do), then for one minute with
a drawing function that is slow on purpose, one while a policy is learned in the background, then push a resting stick 60 times
to see when the picture changes. At the end the cost of a tick without a window. Marks: late ticks (> 2 ms) at most 0.1 %, 99th
percentile of the lateness at most 0.5 ms, no drift, 60 pictures a second in the hull view, half of the pushes seen within
50 ms, a tick with two cameras at most 5 ms and without any at most 1 ms. Exit code 1 where one is missed. `--minutes 0.5` is a
quick look.
"""

import argparse
import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pygame
import pytest
from marks import Mark, show
from virtual_gamepad import VirtualGamepad

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.driving import driven
from bench.turns import seconds_of

from data.session import Session
from learn.background import Job, LearnerProcess
from learn.train import TrainConfig
from teleop.clock import RealClock
from teleop.cockpit import Cockpit, CockpitConfig, open_cockpit
from teleop.devices import has_display
from teleop.envs.arm import CONTROL_HZ
from teleop.loop import LoopConfig
from teleop.painter import Painter
from teleop.stick import Axis, Button
from teleop.window import start_pygame

PERIOD_S = 1.0 / CONTROL_HZ
EPISODE_S, REST_S, PUSH_EVERY_S, PUSHES = 12.0, 1.2, 1.5, 60
CENTRE = pygame.Rect(400, 280, 160, 160)  # of the window: around the hand, and nothing that is written over the picture
CHANGED_LEVELS, CHANGED_PIXELS = 8, 40  # of 25,600; at rest a settling servo and its figures change fewer
LOG_NAME, SLOW_S = "TELEOP_BENCH_FRAMES", 0.15


class LoggedPainter(Painter):
    """The recorder's own painter; the time of every picture goes to a file, and with `watches` its middle."""

    watches = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        folder, flip = Path(os.environ[LOG_NAME]), pygame.display.flip
        times, middles = (folder / "times").open("ab", buffering=0), (folder / "middles").open("ab", buffering=0)

        def logged_flip() -> None:
            flip()
            times.write(np.float64(time.perf_counter()).tobytes())
            if self.watches:
                middles.write(pygame.surfarray.array_green(self.surface.subsurface(CENTRE)).tobytes())

        pygame.display.flip = logged_flip


class WatchingPainter(LoggedPainter):
    watches = True


class SlowPainter(LoggedPainter):
    """Wastes time in pure Python, which is what would hold up a loop in the same process most."""

    def paint(self, status: Any, picture: Any = None) -> None:
        until_s = time.perf_counter() + SLOW_S
        while time.perf_counter() < until_s:
            pass
        super().paint(status, picture)


def refuse(*_: object) -> None:
    """What Linux answers to an account without the right to real-time priority."""
    raise PermissionError


@dataclass
class WatchedClock:
    """The real clock, and when each tick began."""

    inner: RealClock
    may_have_priority: bool
    late_s: list[float] = field(default_factory=list)
    began_s: list[float] = field(default_factory=list)
    kind: str = "real"

    had_priority: bool = False

    @contextlib.contextmanager
    def priority(self) -> Iterator[bool]:
        with pytest.MonkeyPatch.context() as patch:
            if not self.may_have_priority:
                patch.setattr(os, "sched_setscheduler", refuse)
            with self.inner.priority() as self.had_priority:
                yield self.had_priority

    def start(self) -> None:
        self.inner.start()

    def now_s(self) -> float:
        return self.inner.now_s()

    def wait(self) -> float:
        self.late_s.append(self.inner.wait())
        self.began_s.append(time.perf_counter())
        return self.late_s[-1]

    def drift_ms(self) -> float:
        """How far the last second's ticks stand from where the first second's ticks put them."""
        ideal = np.arange(len(self.began_s)) * PERIOD_S
        off = np.array(self.began_s) - ideal
        return 1e3 * float(np.median(off[-CONTROL_HZ:]) - np.median(off[:CONTROL_HZ]))


@contextmanager
def recorder(folder: Path, painter: type[Painter], priority: bool) -> Iterator[tuple[Cockpit, WatchedClock, VirtualGamepad]]:
    """The recorder as `python -m teleop record --device gamepad --cameras front wrist --look hulls` opens it."""
    os.environ[LOG_NAME] = str(folder)
    start_pygame(display=False)
    pad = VirtualGamepad()
    config = CockpitConfig(env_kwargs={"cameras": ["front", "wrist"]}, device="gamepad", look="hulls", painter=painter, max_seconds=600.0)
    with open_cockpit(config) as cockpit:
        clock = WatchedClock(RealClock(PERIOD_S), priority)
        object.__setattr__(cockpit, "clock", clock)
        yield cockpit, clock, pad
    pad.unplug()


def weave(pad: VirtualGamepad, minutes: float) -> None:
    """A person who records episode after episode: sticks in motion, a rewind now and then, every episode kept."""
    rng = np.random.default_rng(0)
    end_s = time.perf_counter() + 60.0 * minutes
    while time.perf_counter() < end_s:
        tap(pad, Button.START)
        stop_s = min(end_s, time.perf_counter() + EPISODE_S)
        while time.perf_counter() < stop_s:
            for axis in (Axis.LEFT_X, Axis.LEFT_Y, Axis.RIGHT_X, Axis.RIGHT_Y):
                pad.move(axis, float(rng.uniform(-0.6, 0.6)))
            pad.move(Axis.RT, float(rng.uniform(0.0, 1.0)))
            time.sleep(float(rng.uniform(0.1, 0.4)))
        pad.move(Axis.LT, 0.5)
        time.sleep(1.0)
        pad.move(Axis.LT, 0.0)
        time.sleep(0.3)
        tap(pad, Button.Y)
    tap(pad, Button.GUIDE)


def push(pad: VirtualGamepad, times: int, pushed_s: list[float]) -> None:
    """A stick pushed from rest again and again, at moments spread evenly over the loop's period."""
    tap(pad, Button.START)
    start_s = time.perf_counter() + REST_S
    for k in range(times):
        time.sleep(max(0.0, start_s + k * PUSH_EVERY_S + PERIOD_S * (k % 20) / 20 - time.perf_counter()))
        pushed_s.append(time.perf_counter())
        pad.move(Axis.RIGHT_Y, -0.8 if k % 2 else 0.8)
        time.sleep(0.2)
        pad.move(Axis.RIGHT_Y, 0.0)
    time.sleep(REST_S)
    tap(pad, Button.GUIDE)


def tap(pad: VirtualGamepad, button: Button) -> None:
    pad.press(button)
    time.sleep(2.5 * PERIOD_S)
    pad.release(button)
    time.sleep(2.5 * PERIOD_S)


def drive(folder: Path, painter: type[Painter], hands: Any, *facts: Any, priority: bool = True) -> tuple[WatchedClock, np.ndarray]:
    """Run the loop under these hands; its clock and when the window's pictures were on the screen, in s."""
    folder.mkdir()
    with recorder(folder, painter, priority) as (cockpit, clock, pad):
        session = Session.create(folder / "session")
        loop = cockpit.loop(session, LoopConfig(hold_ticks=0))
        threading.Thread(target=hands, args=(pad, *facts), daemon=True).start()
        loop.run()
    return clock, np.fromfile(folder / "times")


def seen_after_ms(pushed_s: list[float], times_s: np.ndarray, middles: np.ndarray) -> list[float]:
    """From each push to the end of the first flip that visibly differs from the last one before the push."""
    delays = []
    for at_s in pushed_s:
        first = int(np.searchsorted(times_s, at_s))
        moved = np.abs(middles[first : first + 60].astype(np.int16) - middles[first - 1]) > CHANGED_LEVELS
        seen = np.flatnonzero(moved.sum(axis=(1, 2)) > CHANGED_PIXELS)
        delays += [1e3 * (times_s[first + seen[0]] - at_s)] if len(seen) else []
    return delays


def at_rest(pushed_s: list[float], times_s: np.ndarray, middles: np.ndarray) -> int:
    """How many pictures in the 0.2 s before a push differ visibly from the one before: 0, or the delays mean nothing."""
    count = 0
    for at_s in pushed_s:
        last, first = (int(np.searchsorted(times_s, t)) for t in (at_s, at_s - 0.2))
        moved = np.abs(np.diff(middles[first:last].astype(np.int16), axis=0)) > CHANGED_LEVELS
        count += int(np.count_nonzero(moved.sum(axis=(1, 2)) > CHANGED_PIXELS))
    return count


def tick_ms(cameras: tuple[str, ...]) -> float:
    """The median tick of the loop without a window: poll, step, draw the cameras, record."""
    with TemporaryDirectory() as name, driven(Path(name), cameras) as ticks:
        return 1e3 * float(np.median([seconds_of(lambda: ticks(1)) for _ in range(300)]))


@contextmanager
def learning(session: Path) -> Iterator[None]:
    """As beside a round of `learn dagger`: a process that learns an ensemble from what was recorded, without end."""
    learner = LearnerProcess()
    endless = TrainConfig(members=5, steps=10**7, include_failures=True, valid_fraction=0.0)
    learner.submit(Job(0, session, endless, session.parent / "model", "PandaLift-v0", {}))
    try:
        yield
        if learner.poll() is not None or not learner.busy:
            raise SystemExit("nothing was being learned meanwhile")
    finally:
        learner.close()


def time_marks(name: str, clock: WatchedClock) -> list[Mark]:
    late = 1e3 * np.array(clock.late_s)
    return [
        Mark(f"{name}: ticks late by more than 2 ms, %", 100.0 * float(np.mean(late > 2.0)), 0.1),
        Mark(f"{name}: lateness, 99th percentile, ms", float(np.percentile(late, 99)), 0.5),
        Mark(f"{name}: drift of the schedule, ms", abs(clock.drift_ms()), 1.0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    minutes = parser.parse_args().minutes
    if not has_display():
        sys.exit("no display: run under xvfb-run")
    marks: list[Mark] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        clock, times_s = drive(folder / "plain", LoggedPainter, weave, minutes)
        marks += time_marks("recording", clock)
        rate = np.histogram(times_s, np.arange(times_s[0] + 1.0, times_s[-1] - 1.0))[0]
        marks.append(Mark("recording: pictures a second, median", float(np.median(rate)), 59.0, at_least=True))
        had_priority = clock.had_priority
        if had_priority:
            clock, _ = drive(folder / "equal", LoggedPainter, weave, minutes / 5, priority=False)
            marks += time_marks("without real-time priority", clock)
        kept = len(Session.open(folder / "plain" / "session"))
        clock, slow_s = drive(folder / "slow", SlowPainter, weave, minutes / 5)
        marks += time_marks(f"drawing takes {1e3 * SLOW_S:.0f} ms", clock)
        with learning(folder / "plain" / "session"):
            clock, _ = drive(folder / "learning", LoggedPainter, weave, minutes / 5)
        marks += time_marks("a policy is learned meanwhile", clock)
        pushed_s: list[float] = []
        _, times_s = drive(folder / "push", WatchingPainter, push, PUSHES, pushed_s)
        middles = np.fromfile(folder / "push" / "middles", np.uint8).reshape(-1, *CENTRE.size)
        delays = seen_after_ms(pushed_s, times_s, middles)
        marks.append(
            Mark(f"from the virtual pad's axis to the changed picture, median of {len(delays)}, ms", float(np.median(delays)), 50.0)
        )
        marks.append(Mark("(pictures that change although the stick rests)", at_rest(pushed_s, times_s, middles), 0.0))
        marks.append(Mark("step + two 84×84 cameras + record, median, ms", tick_ms(("front", "wrist")), 5.0))
        marks.append(Mark("step + record, median, ms", tick_ms(()), 1.0))
    return show(marks, f"{minutes:g} minutes, {kept} episodes, {np.median(np.diff(slow_s)):.2f} s a slow picture")


if __name__ == "__main__":
    sys.exit(main())
