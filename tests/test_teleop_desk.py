"""The desk: stored states of the real Reach, one after the other, and a table of sticks that answers about them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from test_teleop_support import PERIOD_S, REACH, REST, UNPLUGGED, Always, AskAt, Memory, TableDevice, hold, loop_of, push, tap

from data.schema import Phase, Source
from teleop.aids import Readout
from teleop.clock import SimulatedClock
from teleop.desk import LAST_LOOK_TICKS, LEAD_TICKS, Desk, Exhibit, Reply
from teleop.devices.nobody import Nobody
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.grip import GripStyle
from teleop.guest_hands import hands_of
from teleop.hud.alerts import headline_facts
from teleop.hud.keymap import keymap_facts
from teleop.hud.panels import bar_facts
from teleop.loop import LoopConfig
from teleop.mapping import Directions, MappingConfig, stick_to_action
from teleop.pilot import Pilot, Way
from teleop.stick import Button

START, A, X, LT = tap(Button.START), tap(Button.A), tap(Button.X), push(lt=1.0)
SIDE = push(left_x=0.6)
LED = [REST] * (LEAD_TICKS + 1)  # what led to a state, then the question
OWN = np.array([0.2, 0.1, 0.0, 0.0, 0.0, 0.0, -1.0], np.float32)
OTHER = np.array([0.2, -0.1, 0.0, 0.0, 0.0, 0.0, -1.0], np.float32)
PLACES = ((5, 4), (5, 24), (6, 12))  # (scene, step)


@dataclass
class ListPile:
    """A `Pile` in memory."""

    exhibits: list[Exhibit]
    replies: list[tuple[int, Reply]] = field(default_factory=list)

    @property
    def answered(self) -> dict[int, bool]:
        return {number: reply.label is not None for number, reply in self.replies}

    def __len__(self) -> int:
        return len(self.exhibits)

    def exhibit(self, number: int) -> Exhibit:
        return self.exhibits[number]

    def keep(self, number: int, reply: Reply) -> None:
        self.replies.append((number, reply))


@pytest.fixture(scope="module")
def exhibits(env) -> list[Exhibit]:
    """States that a policy with one idea came to."""
    found = []
    for scene, step in PLACES:
        obs, _ = env.reset(seed=scene)
        states = [env.unwrapped.sim_state()]
        for _ in range(step):
            obs, *_ = env.step(OWN)
            states.append(env.unwrapped.sim_state())
        states = states[-LEAD_TICKS:]
        actions = np.tile(OWN, (len(states), 1))
        found.append(Exhibit(0, step, scene, np.array(states), actions, obs, (Way(OWN, 0.7), Way(OTHER, 0.3)), 0.5, 100))
    return found


@pytest.fixture
def sit(env, exhibits) -> Callable[..., tuple[ListPile, Memory, TableDevice, Desk]]:
    def run(rows, pile=None, seer=None):
        pile, device, memory = pile or ListPile(exhibits), TableDevice(rows), Memory()
        hands = hands_of(env.unwrapped, MappingConfig(), GripStyle.HOLD, Directions.CAMERA)
        desk = Desk(env.unwrapped, device, memory, SimulatedClock(PERIOD_S), hands, pile, REACH, seer)
        desk.run()
        return pile, memory, device, desk

    return run


def labels_of(pile: ListPile) -> list[tuple[int, list[float] | None]]:
    return [(number, None if reply.label is None else reply.label.tolist()) for number, reply in pile.replies]


def test_answers_are_given_with_the_words_of_the_loop(sit):
    pile, *_ = sit([START, *LED[1:], A, *LED, X, *LED, SIDE])
    assert labels_of(pile) == [(0, OWN.tolist()), (1, None), (2, stick_to_action(SIDE, MappingConfig()).tolist())]
    accepted, either, corrected = (reply for _, reply in pile.replies)
    assert (accepted.way, either.way, corrected.way) == (0, -1, -1)
    np.testing.assert_array_equal(corrected.stick, SIDE.to_array())
    assert (corrected.source, corrected.heading_deg, corrected.control_mode) == (Source.HUMAN, 180.0, 0)


def test_lb_chooses_another_way_which_a_accepts(sit):
    pile, memory, *_ = sit([START, *LED[1:], tap(Button.LB), A])
    assert labels_of(pile) == [(0, OTHER.tolist())]
    assert pile.replies[0][1].way == 1
    assert [status.chosen for status in memory.shown if status.phase is Phase.ASKING] == [0, 1]


def test_rb_alone_says_that_standing_still_is_right(sit):
    pile, *_ = sit([START, *LED[1:], hold(Button.RB)])
    assert labels_of(pile) == [(0, [0, 0, 0, 0, 0, 0, -1])]


def test_the_state_that_is_asked_about_is_the_stored_one_to_the_bit(sit, env, exhibits):
    seen = []

    def look():
        seen.append(env.unwrapped.sim_state())
        return A

    sit([START, *LED[1:], look, *LED, look, *LED, look])
    assert [state.tobytes() for state in seen] == [shown.states[-1].tobytes() for shown in exhibits]


def test_what_led_to_a_state_is_shown_before_it_is_asked_about(sit, env, exhibits):
    seen = []

    def look():
        seen.append(env.unwrapped.sim_state().tobytes())
        return REST

    _, memory, device, _ = sit([START, *LED[1:], A, REST, *[look] * LEAD_TICKS])
    assert seen == [state.tobytes() for state in exhibits[1].states]
    assert [view.phase for view in device.views[13:22]] == [Phase.POLICY] * 9
    np.testing.assert_array_equal(device.views[13].proposal, OWN)
    assert memory.shown[11].queue == (2, 3)


def test_nothing_is_asked_before_somebody_is_there(sit):
    pile, memory, *_ = sit([REST] * 50)
    assert {status.phase for status in memory.shown[:50]} == {Phase.READY}
    assert "3 states wait" in memory.shown[0].invitation
    assert pile.replies == []


def test_thinking_is_what_counts_and_a_pause_is_not_thinking(sit):
    pause, wait = tap(Button.L3), [REST] * 6
    pile, *_ = sit([START, *LED[1:], *wait, A, *LED, *wait, pause, *[REST] * 40, pause, *LED[1:], *wait, A])
    assert [reply.latency_s for _, reply in pile.replies] == pytest.approx([7 * PERIOD_S, 14 * PERIOD_S])
    assert [reply.shown_s for _, reply in pile.replies] == pytest.approx([LEAD_TICKS * PERIOD_S, 2 * LEAD_TICKS * PERIOD_S])


def test_a_stick_that_is_still_held_does_not_answer_the_next_question(sit):
    pile, memory, *_ = sit([START, *LED[1:], *[SIDE] * 40, REST, REST, SIDE])
    assert [number for number, _ in pile.replies] == [0, 1]
    assert "let go" in memory.shown[40].message
    assert memory.shown[40].phase is Phase.POLICY


def test_lt_goes_back_to_the_question_before_and_on_to_the_first_open_one(sit):
    pile, memory, *_ = sit([START, *LED[1:], A, *LED, LT, *LED, X, *LED, A])
    assert labels_of(pile) == [(0, OWN.tolist()), (0, None), (1, OWN.tolist())]
    assert pile.answered == {0: False, 1: True}
    assert [status.queue for status in memory.shown if status.phase is Phase.ASKING][:3] == [(1, 3), (2, 3), (1, 3)]


def test_lt_that_is_held_goes_back_once_and_never_before_the_first(sit):
    _, memory, *_ = sit([START, *LED[1:], A, *LED, A, *LED, *[LT] * 30, REST, REST, LT, REST, LT])
    shown = [status.queue[0] for status in memory.shown]
    assert shown[24:36] == [3] * 11 + [2], "once"
    assert shown[36:66] == [2] * 30
    assert shown[-2:] == [1, 1]
    assert memory.shown[-2].message == "this is the first question"


def test_the_last_answer_can_be_taken_back_for_a_while(sit, exhibits):
    pile, _, device, desk = sit([START, *LED[1:], A, REST, LT, *LED, X, *[REST] * 200], ListPile(exhibits[:1]))
    assert labels_of(pile) == [(0, OWN.tolist()), (0, None)]
    assert desk.phase is Phase.QUIT
    assert len(device.views) == 1 + LEAD_TICKS + 3 + len(LED) + 1 + LAST_LOOK_TICKS + 1, "then it goes on by itself"


def test_who_leaves_goes_on_later_with_the_first_unanswered(sit):
    pile, *_ = sit([START, *LED[1:], A])
    sit([START, *LED[1:], X], pile)
    assert labels_of(pile) == [(0, OWN.tolist()), (1, None)]
    sit([START, *LED[1:], A, START], pile)
    _, memory, *_ = sit([START], pile)
    assert memory.shown == [], "all is answered: nobody is asked for"


def test_an_unplugged_pad_pauses(sit):
    pile, memory, *_ = sit([START, *LED[1:], UNPLUGGED, UNPLUGGED, REST, tap(Button.L3), *LED[1:], A])
    assert memory.shown[12].phase is Phase.PAUSED
    assert "unplugged" in memory.shown[12].message
    assert [number for number, _ in pile.replies] == [0]


class Witness:
    """A seer that remembers where it was told to look."""

    def __init__(self) -> None:
        self.looks: list[tuple[bytes, int, int]] = []

    def look(self, sim_state, obs, scene_seed, steps_left):
        self.looks.append((sim_state.tobytes(), scene_seed, steps_left))

    def ghosts(self, chosen):
        return ()


def test_the_seer_looks_ahead_from_where_it_is_asked(sit, exhibits):
    seer = Witness()
    sit([START, *LED[1:], A, *LED], seer=seer)
    assert seer.looks == [(shown.states[-1].tobytes(), shown.scene_seed, 100) for shown in exhibits[:2]]


def test_who_quits_while_the_last_answer_can_be_taken_back_does_not_stay(sit, exhibits):
    *_, desk = sit([START, *LED[1:], A, REST, tap(Button.GUIDE)], ListPile(exhibits[:1]))
    assert not desk.stayed
    *_, desk = sit([START, *LED[1:], A, REST, START], ListPile(exhibits[:1]))
    assert desk.stayed


@pytest.mark.parametrize(("keyboard", "back"), [(False, "LT"), (True, "Z")])
def test_the_window_says_which_question_it_is_and_what_the_keys_mean(sit, keyboard, back):
    _, memory, *_ = sit([START, *LED[1:], A, *LED, REST])
    status = memory.shown[-2]
    _, _, cells, _ = bar_facts(status)
    assert [(cell.label, cell.value) for cell in cells[:3]] == [("question", "2 of 3"), ("labels", "1"), ("left", "2")]
    _, rows = keymap_facts(status, keyboard)
    assert (back, "the question before, anew") in rows
    assert not [meaning for _, meaning in rows if "stop" in meaning or "success" in meaning], "an episode is not ended here"
    assert headline_facts(status, Readout())[1] == "doubt 0.500 · question 2 of 3"


def test_nobody_starts_every_episode_and_lets_quit(env, tmp_path):
    rows = [SIDE] * 30 + [tap(Button.GUIDE)]
    device = Nobody(TableDevice(rows))
    loop, session, memory = loop_of(tmp_path, env, env.unwrapped, device, LoopConfig(max_ticks=10), Pilot(Always(), AskAt(None), 0))
    loop.run()
    assert [row.steps for row in session.rows()] == [10, 10, 10]
    assert {status.phase for status in memory.shown} <= {Phase.READY, Phase.POLICY, Phase.QUIT}
    assert set(session.read(0).steps["source"]) == {Source.POLICY}


# -- the scripted person -----------------------------------------------------------------------------------------------


def sit_scripted(env, exhibits, seed=0, **habits) -> ListPile:
    pile, arm = ListPile(exhibits), env.unwrapped
    operator = ScriptedOperator(arm, MappingConfig(), OperatorConfig(**habits), seed)
    Desk(
        arm, operator, Memory(), SimulatedClock(PERIOD_S), hands_of(arm, MappingConfig(), GripStyle.HOLD, Directions.CAMERA), pile, REACH
    ).run()
    return pile


def test_the_scripted_person_answers_every_question_after_a_decision(env, exhibits):
    pile = sit_scripted(env, exhibits, skill=2.0, decision_s=(0.8, 0.0))
    assert [number for number, _ in pile.replies] == [0, 1, 2]
    assert {reply.source for _, reply in pile.replies} == {Source.SCRIPTED}
    assert [reply.latency_s for _, reply in pile.replies] == pytest.approx([0.85] * 3), "no flow from one state to another"


def test_the_scripted_person_corrects_towards_the_goal(env, exhibits):
    pile = sit_scripted(env, exhibits, skill=2.0)
    for number, reply in pile.replies:
        env.reset(seed=exhibits[number].scene_seed)
        env.unwrapped.restore(exhibits[number].states[-1])
        way = env.unwrapped.target_pos_m() - env.unwrapped.tcp_pos_m
        assert reply.label[:3] @ way / (np.linalg.norm(reply.label[:3]) * np.linalg.norm(way)) > 0.8


def test_the_same_seed_gives_the_same_answers_and_scenes_have_their_own(env, exhibits):
    one, same, other = (sit_scripted(env, exhibits, seed, skill=0.5) for seed in (1, 1, 2))
    assert [r.stick.tolist() for _, r in one.replies] == [r.stick.tolist() for _, r in same.replies]
    assert [r.stick.tolist() for _, r in one.replies] != [r.stick.tolist() for _, r in other.replies]
    alone = sit_scripted(env, exhibits[2:], 1, skill=0.5)
    assert alone.replies[0][1].stick.tolist() == one.replies[2][1].stick.tolist(), "whatever was asked about in other scenes before"


def test_the_scripted_person_slips_and_tires_at_the_desk_too(env, exhibits):
    many = [replace(exhibits[k % 2], scene_seed=k) for k in range(60)]
    fresh, tired = (sit_scripted(env, many, skill=1.0, patience=patience, lapse_rate=0.0) for patience in (None, 10))
    assert np.mean([r.latency_s for _, r in tired.replies[30:]]) > 2.0 * np.mean([r.latency_s for _, r in fresh.replies[30:]])
    slips = sit_scripted(env, many, skill=1.0, lapse_rate=0.5)
    assert np.mean([(a[1].label != b[1].label).any() for a, b in zip(fresh.replies, slips.replies, strict=True)]) > 0.3
