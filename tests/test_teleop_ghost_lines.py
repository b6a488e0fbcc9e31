"""Ghost lines: coloured by what is predicted, where the camera sees them, under the panels and never without end."""

import mujoco
import numpy as np
import pygame
import pytest
from test_teleop_hud import pixels, status

from data.schema import Phase
from teleop.aids import Readout
from teleop.envs import make_plant
from teleop.envs.render import FAST, project
from teleop.ghost_lines import FAILS, SUCCEEDS, UNKNOWN, UNSURE, GhostLine, ghost_geoms, project_all, strokes, success_colour
from teleop.hud import Hud
from teleop.hud.ghosts import draw_ghosts, label_ghosts
from teleop.hud.shapes import DARK
from teleop.screen import Orbit

SIZE = (960, 720)
TURNED = Orbit(40.0, 10.0, 0.9)


@pytest.fixture(scope="module")
def arm():
    env, arm = make_plant("PandaReach-v0", {})
    env.reset(seed=0)
    yield arm
    env.close()


@pytest.fixture
def hud(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.init()
    return Hud(SIZE, keyboard=False)


def sideways(arm, across_m=0.2, count=41):
    """A path (n, 3) from the gripper to a side."""
    return arm.tcp_pos_m + np.linspace([0, 0, 0], [0, across_m, 0], count)


def onto(points_m):
    """A camera that looks down from above: 1 m is 1000 pixels."""
    return np.array([480, 360]) + 1000 * points_m[:, :2]


def straight(to, predicted=None, chosen=False):
    return GhostLine(np.linspace([0, 0, 0], [*to, 0], 21), predicted, chosen)


def surface():
    sheet = pygame.Surface(SIZE)
    sheet.fill((200, 190, 160))
    return sheet


# -- colours and places ------------------------------------------------------------------------------------------------


def test_colours_go_from_red_through_amber_to_green_and_are_grey_while_unknown() -> None:
    assert [success_colour(share) for share in (None, 0.0, 0.5, 1.0)] == [UNKNOWN, FAILS, UNSURE, SUCCEEDS]
    shares = np.linspace(0.0, 1.0, 11)
    reds = [success_colour(share)[0] for share in shares]
    greens = [success_colour(share)[1] for share in shares]
    assert greens == sorted(greens)
    assert reds[5:] == sorted(reds[5:], reverse=True)


@pytest.mark.parametrize("camera", ["front", "wrist"])
@pytest.mark.parametrize("orbit", [None, TURNED])
def test_points_are_seen_where_the_camera_draws_them(arm, camera, orbit) -> None:
    points = sideways(arm)[::10] + [0.05, 0.0, -0.05]
    found = project_all(arm.model, arm.data, camera, points, SIZE, orbit)
    expected = [project(arm.model, arm.data, camera, point, SIZE, orbit) for point in points]
    np.testing.assert_allclose(found, expected, atol=0.51)  # those are whole


def test_a_point_behind_the_camera_has_a_place_too(arm) -> None:
    behind = arm.data.cam_xpos + 5.0 * arm.data.cam_xmat.reshape(-1, 3, 3)[:, :, 2]
    for k, camera in enumerate(["front", "wrist"]):
        assert np.isfinite(project_all(arm.model, arm.data, camera, behind[k : k + 1], SIZE)).all()


def test_the_chosen_line_is_thicker_and_over_the_others() -> None:
    chosen, other = straight((0.1, 0), 0.2, chosen=True), straight((0.1, 0.1), 0.9)
    found = strokes([chosen, other], onto)
    assert [stroke.chosen for stroke in found] == [False, True]
    assert found[1].width > found[0].width
    assert [stroke.words for stroke in found] == ["90 % succeed", "20 % succeed"]


def test_a_line_that_stands_still_is_a_dot_and_one_without_a_path_is_nothing() -> None:
    still = GhostLine(np.zeros((41, 3)), 0.0)
    (dot,) = strokes([still, GhostLine(np.empty((0, 3)))], onto)
    assert dot.points == ((480.0, 360.0),)


# -- in the scene ------------------------------------------------------------------------------------------------------


def test_rods_lead_along_the_path_to_a_ball_at_its_end(arm) -> None:
    path = sideways(arm)
    *rods, ball = ghost_geoms([GhostLine(path, 1.0)])
    assert (ball.kind, {rod.kind for rod in rods}) == (mujoco.mjtGeom.mjGEOM_SPHERE, {mujoco.mjtGeom.mjGEOM_BOX})
    np.testing.assert_array_equal(ball.pos_m, path[-1])
    assert 2 * sum(rod.size_m[2] for rod in rods) == pytest.approx(0.2)
    assert ball.rgba == pytest.approx((*(value / 255 for value in SUCCEEDS), 1.0))
    chosen = ghost_geoms([GhostLine(path, 1.0, chosen=True)])
    assert chosen[0].size_m[0] > rods[0].size_m[0]
    assert ghost_geoms([GhostLine(np.empty((0, 3)))]) == ()


def test_rods_are_seen_in_the_picture(arm) -> None:
    plain = arm.draw("front", 320, 240, FAST).astype(int)
    with_rods = arm.draw("front", 320, 240, FAST, None, ghost_geoms([GhostLine(sideways(arm), 1.0, chosen=True)])).astype(int)
    changed = np.abs(with_rods - plain).sum(axis=2) > 60
    assert 50 < changed.sum() < 3000


# -- over the picture --------------------------------------------------------------------------------------------------


def test_a_line_has_its_colour_along_the_path_and_a_dark_edge(hud) -> None:
    sheet = surface()
    draw_ghosts(hud, sheet, [straight((0.2, 0), 1.0)], onto)
    for x in (560, 680):  # along it, and the dot
        np.testing.assert_allclose(sheet.get_at((x, 360))[:3], SUCCEEDS, atol=3)
    column = np.array([sheet.get_at((560, y))[:3] for y in range(350, 371)])
    assert np.abs(column - DARK).sum(axis=1).min() < 40
    np.testing.assert_array_equal(column[[0, -1]], [(200, 190, 160)] * 2)


def test_nothing_to_draw_changes_nothing(hud) -> None:
    sheet = surface()
    assert draw_ghosts(hud, sheet, [GhostLine(np.empty((0, 3)), 0.5)], onto) == ()
    np.testing.assert_array_equal(pixels(sheet), pixels(surface()))


@pytest.mark.parametrize("to", [(-900.0, 3.0), (0.2, 0.0), (50.0, -70.0)])
def test_what_leaves_the_picture_is_drawn_as_far_as_that_goes(hud, to) -> None:
    sheet = surface()
    found = draw_ghosts(hud, sheet, [straight(to, 0.5), straight((0.1, 0.1), 0.5, chosen=True)], onto)
    label_ghosts(hud, sheet, found)
    assert (pixels(sheet) != pixels(surface())).any()


def test_what_is_all_outside_the_picture_does_no_harm(hud) -> None:
    sheet = surface()
    draw_ghosts(hud, sheet, [GhostLine(np.linspace([3.0, 3.0, 0.0], [4.0, 4.0, 0.0], 9), 1.0)], onto)
    np.testing.assert_array_equal(pixels(sheet), pixels(surface()))


def labelled(hud, line):
    sheet = surface()
    found = draw_ghosts(hud, sheet, [line], onto)
    hud.draw(sheet, status(Phase.ASKING), Readout(), {})
    before = pixels(sheet)
    label_ghosts(hud, sheet, found)
    changed = np.argwhere((pixels(sheet) != before).any(axis=2))
    return changed[:, ::-1]  # x, y


def test_a_label_stands_beside_the_dot_and_says_how_likely_it_ends_well(hud) -> None:
    places = labelled(hud, straight((0.05, 0.0), 0.75))
    assert places.min() > 0
    away = np.abs(places - [530, 360]).max(axis=1)
    assert away.min() < 20, "it begins beside the dot"
    assert away.max() < 120, "and is as wide as its words"
    assert "75 % succeed" in [words for name, (_, sheet) in hud._sheets.items() if "ghost" in name for words in words_of_sheet(sheet)]


def words_of_sheet(sheet):
    return [text[0] for text in sheet.texts]


def test_a_label_never_hides_a_panel_but_keeps_to_the_part_that_is_seen(hud) -> None:
    places = labelled(hud, straight((0.4, -0.1), 0.25))  # it ends under the key map
    keymap = next(panel.area for panel in hud.panels if panel.name == "keymap")
    assert keymap.collidepoint(880, 260)
    assert len(places)
    assert not any(keymap.collidepoint(x, y) for x, y in places)


def test_without_a_prediction_there_is_no_label(hud) -> None:
    assert len(labelled(hud, straight((0.05, 0.0)))) == 0
