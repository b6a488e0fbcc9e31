"""A policy at the wheel: it drives, asks, waits for an answer and is taken over from, on the real Reach."""

import numpy as np
import pytest
from test_teleop_support import PERIOD_S, REACH, REST, Always, AskAt, TableDevice, hold, loop_of, push, tap

from data.schema import Outcome, Phase, Source
from teleop import feel
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.loop import LoopConfig, Seat
from teleop.mapping import MappingConfig, stick_to_action
from teleop.pilot import Pilot
from teleop.replay import verify
from teleop.stick import Button, make_stick
from teleop.wheel import TAP_TICKS

START, STOP = tap(Button.START), tap(Button.START)
SIDE = push(left_x=0.6)
NEVER = LoopConfig(hold_ticks=0)
POLICY = Always((0.2, 0.1, 0.0, 0.0, 0.0, 0.0, -1.0))
PROPOSAL = np.array(POLICY.action, np.float32)
HOLDING = Always((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))


@pytest.fixture
def sit(env, tmp_path):
    """Sit beside the policy with a table of sticks: the steps that were kept, the screen's memory and the device."""

    def run(rows, pilot):
        device = TableDevice(rows)
        loop, session, memory = loop_of(tmp_path, env, env.unwrapped, device, NEVER, pilot)
        loop.run()
        assert len(session) == 1
        return session.read(0), memory, device

    return run


def pilot_of(ask_at=(), budget=100, **kwargs):
    return Pilot(POLICY, AskAt(ask_at), label_budget=budget, **kwargs)


def nan_rows(column):
    return np.isnan(column).all(axis=1) if column.ndim > 1 else np.isnan(column)


# -- driving and asking ------------------------------------------------------------------------------------------------


def test_a_policy_that_never_asks_drives_by_itself(sit):
    episode, memory, _ = sit([START, REST, REST, REST, STOP], pilot=pilot_of(ask_at=()))
    steps = episode.steps
    assert {s.phase for s in memory.shown[:4]} == {Phase.POLICY}
    np.testing.assert_array_equal(steps["actions"], [PROPOSAL] * 4)
    np.testing.assert_array_equal(steps["policy_actions"], [PROPOSAL] * 4)
    assert np.all(steps["source"] == Source.POLICY)
    assert np.all(steps["phase"] == Phase.POLICY)
    assert np.all(steps["policy_acting"] == 1)
    assert nan_rows(steps["labels"]).all()
    np.testing.assert_array_equal(steps["gate_scores"], [0, 1, 2, 3])


def test_the_gate_makes_the_policy_ask(sit):
    _, memory, device = sit([START, REST, REST, REST, REST], pilot=pilot_of(ask_at=(2,)))
    assert [s.phase for s in memory.shown[:5]] == [Phase.POLICY, Phase.POLICY, Phase.ASKING, Phase.ASKING, Phase.ASKING]
    np.testing.assert_array_equal([way.action for way in memory.shown[2].ways], [PROPOSAL])
    assert memory.shown[2].score == 2.0
    np.testing.assert_array_equal(device.views[3].proposal, PROPOSAL)


def test_while_nobody_answers_the_world_stands_still(env, tmp_path):
    arm, states = env.unwrapped, []

    def look():
        states.append(arm.sim_state().tobytes())
        return REST

    rows = [START, REST, look, look, look, look, look]
    loop, session, memory = loop_of(tmp_path, env, arm, TableDevice(rows), NEVER, pilot_of(ask_at=(1,)))
    loop.run()
    assert len(set(states)) == 1
    assert len(session.read(0)) == 1
    assert [s.phase for s in memory.shown[1:7]] == [Phase.ASKING] * 6


