"""The window: the picture, the HUD over it, and nothing on top of anything else."""

import itertools

import numpy as np
import pygame
import pytest
from test_teleop_support import REST, hold, push

from data.schema import Phase
from teleop import hud as hud_module
from teleop.bindings import BINDINGS, PILOT_HELP, STICK_HELP
from teleop.envs import make_panda
from teleop.envs.render import FAST, PRETTY, project
from teleop.hud import AMBER, BLUE, PHASE_LOOK, Hud
from teleop.screen import Status
from teleop.stick import Button
from teleop.window import ARROW_STEPS, INSET_MARGIN_PX, INSET_PX, LOOKS, SIZE_PX, Window, start_pygame

PHASES = (Phase.READY, Phase.HUMAN, Phase.POLICY, Phase.ASKING, Phase.PAUSED)
WINDOW = pygame.Rect(0, 0, *SIZE_PX)
INSET = pygame.Rect(0, 0, *INSET_PX)
INSET.bottomright = (SIZE_PX[0] - INSET_MARGIN_PX, SIZE_PX[1] - INSET_MARGIN_PX)
MIDDLE = pygame.Rect(320, 300, 300, 200)  # the picture, and nothing over it
SIDEWAYS = np.array([0, 0.5, 0, 0, 0, 0, -1], np.float32)
XBOX = "gamepad: Xbox One S Wireless Controller"
MESSAGES = (
    "",
    "paused",
    "episode 123 kept: success",
    "episode 123 moved to trash/",
    "keyboard is unplugged: plug it in, then press L3 to go on",
    f"{XBOX} is unplugged: plug it in, then press L3 to go on",
    "gamepad: Sony Interactive Entertainment DualSense Edge Wireless Controller is unplugged: plug it in, then press L3 to go on",
)


@pytest.fixture(scope="module")
def arm():
    env, arm = make_panda("PandaLift-v0", {})
    env.reset(seed=0)
    yield arm
    env.close()


@pytest.fixture
def make_window(arm, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    start_pygame(display=False)
    return lambda look: Window(arm, "a test", keyboard=False, look=look)


@pytest.fixture
def window(make_window):
    return make_window(FAST)


def status(phase=Phase.HUMAN, **changes):
    piloted = phase in (Phase.POLICY, Phase.ASKING)
    facts = {
        "phase": phase, "device": XBOX, "env_id": "PandaLift-v0", "mode": "left", "episodes": 12, "wished": 50, "successes": 11,
        "steps": 34, "elapsed_s": 12.3, "late_ticks": 2, "success": False, "stick": REST, "camera": 0, "message": "",
        "proposal": SIDEWAYS if phase is Phase.ASKING else None, "score": 0.137, "labels": 3 * piloted, "label_budget": 200 * piloted,
    }  # fmt: skip
    return Status(**(facts | changes))


def pixels():
    """What is on the screen: (720, 960, 3) uint8."""
    return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)


def shows(window, what):
    window.show(what)
    return pixels()


def part(image, area):
    return image[area.top : area.bottom, area.left : area.right]


def has_colour(image, colour):
    return int(np.all(image == colour, axis=-1).sum())


@pytest.fixture
def drawn(monkeypatch):
    """Where the HUD really put its panels and its texts."""
    panels, texts = [], []
    panel, text = hud_module._panel, Hud._text

    def note_panel(surface, area, radius=0):
        panels.append(area.copy())
        panel(surface, area, radius)

    def note_text(self, surface, words, at, size, colour, *, centred=False):
        area = pygame.Rect((0, 0), self._font(size).size(words))
        area.topleft = at
        if centred:
            area.center = at
        texts.append((words, area))
        return text(self, surface, words, at, size, colour, centred=centred)

    monkeypatch.setattr(hud_module, "_panel", note_panel)
    monkeypatch.setattr(Hud, "_text", note_text)
    return panels, texts


# -- the picture -------------------------------------------------------------------------------------------------------


def test_the_window_is_as_large_as_it_says(window):
    assert shows(window, status()).shape == (720, 960, 3)


def test_the_middle_of_the_window_is_the_camera_s_picture(window, arm):
    expected = arm.draw("front", *SIZE_PX, FAST)
    np.testing.assert_array_equal(part(shows(window, status()), MIDDLE), part(expected, MIDDLE))
    assert part(expected, MIDDLE).std() > 20


def test_the_corner_shows_the_other_camera(window, arm):
    inside = INSET.inflate(-6, -6)
    expected = arm.draw("wrist", *INSET_PX, FAST)[3:-3, 3:-3]
    np.testing.assert_array_equal(part(shows(window, status()), inside), expected)


