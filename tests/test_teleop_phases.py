"""Phases and bindings: who drives now, and what a button means then."""

from collections import Counter

import pytest

from data.schema import Phase
from teleop.bindings import ACTIVE, BINDINGS, MODE_TAGS, Cue, control_table, cue_of
from teleop.phases import ENDS, TRANSITIONS, next_phase
from teleop.stick import Button

R, H, P, A, Z, Q, W = tuple(Phase)
# One row a cue; columns: READY HUMAN POLICY ASKING PAUSED QUIT REWIND. D is whoever drives: the policy when there is one.
D = "driver"
TABLE = {
    Cue.START:        (D, H, P, A, Z, Q, W),
    Cue.STOP:         (R, R, R, R, R, Q, W),
    Cue.SUCCESS:      (R, R, R, R, R, Q, W),
    Cue.FAILURE:      (R, R, R, R, R, Q, W),
    Cue.DISCARD:      (R, R, R, R, R, Q, W),
    Cue.ENDED:        (R, R, R, R, R, Q, W),
    Cue.CUT:          (R, R, R, R, R, Q, W),
    Cue.UNDO:         (R, H, P, A, Z, Q, W),
    Cue.AGAIN:        (R, H, P, A, Z, Q, W),
    Cue.CONTROL_MODE: (R, H, P, A, Z, Q, W),
    Cue.DIRECTIONS:   (R, H, P, A, Z, Q, W),
    Cue.PAUSE:        (R, Z, Z, Z, D, Q, W),
    Cue.LOST:         (R, Z, Z, Z, Z, Q, Z),
    Cue.QUIT:         (Q, Q, Q, Q, Q, Q, Q),
    Cue.TAKE_OVER:    (R, H, H, A, Z, Q, W),
    Cue.LET_GO:       (R, D, P, A, Z, Q, W),
    Cue.ASK:          (R, H, A, A, Z, Q, W),
    Cue.ANSWER:       (R, H, P, P, Z, Q, W),
    Cue.HAND_OVER:    (R, H, P, H, Z, Q, W),
    Cue.REWIND:       (R, W, W, W, W, Q, W),
    Cue.RELEASE:      (R, H, P, A, Z, Q, D),
}  # fmt: skip


def test_the_table_is_total():
    assert set(TABLE) == set(Cue)
    assert all(len(row) == len(Phase) for row in TABLE.values())


@pytest.mark.parametrize("policy_drives", [False, True])
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("cue", Cue)
def test_every_phase_answers_every_cue_as_the_table_says(phase, cue, policy_drives):
    expected = TABLE[cue][phase]
    driver = Phase.POLICY if policy_drives else Phase.HUMAN
    assert next_phase(phase, cue, policy_drives=policy_drives) is (driver if expected == D else expected)


def test_every_phase_can_be_reached_from_ready():
    reached, frontier = {Phase.READY}, [Phase.READY]
    while frontier:
        phase = frontier.pop()
        new = {next_phase(phase, cue, policy_drives=True) for cue in Cue} - reached
        reached |= new
        frontier += new
    assert reached == set(Phase)


def test_no_transition_leaves_quit():
    assert not [key for key in TRANSITIONS if key[0] is Phase.QUIT]


@pytest.mark.parametrize("phase", ACTIVE)
def test_every_way_to_end_an_episode_works_wherever_one_runs(phase):
    assert {next_phase(phase, cue, policy_drives=True) for cue in ENDS} == {Phase.READY}


@pytest.mark.parametrize("phase", Phase)
def test_no_button_means_two_things_in_one_phase(phase):
    count = Counter(b.button for b in BINDINGS if phase in b.phases)
    assert all(n == 1 for n in count.values())


@pytest.mark.parametrize("phase", Phase)
def test_what_is_held_or_read_by_the_loop_shares_no_button_with_a_cue(phase):
    free = {Button.RB, Button.LB, Button.R3, *MODE_TAGS}
    assert not [b for b in BINDINGS if b.button in free]


def test_answering_yes_is_no_other_cue_while_the_policy_asks():
    assert cue_of(frozenset([Button.A]), Phase.ASKING) is None


@pytest.mark.parametrize(
    ("button", "cues"),
    [
        (Button.START, {R: Cue.START, H: Cue.STOP, P: Cue.STOP, A: Cue.STOP, Z: Cue.STOP}),
        (Button.Y, dict.fromkeys((H, P, A, Z), Cue.SUCCESS)),
        (Button.B, dict.fromkeys((H, P, A, Z), Cue.FAILURE)),
        (Button.BACK, {R: Cue.AGAIN, **dict.fromkeys((H, P, A, Z), Cue.DISCARD)}),
        (Button.X, {R: Cue.UNDO, H: Cue.CONTROL_MODE, Z: Cue.CONTROL_MODE}),
        (Button.L3, dict.fromkeys((H, P, A, Z), Cue.PAUSE)),
        (Button.R3, {}),
        (Button.GUIDE, dict.fromkeys((R, H, P, A, Z), Cue.QUIT)),
        (Button.A, dict.fromkeys((R, H, Z), Cue.DIRECTIONS)),
        (Button.RB, {}),
    ],
)
def test_a_button_means_its_cue_in_its_phases_only(button, cues):
    assert {phase: cue for phase in Phase if (cue := cue_of(frozenset([button]), phase))} == cues


def test_of_two_buttons_at_once_the_first_in_the_table_counts():
    assert cue_of(frozenset([Button.B, Button.Y]), Phase.HUMAN) is Cue.SUCCESS


def test_nothing_pressed_means_nothing():
    assert all(cue_of(frozenset(), phase) is None for phase in Phase)


def test_the_control_table_names_every_binding_for_both_devices():
    table = control_table()
    for binding in BINDINGS:
        assert f"| {binding.pad} | {binding.key} | {binding.meaning} |" in table
