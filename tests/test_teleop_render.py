"""Cameras: upright pictures of the state as it is, which change nothing."""

import numpy as np
import pytest
from test_teleop_support import put

from teleop.envs.lift import HALF_M, PandaLift
from teleop.envs.reach import PandaReach
from teleop.envs.render import PRETTY, project

REST_ACTION = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)


@pytest.fixture(scope="module")
def seeing():
    env = PandaLift(cameras=("front", "wrist"))
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
    env = PandaReach(render_mode="rgb_array")
    env.reset(seed=0)
    assert env.render().shape == (480, 640, 3)
    env.render_mode = None
    assert env.render() is None
    env.close()
