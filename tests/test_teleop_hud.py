"""The HUD: what it says, where it says it, and nothing on top of anything else."""

import itertools
import os
from dataclasses import replace

import numpy as np
import pygame
import pytest
from test_teleop_support import REST, hold, make_stick, push

from data.schema import Outcome, Phase
from teleop.aids import Readout
from teleop.bindings import BINDINGS, MODE_HELP, MODE_TAGS, PILOT_HELP, TAG_HELP
from teleop.devices.profiles import PROFILES
from teleop.hud import Hud
from teleop.hud.labels import relabel
from teleop.hud.panels import PHASE_LOOK, missing_modes
from teleop.hud.shapes import BLUE, INK
from teleop.hud.strip import OUTCOME_COLOURS
from teleop.mapping import ControlMode, Directions
from teleop.pilot import UNLIMITED, Way
from teleop.screen import Fact, Kept, Status
from teleop.stick import Axis, Button

SIZES = ((960, 720), (1280, 960), (1920, 1080))
PHASES = tuple(Phase)
XBOX = "gamepad: Xbox One S Wireless Controller"
MESSAGES = (
    "",
    "episode 123: success, on its way to the disk",
    "gamepad: Sony Interactive Entertainment DualSense Edge Wireless Controller is unplugged: plug it in, then press L3 to go on",
)
CALM = Readout(0.08, 0.0, 0.0, 0.21, 0.22)
PLAN = {"left": 20, "right": 20, "over": 20}
LEARNING = (Fact("success", "83 %", 0.83), Fact("interval", "71 … 91 %"), Fact("to 95 %", "about 4 min"), Fact("your time", "6.2 min"))
KEPT = tuple(Kept(i, outcome, mode, np.zeros(3)) for i, (outcome, mode) in enumerate(itertools.product(Outcome, ("", "around the back"))))


@pytest.fixture(scope="module", autouse=True)
def display():
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    pygame.display.init()
    pygame.display.set_mode((960, 720))


def status(phase=Phase.HUMAN, **changes):
    piloted = phase in (Phase.POLICY, Phase.ASKING)
    facts = {
        "phase": phase, "device": XBOX, "env_id": "PandaLift-v0", "mode": "left", "episodes": 12, "wished": 50, "successes": 11,
        "steps": 34, "elapsed_s": 12.3, "late_ticks": 2, "success": False, "stick": REST, "camera": 0, "message": "",
        "score": 0.137, "labels": 3 * piloted, "label_budget": 200 * piloted, "labels_left": 197 * piloted, "mode_names": MODE_TAGS,
        "redraw_hz": 60.0,
        "rewind": (30, 80) if phase is Phase.REWIND else None,
    }  # fmt: skip
    return Status(**(facts | changes))


def drawn(what, size=(960, 720), keyboard=False, readout=CALM, thumbs=None, hud=None):
    """The HUD and the surface after drawing `what`."""
    hud = hud or Hud(size, keyboard)
    surface = pygame.Surface(size)
    hud.draw(surface, what, readout, thumbs or {})
    return hud, surface


def words_of(hud, name=None):
    return [words for panel in hud.panels if name in (None, panel.name) for words, _ in panel.sheet.texts]


def panel_of(hud, name):
    return next((panel for panel in hud.panels if panel.name == name), None)


def pixels(surface):
    return pygame.surfarray.array3d(surface).swapaxes(0, 1).astype(int)


# -- the layout --------------------------------------------------------------------------------------------------------


def check_layout(hud, size):
    window = pygame.Rect(0, 0, *size)
    areas = [(panel.name, panel.area) for panel in hud.panels if panel.name != "countdown"] + [("inset", hud.inset_px)]
    for (name, one), (other, two) in itertools.combinations(areas, 2):
        assert not one.colliderect(two), f"{name} {one} over {other} {two}"
    for panel in hud.panels:
        assert window.contains(panel.area), panel
        for words, area in panel.sheet.texts:
            assert panel.sheet.surface.get_rect().contains(area), f"{words!r} at {area} leaves {panel.name}"
        if panel.name == "pad":
            continue  # its labels lie on controls
        for (words, one), (others, two) in itertools.combinations(panel.sheet.texts, 2):
            assert not one.inflate(-2, -6).colliderect(two.inflate(-2, -6)), f"{words!r} over {others!r}"


