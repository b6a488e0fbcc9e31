"""A policy at the wheel: it drives, asks, waits for an answer and is taken over from, on the real Reach."""

import numpy as np
import pytest
from test_teleop_support import PERIOD_S, REACH, REST, Always, AskAt, TableDevice, hold, loop_of, push, tap

from data.schema import Outcome, Phase, Source
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.loop import LoopConfig
from teleop.mapping import MappingConfig, stick_to_action
from teleop.pilot import Pilot
from teleop.stick import Button

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
    np.testing.assert_array_equal(memory.shown[2].proposal, PROPOSAL)
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
    episode, _, _ = sit([START, REST, hold(Button.RB), REST, STOP], pilot=pilot_of())
    steps = episode.steps
    assert steps["labels"][2].tolist() == [0, 0, 0, 0, 0, 0, -1]
    assert steps["interventions"][2] == 1


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
    episode, _, _ = sit([START, REST, REST, *press, REST, hold(Button.RB), REST, STOP], pilot=pilot)
    np.testing.assert_array_equal(episode.steps["phase"], [2, 3, 2, 2, 2, 1, 2][: len(episode)])
    assert pilot.labels == 1


def test_answers_can_be_kept_as_labels_while_the_policy_s_action_is_executed(sit):
    pilot = pilot_of(ask_at=None, executes_answers=False)
    episode, _, _ = sit([START, REST, SIDE, REST, STOP], pilot=pilot)
    steps = episode.steps
    np.testing.assert_array_equal(steps["actions"], [PROPOSAL])
    np.testing.assert_array_equal(steps["labels"], [stick_to_action(SIDE, MappingConfig())])
    np.testing.assert_array_equal(steps["source"], [Source.POLICY])
    np.testing.assert_array_equal(steps["interventions"], [0])


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
    np.testing.assert_array_equal(episode.steps["actions"][:, 6], [1, 1, 1, -1, 1, 1, 1])


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
