"""Specification of `learn.dataset`: which steps are learned from, and towards what."""

from pathlib import Path

import numpy as np
import pytest
from test_learn_support import episode, expert_session, session_of, step

from data.errors import UserError
from data.masks import Masks, write_masks
from data.schema import Outcome, Source
from data.session import Session
from learn.dataset import ROBOMIMIC_KEYS, load_frames, split_episodes

OBS = {"b": [1.0, 2.0], "a": [3.0]}


def test_demonstrated_actions_are_the_targets_and_keys_lie_side_by_side_sorted(tmp_path: Path) -> None:
    frames = load_frames(session_of(tmp_path, episode([step(OBS, [0.1, 0.2], Source.HUMAN), step(OBS, [0.3, 0.4])])))
    assert frames.obs_keys == ("a", "b")
    assert frames.obs_dims == (1, 2)
    np.testing.assert_array_equal(frames.obs, np.array([[3, 1, 2], [3, 1, 2]], np.float32))
    np.testing.assert_array_equal(frames.target, np.array([[0.1, 0.2], [0.3, 0.4]], np.float32))
    assert frames.obs.dtype == frames.target.dtype == np.float32


def test_robomimics_keys_are_the_default_where_all_are_there(tmp_path: Path) -> None:
    obs = {**{key: [0.0] for key in ROBOMIMIC_KEYS}, "robot0_joint_pos": [0.0] * 7}
    assert load_frames(session_of(tmp_path, episode([step(obs, [0.0])]))).obs_keys == ROBOMIMIC_KEYS


def test_asked_for_keys_are_taken_in_the_order_given(tmp_path: Path) -> None:
    frames = load_frames(session_of(tmp_path, episode([step(OBS, [0.0])])), ("b", "a"))
    np.testing.assert_array_equal(frames.obs, [[1, 2, 3]])


def test_a_label_replaces_the_executed_action(tmp_path: Path) -> None:
    frames = load_frames(session_of(tmp_path, episode([step(OBS, [0.1], label=[0.9])])))
    np.testing.assert_array_equal(frames.target, np.array([[0.9]], np.float32))


def test_unlabelled_policy_steps_are_left_out(tmp_path: Path) -> None:
    steps = [step(OBS, [0.1], Source.POLICY), step(OBS, [0.2], Source.POLICY, label=[0.7]), step(OBS, [0.3], Source.HUMAN)]
    np.testing.assert_allclose(load_frames(session_of(tmp_path, episode(steps))).target, [[0.7], [0.3]], rtol=1e-6)


def test_failed_episodes_give_only_their_labels_unless_asked(tmp_path: Path) -> None:
    failed = episode([step(OBS, [0.1]), step(OBS, [0.2], Source.POLICY, label=[0.8])], Outcome.FAILURE)
    session = session_of(tmp_path, failed)
    np.testing.assert_allclose(load_frames(session).target, [[0.8]])
    np.testing.assert_allclose(load_frames(session, include_failures=True).target, [[0.1], [0.8]])


def test_discarded_takes_are_never_learned_from(tmp_path: Path) -> None:
    session = session_of(tmp_path, episode([step(OBS, [0.1], label=[0.5])], Outcome.DISCARDED), episode([step(OBS, [0.2])]))
    frames = load_frames(session, include_failures=True)
    np.testing.assert_allclose(frames.target, [[0.2]])
    assert frames.episode.tolist() == [1]


def test_of_a_take_that_was_cut_short_only_the_answers_are_learned_from(tmp_path: Path) -> None:
    """Whoever quits, or is killed, in the middle of a question round loses none of the answers given."""
    cut = episode([step(OBS, [0.1], label=[0.5]), step(OBS, [0.3])], Outcome.PARTIAL)
    unanswered = episode([step(OBS, [0.4])], Outcome.PARTIAL)
    session = session_of(tmp_path, cut, unanswered, episode([step(OBS, [0.2])]))
    for include_failures in (False, True):
        frames = load_frames(session, include_failures=include_failures)
        np.testing.assert_allclose(frames.target, [[0.5], [0.2]])
        assert frames.episode.tolist() == [0, 2]


def test_the_fingerprint_follows_the_data(tmp_path: Path) -> None:
    same, again, other = (
        session_of(tmp_path / name, episode([step(OBS, [value])])) for name, value in (("a", 0.1), ("b", 0.1), ("c", 0.2))
    )
    assert load_frames(same).fingerprint == load_frames(again).fingerprint
    assert load_frames(same).fingerprint != load_frames(other).fingerprint
    assert load_frames(same).fingerprint != load_frames(same, ("a",)).fingerprint


def test_some_rows_are_as_if_nothing_else_had_been_shown(tmp_path: Path) -> None:
    frames = load_frames(session_of(tmp_path, *(episode([step(OBS, [0.1 * k]) for k in range(4)]) for _ in range(2))))
    some = frames.only(np.array([0, 1, 3, 4, 6]))
    np.testing.assert_allclose(some.target.ravel(), [0.0, 0.1, 0.3, 0.0, 0.2], rtol=1e-6)
    assert some.episode.tolist() == [0, 0, 0, 1, 1]
    assert some.follows.tolist() == [True, False, False, False, False]
    assert len({frames.fingerprint, some.fingerprint, frames.only(np.array([0])).fingerprint}) == 3