def test_a_accepts_the_proposal_as_the_label(sit):
    pilot = pilot_of(ask_at=(1,))
    episode, _, _ = sit([START, REST, REST, REST, tap(Button.A), REST, STOP], pilot=pilot)
    steps = episode.steps
    np.testing.assert_array_equal(steps["labels"][1], PROPOSAL)
    np.testing.assert_array_equal(steps["actions"][1], PROPOSAL)
    np.testing.assert_array_equal(nan_rows(steps["labels"]), [True, False, True])
    np.testing.assert_array_equal(steps["phase"], [Phase.POLICY, Phase.ASKING, Phase.POLICY])
    np.testing.assert_array_equal(steps["source"], [Source.POLICY, Source.HUMAN, Source.POLICY])
    assert pilot.labels == 1


def test_a_pressed_before_the_question_answers_nothing(sit):
    episode, memory, _ = sit([START, tap(Button.A), hold(Button.A), hold(Button.A)], pilot=pilot_of(ask_at=(1,)))
    assert memory.shown[3].phase is Phase.ASKING
    assert nan_rows(episode.steps["labels"]).all()


def test_a_deflected_stick_answers_with_its_action(sit):
    episode, _, _ = sit([START, REST, REST, SIDE, REST, STOP], pilot=pilot_of(ask_at=(1,)))
    steps = episode.steps
    np.testing.assert_array_equal(steps["labels"][1], stick_to_action(SIDE, MappingConfig()))
    np.testing.assert_array_equal(steps["actions"][1], stick_to_action(SIDE, MappingConfig()))
    np.testing.assert_array_equal(steps["policy_actions"][1], PROPOSAL)
    np.testing.assert_array_equal(steps["interventions"], [0, 1, 0])
    np.testing.assert_array_equal(steps["stick"][1], SIDE.to_array())


def test_rb_answers_that_standing_still_is_right(sit):
    episode, _, _ = sit([START, REST, REST, hold(Button.RB), REST, STOP], pilot=pilot_of(ask_at=(1,)))
    assert episode.steps["labels"][1].tolist() == [0, 0, 0, 0, 0, 0, -1]


def test_a_resting_trigger_does_not_answer(sit):
    _, memory, _ = sit([START, REST, push(rt=1.0), push(rt=0.5), REST], pilot=pilot_of(ask_at=(1,)))
    assert [s.phase for s in memory.shown[1:5]] == [Phase.ASKING] * 4


def test_a_button_can_end_the_episode_while_the_policy_asks(sit):
    episode, _, _ = sit([START, REST, REST, tap(Button.B), REST], pilot=pilot_of(ask_at=(1,)))
    assert episode.meta.outcome is Outcome.FAILURE
    assert len(episode) == 1