@pytest.mark.parametrize("keyboard", [False, True], ids=["gamepad", "keyboard"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("phase", PHASES)
def test_nothing_hides_anything_and_all_text_fits(phase, size, keyboard):
    for message, mode in itertools.product(MESSAGES, ControlMode):
        crowded = status(
            phase, message=message, success=True, hold=4, hold_wished=10, elapsed_s=3.0, control_mode=mode, precise=True,
            mode_counts={"left": 3}, plan=PLAN, kept=KEPT, target=60, all_successes=37, remaining_s=4.0,
        )  # fmt: skip
        check_layout(drawn(crowded, size, keyboard, Readout(0.03, 12.0, 31.0, 0.1, 0.2, ("x+", "y-")))[0], size)


@pytest.mark.parametrize("size", SIZES)
def test_large_numbers_and_long_names_fit_too(size):
    crowded = status(
        Phase.ASKING, episodes=12345, wished=99999, successes=12345, elapsed_s=3599.9, mode="around the back of the cube", late_ticks=98765,
        score=12345.678, labels=54321, label_budget=99999, lateness_ms=1234.5, target=99999, all_successes=88888,
        mode_counts={f"a rather long name {i}": 10000 for i in range(9)}, plan={f"a rather long name {i}": 20000 for i in range(9)},
    )  # fmt: skip
    check_layout(drawn(crowded, size, readout=Readout(0.08, 1234.0, 9876.0, 1.234, 1.234))[0], size)


def test_the_countdown_is_in_the_middle_and_says_the_seconds():
    hud, _ = drawn(status(Phase.READY, countdown_s=2.3))
    panel = panel_of(hud, "countdown")
    assert words_of(hud, "countdown") == ["3"]
    assert abs(panel.area.centerx - 480) <= 1
    assert not panel.area.colliderect(panel_of(hud, "keymap").area)
    assert panel_of(drawn(status(Phase.READY))[0], "countdown") is None


# -- what it says ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
def test_the_phase_can_be_read_at_a_glance(phase):
    word, colour = PHASE_LOOK[phase]
    hud, surface = drawn(status(phase))
    assert word in words_of(hud, "bar")
    assert int(np.all(pixels(surface)[:52, :200] == colour, axis=-1).sum()) > 1000


def test_every_phase_has_a_word_of_its_own():
    assert set(PHASE_LOOK) == set(Phase)
    assert len({word for word, _ in PHASE_LOOK.values()}) == len(Phase)


def test_driving_for_a_policy_that_learns_is_called_driving():
    words = words_of(drawn(status(Phase.HUMAN, label_budget=200))[0])
    assert "YOU DRIVE" in words
    assert "RECORDING" not in words


def test_the_bar_says_how_far_one_is_and_how_late():
    words = words_of(drawn(status(lateness_ms=0.4, target=60, all_successes=37), (1920, 1080))[0], "bar")
    for value in ("12 / 50", "11", "12.3 s", "left", "2 · 0.4 ms", "60 Hz", "37 / 60", XBOX):
        assert value in words


def test_the_last_ten_seconds_are_counted():
    assert "time left" not in words_of(drawn(status(remaining_s=10.1))[0])
    words = words_of(drawn(status(remaining_s=9.4))[0])
    assert {"time left", "9.4 s"} <= set(words)


@pytest.mark.parametrize("keyboard", [False, True], ids=["gamepad", "keyboard"])
@pytest.mark.parametrize("phase", [p for p in PHASES if p is not Phase.QUIT])
def test_the_key_map_shows_what_works_now_and_only_that(phase, keyboard):
    text = " ".join(words_of(drawn(status(phase, elapsed_s=1.0), keyboard=keyboard)[0], "keymap"))
    for binding in BINDINGS:
        key = binding.key if keyboard else binding.pad
        assert (f"{key} {binding.meaning}" in text) == (phase in binding.phases)
    for _, _, meaning in PILOT_HELP[:2]:
        assert (meaning in text) == (phase in (Phase.POLICY, Phase.ASKING))
    assert (TAG_HELP[0][2] in text) == (phase is Phase.READY)


@pytest.mark.parametrize("mode", ControlMode)
def test_the_key_map_follows_the_control_mode(mode):
    text = " ".join(words_of(drawn(status(control_mode=mode, elapsed_s=1.0))[0], "keymap"))
    for pad, _, meaning in MODE_HELP[mode]:
        assert f"{pad} {meaning}" in text
    assert ("choose the joint" in text) == (mode is ControlMode.JOINT)


def test_after_ten_seconds_of_driving_the_key_map_makes_room():
    early, late = (panel_of(drawn(status(elapsed_s=t))[0], "keymap").area for t in (9.9, 10.1))
    assert late.w * late.h < 0.4 * early.w * early.h
    words = words_of(drawn(status(elapsed_s=10.1))[0], "keymap")
    assert {"stop", "success", "failure", "pause"} <= set(words)


def test_a_text_about_buttons_is_told_in_the_words_of_the_device():
    assert relabel("LB + D-pad", "keyboard") == "Shift + D-pad"
    assert relabel("R stick up/down", "keyboard") == "R stick up/down"
    assert relabel("LB + D-pad", "xbox") == "LB + D-pad"
    assert relabel("LB + D-pad", "playstation") == "L1 + D-pad"
    assert relabel("X", "switch") == "Y"


def test_every_profile_s_labels_fit_on_the_pad_and_in_the_key_map():
    for profile, size in itertools.product(PROFILES, SIZES):
        for phase in (Phase.READY, Phase.HUMAN, Phase.ASKING):
            check_layout(drawn(status(phase, profile=profile, elapsed_s=1.0), size)[0], size)


def test_the_gripper_readout_gives_the_numbers():
    words = words_of(drawn(status(), readout=Readout(0.0391, 11.8, 7.2, 0.0834, 0.1241))[0], "gripper")
    for value in ("39 mm", "12 N", "7 N", "8.3 cm", "12.4 cm"):
        assert value in words
    assert "to target" not in words_of(drawn(status(), readout=Readout(0.08))[0], "gripper")


def test_a_hard_push_and_an_edge_are_said_in_words():
    assert words_of(drawn(status(), readout=replace(CALM, edges=("x+", "y-")))[0], "headline") == ["edge: x+ y-"]
    assert words_of(drawn(status(), readout=replace(CALM, push_n=22.0))[0], "headline") == ["pushing hard: 22 N"]
    assert panel_of(drawn(status())[0], "headline") is None


def test_the_question_is_asked_and_how_doubtful_the_policy_is():
    text = " ".join(words_of(drawn(status(Phase.ASKING))[0], "headline"))
    assert "What would you do here?" in text
    assert "doubt 0.137 · labels 3, 197 left" in text


def test_of_several_ways_it_is_said_how_to_choose():
    text = " ".join(words_of(drawn(status(Phase.ASKING, ways=(Way(np.zeros(7)), Way(np.ones(7)))))[0], "headline"))
    assert "A: the bold arrow, LB: the next one" in text


def test_before_an_episode_one_is_told_what_it_is_for():
    hud, _ = drawn(status(Phase.READY, invitation="from here it went wrong: show the way out"))
    assert words_of(hud, "headline") == ["from here it went wrong: show the way out"]


def test_who_was_handed_the_wheel_is_told_so():
    hud, _ = drawn(status(handed_over=True, label_budget=200, labels=3, labels_left=197))
    assert "You have the wheel until the policy takes it back." in words_of(hud, "headline")


def test_who_helps_where_the_policy_fails_is_told_what_for_and_how_it_ends():
    facts = {"rescues": True, "invitation": "it goes wrong here, 2.1 s in: show how to go on", "label_budget": UNLIMITED}
    before = words_of(drawn(status(Phase.READY, **facts))[0], "headline")
    assert before[-1] == "Start: you have the wheel at once"
    beside = drawn(status(handed_over=True, labels=62, labels_left=UNLIMITED - 62, elapsed_s=1.0, **facts))[0]
    assert words_of(beside, "headline") == ["You have the wheel: show how it goes on.", "It ends where the policy gets there by itself."]
    assert words_of(beside, "keymap")[:2] == ["RB (tap)", "the policy drives"]


def test_who_was_let_off_is_told_why():
    kept = (*KEPT, Kept(26, Outcome.PARTIAL, "", np.zeros(3)))
    words = words_of(drawn(status(Phase.READY, invitation="the policy fails in this scene: show it", kept=kept))[0], "headline")
    assert words[-1] == "episode 26: from there it gets there by itself"


def test_labels_without_a_budget_are_only_counted():
    words = words_of(drawn(status(Phase.ASKING, label_budget=UNLIMITED, labels=7, labels_left=UNLIMITED - 7))[0], "headline")
    assert words[-1] == "doubt 0.137 · labels 7"


def test_the_headline_names_the_buttons_of_the_device():
    facts = {"phase": Phase.READY, "invitation": "the policy drives: hold RB where it goes wrong"}
    assert words_of(drawn(status(profile="playstation", **facts))[0], "headline") == ["the policy drives: hold R1 where it goes wrong"]
    assert words_of(drawn(status(**facts), keyboard=True)[0], "headline") == ["the policy drives: hold Tab where it goes wrong"]


@pytest.mark.parametrize("size", SIZES)
def test_while_nothing_is_driven_no_button_is_explained_and_nothing_is_counted(size):
    hud, _ = drawn(status(Phase.PAUSED, waiting="PLEASE WAIT", message="trying it in 100 new scenes", learning=LEARNING), size)
    assert panel_of(hud, "keymap") is None
    assert {"PLEASE WAIT", "PandaLift-v0"} <= set(words_of(hud, "bar"))
    assert "episode" not in words_of(hud, "bar")
    check_layout(hud, size)


def test_the_target_is_a_mark_on_the_bar():
    def inks(mark):
        hud, surface = drawn(status(learning=(Fact("success", "20 %", 0.2, mark),)))
        area = panel_of(hud, "learning").area
        line = pixels(surface)[area.bottom - 20 : area.bottom, area.left : area.right]
        return np.flatnonzero(np.all(line == INK, axis=-1).any(axis=0)) / area.width

    assert len(inks(None)) == 0
    assert 0.85 < inks(0.95).mean() < 0.95


@pytest.mark.parametrize("size", SIZES)
def test_how_the_learning_goes_is_a_panel_with_bars(size):
    hud, surface = drawn(status(Phase.POLICY, learning=LEARNING), size)
    words = words_of(hud, "learning")
    assert words[0] == "the policy"
    assert [fact.value for fact in LEARNING] == words[2::2]
    check_layout(hud, size)
    blues = []
    for share in (0.2, 0.8):
        hud, surface = drawn(status(learning=(Fact("success", "83 %", share),)), size)
        area = panel_of(hud, "learning").area
        shown = pixels(surface)[area.top : area.bottom, area.left : area.right]
        blues.append(int(np.all(shown == BLUE, axis=-1).sum()))
    assert blues[1] > 3 * blues[0] > 0


def test_a_solved_task_says_to_hold_still_and_how_long():
    rings = []
    for held in (1, 9):
        hud, surface = drawn(status(success=True, hold=held, hold_wished=10))
        assert words_of(hud, "notice") == ["the task is solved: hold still"]
        area = panel_of(hud, "notice").area
        rings.append(int(np.all(pixels(surface)[area.top : area.bottom, area.left : area.left + 52] == (88, 204, 138), axis=-1).sum()))
    assert rings[1] > 3 * rings[0] > 0


def test_rewinding_shows_where_one_is():
    knobs = []
    for step in (20, 60):
        hud, surface = drawn(status(Phase.REWIND, rewind=(step, 80)))
        words = words_of(hud, "rewind")
        assert {f"{step / 20:.1f} s", "of 4.0 s", "let go to drive on from here"} <= set(words)
        area = panel_of(hud, "rewind").area
        bar = np.all(pixels(surface)[area.top + 43, area.left : area.right] == (238, 242, 248), axis=-1)
        knobs.append(np.flatnonzero(bar).mean())
    assert knobs[1] - knobs[0] == pytest.approx(0.5 * (area.w - 36), abs=2)


# -- behaviour modes ---------------------------------------------------------------------------------------------------


def test_the_modes_are_counted_against_the_plan():
    hud, _ = drawn(status(Phase.READY, mode_counts={"left": 20, "right": 3}, plan=PLAN))
    words = words_of(hud, "modes")
    assert {"20 / 20", "3 / 20", "0 / 20"} <= set(words)
    assert "still missing: right\xa017, over\xa020".replace("\xa0", " ") in " ".join(words).replace("\xa0", " ")


def test_a_fulfilled_plan_lacks_nothing():
    assert missing_modes({"left": 20, "right": 21, "over": 20}, PLAN) == ""
    assert "plan fulfilled" in words_of(drawn(status(mode_counts=dict.fromkeys(PLAN, 20), plan=PLAN))[0], "modes")


def test_what_has_no_mode_needs_no_panel():
    assert panel_of(drawn(status(mode_counts={"": 9}))[0], "modes") is None


def test_without_a_plan_the_modes_are_only_counted():
    words = words_of(drawn(status(mode_counts={"left": 7}))[0], "modes")
    assert "7" in words
    assert not any("missing" in part for part in words)


# -- the strip ---------------------------------------------------------------------------------------------------------


def test_the_strip_shows_the_newest_to_the_right_with_its_outcome():
    hud, surface = drawn(status(kept=KEPT))
    numbers = [w for w in words_of(hud, "strip") if w.isdigit()]
    assert numbers == [str(k.number) for k in KEPT[-len(numbers) :]]
    panel = panel_of(hud, "strip")
    frame = pixels(surface)[panel.area.top + 40, panel.area.right - 8 - 82]
    assert tuple(frame) == OUTCOME_COLOURS[KEPT[-1].outcome]
    assert set(OUTCOME_COLOURS) == set(Outcome)


def test_a_thumbnail_appears_once_it_has_been_drawn():
    hud = Hud((960, 720), keyboard=False)
    thumb = pygame.Surface(hud.thumb_px)
    thumb.fill((1, 200, 3))
    before = pixels(drawn(status(kept=KEPT[:1]), hud=hud)[1])
    after = pixels(drawn(status(kept=KEPT[:1]), hud=hud, thumbs={0: thumb})[1])
    green = np.all(after == (1, 200, 3), axis=-1)
    assert green.sum() == thumb.get_width() * thumb.get_height()
    assert not np.all(before == (1, 200, 3), axis=-1).any()


# -- the picture of the pad --------------------------------------------------------------------------------------------


def pad_changes(stick, keyboard=False, **changes):
    """Where the pad's panel looks other than at rest: (h, w) of bool, and the picture's places."""
    hud = Hud((1280, 960), keyboard)
    rest, moved = (pixels(drawn(status(stick=s, **changes), (1280, 960), hud=hud)[1]) for s in (REST, stick))
    area = panel_of(hud, "pad").area
    changed = np.any(rest != moved, axis=-1)
    inside = changed[area.top : area.bottom, area.left : area.right]
    assert changed.sum() == inside.sum(), "only the pad's panel changes"
    return inside, hud.pad_picture(status()).places


@pytest.mark.parametrize("keyboard", [False, True], ids=["gamepad", "keyboard"])
@pytest.mark.parametrize("button", [b for b in Button if b not in (Button.L3, Button.R3)])
def test_a_pressed_button_lights_up_where_it_is_and_nowhere_else(button, keyboard):
    changed, places = pad_changes(hold(button), keyboard)
    place = places[button]
    lit = changed[place.top : place.bottom, place.left : place.right]
    assert lit.mean() > 0.3
    assert changed.sum() == lit.sum()


@pytest.mark.parametrize(("button", "axis"), [(Button.L3, Axis.LEFT_X), (Button.R3, Axis.RIGHT_X)])
def test_a_pressed_stick_lights_up(button, axis):
    changed, places = pad_changes(hold(button))
    place = places[axis]
    assert changed[place.top : place.bottom, place.left : place.right].sum() == changed.sum() > 200


@pytest.mark.parametrize(("side", "axis"), [("left", Axis.LEFT_X), ("right", Axis.RIGHT_X)])
def test_a_stick_is_drawn_where_it_is_pushed(side, axis):
    hud = Hud((960, 720), keyboard=False)
    centres = {}
    for value in (-1.0, 1.0):
        stick = push(**{f"{side}_x": value, f"{side}_y": value})
        image = pixels(drawn(status(stick=stick), hud=hud)[1])
        place = hud.pad_picture(status()).places[axis].move(panel_of(hud, "pad").area.topleft).inflate(10, 10)
        lit = np.all(image[place.top : place.bottom, place.left : place.right] == (246, 186, 80), axis=-1)
        centres[value] = np.argwhere(lit).mean(axis=0)
    np.testing.assert_allclose(centres[1.0] - centres[-1.0], [20, 20], atol=2)


def test_a_trigger_fills_as_far_as_it_is_pulled():
    amounts = [pad_changes(make_stick({Axis.LT: pulled}))[0].sum() for pulled in (0.3, 0.6, 1.0)]
    assert amounts[0] < 0.7 * amounts[1] < 0.7 * amounts[2]
    changed, places = pad_changes(make_stick({Axis.RT: 1.0}))
    place = places[Axis.RT]
    assert changed[place.top : place.bottom, place.left : place.right].sum() == changed.sum() > 0


def test_the_pad_says_the_control_mode_and_whose_directions():
    assert {"rotate", "· base"} <= set(words_of(drawn(status(control_mode=ControlMode.ROTATE, directions=Directions.BASE))[0], "pad"))
    assert "joint 4" in words_of(drawn(status(hands_words=("joint 4", "of 7")))[0], "pad")
    assert "precise" in words_of(drawn(status(precise=True))[0], "pad")
    assert "precise" not in words_of(drawn(status())[0], "pad")


def test_the_keyboard_is_shown_by_its_keys():
    words = words_of(drawn(status(), keyboard=True)[0], "pad")
    assert {"Shift", "Space", "F", "I"} <= set(words)
    assert "LB" not in words


# -- what is drawn anew ------------------------------------------------------------------------------------------------


def test_a_panel_is_drawn_anew_only_when_its_words_change():
    hud, _ = drawn(status(elapsed_s=1.0))
    before = {panel.name: panel.sheet for panel in hud.panels}
    drawn(status(elapsed_s=1.1), hud=hud)
    fresh = {panel.name for panel in hud.panels if panel.sheet is not before[panel.name]}
    assert fresh == {"bar"}


def test_a_hud_that_is_used_again_looks_like_a_new_one():
    hud = Hud((960, 720), keyboard=False)
    for phase in PHASES:
        drawn(status(phase, stick=hold(Button.A), kept=KEPT), hud=hud)
    for phase in PHASES:
        np.testing.assert_array_equal(pixels(drawn(status(phase), hud=hud)[1]), pixels(drawn(status(phase))[1]))
