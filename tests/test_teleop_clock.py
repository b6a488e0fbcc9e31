"""Clocks: deadlines that stand still, late ticks that dilate time, and simulated time."""

import itertools
import os

import pytest

from teleop import clock as clock_module
from teleop.clock import RealClock, SimulatedClock

PERIOD_S = 0.05
GLANCE_S = 1e-5  # what looking at the clock costs here


class FakeTime:
    """A machine whose time moves only when looked at, slept or worked on. `oversleep_s` is how much too long it sleeps."""

    def __init__(self, start_s=100.0):
        self.now_s, self.oversleep_s, self.naps_s = start_s, 0.0, []

    def perf_counter(self):
        self.now_s += GLANCE_S
        return self.now_s

    def sleep(self, seconds):
        assert seconds > 0
        self.naps_s.append(seconds)
        self.now_s += seconds + self.oversleep_s

    def work(self, seconds):
        self.now_s += seconds


@pytest.fixture
def machine(monkeypatch):
    fake = FakeTime()
    monkeypatch.setattr(clock_module.time, "perf_counter", fake.perf_counter)
    monkeypatch.setattr(clock_module.time, "sleep", fake.sleep)
    return fake


def test_ticks_stay_on_absolute_deadlines_whatever_the_work_between(machine):
    clock = RealClock(PERIOD_S)
    start_s, work_s = machine.now_s, itertools.cycle([0.0, 0.013, 0.031, 0.044])
    for k in range(1, 201):
        machine.work(next(work_s))
        late_s = clock.wait()
        assert machine.now_s - (start_s + k * PERIOD_S) == pytest.approx(0.0, abs=5 * GLANCE_S)
        assert 0.0 <= late_s <= 5 * GLANCE_S


def test_what_came_before_the_start_makes_no_tick_late(machine):
    clock = RealClock(PERIOD_S)
    machine.work(3.0)  # a window opens
    clock.start()
    assert [clock.wait() <= 5 * GLANCE_S for _ in range(3)] == [True] * 3


def test_priority_is_given_back_and_nothing_fails_without_the_right_to_it(monkeypatch):
    before = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None
    with RealClock(PERIOD_S).priority() as granted:
        if granted:
            assert os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    if before is not None:
        assert os.sched_getscheduler(0) == before

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    with RealClock(PERIOD_S).priority() as granted:
        assert not granted


def test_sleeping_too_long_does_not_add_up(machine):
    clock, start_s = RealClock(PERIOD_S), machine.now_s
    machine.oversleep_s = 0.004
    lateness_s = [clock.wait() for _ in range(100)]
    assert machine.now_s - start_s == pytest.approx(100 * PERIOD_S, abs=0.004)
    assert max(lateness_s) < 0.004


def test_the_last_millisecond_is_not_slept(machine):
    RealClock(PERIOD_S).wait()
    assert machine.naps_s == [pytest.approx(PERIOD_S - clock_module.SPIN_S, abs=5 * GLANCE_S)]


def test_a_tick_late_by_less_than_a_period_is_made_up_for(machine):
    clock, start_s = RealClock(PERIOD_S), machine.now_s
    machine.work(PERIOD_S + 0.03)
    assert clock.wait() == pytest.approx(0.03, abs=5 * GLANCE_S)
    assert clock.wait() < 5 * GLANCE_S
    assert machine.now_s - start_s == pytest.approx(2 * PERIOD_S, abs=5 * GLANCE_S)


def test_a_tick_late_by_more_than_a_period_dilates_time_instead_of_catching_up(machine):
    clock, start_s = RealClock(PERIOD_S), machine.now_s
    clock.wait()
    machine.work(1.0)
    assert clock.wait() == pytest.approx(1.0 - PERIOD_S, abs=5 * GLANCE_S)
    ticks_s = []
    for _ in range(5):
        assert clock.wait() < 5 * GLANCE_S
        ticks_s.append(machine.now_s - start_s)
    expected = [PERIOD_S + 1.0 + k * PERIOD_S for k in range(1, 6)]
    assert ticks_s == pytest.approx(expected, abs=10 * GLANCE_S)  # a period apart: no burst of ticks on one stale stick


def test_the_real_clock_reads_the_machine_s_time(machine):
    clock = RealClock(PERIOD_S)
    machine.work(3.0)
    assert clock.now_s() == machine.now_s
    assert clock.kind == "real"


def test_simulated_time_is_a_period_a_tick_and_never_late():
    clock = SimulatedClock(PERIOD_S)
    assert clock.now_s() == 0.0
    assert [clock.wait() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert clock.now_s() == 3 * PERIOD_S
    assert clock.kind == "simulated"


def test_simulated_time_does_not_pass_by_itself():
    clock = SimulatedClock(PERIOD_S)
    assert len({clock.now_s() for _ in range(100)}) == 1
