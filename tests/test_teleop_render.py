"""Cameras: upright pictures of the state as it is, which change nothing."""

import mujoco
import numpy as np
import pytest
from test_teleop_support import put

from teleop.envs.render import (
    FAST,
    PRETTY,
    WORK_CENTRE_M,
    GhostGeom,
    camera_pose,
    can_orbit,
    ghost_line,
    project,
    view_heading_deg,
)
from teleop.envs.tasks.lift import HALF_M, Lift
from teleop.envs.tasks.reach import Reach
from teleop.mapping import Drive, MappingConfig, stick_to_action
from teleop.screen import Orbit
from teleop.stick import Axis, make_stick

REST_ACTION = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)


@pytest.fixture(scope="module")
def seeing():
    env = Lift(cameras=("front", "wrist"))
    yield env
    env.close()


def redness(image):
    """Where the picture is clearly red."""
    r, g, b = (image[..., i].astype(int) for i in range(3))
    return (r > 110) & (r > 2 * g) & (r > 2 * b)


def test_cameras_give_square_uint8_images_that_differ(seeing):
    obs, _ = seeing.reset(seed=0)
    for name in ("front", "wrist"):
        image = obs[f"{name}_image"]
        assert (image.shape, image.dtype) == ((84, 84, 3), np.uint8)
        assert image.std() > 20, "an empty picture"
    assert np.abs(obs["front_image"].astype(int) - obs["wrist_image"].astype(int)).mean() > 10


def test_both_cameras_see_the_red_cube(seeing):
    obs, _ = seeing.reset(seed=0)
    put(seeing, "cube", [*seeing.tcp_pos_m[:2], HALF_M])
    obs = seeing.observe()
    assert redness(obs["front_image"]).sum() >= 3
    assert redness(obs["wrist_image"]).sum() >= 20


def test_without_the_cube_nothing_is_red(seeing):
    seeing.reset(seed=0)
    put(seeing, "cube", [5.0, 5.0, -3.0])
    assert not any(redness(seeing.draw(name, 84, 84)).any() for name in ("front", "wrist"))


def test_the_front_picture_is_upright_and_not_mirrored(seeing):
    """Seen from the front, the robot's +y is on the right; up is up."""
    seeing.reset(seed=0)
    centres = {}
    for name, pos in {"right": [0.6, 0.25, 0.02], "left": [0.6, -0.25, 0.02], "up": [0.6, 0.25, 0.32]}.items():
        put(seeing, "cube", pos)
        centres[name] = np.argwhere(redness(seeing.draw("front", 160, 160))).mean(axis=0)  # (row, column)
    assert centres["right"][1] > centres["left"][1] + 20
    assert centres["up"][0] < centres["right"][0] - 20


@pytest.mark.parametrize("camera", ["front", "wrist"])
def test_a_projected_point_is_where_the_picture_shows_it(seeing, camera):
    seeing.reset(seed=0)
    pos = np.add(seeing.tcp_pos_m, [0.06, 0.03, -0.05])
    put(seeing, "cube", pos)
    row, column = np.argwhere(redness(seeing.draw(camera, 240, 180))).mean(axis=0)
    x, y = project(seeing.model, seeing.data, camera, pos, (240, 180))
    assert np.hypot(x - column, y - row) < 8


def test_a_picture_shows_the_state_after_the_step_not_before(seeing):
    seeing.reset(seed=0)
    put(seeing, "cube", [0.5, 0.3, 0.3])
    falling = [seeing.step(REST_ACTION)[0]["front_image"] for _ in range(2)]
    assert not np.array_equal(*falling)
    np.testing.assert_array_equal(falling[1], seeing.draw("front", 84, 84))


def test_looking_changes_nothing(seeing):
    seeing.reset(seed=0)
    seeing.step(REST_ACTION)
    before = seeing.sim_state()
    seeing.draw("front", 320, 240, PRETTY)
    assert seeing.sim_state().tobytes() == before.tobytes()


def test_render_gives_a_picture_only_when_asked_for():
    env = Reach(render_mode="rgb_array")
    env.reset(seed=0)
    assert env.render().shape == (480, 640, 3)
    env.render_mode = None
    assert env.render() is None
    env.close()


# -- orbits ------------------------------------------------------------------------------------------------------------


TURNS = [Orbit(), Orbit(50.0), Orbit(-120.0, 20.0), Orbit(10.0, -25.0, 0.8), Orbit(170.0, 45.0, 1.3)]


def test_an_orbit_of_nothing_is_the_fixed_view(seeing):
    seeing.reset(seed=0)
    np.testing.assert_array_equal(seeing.draw("front", 160, 120, FAST, Orbit()), seeing.draw("front", 160, 120))


