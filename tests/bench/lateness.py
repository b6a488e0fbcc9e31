"""Does the loop keep its time? Ours, an empty one, and the peers' own loops at 20 Hz, each looked at from its first recorded tick on."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from test_teleop_support import TableDevice, tap

from bench.driving import cockpit_for, weaving
from bench.row import FLOOR, Row, Thing
from bench.stage import CAMERAS, Stage
from bench.turns import Side
from data.session import Session
from teleop.clock import RealClock
from teleop.cockpit import Cockpit
from teleop.envs.arm import CONTROL_HZ
from teleop.loop import LoopConfig
from teleop.stick import Button, Stick, make_stick

ROUNDS, TICKS, REST = 5, 80, 30
PERIOD_MS = 1e3 / CONTROL_HZ
LATE = Thing("loop", f"a tick off its place in the schedule of {TICKS / CONTROL_HZ:g} s, 99th percentile", "ms")
UNEVEN = Thing("loop", "the time from tick to tick off 50 ms, 99th percentile", "ms", headline=False)
LEROBOT = (
    "lerobot-record's record_loop, which sleeps what is left of the period after its work; its robot is a stand-in that takes as long "
    "as our step and cameras"
)
ROBOSUITE = "collect_human_trajectory, which sleeps what is left of the period after its work; Lift without cameras, as its script has it"


class Equal(RealClock):
    """The recorder's clock in an account that has no right to real-time priority: most have none."""

    def priority(self) -> AbstractContextManager[bool]:
        return nullcontext(False)


def uneven_ms(began_s: Sequence[float]) -> float:
    """How far the time between two ticks is off, 99th percentile."""
    return float(np.percentile(np.abs(1e3 * np.diff(began_s) - PERIOD_MS), 99))


def late_ms(began_s: Sequence[float]) -> float:
    """How far ticks are off where the first one puts them, 99th percentile."""
    planned = began_s[0] + PERIOD_MS / 1e3 * np.arange(len(began_s))
    return float(np.percentile(np.abs(1e3 * (np.array(began_s) - planned)), 99))


def rows(stage: Stage) -> list[Row]:
    """Both figures are of the same ticks: they are driven for the first, and kept for the second."""
    driven: dict[str, list[Sequence[float]]] = {}

    def late(side: str, ticks: Callable[[], Sequence[float]]) -> float:
        driven.setdefault(side, []).append(ticks())
        return late_ms(driven[side][-1])

    with cockpit_for(lambda: TableDevice([]), CAMERAS) as cockpit:
        work_s = work_of(cockpit)
        sides = {
            "an empty loop": (FLOOR, empty, "on the same clock; both without real-time priority"),
            "robosuite": ("robosuite", lambda: stage.peers["robosuite"].ask("loop", ticks=TICKS), ROBOSUITE),
            "LeRobot": ("LeRobot", lambda: stage.peers["LeRobot"].ask("loop", ticks=TICKS, work_s=work_s), LEROBOT),
        }
        others = [Side(tool, name, partial(late, name, ticks), note) for name, (tool, ticks, note) in sides.items()]
        cannot = {"robomimic": "it has no loop that keeps time"}
        found = stage.compare(LATE, partial(late, "ours", partial(ours, cockpit, stage.folder)), others, ROUNDS, **cannot)
    counted = {name: tuple(uneven_ms(run) for run in runs[1:]) for name, runs in driven.items()}  # the first were to warm up
    return found + [replace(row, thing=UNEVEN, ours=counted["ours"], theirs=row.theirs and counted[row.against]) for row in found]


def ours(cockpit: Cockpit, folder: Path) -> list[float]:
    """When each tick of the recorder's loop began: it steps, draws two cameras and records; the writer's process has started before."""
    session = Session.create(folder / f"loop-{time.monotonic_ns()}")

    began: list[float] = []

    def polled(k: int) -> Stick:
        began.append(time.perf_counter())
        return weaving(k)

    rows = [make_stick()] * REST + [tap(Button.START)] + [partial(polled, k) for k in range(TICKS)]
    watched = replace(cockpit, device=TableDevice(rows), clock=Equal(1 / CONTROL_HZ))
    watched.loop(session, LoopConfig(hold_ticks=0)).run()
    return began


def empty() -> list[float]:
    clock, began = Equal(1 / CONTROL_HZ), []
    for _ in range(TICKS):
        clock.wait()
        began.append(time.perf_counter())
    return began


def work_of(cockpit: Cockpit) -> float:
    """Median seconds of our environment's step with its cameras."""
    cockpit.env.reset(seed=0)
    action, times = np.zeros(7, np.float32), []
    for k in range(60):
        action[:2] = weaving(k).axes[:2]
        began_s = time.perf_counter()
        cockpit.env.step(action)
        times.append(time.perf_counter() - began_s)
    return float(np.median(times))
