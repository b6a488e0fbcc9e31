"""Recorded cameras: size, colour, depth and segmentation, asked for in words."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from test_teleop_support import put

from data.cli import run_command
from data.errors import UserError
from data.session import Session
from teleop.commands import COMMANDS
from teleop.envs.eyes import View, parse_view
from teleop.envs.tasks.lift import HALF_M, Lift


@pytest.mark.parametrize(
    ("words", "view"),
    [
        ("front", View("front", 84, 84)),
        ("wrist:128x96", View("wrist", 128, 96)),
        ("front:64x48:rgb,depth", View("front", 64, 48, ("rgb", "depth"))),
        ("front:depth", View("front", 84, 84, ("depth",))),
        ("front:64x64:segmentation,depth,depth", View("front", 64, 64, ("segmentation", "depth"))),
        ("panda/hand:32x32", View("panda/hand", 32, 32)),
    ],
)
def test_a_camera_is_asked_for_by_name_size_and_kinds(words, view):
    assert parse_view(words) == view


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("front:84", "camera 'front:84' is not NAME"),
        ("front:84x84:infrared", "asks for 'infrared'; allowed: depth, rgb, segmentation"),
        ("front:4x84", "4x84 is outside 8 … 1920 pixels a side"),
        ("front:84x4000", "84x4000 is outside 8 … 1920"),
        (":84x84", "is not NAME"),
    ],
)
def test_what_is_no_camera_is_one_line(words, says):
    with pytest.raises(UserError, match="(?s)" + says.replace("(", r"\(")):
        parse_view(words)


@pytest.fixture(scope="module")
def seeing():
    env = Lift(cameras=("front:96x64:rgb,depth,segmentation", "wrist:48x48:depth"))
    yield env
    env.close()


def test_observations_have_the_shapes_that_were_asked_for(seeing):
    obs, _ = seeing.reset(seed=0)
    seen = {key: (v.shape, v.dtype) for key, v in obs.items() if key.split("_")[0] in ("front", "wrist")}
    assert seen == {
        "front_image": ((64, 96, 3), np.uint8),
        "front_depth": ((64, 96, 1), np.float32),
        "front_segmentation": ((64, 96, 1), np.int16),
        "wrist_depth": ((48, 48, 1), np.float32),
    }
    assert seeing.observation_space.contains(obs)


@pytest.mark.filterwarnings("ignore:.*A Box observation space (minimum|maximum) value is -?infinity")
def test_gymnasium_s_own_checker_is_content():
    env = Lift(cameras=("front:32x24:rgb,depth,segmentation",), render_mode="rgb_array")
    check_env(env, skip_render_check=True)
    env.close()


def test_depth_is_metres_along_the_optical_axis(seeing):
    """A pixel and its depth, taken back through the lens, lie on the table or on the cube."""
    seeing.reset(seed=0)
    put(seeing, "cube", [0.55, 0.2, HALF_M])
    obs, model, data = seeing.observe(), seeing.model, seeing.data
    depth, bodies = obs["front_depth"][..., 0].astype(float), obs["front_segmentation"][..., 0]
    camera = model.camera("front").id
    pos, rot = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
    scale = 32 / np.tan(np.radians(model.cam_fovy[camera]) / 2)
    v, u = np.mgrid[0:64, 0:96] + 0.5
    rays = np.stack([(u - 48) / scale, (32 - v) / scale, -np.ones_like(u)], axis=-1)
    points = pos + (rays * depth[..., None]) @ rot.T
    cube = points[bodies == model.body("cube").id]
    assert len(cube) >= 6
    assert np.abs(cube - [0.55, 0.2, HALF_M]).max() < 2 * HALF_M
    on_table = (bodies == 0) & (points[..., 2] > -0.1) & (np.abs(points[..., 1]) < 0.4)
    assert on_table.sum() > 500
    assert np.abs(points[on_table][:, 2]).max() < 0.01, "the table's top is z = 0"


def test_segmentation_names_what_is_seen(seeing):
    obs, _ = seeing.reset(seed=0)
    put(seeing, "cube", [0.5, 0.0, HALF_M])
    obs = seeing.observe()
    bodies = obs["front_segmentation"]
    names = {seeing.model.body(i).name for i in np.unique(bodies[bodies >= 0])}
    assert {"world", "cube", "robot0_hand"} <= names
    red = obs["front_image"].astype(int)
    red = (red[..., 0] > 110) & (red[..., 0] > 2 * red[..., 1])
    assert (red == (bodies[..., 0] == seeing.model.body("cube").id)).mean() > 0.99
    put(seeing, "cube", [5.0, 5.0, -3.0])
    assert seeing.model.body("cube").id not in seeing.observe()["front_segmentation"]


def test_the_picture_is_the_same_with_and_without_its_depth(seeing):
    obs, _ = seeing.reset(seed=0)
    assert np.array_equal(obs["front_image"], seeing.draw("front", 96, 64))
    assert np.array_equal(obs["front_image"], seeing.observe()["front_image"])


def test_a_camera_named_twice_is_refused():
    with pytest.raises(UserError, match="names a camera twice"):
        Lift(cameras=("front", "front:32x32"))


def test_they_are_recorded(tmp_path):
    words = ["record", "--env", "PandaReach-v0", "--session", str(tmp_path / "s"), "--device", "scripted", "--headless", "--episodes", "1"]
    assert run_command("teleop", COMMANDS, [*words, "--cameras", "front:32x24:rgb,depth,segmentation", "wrist", "--image-size", "16"]) == 0
    episode = Session.open(tmp_path / "s").read(0)
    shapes = {k: v.shape[1:] for k, v in episode.obs.items() if v.ndim == 4}
    assert shapes == {"front_image": (24, 32, 3), "front_depth": (24, 32, 1), "front_segmentation": (24, 32, 1), "wrist_image": (16, 16, 3)}
    assert episode.meta.env_kwargs["cameras"] == ["front:32x24:rgb,depth,segmentation", "wrist"]
