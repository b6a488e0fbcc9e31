"""Specification of `data.effort`: seconds that can be counted by hand, of real sessions on simulated time."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import run
from data_tools import flip_a_bit
from test_data_support import META, made_episode, tick
from test_teleop_support import PERIOD_S, REST, Always, AskAt, TableDevice, hold, loop_of, push, tap

from data.effort import NO_ROUND, Effort, effort_of, effort_of_episode, efforts_by_operator, efforts_by_round
from data.errors import UserError
from data.exchange.foreign import Foreign, Terms, to_episode
from data.schema import Outcome, Phase, Source
from data.session import Session
from data.trim import retrim
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.loop import LoopConfig
from teleop.mapping import MappingConfig
from teleop.pilot import Pilot
from teleop.stick import Button, Stick

START, GOOD, UNDO, PAUSE = tap(Button.START), tap(Button.Y), tap(Button.X), tap(Button.L3)
SIDE, BACK_A_TICK, TAKE = push(left_x=0.6), push(lt=0.16), hold(Button.RB, left_x=-0.7)
NEVER = LoopConfig(hold_ticks=0)
Sit = Callable[..., tuple[Session, int]]


@pytest.fixture
def sit(env: Any, tmp_path: Path) -> Sit:
    """Sit at Reach with a table of sticks: the session, and how many steps were driven, those that were taken back included."""

    def at(rows: Sequence[Stick], pilot: Pilot | None = None, config: LoopConfig = NEVER) -> tuple[Session, int]:
        loop, session, _ = loop_of(tmp_path / "session", env, env.unwrapped, TableDevice(rows), config, pilot)
        return session, loop.run().steps

    return at


def pilot_of(*ask_at: int, budget: int = 99, **kwargs: Any) -> Pilot:
    return Pilot(Always(), AskAt(ask_at), budget, **kwargs)


def ticks(seconds: float) -> float:
    return round(seconds / PERIOD_S, 6)


# -- time --------------------------------------------------------------------------------------------------------------


def test_driving_takes_a_period_a_step_also_where_the_hands_were_at_rest(sit: Sit) -> None:
    session, steps = sit([START, *[REST] * 20, *[SIDE] * 5, *[REST] * 30, GOOD])
    assert session.read(0).meta.idle_start > 0
    assert session.read(0).meta.idle_end > 0
    effort = effort_of(session)
    assert ticks(effort.driving_s) == steps == 1 + 20 + 5 + 30
    assert (effort.deciding_s, effort.watching_s, effort.labels, effort.interventions, effort.context_switches) == (0, 0, 0, 0, 0)
    assert (effort.episodes, effort.successes, effort.undone) == (1, 1, 0)
    assert effort.hands_on_s == effort.total_s == effort.per_success_s == effort.driving_s


def test_what_was_taken_back_in_a_rewind_counts_once_and_the_scrubbing_not(sit: Sit) -> None:
    session, steps = sit([START, *[SIDE] * 6, *[BACK_A_TICK] * 3, *[SIDE] * 2, GOOD])
    kept, left = (effort_of_episode(session.read(number)) for number in (0, 1))
    assert (ticks(kept.driving_s), ticks(left.driving_s)) == (4 + 2, 3)
    assert ticks(effort_of(session).driving_s) == steps == 9
    assert (kept.episodes, kept.undone) == (1, 0)
    assert (left.episodes, left.undone) == (0, 1)


@pytest.mark.parametrize("back", [(1, 1), (3, 5), (6, 2), (2, 9), (30, 2)])
def test_however_often_and_far_one_rewinds_every_step_counts_once(sit: Sit, back: tuple[int, int]) -> None:
    walks = [[*[SIDE] * 8, *[BACK_A_TICK] * each] for each in back]
    session, steps = sit([START, *walks[0], *walks[1], *[SIDE] * 4, GOOD])
    assert len(session) == 3
    assert ticks(effort_of(session).driving_s) == steps == 1 + 8 + 8 + 4
    assert effort_of(session).undone == 2


def test_a_pause_is_no_time(sit: Sit) -> None:
    session, steps = sit([START, *[SIDE] * 3, PAUSE, *[REST] * 40, PAUSE, *[SIDE] * 3, GOOD])
    assert ticks(effort_of(session).total_s) == steps == 1 + 3 + 1 + 3


def test_watching_deciding_and_driving_are_told_apart(sit: Sit) -> None:
    """Three steps of the policy, a question of four ticks, two steps of the policy, three of a takeover, one of the policy."""
    rows = [START, REST, REST, REST, REST, REST, REST, SIDE, REST, REST, TAKE, TAKE, TAKE, REST, START]
    session, steps = sit(rows, pilot_of(3))
    assert session.read(0).steps["phase"].tolist() == [2, 2, 2, 3, 2, 2, 1, 1, 1, 2]
    effort = effort_of(session)
    assert ticks(effort.deciding_s) == 4
    assert ticks(effort.driving_s) == 3
    assert ticks(effort.watching_s) == 7
    assert ticks(effort.total_s) == steps + 4 == len(rows) - 1, "from START to the end, but for the tick that ends it"
    assert effort.hands_on_s == effort.driving_s + effort.deciding_s
    assert (effort.labels, effort.interventions, effort.context_switches) == (4, 2, 4)
    assert effort.per_label_s == pytest.approx(7 * PERIOD_S / 4)
    assert effort.per_intervention_s == pytest.approx(7 * PERIOD_S / 2)


def test_the_first_state_may_be_a_question_and_a_pause_is_no_time_to_decide(sit: Sit) -> None:
    session, steps = sit([START, REST, PAUSE, *[REST] * 20, PAUSE, REST, tap(Button.A), REST, START], pilot_of(0))
    effort = effort_of(session)
    assert 3 <= ticks(effort.deciding_s) <= 5
    assert ticks(effort.watching_s) == steps == 2


def test_answers_that_are_only_labels_take_the_wheel_from_nobody(sit: Sit) -> None:
    session, _ = sit([START, REST, SIDE, REST, SIDE, REST, START], pilot_of(0, 1, executed_share=0.0))
    effort = effort_of(session)
    assert (effort.labels, effort.interventions, effort.context_switches, effort.driving_s) == (2, 0, 0, 0.0)
    assert effort.deciding_s > 0.0


def test_a_rewind_of_the_policy_s_driving_and_a_takeover_from_there(sit: Sit) -> None:
    """The policy drives nine steps, four are taken back, the demonstrator drives three and lets go."""
    session, steps = sit([START, *[REST] * 8, *[BACK_A_TICK] * 4, TAKE, TAKE, TAKE, TAKE, REST, REST, START], pilot_of())
    kept, left = session.read(0), session.read(1)
    at = left.meta.branch_step
    assert ticks(effort_of_episode(left).watching_s) == len(left) - at == 4
    effort = effort_of(session)
    assert ticks(effort.total_s) == steps
    assert ticks(effort.driving_s) == np.count_nonzero(kept.steps["phase"] == Phase.HUMAN) > 0
    assert (effort.interventions, effort.undone) == (1, 1)


def test_what_a_branch_shares_with_its_parent_is_no_second_label_and_no_second_takeover(sit: Sit) -> None:
    session, _ = sit([START, REST, TAKE, TAKE, TAKE, TAKE, *[BACK_A_TICK] * 2, REST, REST, START], pilot_of())
    kept, left = (effort_of_episode(session.read(number)) for number in (0, 1))
    assert len(session.read(1)) == 6
    assert (kept.labels, left.labels) == (2, 2)
    assert (kept.interventions, left.interventions) == (1, 0), "the takeover began in what they share"
    assert (kept.context_switches, left.context_switches) == (2, 0)


def test_undone_episodes_and_their_branches_have_cost_all_the_same(sit: Sit) -> None:
    session, steps = sit([START, *[SIDE] * 6, *[BACK_A_TICK] * 3, *[SIDE] * 2, GOOD, UNDO, START, *[SIDE] * 4, GOOD])
    assert len(session) == 1
    effort = effort_of(session)
    assert ticks(effort.driving_s) == steps == 9 + 5
    assert (effort.episodes, effort.successes, effort.undone) == (1, 1, 2)
    assert effort.per_success_s == pytest.approx(14 * PERIOD_S)


def test_the_scripted_person_s_answers_take_what_the_pilot_measured(env: Any, tmp_path: Path) -> None:
    pilot = pilot_of(*range(0, 60, 4))
    operator = ScriptedOperator(env.unwrapped, MappingConfig(), OperatorConfig(), 0)
    config = LoopConfig(episodes=2, hold_ticks=0, max_ticks=30, dagger_round=1)
    loop, session, _ = loop_of(tmp_path, env, env.unwrapped, operator, config, pilot)
    steps = loop.run().steps
    effort = effort_of(session)
    assert effort.deciding_s == pytest.approx(sum(pilot.latencies_s), abs=1e-5)
    assert effort.deciding_s > 1.0
    assert effort.total_s - effort.deciding_s == pytest.approx(steps * PERIOD_S)
    assert effort.labels == effort.interventions == pilot.labels
    assert effort.stick_travel > 0.0
    assert efforts_by_round(session) == {1: effort}


# -- real time ---------------------------------------------------------------------------------------------------------

PLAIN = replace(META, parent=-1, branch_step=-1, idle_start=0, idle_end=0)


def test_on_real_time_jitter_and_lateness_count_and_gaps_do_not() -> None:
    times_s = [0.0, 0.051, 0.099, 0.15, 0.35, 3.0, 3.05]
    late_s = [0.0, 0.001, 0.0, 0.0, 0.15, 0.0, 0.0]
    made = made_episode(*(tick(time_s=7.0 + t, lateness_s=late) for t, late in zip(times_s, late_s, strict=True)), meta=PLAIN)
    assert effort_of_episode(made).driving_s == pytest.approx(0.05 + 0.35 + 0.05 + 0.05), "a late tick was waited for, a pause was not"


def test_a_question_shorter_than_a_tick_is_not_counted_twice() -> None:
    asked = tick(1, Source.POLICY, time_s=100.0 + 0.05 + 0.02, phase=Phase.ASKING, decision_latency_s=0.02, label=np.zeros(7, np.float32))
    effort = effort_of_episode(made_episode(tick(0, Source.POLICY), asked, meta=PLAIN))
    assert effort.deciding_s == pytest.approx(0.02)
    assert effort.watching_s == pytest.approx(0.1)


def test_files_from_before_lateness_was_measured_have_an_effort() -> None:
    made = made_episode(*(tick(t, lateness_s=float("nan")) for t in range(10)), meta=PLAIN)
    assert effort_of_episode(made).driving_s == pytest.approx(0.5)


def test_stick_travel_is_the_way_of_the_axes_and_not_of_the_buttons() -> None:
    sticks = np.zeros((5, 21), np.float32)
    sticks[1:, 0], sticks[3, 5], sticks[2:, 8] = 1.0, 0.5, 1.0
    made = made_episode(*(tick(t, stick=sticks[t]) for t in range(5)), meta=PLAIN)
    assert effort_of_episode(made).stick_travel == pytest.approx(1.0 + 0.5 + 0.5)


# -- other people's episodes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", list(Source))
def test_imported_episodes_cost_their_length_whoever_drove(source: Source) -> None:
    terms = Terms("Elsewhere-v0", {}, 20.0, Outcome.SUCCESS, source)
    effort = effort_of_episode(to_episode("demo_0", Foreign({"state": np.zeros((40, 3))}, np.zeros((40, 2))), terms, "file"))
    assert effort.total_s == pytest.approx(2.0)
    assert effort.watching_s == (effort.total_s if source is Source.POLICY else 0.0)
    assert (effort.labels, effort.interventions, effort.stick_travel, effort.successes) == (0, 0, 0.0, 1)


def test_a_branch_step_that_lies_nowhere_costs_nothing() -> None:
    assert effort_of_episode(made_episode()).total_s == 0.0, "META's branch left its parent at step 17, of three"


def test_trimming_changes_no_effort(sit: Sit) -> None:
    session, _ = sit([START, *[REST] * 20, *[SIDE] * 5, *[BACK_A_TICK] * 3, *[SIDE] * 2, *[REST] * 30, GOOD])
    for number in (0, 1):
        episode = session.read(number)
        untrimmed = retrim(episode, None)
        assert untrimmed is not None
        assert effort_of_episode(untrimmed) == effort_of_episode(episode)


# -- sums --------------------------------------------------------------------------------------------------------------


def test_efforts_add_up_by_round_and_by_operator(sit: Sit) -> None:
    sit([START, *[SIDE] * 4, GOOD])
    sit([START, *[REST] * 4, START], pilot_of(), replace(NEVER, dagger_round=0))
    session, _ = sit([START, *[REST] * 6, START], pilot_of(), replace(NEVER, dagger_round=1))
    by_round = efforts_by_round(session)
    assert list(by_round) == [NO_ROUND, 0, 1]
    assert [ticks(effort.driving_s) for effort in by_round.values()] == [5, 0, 0]
    assert [ticks(effort.watching_s) for effort in by_round.values()] == [0, 5, 7]
    assert efforts_by_operator(session) == {"table": effort_of(session)}
    assert sum(by_round.values(), Effort()) == effort_of(session)


def test_nothing_costs_nothing_and_has_no_price_each(tmp_path: Path) -> None:
    effort = effort_of(Session.create(tmp_path))
    assert effort == Effort()
    assert (effort.total_s, effort.per_label_s, effort.per_success_s, effort.per_intervention_s) == (0.0, None, None, None)


def test_a_damaged_episode_is_refused_and_a_damaged_one_in_trash_left_out(sit: Sit) -> None:
    session, _ = sit([START, SIDE, GOOD, START, SIDE, GOOD, UNDO])
    flip_a_bit(session.path / "trash" / "000001.hdf5")
    assert ticks(effort_of(session).driving_s) == 2
    flip_a_bit(session.episode_path(0))
    with pytest.raises(UserError, match="damaged"):
        effort_of(session)


def test_the_report_says_what_it_cost(sit: Sit, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sit([START, *[SIDE] * 6, *[BACK_A_TICK] * 3, *[SIDE] * 2, GOOD, START, SIDE, GOOD, UNDO])
    session, _ = sit([START, *[REST] * 3, *[TAKE] * 2, START], pilot_of(), replace(NEVER, dagger_round=2))
    assert run("data", "report", session.path, "--out", tmp_path / "r.html", "--videos", 0, "--json") == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["effort"]
    effort = effort_of(session)
    assert {name: found[name] for name in ("labels", "undone", "episodes", "interventions")} == {
        "labels": 2,
        "undone": 2,
        "episodes": 2,
        "interventions": 1,
    }
    assert found["total_s"] == pytest.approx(effort.total_s)
    section = (tmp_path / "r.html").read_text().split('id="effort"')[1].split("<section")[0]
    for words in ("What it cost", "Operator", "DAgger round", "watching", "s per label", "together", ">none<", ">2<"):
        assert words in section, words
