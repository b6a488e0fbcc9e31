"""Specification of `learn.saliency`: what decides on the action glows, and what does not stays dark."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_data_support import film_frames
from test_learn_support import TOY_CONFIG, toy_obs

from learn.checkpoint import Checkpoint, save_policy
from learn.films import RESULT_HOLD_FRAMES, eyes_column, film_each
from learn.policies import Batch, Noise, Policy, Seen, build_policy
from learn.saliency import overlay, saliency

HEIGHT, WIDTH, SIDE = 48, 56, 8
KEYS = ("front_image", "wrist_image")
SHAPES = ((HEIGHT, WIDTH, 3),) * 2
SEEING = replace(TOY_CONFIG, kind="visual", chunk=2, execute=2, image_keys=KEYS, image_shapes=SHAPES, hidden=(32,), integration_steps=2)


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures (N, H, W, 3) with a red square, and where its middle is, (N, 2) in [-1, 1]."""
    rng = np.random.default_rng(seed)
    shown = np.full((count, HEIGHT, WIDTH, 3), 128, np.uint8)
    corners = np.stack([rng.integers(6, HEIGHT - SIDE - 6, count), rng.integers(6, WIDTH - SIDE - 6, count)], axis=1)
    for picture, (top, left) in zip(shown, corners, strict=True):
        picture[top : top + SIDE, left : left + SIDE] = (220, 30, 30)
    places = (corners + SIDE / 2) / np.array([HEIGHT, WIDTH]) * 2 - 1
    return shown, places.astype(np.float32)


@pytest.fixture(scope="module")
def follower() -> Policy:
    """Trained to point at the square that the first camera sees; what the second sees is of no use."""
    policy = build_policy(SEEING)
    first, places = pictures(256, seed=0)
    second, _ = pictures(256, seed=1)
    state, target = torch.zeros(256, 4), torch.from_numpy(places)[:, None].expand(-1, 2, -1)
    policy.fit_ranges(state, target.flatten(0, 1))
    optimizer = torch.optim.Adam(policy.parameters(), lr=2e-3)
    draw = torch.Generator().manual_seed(0)
    for _ in range(250):
        rows = torch.randint(256, (32,), generator=draw)
        images = {key: torch.from_numpy(shown)[rows][None] for key, shown in zip(KEYS, (first, second), strict=True)}
        loss = policy.loss(Batch(Seen(state[rows][None], images), target[rows][None], torch.ones(1, 32, 2)), Noise())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    return policy.eval()


def obs_of(*shown: np.ndarray) -> dict[str, np.ndarray]:
    return {"goal": np.zeros(2, np.float32), "position": np.zeros(2, np.float32), **dict(zip(KEYS, shown, strict=True))}


def test_the_square_that_is_followed_glows_most(follower: Policy) -> None:
    shown, places = pictures(12, seed=2)
    other, _ = pictures(12, seed=3)
    near = 0
    for k in range(12):
        heat = saliency(follower, obs_of(shown[k], other[k]))["front_image"]
        hottest = np.array(np.unravel_index(heat.argmax(), heat.shape))
        middle = (places[k] + 1) / 2 * np.array([HEIGHT, WIDTH])
        near += bool(np.abs(hottest - middle).max() <= SIDE)
    assert near >= 10


def test_the_camera_that_does_not_matter_stays_darker(follower: Policy) -> None:
    shown, _ = pictures(6, seed=4)
    found = [saliency(follower, obs_of(shown[k], shown[k - 1])) for k in range(6)]
    front, wrist = (np.array([maps[key].max() for maps in found]) for key in KEYS)
    assert np.mean(wrist / front) < 0.5


@pytest.mark.parametrize("kind", ["visual", "visual-moe", "visual-flow"])
def test_where_nothing_is_to_be_seen_nothing_glows(kind: str) -> None:
    policy = build_policy(replace(SEEING, kind=kind, hidden=(16, 16), members=2)).eval()
    empty = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for heat in saliency(policy, obs_of(empty, empty)).values():
        np.testing.assert_array_equal(heat, np.zeros((HEIGHT, WIDTH)))


@pytest.mark.parametrize("kind", ["visual", "visual-moe", "visual-flow"])
def test_maps_are_the_pictures_size_from_0_to_1_and_the_same_again(kind: str) -> None:
    policy = build_policy(replace(SEEING, kind=kind, hidden=(16, 16))).eval()
    rng = np.random.default_rng(0)
    obs = {**toy_obs(), **{key: rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for key in KEYS}}
    once, again = saliency(policy, obs), saliency(policy, obs)
    for key in KEYS:
        assert once[key].shape == (HEIGHT, WIDTH)
        assert once[key].min() >= 0.0
        assert once[key].max() <= 1.0
        np.testing.assert_array_equal(once[key], again[key])


def test_the_overlay_glows_where_it_matters_and_dims_the_rest() -> None:
    grey = np.full((2, 1, 3), 100, np.uint8)
    glowing, dimmed = overlay(grey, np.array([[1.0], [0.0]], np.float32))[:, 0].astype(int)
    assert glowing[0] > 180
    assert glowing[0] > 2 * glowing[2]
    assert dimmed.max() < 50


def test_the_column_of_pictures_is_as_high_as_the_scene(follower: Policy) -> None:
    shown, _ = pictures(2, seed=5)
    column = eyes_column(follower, obs_of(shown[0], shown[1]))
    assert column.shape == (480, 240, 3)
    assert column.dtype == np.uint8


def test_a_film_of_a_policy_that_sees_shows_both(tmp_path: Path) -> None:
    keys = ("robot0_eef_pos",)
    config = replace(SEEING, obs_keys=keys, obs_dims=(3,), action_dim=7, image_shapes=((48, 48, 3),) * 2)
    kwargs = {"cameras": ("front", "wrist"), "image_size": 48, "max_episode_steps": 3}
    policy = build_policy(config).eval()
    save_policy(tmp_path / "model", Checkpoint(policy, "PandaReach-v0", kwargs, "abc"))
    (path,) = film_each(policy, "PandaReach-v0", kwargs, [7], tmp_path / "films")
    assert path.name == "seed-7.mp4"
    frames = film_frames(path, 880, 480)
    assert len(frames) == 3 + RESULT_HOLD_FRAMES
    assert frames[0, :, 640:].std() > 10.0