def test_the_env_is_remembered_with_its_options(tmp_path: Path) -> None:
    frames = load_frames(session_of(tmp_path, episode([step(OBS, [0.1])], reward="dense")))
    assert (frames.env_id, frames.env_kwargs) == ("Toy-v0", {"reward": "dense"})


def test_an_unknown_key_lists_those_that_exist(tmp_path: Path) -> None:
    session = session_of(tmp_path, episode([step(OBS, [0.1])]))
    with pytest.raises(UserError, match=r"--obs-keys nose: .* it has: a, b$"):
        load_frames(session, ("a", "nose"))


def test_an_empty_session_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no finished episode to learn from; record some"):
        load_frames(Session.create(tmp_path))


def test_a_session_of_failures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no step to learn from: 1 episodes.*--include-failures"):
        load_frames(session_of(tmp_path, episode([step(OBS, [0.1])], Outcome.FAILURE)))


def test_mixed_action_widths_are_refused(tmp_path: Path) -> None:
    session = session_of(tmp_path, episode([step(OBS, [0.1])]), episode([step(OBS, [0.1, 0.2])]))
    with pytest.raises(UserError, match=r"mixes widths: episode 0 .* actions 1, episode 1 .* 2"):
        load_frames(session)


def test_mixed_environments_are_refused(tmp_path: Path) -> None:
    session = session_of(tmp_path, episode([step(OBS, [0.1])]), episode([step(OBS, [0.1])], env_id="Other-v0"))
    with pytest.raises(UserError, match=r"mixes environments \(Other-v0, Toy-v0\)"):
        load_frames(session)


def test_an_episode_without_the_key_is_refused(tmp_path: Path) -> None:
    session = session_of(tmp_path, episode([step(OBS, [0.1])]), episode([step({"a": [1.0]}, [0.1])]))
    with pytest.raises(UserError, match=r"episode 1 .* has no low-dimensional b"):
        load_frames(session)


def test_nan_observations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"episode 0 is damaged \(obs/a has 1 values that are not finite.*\); python -m data check .* sets it aside"
    ):
        load_frames(session_of(tmp_path, episode([step({"a": [float("nan")]}, [0.1])])))


def test_no_episode_is_on_both_sides_of_the_split(tmp_path: Path) -> None:
    frames = load_frames(expert_session(tmp_path, 10))
    train, valid = split_episodes(frames, 0.2, seed=0)
    assert sorted([*train, *valid]) == list(range(len(frames)))
    assert len(set(frames.episode[valid])) == 2
    assert not set(frames.episode[train]) & set(frames.episode[valid])


def test_the_split_follows_the_seed(tmp_path: Path) -> None:
    frames = load_frames(expert_session(tmp_path, 10))
    held_out = [tuple(split_episodes(frames, 0.2, seed)[1]) for seed in (0, 0, 1, 2, 3)]
    assert held_out[0] == held_out[1]
    assert len(set(held_out)) > 1


def test_at_least_one_of_two_episodes_is_held_out_and_one_kept(tmp_path: Path) -> None:
    frames = load_frames(expert_session(tmp_path, 2))
    for fraction in (0.01, 0.99):
        train, valid = split_episodes(frames, fraction, seed=0)
        assert len(set(frames.episode[train])) == len(set(frames.episode[valid])) == 1
    assert len(split_episodes(frames, 0.0, seed=0)[1]) == 0


def test_a_single_episode_is_all_training(tmp_path: Path) -> None:
    train, valid = split_episodes(load_frames(expert_session(tmp_path, 1)), 0.1, seed=0)
    assert len(train) > 0
    assert len(valid) == 0


def test_a_split_of_the_session_decides_what_is_held_out(tmp_path: Path) -> None:
    session = expert_session(tmp_path, 6)
    write_masks(tmp_path, Masks(train=(0, 2, 3), valid=(1, 4), valid_fraction=0.4))
    frames = load_frames(session)
    for seed in (0, 1):
        train, valid = split_episodes(frames, 0.1, seed)
        assert set(frames.episode[valid]) == {1, 4}
        assert set(frames.episode[train]) == {0, 2, 3, 5}, "what came after the split is for training"
    assert len(split_episodes(frames, 0.0, 0)[1]) == 0


def test_a_split_that_leaves_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    session = expert_session(tmp_path, 2)
    write_masks(tmp_path, Masks(train=(9,), valid=(0, 1), valid_fraction=0.4))
    with pytest.raises(UserError, match=r"holds out every episode .*; split again: python -m data split"):
        split_episodes(load_frames(session), 0.1, 0)


def test_a_split_that_cannot_be_read_is_not_ignored(tmp_path: Path) -> None:
    session = expert_session(tmp_path, 2)
    (tmp_path / "masks.json").write_text("{")
    with pytest.raises(UserError, match=r"masks.json is not what split wrote .*; split again: python -m data split"):
        load_frames(session)
