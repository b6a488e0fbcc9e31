"""Specification of `learn.inverse`: actions inferred from states, and no label that the simulator does not confirm."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import test_learn_support  # noqa: F401 (one thread)
import torch
from command_lines import run

from data.cli import run_command
from data.errors import UserError
from data.schema import Outcome, Source
from data.session import Session
from learn.dataset import load_frames
from learn.inverse.checkpoint import INVERSE_FOLDER, InverseCheckpoint, load_inverse, save_inverse
from learn.inverse.label import LabelConfig, label, read_verified
from learn.inverse.model import InverseConfig, build_inverse, windows
from learn.inverse.motion import hide_actions, load_motion
from learn.inverse.pretrain import PretrainConfig, pretrain_inverse
from learn.inverse.train import InverseTrain, train_inverse
from learn.inverse.verify import Ruler, Verified, Verifier
from teleop.commands import COMMANDS
from teleop.envs import make_plant

RECORD_NAME, WEIGHTS_NAME = INVERSE_FOLDER.record_name, INVERSE_FOLDER.weights_name
QUICK = InverseTrain(steps=300, valid_fraction=0.25)
SMALL = InverseConfig(("a", "b"), (2, 1), 3, hidden=(8,))


@pytest.fixture(scope="module")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Eight PandaReach-v0 episodes by the scripted operator. To be read only."""
    path = tmp_path_factory.mktemp("inverse") / "reach"
    words = ["record", "--env", "PandaReach-v0", "--session", str(path), "--device", "scripted", "--headless", "--episodes", "8"]
    assert run_command("teleop", COMMANDS, [*words, "--workers", "1"]) == 0
    return Session.open(path)


