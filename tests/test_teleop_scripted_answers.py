"""The scripted person as labeller: yes, either is fine, or a correction; tired after many answers; likes some ways more."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from test_teleop_support import LIFT, PERIOD_S, REACH, AskAt, loop_of, put

from data.schema import Phase
from teleop.devices.device import View
from teleop.devices.habits import OperatorConfig
from teleop.devices.hand import wanted_action
from teleop.devices.judgement import disagreement
from teleop.devices.labeller import Answer, Labeller
from teleop.devices.scripted import ScriptedOperator
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv
from teleop.experts import expert_for
from teleop.experts.aim import Wish
from teleop.loop import LoopConfig
from teleop.mapping import MappingConfig, stick_to_action
from teleop.pilot import Pilot, Way
from teleop.stick import Button

DETOUR = "PandaDetour-v0"
MAPPING = MappingConfig()
CLEAN = {"skill": 2.0, "decision_s": (0.8, 0.0), "tap_s": (0.15, 0.0), "reaction_s": (0.2, 0.0)}
DECISION_TICKS, TAP_TICKS, REACTION_TICKS = 16, 3, 4
DOWN = np.array([0, 0, -0.35, 0, 0, 0, -1], np.float32)


@pytest.fixture(scope="module", params=[REACH, LIFT, DETOUR])
def arm(request):
    yield from opened(request.param)


@pytest.fixture(scope="module")
def reach():
    yield from opened(REACH)


@pytest.fixture(scope="module")
def detour():
    yield from opened(DETOUR)


def opened(env_id):
    env, arm = make_plant(env_id, {"max_episode_steps": 1200})
    yield arm
    env.close()


def sitting(arm, mode="", seed=0, **habits):
    """A clean operator at the start of an episode."""
    arm.reset(seed=seed)
    operator = ScriptedOperator(arm, MAPPING, OperatorConfig(**{**CLEAN, **habits}), 0)
    operator.poll((), View(Phase.READY, mode=mode, seed=seed))
    while Button.START not in operator.poll((), View(Phase.READY, mode=mode, seed=seed)).pressed:
        pass
    return operator


def ask(operator, proposal):
    """The sticks of one question, up to the one that answers it."""
    operator.poll((), View(Phase.POLICY))
    sticks = [operator.poll((), View(Phase.ASKING, proposal=proposal))]
    while not sticks[-1].held and len(sticks) < 200:
        sticks.append(operator.poll((), View(Phase.ASKING, proposal=proposal)))
    return sticks


def pressed(operator, proposal):
    (button,) = ask(operator, proposal)[-1].held
    return button


def way(arm, mode="", whim=(0.0,) * 6):
    """What an expert would do in a behaviour mode."""
    return wanted_action(arm, expert_for(arm)(arm, Wish(mode, whim)), OperatorConfig(), MAPPING)


def own(operator, arm):
    mode, whim = operator._ways[0].mode, operator._ways[0].whim
    return way(arm, mode, whim)


# -- yes, either, no ---------------------------------------------------------------------------------------------------


def test_what_it_would_do_itself_is_accepted_after_a_decision(arm):
    operator = sitting(arm)
    sticks = ask(operator, own(operator, arm))
    assert len(sticks) == DECISION_TICKS + 1
    assert sticks[-1].pressed == {Button.A}
    assert not np.any([s.axes[:4] for s in sticks])


@pytest.mark.parametrize(("beside_deg", "button"), [(30.0, Button.A), (40.0, Button.RB)])
def test_a_motion_is_accepted_up_to_35_degrees_beside_its_own(reach, beside_deg, button):
    operator = sitting(reach)
    put(reach, "goal", np.add(reach.tcp_pos_m, [0.3, 0.0, 0.0]))
    turn, mine = np.radians(beside_deg), own(operator, reach)
    proposal = mine.copy()
    proposal[:2] = mine[0] * np.array([np.cos(turn), np.sin(turn)])
    assert pressed(operator, proposal) is button


@pytest.mark.parametrize(("speed", "button"), [(0.45, Button.A), (0.35, Button.RB)])
def test_a_motion_is_accepted_down_to_40_percent_of_its_own_speed(reach, speed, button):
    operator = sitting(reach)
    slower = own(operator, reach) * np.array([speed] * 6 + [1.0], np.float32)
    assert pressed(operator, slower) is button


def test_the_same_motion_with_the_other_grip_is_corrected(arm):
    operator = sitting(arm)
    assert pressed(operator, own(operator, arm) * np.array([1.0] * 6 + [-1.0], np.float32)) is Button.RB


def test_a_correction_is_what_it_would_do_itself(arm):
    operator = sitting(arm)
    stick = ask(operator, -own(operator, arm))[-1]
    assert stick.held == {Button.RB}
    assert disagreement(stick_to_action(stick, MAPPING), own(operator, arm), MAPPING) < 0.05


def test_where_it_would_hold_still_the_answer_is_rb_alone(reach):
    operator = sitting(reach)
    put(reach, "goal", reach.tcp_pos_m)
    stick = ask(operator, DOWN)[-1]
    assert stick.held == {Button.RB}
    assert not stick.axes[:4].any()
    assert pressed(operator, np.array([0, 0, 0, 0, 0, 0, -1], np.float32)) is Button.A


# -- ways to do it -----------------------------------------------------------------------------------------------------


def test_another_way_to_do_it_is_as_good_and_not_its_label(detour):
    operator = sitting(detour, preferences={"left": 1.0})
    whim = operator._ways[0].whim
    assert pressed(operator, way(detour, "left", whim)) is Button.A
    assert pressed(operator, way(detour, "right", whim)) is Button.X
    assert pressed(operator, way(detour, "over-right", whim)) is Button.X
    assert pressed(operator, DOWN) is Button.RB


def test_a_way_that_was_asked_for_is_the_only_one(detour):
    operator = sitting(detour, mode="left")
    assert pressed(operator, way(detour, "left", operator._ways[0].whim)) is Button.A
    assert pressed(operator, way(detour, "right", operator._ways[0].whim)) is Button.RB


@pytest.mark.parametrize(("mode", "side"), [("left", -1), ("right", 1)])
def test_a_correction_goes_on_in_the_way_that_the_policy_is_about(detour, mode, side):
    operator = sitting(detour, preferences={"left": 1.0})
    for _ in range(20):
        operator.poll((), View(Phase.POLICY, proposal=way(detour, mode, operator._ways[0].whim)))
    stick = ask(operator, DOWN)[-1]
    assert stick.held == {Button.RB}
    assert np.sign(stick_to_action(stick, MAPPING)[1]) == side


def test_it_drives_each_way_as_often_as_it_likes_it(detour):
    liked = {"left": 3.0, "over-right": 1.0}
    operator = ScriptedOperator(detour, MAPPING, OperatorConfig(preferences=liked), 0)
    drawn = Counter()
    for seed in range(400):
        operator.poll((), View(Phase.READY, seed=seed))
        drawn[operator._ways[0].mode] += 1
        operator.poll((), View(Phase.PAUSED))
    assert set(drawn) == set(liked)
    assert drawn["left"] == pytest.approx(300, abs=40)


def test_a_way_that_the_task_does_not_know_is_refused_with_those_it_does(detour, reach):
    with pytest.raises(ValueError, match=r"preferences name under, no way to do this task; allowed: left, left-over, .*, right-over"):
        ScriptedOperator(detour, MAPPING, OperatorConfig(preferences={"under": 1.0}), 0)
    with pytest.raises(ValueError, match=r"allowed: \(none\)"):
        ScriptedOperator(reach, MAPPING, OperatorConfig(preferences={"left": 1.0}), 0)


# -- time --------------------------------------------------------------------------------------------------------------


def test_in_a_flow_of_questions_presses_are_taps_and_the_stick_takes_no_time(reach):
    operator = sitting(reach)
    yes, no = own(operator, reach), -own(operator, reach)
    waits = [len(ask(operator, proposal)) - 1 for proposal in (yes, yes, no, no, yes)]
    assert waits == [DECISION_TICKS, TAP_TICKS, REACTION_TICKS, 0, TAP_TICKS]


def test_after_a_while_without_questions_it_decides_anew(reach):
    operator = sitting(reach)
    ask(operator, own(operator, reach))
    for _ in range(10):
        operator.poll((), View(Phase.POLICY))
    assert len(ask(operator, own(operator, reach))) - 1 == DECISION_TICKS


def given_after(answers, apart=(2.0,), n=4000, **habits):
    """Shares of the next n answers by one who has given some, and the ticks of the first."""
    labeller = Labeller(OperatorConfig(**habits))
    labeller.begin(np.random.default_rng(5))
    shares, ticks = Counter(), []
    for _ in range(n):
        labeller.answers = answers - 1
        ticks.append(labeller.ask(apart))
        shares[labeller.answer] += 1 / n
    return shares, np.mean(ticks) * PERIOD_S


def test_two_answers_in_a_hundred_slip():
    shares, seconds = given_after(1)
    assert shares[Answer.SLIP] == pytest.approx(0.02, abs=0.006)
    assert shares[Answer.CORRECT] == pytest.approx(0.98, abs=0.006)
    assert seconds == pytest.approx(0.8, abs=0.02)


def test_a_clean_operator_never_slips_and_never_accepts_unread():
    shares, _ = given_after(900, skill=2.0)
    assert set(shares) == {Answer.CORRECT}


@pytest.mark.parametrize(("answers", "tired"), [(300, 0.0), (450, 0.5), (600, 1.0), (900, 2.0)])
def test_beyond_its_patience_it_is_slower_and_accepts_unread_in_proportion(answers, tired):
    shares, seconds = given_after(answers, patience=300)
    assert seconds == pytest.approx(0.8 * (1.0 + tired), rel=0.04)
    assert shares[Answer.ACCEPT] == pytest.approx(0.1 * tired, abs=0.015)
    assert shares[Answer.SLIP] == pytest.approx(0.02, abs=0.006)


@pytest.mark.parametrize("patience", [None, float("inf")])
def test_one_without_limits_to_its_patience_never_tires(patience):
    shares, seconds = given_after(10**6, patience=patience)
    assert shares[Answer.ACCEPT] == 0.0
    assert seconds == pytest.approx(0.8, abs=0.02)


def test_sticks_held_through_a_flow_are_one_answer_each_press_is_one(reach):
    operator = sitting(reach)
    for _ in range(6):
        ask(operator, -own(operator, reach))
    assert operator._labeller.answers == 1
    for _ in range(6):
        ask(operator, own(operator, reach))
    assert operator._labeller.answers == 7


# -- seeds -------------------------------------------------------------------------------------------------------------


def answers_of(operator, arm, seed):
    """Sticks (n, 21) of an episode of thirty questions with pauses between, good ones and bad ones."""
    arm.reset(seed=seed)
    operator.poll((), View(Phase.PAUSED))
    while Button.START not in operator.poll((), View(Phase.READY, seed=seed)).pressed:
        pass
    sticks = []
    for proposal in np.random.default_rng(seed).uniform(-0.35, 0.35, (30, 7)).astype(np.float32):
        sticks += ask(operator, proposal)
        sticks += [operator.poll((), View(Phase.POLICY)) for _ in range(12)]
    return np.array([stick.to_array() for stick in sticks])


def test_the_same_seeds_give_the_same_answers_whatever_was_answered_before(reach):
    operator, fresh = (ScriptedOperator(reach, MAPPING, OperatorConfig(), 0) for _ in range(2))
    for seed in range(3):
        answers_of(operator, reach, seed)
    np.testing.assert_array_equal(answers_of(operator, reach, 3), answers_of(fresh, reach, 3))


def test_only_who_is_tired_answers_otherwise(reach):
    operator, fresh = (ScriptedOperator(reach, MAPPING, OperatorConfig(patience=10), 0) for _ in range(2))
    answers_of(operator, reach, 0)
    assert len(answers_of(operator, reach, 3)) > len(answers_of(fresh, reach, 3))


# -- at the loop -------------------------------------------------------------------------------------------------------


@dataclass
class LikeTheExpert:
    """A policy that knows the task, and from one step to another of each episode does something else."""

    arm: ArmEnv
    wrong: range = range(0)
    instead: Sequence[float] = (0.0, 0.0, 0.35, 0.0, 0.0, 0.0, -1.0)
    mode: str = ""
    step: int = 0
    going: np.ndarray = field(default_factory=lambda: np.zeros(7, np.float32))

    def begin(self, seed: int) -> None:
        self.step = 0

    def replan(self) -> None:
        pass

    def act(self, obs: Any) -> np.ndarray:
        self.step += 1
        self.going = np.array(self.instead, np.float32) if self.step - 1 in self.wrong else way(self.arm, self.mode)
        return self.going[None]

    def ways(self, obs: Any) -> tuple[Way, ...]:
        return (Way(self.going),)

    def take(self, way: int) -> None: ...


def test_at_the_loop_what_it_accepts_is_the_label_and_what_it_corrects_its_own(reach, tmp_path):
    operator = ScriptedOperator(reach, MAPPING, OperatorConfig(skill=2.0), 0)
    pilot = Pilot(LikeTheExpert(reach, range(8, 20)), AskAt(tuple(range(0, 20, 4))), label_budget=100)
    loop, session, _ = loop_of(tmp_path, reach, reach, operator, LoopConfig(episodes=1, hold_ticks=0, max_ticks=20), pilot)
    loop.run()
    steps = session.read(0).steps
    asked = steps["phase"] == Phase.ASKING
    labels, proposals = steps["labels"][asked], steps["policy_actions"][asked]
    assert np.all(labels == proposals, axis=1).tolist() == [True, True, False, False, False]
    np.testing.assert_array_equal(steps["actions"][asked], labels)


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("habits", "words"),
    [
        ({"tolerance": 0.0}, "tolerance 0.0 is not between 0"),
        ({"patience": 0}, "patience 0 is not a number of answers above 0; None is tireless"),
        ({"preferences": {"left": -1.0}}, "must be weights from 0 on"),
        ({"preferences": {"left": 0.0}}, "one of them above 0"),
        ({"let_go_at": 0.9}, "let_go_at 0.9 and take_over_at 0.85 must rise"),
        ({"unease_s": 0.0}, "unease_s 0.0 is not above 0"),
    ],
)
def test_habits_that_no_person_has_are_refused(habits, words):
    with pytest.raises(ValueError, match=words):
        OperatorConfig(**habits)