@pytest.mark.parametrize("orbit", TURNS)
def test_a_projected_point_is_where_the_turned_picture_shows_it(seeing, orbit):
    seeing.reset(seed=0)
    for pos in ([0.6, -0.3, 0.03], [0.6, -0.2, 0.2]):
        put(seeing, "cube", pos)
        seen = np.argwhere(redness(seeing.draw("front", 240, 180, FAST, orbit)))
        assert len(seen) > 10
        x, y = project(seeing.model, seeing.data, "front", np.array(pos), (240, 180), orbit)
        assert np.hypot(*(seen.mean(axis=0) - [y, x])) < 4


def test_an_orbit_keeps_its_distance_and_its_centre(seeing):
    seeing.reset(seed=0)
    centre, size = np.array([*WORK_CENTRE_M]), (400, 300)
    pos, rot = camera_pose(seeing.model, seeing.data, "front")
    middle = pos - float((centre - pos) @ -rot[:, 2]) * rot[:, 2]
    for orbit in TURNS:
        turned, _ = camera_pose(seeing.model, seeing.data, "front", orbit)
        assert np.linalg.norm(turned - middle) == pytest.approx(orbit.zoom * np.linalg.norm(pos - middle))
        assert project(seeing.model, seeing.data, "front", middle, size, orbit) == (200, 150)


def test_an_orbit_stays_above_the_table(seeing):
    for elevation in (-90.0, -40.0):
        assert camera_pose(seeing.model, seeing.data, "front", Orbit(0.0, elevation))[0][2] > 0.0


def test_the_wrist_camera_is_not_turned(seeing):
    seeing.reset(seed=0)
    assert not can_orbit(seeing.model, "wrist")
    np.testing.assert_array_equal(seeing.draw("wrist", 80, 60, FAST, Orbit(60.0, 10.0)), seeing.draw("wrist", 80, 60))


def test_the_heading_is_that_of_who_faces_the_robot_plus_the_turn(seeing):
    seeing.reset(seed=0)
    assert view_heading_deg(seeing.model, seeing.data, "front") == 180.0
    for azimuth in (0.0, 30.0, -90.0, 179.0):
        heading = view_heading_deg(seeing.model, seeing.data, "front", Orbit(azimuth, 10.0))
        assert heading == pytest.approx((180.0 + azimuth) % 360.0, abs=0.05)


@pytest.mark.parametrize("orbit", [*TURNS, Orbit(35.0, 80.0)])
def test_away_from_the_viewer_is_up_in_the_picture(seeing, orbit):
    seeing.reset(seed=0)
    heading = np.radians(view_heading_deg(seeing.model, seeing.data, "front", orbit))
    here = np.array([0.45, 0.0, 0.1])
    there = here + 0.1 * np.array([np.cos(heading), np.sin(heading), 0.0])
    (x0, y0), (x1, y1) = (project(seeing.model, seeing.data, "front", p, (4000, 3000), orbit) for p in (here, there))
    assert y1 < y0 - 20, "up"
    assert abs(x1 - x0) < 0.25 * (y0 - y1), "and hardly sideways"


def test_driving_away_in_a_turned_view_moves_the_gripper_up_in_the_picture(seeing):
    orbit = Orbit(70.0, 15.0)
    seeing.reset(seed=0)
    drive = Drive(heading_deg=view_heading_deg(seeing.model, seeing.data, "front", orbit))
    action = stick_to_action(make_stick({Axis.LEFT_Y: -1.0}), MappingConfig(), drive)
    before = project(seeing.model, seeing.data, "front", seeing.tcp_pos_m, (960, 720), orbit)
    for _ in range(6):
        seeing.step(action)
    after = project(seeing.model, seeing.data, "front", seeing.tcp_pos_m, (960, 720), orbit)
    assert after[1] < before[1] - 20
    assert abs(after[0] - before[0]) < 0.3 * (before[1] - after[1])


def test_a_ghost_is_drawn_where_it_is_and_hidden_by_what_stands_before_it(seeing):
    seeing.reset(seed=0)
    put(seeing, "cube", [5.0, 5.0, -3.0])
    seen = []
    for pos in ([0.6, 0.2, 0.1], [0.6, 0.2, -0.3]):  # in the air; under the table
        ghost = GhostGeom(mujoco.mjtGeom.mjGEOM_SPHERE, (0.03, 0.03, 0.03), np.array(pos), (0.9, 0.0, 0.0, 1.0))
        seen.append(np.argwhere(redness(seeing.draw("front", 240, 180, FAST, None, (ghost,)))))
    x, y = project(seeing.model, seeing.data, "front", np.array([0.6, 0.2, 0.1]), (240, 180))
    assert np.hypot(*(seen[0].mean(axis=0) - [y, x])) < 2
    assert len(seen[1]) == 0
    assert not redness(seeing.draw("front", 240, 180)).any(), "gone in the next picture"


def test_a_ghost_line_joins_its_ends(seeing):
    start, end = np.array([0.5, -0.2, 0.1]), np.array([0.6, 0.2, 0.3])
    line = ghost_line(start, end, 0.002, (1.0, 1.0, 1.0, 1.0))
    along = line.rot[:, 2] * line.size_m[2]
    np.testing.assert_allclose([line.pos_m - along, line.pos_m + along], [start, end], atol=1e-12)