@pytest.fixture(scope="module")
def model_dir(reach: Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    train_inverse(reach, QUICK, out)
    return out


@pytest.fixture(scope="module")
def labelled(reach: Session, model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Session:
    source = copy_of(reach, tmp_path_factory.mktemp("source") / "few", lambda actions: actions, episodes=2)
    out = tmp_path_factory.mktemp("labelled") / "new"
    return label(source, model_dir, out, LabelConfig()).session


def copy_of(session: Session, folder: Path, changed, episodes: int = 8, outcome: Outcome = Outcome.SUCCESS) -> Session:
    """The first episodes again, their actions changed and everything that could tell them gone."""
    copy = Session.create(folder)
    for row in session.rows()[:episodes]:
        episode = session.read(row.number)
        steps = {**episode.steps, "actions": changed(np.array(episode.steps["actions"]))}
        copy.append(replace(episode, steps=steps, meta=replace(episode.meta, outcome=outcome)))
    return copy


@contextmanager
def verifier_of(session: Session, refine: int = 0, tolerance: float = 0.05) -> Iterator[Verifier]:
    env, plant = make_plant("PandaReach-v0", {})
    env.reset(seed=0)
    ruler = Ruler.of([hide_actions(session.read(row.number)).states for row in session.rows()])
    yield Verifier(plant, ruler, tolerance, refine, np.array([True] * 3 + [False] * 4))
    env.close()


def verify(session: Session, number: int, actions: np.ndarray, refine: int = 0) -> Verified:
    with verifier_of(session, refine) as verifier:
        return verifier.verify(hide_actions(session.read(number)), actions.astype(np.float32), np.zeros_like(actions))


# -- verification ------------------------------------------------------------------------------------------------------


def test_the_true_actions_lead_exactly_where_the_recording_went(reach: Session) -> None:
    found = verify(reach, 0, np.array(reach.read(0).steps["actions"]))
    assert found.accepted.all()
    assert np.all(found.residual == 0.0)
    assert np.all(found.error_m == 0.0)


def test_a_negated_action_is_rejected(reach: Session) -> None:
    true = np.array(reach.read(0).steps["actions"])
    found = verify(reach, 0, np.concatenate([-true[:, :3], true[:, 3:]], axis=1))
    moves = np.linalg.norm(true[:, :3], axis=1) > 0.02
    assert moves.sum() > 10
    assert not found.accepted[moves].any()
    assert found.error_m[moves].min() > 1e-4


def test_a_wrong_grip_alone_is_rejected_everywhere(reach: Session) -> None:
    true = np.array(reach.read(0).steps["actions"])
    true[:, 6] = 1.0
    assert not verify(reach, 0, true).accepted.any()


def test_an_error_in_one_step_is_not_carried_into_the_next(reach: Session) -> None:
    true = np.array(reach.read(0).steps["actions"])
    true[5, :3] += 0.3
    assert np.flatnonzero(~verify(reach, 0, true).accepted).tolist() == [5]


def test_refinement_makes_a_rough_answer_near_exact(reach: Session) -> None:
    true = np.array(reach.read(1).steps["actions"])
    rough = true.copy()
    rough[:, :3] += np.random.default_rng(0).normal(0.0, 0.03, rough[:, :3].shape)
    before, after = verify(reach, 1, rough), verify(reach, 1, rough, refine=6)
    np.testing.assert_array_equal(after.first_residual, before.residual)
    assert np.all(after.residual <= after.first_residual)
    assert before.accepted.mean() < 0.2
    assert after.accepted.mean() > 0.8
    assert np.median(np.abs(after.actions - true)) < 0.1 * np.median(np.abs(rough - true)[:, :3])


def test_dimensions_that_nobody_moved_are_left_alone(reach: Session) -> None:
    true = np.array(reach.read(0).steps["actions"])
    rough = true + np.array([0.02, 0.02, 0.02, 0, 0, 0, 0], np.float32)
    np.testing.assert_array_equal(verify(reach, 0, rough, refine=3).actions[:, 3:], true[:, 3:])


def test_a_residual_of_one_is_a_typical_step_not_done() -> None:
    walk = {"x": np.array([[0.0, 0.0], [3.0, 4.0]], np.float32), "y": np.zeros((2, 1), np.float32)}
    ruler = Ruler.of([walk])
    nowhere = ruler.offset({"x": walk["x"][0], "y": walk["y"][0]}, {"x": walk["x"][1], "y": walk["y"][1]})
    assert ruler.residual(nowhere) == pytest.approx(1.0)


# -- the model ---------------------------------------------------------------------------------------------------------


def test_windows_repeat_an_episodes_ends() -> None:
    states = torch.arange(6.0).unsqueeze(1)
    rows, first, last = torch.tensor([0, 2, 3]), torch.tensor([0, 0, 3]), torch.tensor([2, 2, 5])
    seen = windows(states, rows, first, last, range(-1, 3))
    assert seen.squeeze(-1).tolist() == [[0, 0, 1, 2], [1, 2, 2, 2], [3, 3, 4, 5]]


@pytest.mark.parametrize(
    ("variant", "history", "offsets"), [("causal", 1, [0, 1]), ("causal", 3, [-2, -1, 0, 1]), ("window", 3, [-2, -1, 0, 1, 2, 3])]
)
def test_causal_sees_one_state_after_the_step_and_window_as_many_as_before(variant: str, history: int, offsets: list[int]) -> None:
    assert list(replace(SMALL, variant=variant, history=history).offsets) == offsets


def test_it_learns_the_arms_actions_and_says_how_well_on_episodes_held_out(reach: Session, tmp_path: Path) -> None:
    score = train_inverse(reach, QUICK, tmp_path).score
    assert score is not None
    assert all(r2 is not None and r2 > 0.5 for r2 in score.r2[:3])
    assert max(score.mae) < 0.08
    assert score.r2[6] is None  # nobody gripped
    assert score.mae[6] == 0.0


def test_one_seed_gives_the_same_weights(reach: Session, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train_inverse(reach, replace(QUICK, steps=20), tmp_path / name)
    assert (tmp_path / "a" / WEIGHTS_NAME).read_bytes() == (tmp_path / "b" / WEIGHTS_NAME).read_bytes()


def test_failed_episodes_are_learned_from(reach: Session, tmp_path: Path) -> None:
    failed = copy_of(reach, tmp_path, lambda actions: actions, 2, Outcome.FAILURE)
    assert len(set(load_motion(failed).episode.tolist())) == 2


def test_of_the_labels_only_as_many_episodes_as_asked_are_used(reach: Session, tmp_path: Path) -> None:
    assert train_inverse(reach, replace(QUICK, steps=1, episodes=3), tmp_path).episodes == 3
    with pytest.raises(UserError, match="only 6 are not held out"):
        train_inverse(reach, replace(QUICK, steps=1, episodes=7), tmp_path)


# -- pre-training ------------------------------------------------------------------------------------------------------


def test_pretraining_reads_no_action_and_training_begins_from_it(reach: Session, tmp_path: Path) -> None:
    blind = copy_of(reach, tmp_path / "blind", lambda actions: np.full_like(actions, np.nan))
    config = PretrainConfig(steps=30, valid_fraction=0.25)
    seen, hidden = (pretrain_inverse(s, config, tmp_path / name) for s, name in ((reach, "seen"), (blind, "hidden")))
    assert (seen.model_dir / WEIGHTS_NAME).read_bytes() == (hidden.model_dir / WEIGHTS_NAME).read_bytes()
    begun = train_inverse(reach, replace(QUICK, steps=1, pretrained=hidden.model_dir), tmp_path / "model")
    torch.testing.assert_close(begun.model.trunk.state_dict(), hidden.model.trunk.state_dict(), rtol=0, atol=0)


def test_a_pretrained_trunk_does_not_label(reach: Session, tmp_path: Path) -> None:
    pretrain_inverse(reach, PretrainConfig(steps=1), tmp_path / "pre")
    with pytest.raises(UserError, match="only pretrained"):
        label(reach, tmp_path / "pre", tmp_path / "new", LabelConfig())


# -- labelling ---------------------------------------------------------------------------------------------------------


def test_accepted_labels_are_what_training_takes(labelled: Session) -> None:
    frames = load_frames(labelled)
    found = [read_verified(labelled, row.number) for row in labelled.rows()]
    accepted = np.concatenate([v.actions[v.accepted] for v in found])
    np.testing.assert_array_equal(frames.target, accepted)
    assert 0.5 * sum(len(v.actions) for v in found) < len(frames)


def test_what_was_not_confirmed_stays_unlabelled(reach: Session, model_dir: Path, tmp_path: Path) -> None:
    one = copy_of(reach, tmp_path / "one", lambda actions: actions, 1)
    strict = label(one, model_dir, tmp_path / "strict", LabelConfig(refine=0, tolerance=1e-9))
    assert strict.accepted == 0
    steps = strict.session.read(0).steps
    assert np.isnan(steps["labels"]).all()
    assert np.all(steps["source"] == Source.POLICY)


def test_labels_are_near_the_true_actions(reach: Session, labelled: Session) -> None:
    for row in labelled.rows():
        found = read_verified(labelled, row.number)
        off = np.abs(found.actions - reach.read(row.number).steps["actions"])[found.accepted]
        assert np.median(off.max(axis=1)) < 0.02


@pytest.mark.parametrize("changed", [lambda a: np.full_like(a, np.nan), lambda a: a[::-1].copy()], ids=["NaN", "reversed"])
def test_the_sources_actions_are_never_looked_at(reach: Session, labelled: Session, model_dir: Path, tmp_path: Path, changed) -> None:
    source = copy_of(reach, tmp_path / "source", changed, episodes=2)
    new = label(source, model_dir, tmp_path / "new", LabelConfig()).session
    for row in new.rows():
        np.testing.assert_array_equal(new.read(row.number).steps["labels"], labelled.read(row.number).steps["labels"])


def test_the_same_call_goes_on_where_ctrl_c_stopped_it(reach: Session, model_dir: Path, tmp_path: Path) -> None:
    def ctrl_c(number: int, verified: Verified) -> None:
        raise KeyboardInterrupt

    source = copy_of(reach, tmp_path / "source", lambda actions: actions, 2)
    config = LabelConfig(refine=0)
    with pytest.raises(KeyboardInterrupt):
        label(source, model_dir, tmp_path / "new", config, ctrl_c)
    assert len(Session.open(tmp_path / "new")) == 1
    result = label(source, model_dir, tmp_path / "new", config)
    assert (result.episodes, result.labelled_now) == (2, 1)
    assert label(source, model_dir, tmp_path / "new", config).labelled_now == 0
    with pytest.raises(UserError, match="other settings; give a new folder"):
        label(source, model_dir, tmp_path / "new", LabelConfig(refine=1))


def test_failures_are_labelled_only_when_asked(reach: Session, model_dir: Path, tmp_path: Path) -> None:
    failed = copy_of(reach, tmp_path / "failed", lambda actions: actions, 1, Outcome.FAILURE)
    with pytest.raises(UserError, match="--include-failures"):
        label(failed, model_dir, tmp_path / "new", LabelConfig(refine=0))
    assert label(failed, model_dir, tmp_path / "new", LabelConfig(refine=0, include_failures=True)).episodes == 1


def test_an_inverse_model_is_not_trained_on_inferred_actions(labelled: Session, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no actions of its own"):
        train_inverse(labelled, QUICK, tmp_path)


def test_a_session_is_not_labelled_in_place(reach: Session, model_dir: Path) -> None:
    with pytest.raises(UserError, match="give a new folder"):
        label(reach, model_dir, reach.path, LabelConfig())


# -- on disk -----------------------------------------------------------------------------------------------------------


def saved(folder: Path) -> Path:
    return save_inverse(folder, InverseCheckpoint(build_inverse(SMALL), "inverse", "Toy-v0", {}, "f"))


def test_a_model_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    loaded = load_inverse(saved(tmp_path))
    assert loaded.model.config == SMALL
    torch.testing.assert_close(dict(loaded.model.state_dict()), dict(build_inverse(SMALL).state_dict()), rtol=0, atol=0)


def test_weights_that_changed_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path) / WEIGHTS_NAME
    path.write_bytes(path.read_bytes()[:-4] + b"\0\1\2\3")
    with pytest.raises(UserError, match=r"is damaged or belongs to another inverse\.json"):
        load_inverse(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config": {}}, "does not fit its weights"),
        ({"config": {**SMALL.to_json(), "hidden": [8192] * 16}}, "does not fit its weights"),
        ({"config": {**SMALL.to_json(), "hidden": [10**9]}}, "1 to 8192"),
        ({"config": {**SMALL.to_json(), "history": float("inf")}}, "does not fit its weights"),
        ({"config": {**SMALL.to_json(), "variant": "psychic"}}, "allowed: causal, window"),
        ({"kind": "policy"}, "allowed: inverse, pretrained"),
        ({"env_id": 3}, "without a proper env_id"),
        ({"format_version": 99}, "has format 99"),
    ],
)
def test_a_record_that_lies_is_refused_in_one_line(tmp_path: Path, change: dict, words: str) -> None:
    path = saved(tmp_path) / RECORD_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=words) as refused:
        load_inverse(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff\xfe", b"[]", b"null"])
def test_a_record_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (saved(tmp_path) / RECORD_NAME).write_bytes(content)
    with pytest.raises(UserError, match="train it again"):
        load_inverse(tmp_path)


# -- commands ----------------------------------------------------------------------------------------------------------


def test_the_commands_go_from_play_to_labels(reach: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = copy_of(reach, tmp_path / "few", lambda actions: actions, 1)
    play, model, new = (str(tmp_path / name) for name in ("play", "model", "new"))
    for words in (
        ["pretrain", str(reach.path), "--out", play, "--steps", "20"],
        ["train", str(reach.path), "--policy", "inverse", "--out", model, "--pretrained", play, "--episodes", "4", "--steps", "200"],
        ["label", str(few.path), "--model", model, "--out", new, "--refine", "2", "--json"],
    ):
        assert run("learn", *words) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["episodes"] == 1
    assert 0 <= summary["first_accepted"] <= summary["accepted"] <= summary["steps"]
