"""Specification of `teleop observe`, and of `data import --cameras`: episodes seen again from their states."""

import shutil
from pathlib import Path
from typing import Any

import command_lines
import gymnasium
import h5py
import numpy as np
import pytest
from data_tools import run, snapshot

from data.episode import Episode
from data.masks import read_masks
from data.session import Session
from data.trim import trim
from teleop.envs import make_plant


def teleop(*words: object) -> int:
    return command_lines.run("teleop", *words)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes recorded with two small cameras, one with idle ends, and split."""
    path = tmp_path_factory.mktemp("seen") / "session"
    words = ("record", "--env", "PandaLift-v0", "--session", path, "--device", "scripted", "--headless", "--episodes", 2)
    assert teleop(*words, "--cameras", "front", "wrist:32x24", "--image-size", 24) == 0
    session = Session.open(path)
    trimmed = trim(session.read(0), 2, 1)
    shutil.move(session.episode_path(0), path.parent / "whole.hdf5")
    session.append(trimmed, 0)
    assert run("split", path, "--valid", 0.5) == 0
    return path


def blind(path: Path) -> Path:
    """The same episodes as if nobody had recorded pictures."""
    source, target = Session.open(path), Session.create(path.parent / "blind")
    for row in source.rows():
        episode = source.read(row.number)
        vectors = {key: column for key, column in episode.obs.items() if column.ndim == 2}
        final = {key: episode.final_obs[key] for key in vectors}
        parts = {end: type(part)(part.steps, {key: part.obs[key] for key in vectors}) for end, part in episode.idle.items()}
        meta = type(episode.meta)(**{**vars(episode.meta), "env_kwargs": {}})
        target.append(Episode(meta, episode.steps, vectors, final, parts), row.number)
    return target.path


def assert_same(one: Episode, other: Episode) -> None:
    for mine, theirs in ((one.steps, other.steps), (one.obs, other.obs), (one.final_obs, other.final_obs)):
        assert set(mine) == set(theirs)
        assert all(np.array_equal(mine[key], theirs[key], equal_nan=mine[key].dtype.kind == "f") for key in mine)


def test_what_is_seen_again_is_what_would_have_been_recorded(seen: Path, tmp_path: Path) -> None:
    shutil.copytree(seen, tmp_path / "seen")
    words = ("--cameras", "front", "wrist:32x24", "--image-size", 24)
    assert teleop("observe", blind(tmp_path / "seen"), "--out", tmp_path / "again", *words) == 0
    source, again = Session.open(seen), Session.open(tmp_path / "again")
    assert len(again) == 2
    for number in (0, 1):
        one, other = source.read(number), again.read(number)
        assert_same(one, other)
        assert one.idle.keys() == other.idle.keys()
        for end, part in one.idle.items():
            assert set(part.obs) == set(other.idle[end].obs)
            assert all(np.array_equal(part.obs[key], other.idle[end].obs[key]) for key in part.obs)
        assert dict(other.meta.env_kwargs) == dict(one.meta.env_kwargs)
        assert (other.meta.uid, other.meta.outcome, other.meta.seed) == (one.meta.uid, one.meta.outcome, one.meta.seed)
    assert teleop("replay", tmp_path / "again", "--verify") == run("check", tmp_path / "again") == 0


def test_other_cameras_sizes_and_kinds(seen: Path, tmp_path: Path) -> None:
    assert teleop("observe", seen, "--out", tmp_path / "again", "--cameras", "front:40x30:rgb,depth", "--episodes", 1) == 0
    episode = Session.open(tmp_path / "again").read(1)
    shapes = {key: column.shape[1:] for key, column in episode.obs.items() if column.ndim > 2}
    assert shapes == {"front_image": (30, 40, 3), "front_depth": (30, 40, 1)}
    masks = read_masks(tmp_path / "again")
    assert sorted((*masks.train, *masks.valid)) == [1]


def test_it_goes_on_where_it_was_stopped(seen: Path, tmp_path: Path) -> None:
    words = ("observe", seen, "--out", tmp_path / "again", "--cameras", "front:24x24")
    assert teleop(*words, "--episodes", 0) == 0
    before = snapshot(tmp_path / "again" / "episodes")
    assert teleop(*words) == 0
    after = snapshot(tmp_path / "again" / "episodes")
    assert len(after) == 2
    assert before.items() <= after.items()


BAD = {
    "no cameras": ("observe {seen} --out {new}", "--cameras"),
    "no names of cameras": ("observe {seen} --out {new} --cameras", "--cameras names none; give one or more"),
    "in itself": ("observe {seen} --out {seen}/new --cameras front", "is the session itself, or in it"),
    "no such camera": ("observe {seen} --out {new} --cameras nose", "there is no camera 'nose'; allowed: front, wrist"),
    "itself": ("observe {seen} --out {seen} --cameras front", "is the session itself, or in it"),
    "no session": ("observe {new} --out {new} --cameras front", "there is no session at"),
    "no such episode": ("observe {seen} --out {new} --cameras front --episodes 7", "--episodes '7' is not there"),
}


@pytest.mark.parametrize(("line", "says"), BAD.values(), ids=list(BAD))
def test_a_mistake_is_one_line_and_makes_nothing(
    seen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    capsys.readouterr()
    assert teleop(*line.format(seen=seen, new=tmp_path / "new").split()) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert says in told
    assert not (tmp_path / "new").exists()


def test_a_session_of_something_else_is_not_written_into(
    seen: Path, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(recorded, tmp_path / "other")
    assert teleop("observe", seen, "--out", tmp_path / "other", "--cameras", "front") == 2
    assert "holds other episodes, or seen by other cameras" in capsys.readouterr().err


def test_a_folder_of_something_else_is_left_as_it_is(seen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years of work")
    assert teleop("observe", seen, "--out", tmp_path / "thesis", "--cameras", "front") == 2
    assert "is not a session" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["thesis.tex"]


# -- imports -------------------------------------------------------------------------------------------------------


def states_only(session: Path, path: Path) -> Path:
    """As robosuite's collection leaves them: actions and [time, qpos, qvel]."""
    with h5py.File(session / "session.hdf5") as own, h5py.File(path, "w") as file:
        for name, demo in own["data"].items():
            for column in ("actions", "states"):
                file[f"data/{name}/{column}"] = demo[column][()]
            file[f"data/{name}"].attrs["num_samples"] = len(demo["actions"])
        file["data"].attrs["env_args"] = '{"env_name": "PandaLift-v0", "type": 2, "env_kwargs": {}}'
        file["mask/train"], file["mask/valid"] = np.array([b"demo_0"]), np.array([b"demo_1"])
    return path


