"""The painter: the arm's picture, the aids in it and the HUD over it; the simulation is left as it was."""

import numpy as np
import pygame
import pytest
from test_teleop_hud import panel_of, pixels, status, words_of
from test_teleop_support import put

from data.schema import Outcome, Phase
from teleop.aids import make_aids, read_out
from teleop.envs import make_plant
from teleop.envs.probe import Probe
from teleop.envs.render import FAST, LOOKS, PRETTY, project
from teleop.envs.tasks.lift import HALF_M
from teleop.hud.shapes import AMBER, BLUE
from teleop.painter import ARROW_STEPS, CLOSE, Painter
from teleop.pilot import Way
from teleop.screen import Kept, Orbit

SIZE = (960, 720)
MIDDLE = pygame.Rect(320, 300, 300, 200)  # the picture, and nothing over it
SIDEWAYS = np.array([0, 0.5, 0, 0, 0, 0, -1], np.float32)
TURNED = Orbit(40.0, 10.0, 0.9)


@pytest.fixture(scope="module")
def arm():
    env, arm = make_plant("PandaLift-v0", {})
    env.reset(seed=0)
    yield arm
    env.close()


@pytest.fixture(autouse=True)
def same_start(arm):
    arm.reset(seed=0)


@pytest.fixture
def painter(arm, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.init()
    return Painter(pygame.display.set_mode(SIZE), arm, keyboard=False)


def painted(painter, what):
    painter.paint(what)
    return pixels(painter.surface)


def part(image, area):
    return image[area.top : area.bottom, area.left : area.right]


def scene(arm, camera="front", orbit=None, size=SIZE):
    """The picture that the painter begins with: the arm and the aids."""
    reading = Probe(arm).read()
    return arm.draw(camera, *size, FAST, orbit, make_aids(arm, reading, read_out(arm, reading).edges)).astype(int)


# -- the pictures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(960, 720), (1280, 960), (1920, 1080)])
def test_the_picture_fills_the_window_whatever_its_size(arm, painter, size):
    large = Painter(pygame.display.set_mode(size), arm, keyboard=False)
    shown = painted(large, status())
    assert shown.shape == (size[1], size[0], 3)
    area = pygame.Rect(0, 0, size[0] // 8, size[1] // 8)
    area.midtop = (size[0] // 2, round(0.65 * size[1]))
    np.testing.assert_array_equal(part(shown, area), part(scene(arm, size=size), area))


@pytest.mark.parametrize("orbit", [Orbit(), TURNED])
def test_the_middle_of_the_window_is_the_camera_s_picture(arm, painter, orbit):
    area = pygame.Rect(400, 480, 200, 60)
    np.testing.assert_array_equal(part(painted(painter, status(orbit=orbit)), area), part(scene(arm, orbit=orbit), area))
    assert not np.array_equal(part(scene(arm), area), part(scene(arm, orbit=TURNED), area))


def test_the_corner_shows_the_other_camera(arm, painter):
    inset = painter.hud.inset_px
    area = pygame.Rect(inset.left + 4, inset.top + 60, inset.w - 8, inset.h - 64)
    for camera, other in ((0, "wrist"), (1, "front")):
        shown = part(painted(painter, status(camera=camera)), area)
        expected = arm.draw(other, *inset.size, FAST)[60:-4, 4:-4]
        np.testing.assert_array_equal(shown, expected)


def test_the_corner_follows_the_arm_by_the_second_picture(arm, painter):
    for _ in range(3):
        painter.paint(status())
    for _ in range(4):
        arm.step(np.array([0, 0, 0.5, 0, 0, 0, -1], np.float32))
    painter.paint(status())
    shown = painted(painter, status())
    inset = painter.hud.inset_px
    np.testing.assert_array_equal(part(shown, inset)[60:-4, 4:-4], arm.draw("wrist", *inset.size, FAST)[60:-4, 4:-4])


def test_painting_changes_nothing_in_the_simulation(arm, painter):
    arm.step(np.array([0.2, 0, -0.5, 0, 0, 0, 1], np.float32))
    ends = tuple(Kept(i, Outcome.SUCCESS, "", state) for i, state in enumerate(states_of(arm, 3)))
    before = arm.sim_state().tobytes()
    for phase in Phase:
        painter.paint(status(phase, kept=ends, orbit=TURNED, ways=(Way(SIDEWAYS),)))
    assert arm.sim_state().tobytes() == before


def test_the_best_look_is_the_one_that_leaves_time(painter):
    for budget_s, look in ((1e9, PRETTY), (0.0, FAST)):
        painter.take_best_look(budget_s)
        assert painter.look == look
    looks = list(LOOKS.values())
    assert (looks[0], looks[-1]) == (PRETTY, FAST)


def test_a_picture_can_be_saved(painter, tmp_path):
    shown = painted(painter, status())
    painter.save(str(tmp_path / "window.png"))
    np.testing.assert_array_equal(pixels(pygame.image.load(tmp_path / "window.png")), shown)


def test_both_views_are_named_and_a_camera_that_cannot_turn_says_so(painter):
    def names(**changes):
        painter.paint(status(**changes))
        return [sheet.texts[0][0] for name, (_, sheet) in painter.hud._sheets.items() if "view" in name]

    assert names() == ["front", "wrist"]
    assert names(orbit=TURNED) == ["front · turned", "wrist"]
    assert names(orbit=TURNED, camera=1) == ["wrist · cannot be turned", "front"]


# -- the strip ---------------------------------------------------------------------------------------------------------


def states_of(arm, count):
    """Simulator states that look different; the arm is left as it was."""
    now, states = arm.sim_state(), []
    for i in range(count):
        put(arm, "cube", [0.45, -0.2 + 0.2 * i, HALF_M])
        states.append(arm.sim_state())
    arm.restore(now)
    return states


def test_a_thumbnail_shows_how_the_episode_ended(arm, painter):
    states = states_of(arm, 3)
    kept = tuple(Kept(i, Outcome.SUCCESS, "left", state) for i, state in enumerate(states))
    for _ in kept:
        painter.paint(status(kept=kept))
    shown = painted(painter, status(kept=kept))
    width, height = painter.hud.thumb_px
    strip = panel_of(painter.hud, "strip").area
    now = arm.sim_state()
    for i, state in enumerate(states):
        arm.restore(state)
        expected = arm.draw("front", width, height, FAST, CLOSE)
        left, top = strip.left + 8 + i * 88, strip.top + 10
        np.testing.assert_array_equal(shown[top : top + height, left : left + width], expected)
    arm.restore(now)


def test_at_most_one_thumbnail_is_drawn_a_picture_and_each_only_once(arm, painter, monkeypatch):
    kept = tuple(Kept(i, Outcome.SUCCESS, "", state) for i, state in enumerate(states_of(arm, 3)))
    counts, draw = [], arm.draw
    monkeypatch.setattr(arm, "draw", lambda camera, w, h, *rest: counts.append((w, h)) or draw(camera, w, h, *rest))
    for expected in (1, 1, 1, 0, 0):
        counts.clear()
        painter.paint(status(kept=kept))
        assert counts.count(painter.hud.thumb_px) == expected


def test_an_episode_that_was_undone_and_recorded_again_gets_a_new_thumbnail(arm, painter):
    strips = []
    for state in states_of(arm, 2):
        kept = (Kept(7, Outcome.SUCCESS, "", state),)
        for _ in range(2):
            painter.paint(status(kept=kept))
        strips.append(part(painted(painter, status(kept=kept)), panel_of(painter.hud, "strip").area))
    assert not np.array_equal(*strips)


# -- the question ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orbit", [Orbit(), Orbit(-30.0, 10.0)])
def test_the_proposal_is_an_arrow_from_the_fingertips_along_the_proposed_motion(arm, painter, orbit):
    calm = painted(painter, status(Phase.ASKING, ways=(), orbit=orbit))
    asking = painted(painter, status(Phase.ASKING, ways=(Way(SIDEWAYS),), orbit=orbit))
    changed = np.argwhere(np.any(calm != asking, axis=-1))
    start, end = (project(arm.model, arm.data, "front", np.add(arm.tcp_pos_m, [0, y, 0]), SIZE, orbit) for y in (0.0, ARROW_STEPS * 0.025))
    assert end[0] > start[0] + 30, "+y is to the right of who faces the robot"
    assert np.abs(changed[:, 1].max() - end[0]) <= 10
    assert np.abs(changed[:, 1].min() - start[0]) <= 12
    assert int(np.all(asking == AMBER, axis=-1).sum()) > int(np.all(calm == AMBER, axis=-1).sum()) + 200


def test_each_way_is_an_arrow_in_its_colour_the_chosen_one_fatter(painter):
    other = np.array([0, -0.5, 0, 0, 0, 0, -1], np.float32)
    ways = (Way(SIDEWAYS, 0.6), Way(other, 0.4))
    area = {}
    for chosen in (0, 1):
        shown = painted(painter, status(Phase.ASKING, ways=ways, chosen=chosen))
        area[chosen] = [int(np.all(part(shown, MIDDLE) == colour, axis=-1).sum()) for colour in (AMBER, BLUE)]
    assert area[0][0] > area[1][0] > 0
    assert area[1][1] > area[0][1] > 0
    tags = {name: sheet.texts[0][0] for name, (_, sheet) in painter.hud._sheets.items() if name.startswith("tag: way")}
    assert tags == {"tag: way 0": "60 % likely", "tag: way 1": "40 % likely"}


@pytest.mark.parametrize("phase", [Phase.READY, Phase.HUMAN, Phase.POLICY, Phase.PAUSED])
def test_there_is_no_arrow_unless_the_policy_asks(painter, phase):
    images = [part(painted(painter, status(phase, ways=ways)), MIDDLE) for ways in ((Way(SIDEWAYS),), ())]
    np.testing.assert_array_equal(*images)


# -- the aids, as they are seen ----------------------------------------------------------------------------------------


def test_the_lengths_stand_beside_their_lines(arm, painter):
    put(arm, "cube", [0.5, 0.2, HALF_M])
    painter.paint(status())
    readout = read_out(arm, Probe(arm).read())
    tags = {name: sheet.texts[0][0] for name, (_, sheet) in painter.hud._sheets.items() if name.startswith("tag: ")}
    assert tags["tag: height"] == f"{100 * arm.tcp_pos_m[2]:.0f} cm"
    assert tags["tag: target"] == f"{100 * readout.distance_m:.0f} cm"


@pytest.mark.parametrize(("push", "edge"), [(-1.0, "y-"), (1.0, "y+")])
def test_at_the_edge_that_side_glows_red_and_is_named(arm, painter, push, edge):
    put(arm, "cube", [0.5, 0.0, HALF_M])
    for _ in range(40):
        arm.step(np.array([0, push, 0, 0, 0, 0, -1], np.float32))
    shown = painted(painter, status())
    assert words_of(painter.hud, "headline") == [f"edge: {edge}"]
    assert painter.edges == (edge,)
    tops = {}
    for side in ("y-", "y+"):
        limit = (arm.limits.upper_m if side == "y+" else arm.limits.lower_m)[1]
        x, y = project(arm.model, arm.data, "front", np.array([0.45, limit, 0.0015]), SIZE)
        r, g, b = shown[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3).T
        tops[side] = int(((r > 1.6 * g) & (r > 1.6 * b)).sum())
    assert tops.pop(edge) > 10
    assert list(tops.values()) == [0]
