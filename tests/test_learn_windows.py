"""Specification of `learn.windows`: what a window reaches, and that pictures are held once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from test_learn_support import TOY, episode, expert_session, session_of, step

import learn.dataset
from data.errors import UserError
from data.schema import Source
from learn.dataset import Frames, check_learnable, load_frames
from learn.policies import PolicyConfig
from learn.windows import Windows

HERE = {"goal": [0.0, 0.0], "position": [0.0, 0.0]}


def act(k: float) -> list[float]:
    return [k / 100, -k / 100]


def windows_of(frames: Frames, chunk: int, **changes) -> Windows:
    seen = {"image_keys": tuple(frames.images), "image_shapes": frames.image_shapes}
    return Windows(frames, PolicyConfig(frames.obs_keys, frames.obs_dims, 2, chunk=chunk, **seen, **changes), "cpu")


def firsts(windows: Windows, row: int) -> tuple[list[float], list[float]]:
    """First action number (times 100) and validity of each step of a window."""
    batch = windows.batch(torch.tensor([[row]]))
    return [round(100 * v) for v in batch.target[0, 0, :, 0].tolist()], batch.valid[0, 0].tolist()


def test_a_window_ends_with_its_episode(tmp_path: Path) -> None:
    parts = [episode([step(HERE, act(10 * e + k)) for k in range(4)]) for e in range(2)]
    windows = windows_of(load_frames(session_of(tmp_path, *parts)), 3)
    assert firsts(windows, 1) == ([1, 2, 3], [1, 1, 1])
    assert firsts(windows, 2) == ([2, 3, 3], [1, 1, 0])
    assert firsts(windows, 4) == ([10, 11, 12], [1, 1, 1])


def test_a_window_does_not_reach_across_steps_that_are_left_out(tmp_path: Path) -> None:
    policy = [step(HERE, act(9), Source.POLICY)]
    one = episode([step(HERE, act(0)), step(HERE, act(1)), *policy, step(HERE, act(3)), step(HERE, act(4))])
    windows = windows_of(load_frames(session_of(tmp_path, one)), 3)
    assert firsts(windows, 0) == ([0, 1, 1], [1, 1, 0])
    assert firsts(windows, 2) == ([3, 4, 4], [1, 1, 0])


def test_after_a_label_that_was_not_executed_a_window_ends(tmp_path: Path) -> None:
    """What follows belongs to the state that the policy's action led to, not to the label's."""
    labelled = [step(HERE, act(9), Source.POLICY, label=act(k)) for k in range(2)]
    answered = [step(HERE, act(5), label=act(5)), step(HERE, act(6), label=act(6))]
    windows = windows_of(load_frames(session_of(tmp_path, episode([*labelled, *answered]))), 2)
    assert firsts(windows, 0) == ([0, 0], [1, 0])
    assert firsts(windows, 2) == ([5, 6], [1, 1])


def test_a_sequence_policy_sees_every_observation_of_its_window(tmp_path: Path) -> None:
    frames = load_frames(expert_session(tmp_path, 2))
    windows = windows_of(frames, 3, kind="bc-rnn-gmm", execute=1)
    batch = windows.batch(torch.tensor([[0, 5]]))
    assert batch.seen.state.shape == (1, 2, 3, 4)
    np.testing.assert_array_equal(batch.seen.state[0, 0], frames.obs[:3])


def with_pictures(folder: Path, sizes: tuple[int, ...] = (40, 40)) -> object:
    rng = np.random.default_rng(0)
    parts = []
    for size in sizes:
        steps = [step(HERE, act(k)) for k in range(5)]
        one = episode(steps)
        picture = rng.integers(0, 256, (5, size, 48, 3), np.uint8)
        obs = {**one.obs, "object": np.zeros((5, 3), np.float32), "front_image": picture}
        final = {**one.final_obs, "object": np.zeros(3, np.float32), "front_image": picture[-1]}
        parts.append(type(one)(one.meta, one.steps, obs, final))
    return session_of(folder, *parts)


@pytest.mark.parametrize("held", ["in memory", "in a file"])
def test_pictures_come_out_as_they_went_in_and_the_object_s_place_is_not_told(tmp_path: Path, monkeypatch, held: str) -> None:
    session = with_pictures(tmp_path / "s")
    if held == "in a file":
        monkeypatch.setattr(learn.dataset, "RAM_SHARE", 0.0)
    frames = load_frames(session, sees=True, scratch=tmp_path / "out")
    assert isinstance(frames.images["front_image"], np.memmap) == (held == "in a file")
    assert frames.obs_keys == ("goal", "position")
    seen = windows_of(frames, 2, kind="visual").batch(torch.tensor([[7, 0]])).seen
    np.testing.assert_array_equal(seen.images["front_image"][0, 0], session.read(1).obs["front_image"][2])
    assert frames.env_id == TOY
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_the_fingerprint_knows_the_pictures(tmp_path: Path) -> None:
    session = with_pictures(tmp_path / "s")
    assert load_frames(session, sees=True).fingerprint != load_frames(session).fingerprint


def test_pictures_of_two_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mixes sizes of front_image: episode 1"):
        load_frames(with_pictures(tmp_path / "s", (40, 44)), sees=True)


def test_a_session_without_pictures_is_refused_for_a_policy_that_sees(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no camera pictures to learn from; record with --cameras"):
        load_frames(expert_session(tmp_path, 1), sees=True)


def test_what_never_changes_is_refused(tmp_path: Path) -> None:
    still = session_of(tmp_path / "still", episode([step(HERE | {"goal": [k, 0.0]}, [0.1, 0.1]) for k in range(3)]))
    with pytest.raises(UserError, match="all 3 actions are the same, there is nothing to learn"):
        check_learnable(load_frames(still), 0.0)
    blind = session_of(tmp_path / "blind", episode([step(HERE, act(k)) for k in range(3)]))
    with pytest.raises(UserError, match="all 3 observations are the same"):
        check_learnable(load_frames(blind), 0.0)