def test_the_next_camera_swaps_the_two_pictures(window, arm):
    shown = shows(window, status(camera=1))
    np.testing.assert_array_equal(part(shown, MIDDLE), part(arm.draw("wrist", *SIZE_PX, FAST), MIDDLE))
    np.testing.assert_array_equal(part(shown, INSET.inflate(-6, -6)), arm.draw("front", *INSET_PX, FAST)[3:-3, 3:-3])
    np.testing.assert_array_equal(shows(window, status(camera=2)), shows(window, status(camera=0)))


def test_the_picture_follows_the_arm(window, arm):
    before = part(shows(window, status()), MIDDLE)
    state = arm.sim_state()
    for _ in range(5):
        arm.step(np.array([0, 0, 0.5, 0, 0, 0, -1], np.float32))
    assert not np.array_equal(part(shows(window, status()), MIDDLE), before)
    arm.restore(state)


def test_showing_changes_nothing_in_the_simulation(window, arm):
    before = arm.sim_state().tobytes()
    for phase in PHASES:
        window.show(status(phase))
    assert arm.sim_state().tobytes() == before


def test_the_look_is_the_best_that_leaves_the_tick_its_time(make_window, monkeypatch):
    for budget_s, look in ((1e9, PRETTY), (0.0, FAST)):
        monkeypatch.setattr("teleop.window.DRAW_BUDGET_S", budget_s)
        assert make_window(None).look == look
    assert LOOKS[0] == PRETTY
    assert LOOKS[-1] == FAST


def test_a_picture_can_be_saved(window, tmp_path):
    shown = shows(window, status())
    window.save(str(tmp_path / "window.png"))
    saved = pygame.surfarray.array3d(pygame.image.load(tmp_path / "window.png")).swapaxes(0, 1)
    np.testing.assert_array_equal(saved, shown)


# -- the HUD -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", Phase)
def test_the_phase_can_be_read_at_a_glance(window, drawn, phase):
    word, colour = PHASE_LOOK[phase]
    corner = part(shows(window, status(phase)), pygame.Rect(0, 0, 200, 52))
    assert has_colour(corner, colour) > 1000
    assert word in [words for words, _ in drawn[1]]


def test_driving_for_a_policy_that_learns_is_called_driving(window, drawn):
    window.show(status(Phase.HUMAN, label_budget=200))
    words = [words for words, _ in drawn[1]]
    assert "YOU DRIVE" in words
    assert "RECORDING" not in words


def test_every_phase_looks_different():
    assert len({word for word, _ in PHASE_LOOK.values()}) == len(Phase)
    assert set(PHASE_LOOK) == set(Phase)


def test_the_top_bar_says_how_far_one_is(window, drawn):
    window.show(status())
    words = [words for words, _ in drawn[1]]
    for value in ("12 / 50", "11", "12.3 s", "left", "2", XBOX):
        assert value in words


@pytest.mark.parametrize("keyboard", [False, True], ids=["gamepad", "keyboard"])
@pytest.mark.parametrize("phase", PHASES)
def test_the_key_map_shows_what_works_now_and_only_that(drawn, phase, keyboard):
    Hud(keyboard).draw(pygame.Surface(SIZE_PX), status(phase))
    words = [words for words, _ in drawn[1]]
    everything = [(b.key if keyboard else b.pad, b.meaning, phase in b.phases) for b in BINDINGS]
    everything += [(key if keyboard else pad, meaning, True) for pad, key, meaning in STICK_HELP]
    everything += [(key if keyboard else pad, meaning, phase in (Phase.POLICY, Phase.ASKING)) for pad, key, meaning in PILOT_HELP]
    text = " ".join(words)
    for key, meaning, now in everything:
        assert (f"{key} {meaning.split()[0]}" in text and meaning.split()[-1] in text) or not now
        if not now:
            assert meaning not in text


def test_the_sticks_are_shown_as_they_are(window):
    area = pygame.Rect(12, 588, 300, 120)
    rest = part(shows(window, status()), area)
    for stick in (push(left_x=0.8), push(right_y=-0.8), push(rt=1.0), push(lt=1.0), hold(Button.LEFT)):
        assert not np.array_equal(part(shows(window, status(stick=stick)), area), rest)


def test_a_stick_pushed_right_is_drawn_to_the_right(window):
    area = pygame.Rect(12, 588, 110, 100)
    columns = {}
    for value in (-1.0, 1.0):
        image = part(shows(window, status(stick=push(left_x=value))), area)
        columns[value] = np.argwhere(np.all(image == BLUE, axis=-1))[:, 1].mean()
    assert columns[1.0] - columns[-1.0] == pytest.approx(60, abs=3)