def test_holding_rb_takes_over_and_letting_go_returns(sit):
    take = hold(Button.RB, left_x=-0.7)
    episode, memory, _ = sit([START, REST, take, take, take, REST, REST, STOP], pilot=pilot_of())
    steps = episode.steps
    np.testing.assert_array_equal(steps["source"], [1, 1, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(steps["interventions"], [0, 0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(steps["user_acting"], [0, 0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(steps["actions"][2:5], [stick_to_action(take, MappingConfig())] * 3)
    np.testing.assert_array_equal(steps["labels"][2:5], steps["actions"][2:5])
    np.testing.assert_array_equal(steps["policy_actions"], [PROPOSAL] * 7)
    assert [s.phase for s in memory.shown[1:6]] == [Phase.POLICY, Phase.HUMAN, Phase.HUMAN, Phase.HUMAN, Phase.POLICY]


def test_a_deflected_stick_alone_does_not_take_over(sit):
    episode, _, _ = sit([START, SIDE, SIDE, STOP], pilot=pilot_of())
    assert np.all(episode.steps["source"] == Source.POLICY)


def test_taking_over_and_standing_still_is_a_label_too(sit):
    """From when RB can no longer be a tap; until then the scene stands still."""
    rows = [START, REST, *[hold(Button.RB)] * (TAP_TICKS + 2), REST, STOP]
    episode, memory, _ = sit(rows, pilot=pilot_of())
    steps = episode.steps
    assert [s.phase for s in memory.shown[2 : TAP_TICKS + 5]] == [Phase.POLICY] * TAP_TICKS + [Phase.HUMAN] * 2 + [Phase.POLICY]
    assert steps["interventions"].tolist() == [0, 0, 1, 1, 0]
    assert steps["labels"][2:4].tolist() == [[0, 0, 0, 0, 0, 0, -1]] * 2


@pytest.mark.parametrize("ticks", [1, TAP_TICKS])
def test_a_tap_of_rb_stops_the_policy_and_asks_without_a_step(sit, ticks: int):
    pilot = pilot_of()
    episode, memory, device = sit([START, REST, *[hold(Button.RB)] * ticks, REST, REST, SIDE, REST, STOP], pilot=pilot)
    assert [s.phase for s in memory.shown[2 : 5 + ticks]] == [Phase.POLICY] * ticks + [Phase.ASKING] * 2 + [Phase.POLICY]
    np.testing.assert_array_equal(episode.steps["phase"], [2, 2, 3, 2])
    np.testing.assert_array_equal(episode.steps["labels"][2], stick_to_action(SIDE, MappingConfig()))
    assert device.rumbles == [feel.ASKED]
    assert pilot.labels == 1


def test_a_tap_within_one_poll_is_a_tap_too(sit):
    _, memory, _ = sit([START, REST, make_stick(pressed=[Button.RB]), REST], pilot=pilot_of())
    assert [s.phase for s in memory.shown[1:4]] == [Phase.POLICY, Phase.ASKING, Phase.ASKING]


def test_going_on_after_a_pause_hands_the_wheel_to_the_policy(sit):
    episode, memory, _ = sit([START, REST, tap(Button.L3), REST, tap(Button.L3), REST, STOP], pilot=pilot_of())
    assert [s.phase for s in memory.shown[2:6]] == [Phase.PAUSED, Phase.PAUSED, Phase.POLICY, Phase.POLICY]
    assert len(episode) == 4


def test_a_pause_during_a_question_asks_again_and_counts_no_label(sit):
    pilot = pilot_of(ask_at=None)
    rows = [START, REST, tap(Button.L3), REST, tap(Button.L3), REST, tap(Button.A), STOP]
    episode, memory, _ = sit(rows, pilot=pilot)
    assert [s.phase for s in memory.shown[:6]] == [Phase.ASKING] * 2 + [Phase.PAUSED] * 2 + [Phase.ASKING] * 2
    assert pilot.labels == 1
    assert len(episode) == 1


def test_the_same_question_waits_through_a_pause_which_is_no_time_to_decide(sit):
    pilot = pilot_of(ask_at=(0,))
    rows = [START, REST, tap(Button.L3), *[REST] * 20, tap(Button.L3), REST, tap(Button.A), STOP]
    episode, _, _ = sit(rows, pilot=pilot)
    assert pilot.states == 1
    assert episode.steps["gate_scores"][0] == 0.0
    assert 3 * PERIOD_S <= episode.steps["decision_latency_s"][0] <= 5 * PERIOD_S


def test_one_press_of_rb_answers_or_takes_over_but_not_both(sit):
    press = [hold(Button.RB)] * 3
    pilot = pilot_of(ask_at=(1,))
    episode, _, _ = sit([START, REST, REST, *press, REST, hold(Button.RB, left_x=0.5), REST, STOP], pilot=pilot)
    np.testing.assert_array_equal(episode.steps["phase"], [2, 3, 2, 2, 2, 1, 2])
    assert pilot.labels == 2
    assert len(pilot.latencies_s) == 1


def test_answers_can_be_kept_as_labels_while_the_policy_s_action_is_executed(sit):
    pilot = pilot_of(ask_at=None, executed_share=0.0)
    episode, _, _ = sit([START, REST, SIDE, REST, STOP], pilot=pilot)
    steps = episode.steps
    np.testing.assert_array_equal(steps["actions"], [PROPOSAL])
    np.testing.assert_array_equal(steps["labels"], [stick_to_action(SIDE, MappingConfig())])
    np.testing.assert_array_equal(steps["source"], [Source.POLICY])
    np.testing.assert_array_equal(steps["interventions"], [0])


def test_a_share_of_the_answers_is_executed_the_same_for_the_same_scene(sit, env, tmp_path):
    """DAgger's mixture: with probability β the demonstrator's action, else the policy's."""
    rows = [START, *[SIDE] * 60, STOP]
    executed = []
    for name in ("a", "b"):
        loop, session, _ = loop_of(tmp_path / name, env, env.unwrapped, TableDevice(rows), NEVER, pilot_of(ask_at=None, executed_share=0.5))
        loop.run()
        steps = session.read(0).steps
        executed.append((steps["actions"] == steps["labels"]).all(axis=1))
        np.testing.assert_array_equal(steps["source"] == Source.HUMAN, executed[-1])
    np.testing.assert_array_equal(*executed)
    assert 8 <= executed[0].sum() <= len(executed[0]) - 8


# -- several ways ------------------------------------------------------------------------------------------------------

FORK = Always((0.2, 0.1, 0.0, 0.0, 0.0, 0.0, -1.0), others=((0.2, -0.4, 0.0, 0.0, 0.0, 0.0, -1.0),))
OTHER = np.array(FORK.others[0], np.float32)


def test_its_ways_are_shown_and_lb_goes_through_them(sit):
    rows = [START, REST, REST, tap(Button.LB), REST, tap(Button.LB), REST]
    _, memory, _ = sit(rows, pilot=Pilot(FORK, AskAt((1,)), 9))
    shown = memory.shown[1]
    np.testing.assert_array_equal([way.action for way in shown.ways], [PROPOSAL, OTHER])
    assert [way.probability for way in shown.ways] == [0.5, 0.5]
    assert [s.chosen for s in memory.shown[1:7]] == [0, 0, 1, 1, 0, 0]


def test_a_accepts_the_chosen_way_and_the_policy_goes_on_in_it(sit):
    policy = Always(FORK.action, FORK.others)
    episode, _, _ = sit([START, REST, tap(Button.LB), tap(Button.A), REST, STOP], pilot=Pilot(policy, AskAt((1,)), 9))
    steps = episode.steps
    np.testing.assert_array_equal(steps["labels"][1], OTHER)
    np.testing.assert_array_equal(steps["actions"][1], OTHER)
    np.testing.assert_array_equal(steps["policy_actions"][1], PROPOSAL)
    assert policy.taken == [1]


def test_x_lets_it_go_on_and_teaches_nothing(sit):
    pilot = Pilot(FORK, AskAt((1,)), 9)
    episode, _, _ = sit([START, REST, REST, tap(Button.X), REST, STOP], pilot=pilot)
    steps = episode.steps
    np.testing.assert_array_equal(steps["actions"][1], PROPOSAL)
    assert nan_rows(steps["labels"]).all()
    np.testing.assert_array_equal(steps["phase"], [2, 3, 2])
    assert np.all(steps["source"] == Source.POLICY)
    assert (pilot.labels, pilot.either, pilot.left) == (0, 1, 8)
    assert np.isfinite(steps["decision_latency_s"][1])


# -- a gate that hands the wheel over ----------------------------------------------------------------------------------


def handing(back_after: int) -> Pilot:
    return Pilot(POLICY, AskAt((1,), hands_over=True, back_after=back_after), 99)


def test_a_correction_takes_the_wheel_until_the_gate_takes_it_back(sit):
    pilot = handing(back_after=2)
    episode, _, device = sit([START, REST, SIDE, REST, SIDE, SIDE, REST, STOP], pilot=pilot)
    steps = episode.steps
    np.testing.assert_array_equal(steps["phase"], [2, 3, 1, 1, 1, 2])
    np.testing.assert_array_equal(steps["interventions"], [0, 1, 1, 1, 1, 0])
    np.testing.assert_array_equal(nan_rows(steps["labels"]), [1, 0, 0, 0, 0, 1])
    assert steps["actions"][2].tolist() == [0, 0, 0, 0, 0, 0, -1]  # hands at rest mean that
    assert [view.handed_over for view in device.views[2:7]] == [False, True, True, True, False]
    assert (pilot.labels, pilot.states) == (4, 6)


def test_who_agrees_with_the_policy_is_not_given_the_wheel(sit):
    episode, _, _ = sit([START, REST, tap(Button.A), REST, REST, STOP], pilot=handing(back_after=9))
    np.testing.assert_array_equal(episode.steps["phase"], [2, 3, 2, 2])


def test_pressing_and_letting_go_of_rb_gives_the_wheel_back(sit):
    rows = [START, REST, SIDE, SIDE, hold(Button.RB, left_x=0.6), REST, REST, tap(Button.L3), tap(Button.L3), STOP]
    episode, memory, _ = sit(rows, pilot=handing(back_after=99))
    np.testing.assert_array_equal(episode.steps["phase"], [2, 3, 1, 1, 2, 2, 2])
    assert [s.handed_over for s in memory.shown[2:6]] == [True, True, True, False]
    assert memory.shown[8].phase is Phase.POLICY, "after a pause it is still the policy's"


def test_after_a_pause_the_wheel_is_still_handed_over(sit):
    rows = [START, REST, SIDE, SIDE, tap(Button.L3), REST, tap(Button.L3), SIDE, STOP]
    episode, _, _ = sit(rows, pilot=handing(back_after=99))
    np.testing.assert_array_equal(episode.steps["phase"], [2, 3, 1, 1, 1])


def test_a_spent_budget_ends_what_was_handed_over(sit):
    pilot = Pilot(POLICY, AskAt((1,), hands_over=True, back_after=99), 3)
    episode, _, _ = sit([START, REST, *[SIDE] * 5, STOP], pilot=pilot)
    np.testing.assert_array_equal(episode.steps["phase"], [2, 3, 1, 1, 2, 2])


# -- who drives the next episode ---------------------------------------------------------------------------------------


def test_before_each_episode_it_is_asked_who_drives_it_and_from_where(env, tmp_path):
    arm = env.unwrapped
    env.reset(seed=77)
    for _ in range(12):
        env.step(np.array([0.5, 0.0, -0.5, 0.0, 0.0, 0.0, -1.0], np.float32))
    start = arm.sim_state()
    seats = [
        Seat(),
        Seat(pilot_of(ask_at=()), dagger_round=3),
        Seat(seed=77, start=start, about={"rescue": {"policy": 3, "step": 12}}, words="from here it went wrong"),
    ]
    rows = [START, SIDE, STOP] * 3
    device = TableDevice(rows)
    loop, session, memory = loop_of(tmp_path, env, arm, device, NEVER, next_seat=iter([*seats, Seat()]).__next__)
    loop.run()
    driven = [session.read(number) for number in range(3)]
    assert [e.meta.dagger_round for e in driven] == [-1, 3, -1]
    assert [int(e.steps["source"][0]) for e in driven] == [Source.HUMAN, Source.POLICY, Source.HUMAN]
    np.testing.assert_array_equal(driven[2].steps["sim_state"][0], start)
    assert driven[2].meta.seed == 77
    assert driven[2].meta.settings["rescue"] == {"policy": 3, "step": 12}
    assert "rescue" not in driven[1].meta.settings
    invitations = {s.invitation for s in memory.shown if s.phase is Phase.READY}
    assert invitations == {"", "from here it went wrong"}
    assert verify(arm, driven[2]).exact


def test_the_same_start_again_is_the_same_seat_again(env, tmp_path):
    arm = env.unwrapped
    env.reset(seed=5)
    start = arm.sim_state()
    asked = []

    def next_seat():
        asked.append(1)
        return Seat(seed=5, start=start)

    rows = [START, SIDE, STOP, tap(Button.BACK), START, SIDE, STOP]
    loop, session, _ = loop_of(tmp_path, env, arm, TableDevice(rows), NEVER, next_seat=next_seat)
    loop.run()
    assert len(asked) == 3
    np.testing.assert_array_equal(session.read(1).steps["sim_state"][0], start)


def test_where_the_wheel_is_handed_over_from_the_start_the_person_drives_until_what_would_come_is_known(env, tmp_path):
    enough = []
    seat = Seat(
        Pilot(POLICY, AskAt((0, 1, 2), back_after=99), 9),
        1,
        handed_over=True,
        is_enough=lambda loop: len(loop.recorder.states) == 3 and not enough,
    )
    rows = [START, SIDE, SIDE, SIDE, REST, REST]
    loop, session, memory = loop_of(tmp_path, env, env.unwrapped, TableDevice(rows), NEVER, next_seat=lambda: seat)
    loop.run()
    driven = session.read(0)
    assert driven.meta.outcome is Outcome.PARTIAL
    assert list(driven.steps["phase"]) == [Phase.HUMAN] * 3, "without a hold of RB and without a question"
    np.testing.assert_array_equal(driven.steps["labels"], driven.steps["actions"])
    assert memory.shown[-2].phase is Phase.READY
    row = session.rows()[0]
    assert row.teaches


def test_who_has_the_wheel_from_the_start_gives_it_away_with_rb(env, tmp_path):
    seat = Seat(Pilot(POLICY, AskAt((), back_after=99), 9), 1, handed_over=True)
    rows = [START, SIDE, hold(Button.RB), REST, REST, STOP]
    loop, session, _ = loop_of(tmp_path, env, env.unwrapped, TableDevice(rows), NEVER, next_seat=lambda: seat)
    loop.run()
    assert list(session.read(0).steps["phase"]) == [Phase.HUMAN] * 3 + [Phase.POLICY] * 2


def test_after_a_rest_it_is_asked_anew_who_drives_and_one_may_drive_all_the_same(env, tmp_path):
    over = []

    def next_seat():
        return Seat(seed=9) if over else Seat(seed=8, rests=lambda: not over)

    def end():
        over.append(1)
        return REST

    device = TableDevice([REST, REST, end, REST, START, SIDE, STOP])
    loop, session, _ = loop_of(tmp_path, env, env.unwrapped, device, NEVER, next_seat=next_seat)
    loop.run()
    assert [view.rests for view in device.views][:5] == [True, True, True, False, False]
    assert session.read(0).meta.seed == 9
    loop, session, _ = loop_of(
        tmp_path / "two", env, env.unwrapped, TableDevice([START, SIDE, STOP]), NEVER, next_seat=lambda: Seat(seed=8, rests=lambda: True)
    )
    loop.run()
    assert session.read(0).meta.seed == 8


def test_another_policy_takes_the_wheel_only_where_an_episode_begins(env, tmp_path):
    pilot = pilot_of(ask_at=())
    better = Always((-0.3, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0))

    def offer():
        pilot.successor = Pilot(better, AskAt(()), 9, about={"round": 2})
        return REST

    rows = [START, REST, offer, REST, STOP, START, REST, STOP]
    loop, session, _ = loop_of(tmp_path, env, env.unwrapped, TableDevice(rows), NEVER, pilot)
    loop.run()
    np.testing.assert_array_equal(session.read(0).steps["actions"], [PROPOSAL] * 4)
    np.testing.assert_array_equal(session.read(1).steps["actions"], [np.array(better.action, np.float32)] * 2)
    assert "policy" not in session.read(0).meta.settings
    assert session.read(1).meta.settings["policy"] == {"round": 2}


def test_nothing_is_asked_beyond_the_label_budget(sit):
    pilot = pilot_of(ask_at=None, budget=2)
    rows = [START, tap(Button.A), REST, tap(Button.A), REST, REST, REST, STOP]
    episode, memory, _ = sit(rows, pilot=pilot)
    steps = episode.steps
    assert pilot.labels == 2
    assert np.count_nonzero(~nan_rows(steps["labels"])) == 2
    assert [s.phase for s in memory.shown[4:7]] == [Phase.POLICY] * 3
    assert (memory.shown[4].labels, memory.shown[4].label_budget) == (2, 2)


def test_the_time_to_decide_is_kept(sit):
    pilot = pilot_of(ask_at=(1,))
    episode, _, _ = sit([START, REST, REST, REST, REST, tap(Button.A), REST, STOP], pilot=pilot)
    latency = episode.steps["decision_latency_s"]
    assert latency[1] == pytest.approx(4 * PERIOD_S)
    assert np.isnan(latency[[0, 2]]).all()
    assert pilot.latencies_s == [pytest.approx(4 * PERIOD_S)]


def test_a_proposal_beyond_one_is_clipped_before_it_is_executed_and_kept(sit):
    wild = Pilot(Always((3.0, 0, 0, 0, 0, 0, -9.0)), AskAt(()), label_budget=0)
    episode, _, _ = sit([START, REST, STOP], pilot=wild)
    np.testing.assert_array_equal(episode.steps["actions"], [[1, 0, 0, 0, 0, 0, -1]] * 2)


# -- the gripper at a takeover -----------------------------------------------------------------------------------------


def test_taking_over_does_not_let_go_of_what_the_policy_holds(sit):
    take = hold(Button.RB, left_x=0.5)
    episode, _, _ = sit([START, REST, take, take, take, STOP], pilot=Pilot(HOLDING, AskAt(()), 0))
    np.testing.assert_array_equal(episode.steps["actions"][:, 6], [1, 1, 1, 1, 1])


def test_the_gripper_obeys_from_the_moment_the_trigger_moves(sit):
    takes = [hold(Button.RB, left_x=0.5, rt=t) for t in (0.0, 0.1, 0.5, 0.4, 0.0)]
    episode, _, _ = sit([START, REST, *takes, STOP], pilot=Pilot(HOLDING, AskAt(()), 0))
    np.testing.assert_allclose(episode.steps["actions"][2:, 6], [1, 1, 0.0, -0.2, -1], atol=1e-6)


def test_an_answer_does_not_let_go_either(sit):
    episode, _, _ = sit([START, REST, SIDE, REST, STOP], pilot=Pilot(HOLDING, AskAt((1,)), 9))
    assert episode.steps["labels"][1, 6] == 1.0


def test_after_letting_go_the_gripper_is_the_policy_s_again(sit):
    opening = [hold(Button.RB, rt=1.0), hold(Button.RB, rt=0.0)]
    again = hold(Button.RB, left_x=0.5)
    rows = [START, push(rt=1.0), *opening, REST, REST, again, STOP]
    episode, _, _ = sit(rows, pilot=Pilot(HOLDING, AskAt(()), 0))
    np.testing.assert_array_equal(episode.steps["actions"][:, 6], [1, 1, -1, 1, 1, 1])


# -- the scripted person at the same loop ------------------------------------------------------------------------------


def test_the_scripted_operator_answers_every_question(tmp_path):
    env, arm = make_plant(REACH, {"max_episode_steps": 40})
    pilot = pilot_of(ask_at=None, budget=15)
    operator = ScriptedOperator(arm, MappingConfig(), OperatorConfig(), 0)
    loop, session, _ = loop_of(tmp_path, env, arm, operator, LoopConfig(episodes=1, hold_ticks=0), pilot)
    loop.run()
    steps = session.read(0).steps
    assert pilot.labels == np.count_nonzero(~nan_rows(steps["labels"])) == 15
    assert np.all(steps["source"][steps["phase"] == Phase.ASKING] == Source.SCRIPTED)
    assert np.all(np.isfinite(steps["decision_latency_s"][steps["phase"] == Phase.ASKING]))
    env.close()