def test_a_file_of_states_is_seen_when_it_is_imported(seen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = states_only(seen, tmp_path / "states.hdf5")
    words = ("import", path, "--from", "robomimic", "--session", tmp_path / "new")
    assert run(*words) == 2
    assert "of its states --cameras makes some" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert run(*words, "--cameras", "front", "wrist:32x24", "--image-size", 24) == 0
    source, made = Session.open(seen), Session.open(tmp_path / "new")
    for number in (0, 1):
        one, other = source.read(number), made.read(number)
        assert set(one.obs) == set(other.obs)
        for key in one.obs:
            np.testing.assert_array_equal(one.obs[key], other.obs[key], err_msg=key)
        assert other.meta.origin == f"states.hdf5#demo_{number}"
    assert (read_masks(made.path).train, read_masks(made.path).valid) == ((0,), (1,))
    assert run(*words, "--cameras", "front", "wrist:32x24", "--image-size", 24) == 0
    assert len(made) == 2
    assert list(tmp_path.glob(".import-*")) == []
    assert run("check", made.path, "--replay", 0) == 0


def test_states_of_an_unknown_environment_make_nothing(seen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = states_only(seen, tmp_path / "states.hdf5")
    words = ("import", path, "--from", "robomimic", "--session", tmp_path / "new", "--cameras", "front")
    assert run(*words, "--env", "Elsewhere-v0") == 2
    assert "there is no environment 'Elsewhere-v0'" in capsys.readouterr().err
    assert run(*words, "--env", "PandaStack-v0") == 2
    assert "cannot be seen again: [time, qpos, qvel] has shape" in capsys.readouterr().err
    assert not [path for path in tmp_path.rglob("*.hdf5") if path.name != "states.hdf5"]


def test_d4rls_states_are_seen_in_gymnasiums_environment(tmp_path: Path) -> None:
    """A file as D4RL wrote them, of Gymnasium's own HalfCheetah; the pictures are those of the very states."""
    env = gymnasium.make("HalfCheetah-v5")
    table: dict[str, list[Any]] = {name: [] for name in ("observations", "actions", "rewards", "infos/qpos", "infos/qvel")}
    obs, _ = env.reset(seed=3)
    env.action_space.seed(3)
    for _ in range(4):
        action = env.action_space.sample()
        inner: Any = env.unwrapped
        for name, value in (("observations", obs), ("actions", action), ("infos/qpos", inner.data.qpos), ("infos/qvel", inner.data.qvel)):
            table[name].append(np.array(value))
        obs, reward, *_ = env.step(action)
        table["rewards"].append(reward)
    env.close()
    with h5py.File(tmp_path / "cheetah.hdf5", "w") as file:
        for name, rows in table.items():
            file[name] = np.array(rows)
        file["timeouts"] = np.arange(4) == 3
    words = ("import", tmp_path / "cheetah.hdf5", "--from", "d4rl", "--session", tmp_path / "new", "--env", "HalfCheetah-v5")
    assert run(*words, "--cameras", "track:32x24") == 0
    episode = Session.open(tmp_path / "new").read(0)
    assert episode.obs["track_image"].shape == (4, 24, 32, 3)
    np.testing.assert_allclose(episode.obs["state"], np.array(table["observations"]))
    _, plant = make_plant("HalfCheetah-v5", {})
    plant.reset(seed=0)
    for step in range(4):
        state = np.concatenate([[0.0], table["infos/qpos"][step], table["infos/qvel"][step]])
        plant.restore_flat(state)
        np.testing.assert_array_equal(plant.draw("track", 32, 24), episode.obs["track_image"][step])
    plant.close()
