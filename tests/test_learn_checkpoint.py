"""Specification of `learn.checkpoint`: what is saved is what is loaded, and nothing else is."""

import json
from pathlib import Path

import numpy as np
import pytest
from test_learn_support import TOY, toy_obs, toy_policy

from data.errors import UserError
from learn.checkpoint import POLICY_FOLDER, Checkpoint, load_policy, save_policy
from learn.model_folder import FIELDS

RECORD_NAME, WEIGHTS_NAME = POLICY_FOLDER.record_name, POLICY_FOLDER.weights_name


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return save_policy(tmp_path / "model", Checkpoint(toy_policy(members=2), TOY, {"reward": "dense"}, "abc", {"steps": 7}))


def test_a_policy_survives_disk_to_the_bit(model_dir: Path) -> None:
    policy = toy_policy(members=2)
    policy.encoder.normalizer.mean.fill_(0.3)
    save_policy(model_dir, Checkpoint(policy, TOY, {}, "abc"))
    loaded = load_policy(model_dir).policy
    assert loaded.config == policy.config
    np.testing.assert_array_equal(loaded.act(toy_obs()), policy.act(toy_obs()))
    assert loaded.doubt(toy_obs()) == policy.doubt(toy_obs())


def test_the_record_survives_disk(model_dir: Path) -> None:
    loaded = load_policy(model_dir)
    assert (loaded.env_id, loaded.env_kwargs, loaded.fingerprint, loaded.summary) == (TOY, {"reward": "dense"}, "abc", {"steps": 7})
    assert loaded.versions["torch"]


def test_only_the_two_files_are_left(model_dir: Path) -> None:
    assert sorted(p.name for p in model_dir.iterdir()) == [RECORD_NAME, WEIGHTS_NAME]


@pytest.mark.parametrize(
    ("folder", "complaint"),
    [("nowhere", "there is no model at .*nowhere; train one"), ("", "is not a model of this kind .no policy.json in it")],
)
def test_what_is_not_a_model_is_refused(tmp_path: Path, folder: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        load_policy(tmp_path / folder)


def test_a_file_is_not_a_model(model_dir: Path) -> None:
    with pytest.raises(UserError, match="is a file; a model is a folder"):
        load_policy(model_dir / RECORD_NAME)


def test_damaged_weights_are_refused(model_dir: Path) -> None:
    weights = model_dir / WEIGHTS_NAME
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"policy\.safetensors is damaged"):
        load_policy(model_dir)


def test_missing_weights_are_refused(model_dir: Path) -> None:
    (model_dir / WEIGHTS_NAME).unlink()
    with pytest.raises(UserError, match=r"has no readable policy\.safetensors"):
        load_policy(model_dir)


def test_halves_of_two_saves_are_refused(model_dir: Path, tmp_path: Path) -> None:
    other = save_policy(tmp_path / "other", Checkpoint(toy_policy(members=2, seed=1), TOY, {}, "abc"))
    (other / WEIGHTS_NAME).replace(model_dir / WEIGHTS_NAME)
    with pytest.raises(UserError, match=r"belongs to another policy\.json"):
        load_policy(model_dir)


@pytest.mark.parametrize("content", ["{", "[]", "\udcff"])
def test_a_damaged_record_is_refused(model_dir: Path, content: str) -> None:
    (model_dir / RECORD_NAME).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"policy\.json is (damaged|not a model's record)"):
        load_policy(model_dir)


@pytest.mark.parametrize("name", FIELDS)
def test_a_record_without_a_field_is_refused(model_dir: Path, name: str) -> None:
    record = json.loads((model_dir / RECORD_NAME).read_text())
    del record[name]
    (model_dir / RECORD_NAME).write_text(json.dumps(record))
    with pytest.raises(UserError, match=f"without a proper {name}"):
        load_policy(model_dir)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [({"hidden": [8, 8]}, "does not fit its weights"), ({"kind": "oracle"}, "oracle"), ({"hidden": 3}, "does not fit its weights")],
)
def test_a_record_that_does_not_fit_is_refused_in_one_line(model_dir: Path, config: dict, complaint: str) -> None:
    record = json.loads((model_dir / RECORD_NAME).read_text())
    record["config"].update(config)
    (model_dir / RECORD_NAME).write_text(json.dumps(record))
    with pytest.raises(UserError, match=complaint) as caught:
        load_policy(model_dir)
    assert "\n" not in str(caught.value)


def test_a_later_format_is_refused(model_dir: Path) -> None:
    record = json.loads((model_dir / RECORD_NAME).read_text())
    (model_dir / RECORD_NAME).write_text(json.dumps({**record, "format_version": 99}))
    with pytest.raises(UserError, match="has format 99, this program reads 2"):
        load_policy(model_dir)


def test_a_folder_that_cannot_be_made_is_refused(model_dir: Path) -> None:
    with pytest.raises(UserError, match=r"--out .* cannot be made"):
        save_policy(model_dir / RECORD_NAME / "below", Checkpoint(toy_policy(), TOY, {}, "abc"))
