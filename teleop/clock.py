"""Time for the loop: absolute deadlines on the real clock, or simulated time for a scripted person."""

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

SPIN_S = 0.0015


def yield_to_control(niceness: int) -> None:
    """Make this process give way to the control process when both want a processor; before it starts any thread.

    Niceness alone does not: Linux lets a running task finish its slice of 3 ms. A batch task is put off at once.
    """
    if hasattr(os, "nice"):
        os.nice(niceness)
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@contextlib.contextmanager
def real_time_priority() -> Iterator[bool]:
    """Run this thread, not its children, before all others while the block lasts; whether the system allowed it.

    A person's account on Linux needs a right for that (an rtprio limit); without it nothing changes.
    """
    try:
        before = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except (AttributeError, OSError):
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, *before)


class Clock(Protocol):
    """`start` begins the schedule, `wait` returns how late a tick began, in seconds (0 when on time).

    `priority` is for as long as the loop runs.
    """

    kind: str

    def start(self) -> None: ...

    def priority(self) -> AbstractContextManager[bool]: ...

    def now_s(self) -> float: ...

    def wait(self) -> float: ...


class RealClock:
    """Ticks at start + k·period: sleeps, then spins the last 1.5 ms.

    A tick late by more than a period moves the following deadlines with it: time is dilated, never caught
    up, because a catch-up step would act on a stale stick.
    """

    kind = "real"

    def priority(self) -> AbstractContextManager[bool]:
        return real_time_priority()

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self.start()

    def start(self) -> None:
        self._start_s, self._ticks, self._dilated_s = time.perf_counter(), 0, 0.0

    def now_s(self) -> float:
        return time.perf_counter()

    def wait(self) -> float:
        self._ticks += 1
        deadline_s = self._start_s + self._ticks * self.period_s + self._dilated_s
        ahead_s = deadline_s - time.perf_counter()
        if ahead_s > SPIN_S:
            time.sleep(ahead_s - SPIN_S)
        while time.perf_counter() < deadline_s:
            pass
        late_s = time.perf_counter() - deadline_s
        if late_s > self.period_s:
            self._dilated_s += late_s
        return max(0.0, late_s)


class SimulatedClock:
    """The time a scripted person lives in: one period a tick, as fast as the machine can."""

    kind = "simulated"

    def priority(self) -> AbstractContextManager[bool]:
        return contextlib.nullcontext(False)

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self._ticks = 0

    def start(self) -> None: ...

    def now_s(self) -> float:
        return self._ticks * self.period_s

    def wait(self) -> float:
        self._ticks += 1
        return 0.0
