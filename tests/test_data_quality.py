"""Specification of `data.quality` and the report's flags: what numbers say of an episode, and whom to look at first."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_data_support import META, made_episode, tick

from data.episode import Episode
from data.intervals import wilson
from data.quality import Quality, measure, sparc, speeds
from data.report.coverage import Coverage
from data.report.flags import Severity, flag
from data.report.summary import summarise
from data.schema import LATE_S, Outcome, Source
from data.session import Session

RATE_HZ = 100.0


def minimum_jerk(seconds: float = 1.0, rate_hz: float = RATE_HZ) -> np.ndarray:
    """Speed of the smoothest reach there is (Flash & Hogan 1985), peak 1.875."""
    t = np.arange(0.0, 1.0, 1.0 / (seconds * rate_hz))
    return 30 * t**2 * (1 - t) ** 2


# -- smoothness ----------------------------------------------------------------------------------------------------


def test_one_smooth_reach_has_the_published_arc_length() -> None:
    """About -1.41: Balasubramanian et al. 2015, figure 3."""
    assert sparc(minimum_jerk(), RATE_HZ) == pytest.approx(-1.41, abs=0.01)


def test_smoothness_depends_neither_on_distance_nor_on_pauses_before_and_after() -> None:
    reach = minimum_jerk()
    assert sparc(7.0 * reach, RATE_HZ) == pytest.approx(sparc(reach, RATE_HZ))
    rested = np.concatenate([np.zeros(50), reach, np.zeros(80)])
    assert sparc(rested, RATE_HZ) == pytest.approx(sparc(reach, RATE_HZ), abs=0.01)


def test_every_further_part_of_a_movement_and_every_tremor_makes_it_less_smooth() -> None:
    parts = [np.concatenate([minimum_jerk()] * n) for n in (1, 2, 4)]
    values = [sparc(speed, RATE_HZ) for speed in parts]
    assert values == sorted(values, reverse=True)  # type: ignore[type-var]
    t = np.arange(100) / RATE_HZ
    trembling = np.abs(minimum_jerk() + 0.3 * np.sin(2 * np.pi * 8 * t))
    assert sparc(trembling, RATE_HZ) < sparc(minimum_jerk(), RATE_HZ) - 0.3  # type: ignore[operator]


@pytest.mark.parametrize("speed", [np.zeros(100), np.ones(5), np.full(100, np.nan)])
def test_what_does_not_move_has_no_smoothness(speed: np.ndarray) -> None:
    assert sparc(speed, RATE_HZ) is None


# -- measures ------------------------------------------------------------------------------------------------------


def drive(*actions: Any, **values: Any) -> Episode:
    """An episode at 20 Hz whose end effector goes 1 cm a step along x; `values` hold for every step."""
    ticks = []
    for t, action in enumerate(actions):
        obs = {"robot0_eef_pos": np.array([0.01 * t, 0.0, 0.2], np.float32), "object": np.array([0.5, 0.1, 0.02], np.float32)}
        ticks.append(tick(t, action=np.asarray(action, np.float32), **{"obs": obs, **values}))
    return made_episode(*ticks, meta=replace(META, outcome=Outcome.SUCCESS, clock="real"))


MOVES, RESTS, FULL = [0.1] * 6 + [0.0], [0.0] * 7, [1.0] + [0.0] * 6


def test_the_measures_of_a_drive_made_by_hand() -> None:
    quality = measure(3, drive(RESTS, MOVES, MOVES, FULL, RESTS, RESTS, RESTS, MOVES, MOVES, MOVES, MOVES, MOVES))
    assert (quality.number, quality.steps, quality.seconds, quality.operator_s) == (3, 12, 0.6, 0.6)
    assert (quality.human, quality.policy, quality.scripted) == (1.0, 0.0, 0.0)
    assert quality.idle == pytest.approx(4 / 12)
    assert quality.saturated == pytest.approx(1 / 12)
    assert quality.path_m == pytest.approx(0.11)
    assert quality.sparc is not None
    assert (quality.late, quality.late_ticks, quality.labels, quality.interventions) == (0.0, 0, 0, 0)


def test_late_ticks_are_counted_as_recording_counts_them() -> None:
    episode = drive(*[MOVES] * 4)
    late_s = np.array([0.0, LATE_S, 1.01 * LATE_S, 0.03], np.float32)
    quality = measure(0, replace(episode, steps={**episode.steps, "lateness_s": late_s}))
    assert (quality.late, quality.late_ticks, quality.worst_late_s) == (0.5, 2, pytest.approx(0.03))
    assert measure(0, replace(episode, meta=replace(episode.meta, clock="simulated"))).late is None


def test_effort_counts_what_the_hands_did_and_not_what_they_held() -> None:
    stick = np.zeros((5, 21), np.float32)
    stick[1:, 0] = 1.0  # pushed once to the edge, and held
    stick[[1, 2, 4], 6] = 1.0  # a button pressed twice
    episode = drive(*[MOVES] * 5)
    quality = measure(0, replace(episode, steps={**episode.steps, "stick": stick}))
    assert quality.stick_travel == pytest.approx(1.0 / 0.25)
    assert quality.presses == pytest.approx(2 * 60 / 0.25)


def test_answers_and_takeovers_of_a_dagger_episode() -> None:
    label, proposal = np.zeros(7, np.float32), np.zeros(7, np.float32)
    policy = {"source": Source.POLICY, "policy_action": proposal}
    ticks = [tick(t, **policy) for t in range(4)]  # type: ignore[arg-type]
    ticks[1] = tick(1, Source.POLICY, policy_action=proposal, label=label, decision_latency_s=0.6)
    ticks[2] = tick(2, Source.SCRIPTED, policy_action=proposal, label=label)
    quality = measure(0, made_episode(*ticks))
    assert (quality.policy, quality.scripted, quality.interventions, quality.labels) == (0.75, 0.25, 1, 2)
    assert quality.decision_s == pytest.approx(0.6)
    assert quality.operator_s == pytest.approx(0.05 + 0.6)
    assert quality.path_m is None, "these have no end effector"


def test_measures_of_a_real_recording_are_where_they_should_be(recorded: Any) -> None:
    for number in range(3):
        quality = measure(number, Session.open(recorded).read(number))
        assert quality.success
        assert quality.scripted == 1.0
        assert 1.0 < quality.seconds < 10.0
        assert -6.0 < (quality.sparc or 0.0) < -1.4
        assert 0.1 < (quality.path_m or 0.0) < 2.0
        assert 0.0 <= quality.idle < 0.5
        assert (quality.stick_travel or 0.0) > 0.5


def test_speed_is_distance_times_rate() -> None:
    assert speeds(np.array([[0, 0, 0], [0.3, 0.4, 0.0]]), 20.0).tolist() == [10.0]


# -- flags ---------------------------------------------------------------------------------------------------------


def good(number: int, **values: Any) -> Quality:
    quality = measure(number, drive(*[MOVES] * 40))
    return replace(quality, **{"mode": "left", "sparc": -2.0 - 0.01 * (number % 5), "seconds": 2.0 + 0.02 * (number % 7), **values})


SESSION = [good(n) for n in range(20)]


def reasons(*odd: Quality, damaged: dict[int, str] | None = None) -> dict[int, list[str]]:
    return {f.number: [reason.text for reason in f.reasons] for f in flag([*SESSION, *odd], damaged)}


def test_nothing_is_flagged_in_an_even_session() -> None:
    assert reasons() == {}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"outcome": Outcome.FAILURE}, "failed after 2.0 s"),
        ({"outcome": Outcome.DISCARDED}, "discarded by the operator"),
        ({"outcome": Outcome.PARTIAL, "recovered": False}, "partial: recording ended in the middle of it, 2.0 s are there"),
        ({"outcome": Outcome.PARTIAL, "recovered": True}, "partial: recovered after the recorder was killed, 2.0 s are there"),
        ({"path_m": 0.002}, "hardly moved: the end effector went 2.0 mm"),
        ({"idle": 0.6}, "idle for 60 % of its 2.0 s"),
        ({"late": 0.05, "worst_late_s": 0.012}, "5.0 % of its ticks began over 2 ms late, the worst by 12 ms"),
        ({"saturated": 0.4}, "an axis at its limit in 40 % of the steps"),
        ({"seconds": 9.0}, "unusually long: 9.0 s, the median is 2.1 s"),
        ({"seconds": 0.4}, "unusually short: 0.4 s, the median is 2.1 s"),
        ({"sparc": -9.0}, "jerky: smoothness (SPARC) -9.0, the median is -2.0"),
        ({"mode": ""}, "has no behaviour mode, 20 others have one"),
    ],
)
def test_what_is_odd_is_said_in_a_sentence(values: dict[str, Any], says: str) -> None:
    assert reasons(good(20, **{"seconds": 2.0, **values})) == {20: [says]}


def test_an_abandoned_branch_is_not_flagged() -> None:
    assert reasons(good(20, outcome=Outcome.ABANDONED, idle=0.9)) == {}


def test_smooth_or_unusual_is_nothing_among_few() -> None:
    assert flag([good(0), good(1), good(2, seconds=30.0, sparc=-9.0)]) == []


def test_untagged_episodes_are_odd_only_among_tagged_ones() -> None:
    assert flag([good(n, mode="") for n in range(20)]) == []
    assert flag([good(n, mode="" if n % 2 else "left") for n in range(20)]) == []


def test_the_worst_come_first() -> None:
    order = flag([*SESSION, good(20, mode=""), good(21, outcome=Outcome.FAILURE)], {30: "is damaged"})
    assert [(f.number, f.severity) for f in order] == [(30, Severity.BROKEN), (21, Severity.BAD), (20, Severity.ODD)]


# -- sums ----------------------------------------------------------------------------------------------------------


def test_the_success_rate_is_of_episodes_that_came_to_an_end() -> None:
    outcomes = [Outcome.SUCCESS] * 6 + [Outcome.FAILURE] * 2 + [Outcome.ABANDONED] * 5 + [Outcome.PARTIAL]
    summary = summarise([good(n, outcome=outcome, mode="over" if n % 2 else "left") for n, outcome in enumerate(outcomes)])
    assert (summary.success.count, summary.success.of, summary.success.interval) == (6, 8, wilson(6, 8))
    assert summary.episodes == 14
    assert {mode: sum(counts.values()) for mode, counts in summary.modes.items()} == {"left": 7, "over": 7}


def test_coverage_counts_where_the_end_effector_was_and_what_was_done() -> None:
    coverage = Coverage()
    for _ in range(3):
        coverage.add(drive(*[MOVES] * 10, FULL))
    assert (coverage.episodes, coverage.steps, coverage.missing) == (3, 33, 0)
    assert sum(coverage.cells.values()) == 3 * 12, "also where it came to after the last step"
    assert coverage.litres == pytest.approx(0.001 * len(coverage.cells))
    assert sum(coverage.plane(0, 1).values()) == 3 * 12
    assert coverage.actions is not None
    assert coverage.zeros is not None
    assert coverage.actions[0].sum() == 33
    assert coverage.actions[0][-1] == 3, "three full deflections"
    assert coverage.zeros.tolist() == [0, 3, 3, 3, 3, 3, 33]
    assert coverage.objects_m == [pytest.approx((0.5, 0.1, 0.02))] * 3
    coverage.add(made_episode())
    assert coverage.missing == 1, "an env without an end effector"
