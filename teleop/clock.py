"""Time for the loop: absolute deadlines on the real clock, or simulated time for a scripted person."""

import time
from typing import Protocol

SPIN_S = 0.0015


class Clock(Protocol):
    """`wait` returns how late the tick began, in seconds (0 when on time)."""

    kind: str

    def now_s(self) -> float: ...

    def wait(self) -> float: ...


class RealClock:
    """Ticks at start + k·period: sleeps, then spins the last 1.5 ms.

    A tick late by more than a period moves the following deadlines with it: time is dilated, never caught
    up, because a catch-up step would act on a stale stick.
    """

    kind = "real"

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
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

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self._ticks = 0

    def now_s(self) -> float:
        return self._ticks * self.period_s

    def wait(self) -> float:
        self._ticks += 1
        return 0.0