def test_a_solved_task_says_to_hold_still(window, drawn):
    window.show(status(success=True))
    assert "the task is solved: hold still" in [words for words, _ in drawn[1]]


def check_layout(panels, texts):
    for one, other in itertools.combinations([*panels, INSET], 2):
        assert not one.colliderect(other), f"{one} over {other}"
    for panel in panels:
        assert WINDOW.contains(panel)
    for words, area in texts:
        assert any(panel.contains(area) for panel in panels), f"{words!r} at {area} leaves its panel"
    for (words, one), (others, two) in itertools.combinations(texts, 2):
        assert not one.inflate(-2, -6).colliderect(two.inflate(-2, -6)), f"{words!r} over {others!r}"


@pytest.mark.parametrize("keyboard", [False, True], ids=["gamepad", "keyboard"])
@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("phase", PHASES)
def test_nothing_hides_anything_and_all_text_can_be_read(drawn, phase, message, keyboard):
    Hud(keyboard).draw(pygame.Surface(SIZE_PX), status(phase, message=message, success=True))
    check_layout(*drawn)


def test_large_numbers_and_long_names_fit_too(window, drawn):
    window.show(
        status(
            Phase.ASKING, episodes=12345, wished=99999, successes=12345, elapsed_s=3599.9, mode="around the back", late_ticks=98765,
            score=12345.678, labels=54321, label_budget=99999,
        )
    )  # fmt: skip
    check_layout(*drawn)


# -- the question ------------------------------------------------------------------------------------------------------


def test_when_the_policy_asks_the_hud_says_so_and_how_doubtful_it_is(window, drawn):
    window.show(status(Phase.ASKING))
    text = " ".join(words for words, _ in drawn[1])
    assert "What would you do here?" in text
    assert "doubt 0.137" in text
    assert "labels 3, 197 left" in text


def test_the_proposal_is_an_arrow_from_the_fingertips_along_the_proposed_motion(window, arm):
    calm = shows(window, status(Phase.ASKING, proposal=None)).astype(int)
    asking = shows(window, status(Phase.ASKING)).astype(int)
    changed = np.argwhere(np.any(calm != asking, axis=-1))
    start = project(arm.model, arm.data, "front", arm.tcp_pos_m, SIZE_PX)
    end = project(arm.model, arm.data, "front", np.add(arm.tcp_pos_m, [0, ARROW_STEPS * 0.025, 0]), SIZE_PX)
    assert end[0] > start[0] + 30, "+y is to the right of who faces the robot"
    assert np.abs(changed[:, 1].max() - end[0]) <= 6
    assert np.abs(changed[:, 1].min() - start[0]) <= 12
    assert np.abs(changed[:, 0].mean() - (start[1] + end[1]) / 2) <= 12
    assert has_colour(asking[changed[:, 0], changed[:, 1]][None], AMBER) > 200


@pytest.mark.parametrize("phase", [Phase.READY, Phase.HUMAN, Phase.POLICY, Phase.PAUSED])
def test_there_is_no_arrow_unless_the_policy_asks(window, phase):
    np.testing.assert_array_equal(
        part(shows(window, status(phase, proposal=SIDEWAYS)), MIDDLE), part(shows(window, status(phase, proposal=None)), MIDDLE)
    )


def test_a_proposal_to_stand_still_is_a_dot(window):
    still = np.zeros(7, np.float32)
    dot = has_colour(part(shows(window, status(Phase.ASKING, proposal=still)), MIDDLE), AMBER)
    arrow = has_colour(part(shows(window, status(Phase.ASKING)), MIDDLE), AMBER)
    assert 20 < dot < arrow


# -- events ------------------------------------------------------------------------------------------------------------


def test_closing_the_window_is_wanting_to_quit(window):
    pygame.event.clear()
    assert not window.wants_to_quit()
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    window.poll()
    assert window.wants_to_quit()
    window.poll()
    assert window.wants_to_quit(), "it stays wanted"


def test_esc_is_wanting_to_quit_whatever_moves_the_sticks(window):
    pygame.event.clear()
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))
    window.poll()
    assert not window.wants_to_quit()
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE))
    window.poll()
    assert window.wants_to_quit()


def test_events_are_drained_once_and_handed_on(window):
    pygame.event.clear()
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_w))
    assert [e.key for e in window.poll() if e.type == pygame.KEYDOWN] == [pygame.K_w]
    assert not [e for e in window.poll() if e.type == pygame.KEYDOWN]
