"""Specification of `data pack`: one portable file that robomimic reads, whole or not at all."""

import json
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from data_tools import PLAIN, answer, check_mistake, flip_a_bit, interrupting, make_older, run, session_of
from test_data_support import made_episode

import data.pack as pack
from data.checksum import digest_of
from data.episode import Episode
from data.schema import SCHEMA_VERSION, Outcome
from data.session import Session
from data.trim import trim

S, F, P, A, D = Outcome.SUCCESS, Outcome.FAILURE, Outcome.PARTIAL, Outcome.ABANDONED, Outcome.DISCARDED


@pytest.fixture
def mixed(tmp_path: Path) -> Session:
    """0 success, 1 failure, 2 partial, 3 discarded, 4 success, 5 a branch of it; in a folder of its own."""
    session = session_of(tmp_path / "mixed", S, F, P, D, S)
    session.append(made_episode(meta=replace(PLAIN, outcome=A, parent=4, branch_step=1)))
    return session


def demos(path: Path, mask: str | None = None) -> list[int]:
    with h5py.File(path, "r") as file:
        names = list(file["data"]) if mask is None else [name.decode() for name in file[f"mask/{mask}"][()]]
    return sorted(int(name.removeprefix("demo_")) for name in names)


# -- robomimic -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [None, "usable", "success", "train", "valid"])
def test_robomimics_loader_finds_what_it_needs(copied: Path, tmp_path: Path, mask: str | None) -> None:
    """The reads of robomimic 0.5's `SequenceDataset`, `get_env_metadata_from_dataset` and its playback."""
    assert run("split", copied) == 0
    shutil.copytree(copied, tmp_path / "gone")
    assert run("pack", tmp_path / "gone", "--out", tmp_path / "packed.hdf5") == 0
    shutil.rmtree(tmp_path / "gone")  # nothing of it is needed any more
    with h5py.File(tmp_path / "packed.hdf5", "r", swmr=True, libver="latest") as f:
        names = list(f["data"].keys()) if mask is None else [name.decode("utf-8") for name in np.array(f[f"mask/{mask}"][:])]
        listed = [names[i] for i in np.argsort([int(name[5:]) for name in names])]
        assert len(listed) == {"train": 2, "valid": 1}.get(mask or "", 3)
        env_meta = json.loads(f["data"].attrs["env_args"])
        assert (env_meta["env_name"], env_meta["type"]) == ("PandaLift-v0", 2)
        assert {"env_kwargs", "env_version"} <= set(env_meta)
        if mask is None:
            assert sum(f[f"data/{ep}"].attrs["num_samples"] for ep in listed) == f["data"].attrs["total"]
        for ep in listed:
            length = f[f"data/{ep}"].attrs["num_samples"]
            actions = f[f"data/{ep}/actions"][()].astype("float32")
            assert actions.shape == (length, 7)
            assert np.abs(actions).max() <= 1.0
            for key in ("rewards", "dones", "states", "interventions", "policy_acting", "user_acting"):
                assert len(f[f"data/{ep}/{key}"][()].astype("float32")) == length
            assert set(f[f"data/{ep}/obs"]) >= {"robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos", "object"}
            for key in f[f"data/{ep}/obs"]:
                assert len(f[f"data/{ep}/obs/{key}"][()]) == length, key
            assert f[f"data/{ep}"].attrs["model_file"].startswith("<mujoco")


def test_images_are_there_as_robomimic_wants_them(mixed: Session, tmp_path: Path) -> None:
    assert run("pack", mixed.path, "--out", tmp_path / "packed.hdf5") == 0
    with h5py.File(tmp_path / "packed.hdf5", "r") as file, h5py.File(mixed.episode_path(0), "r") as source:
        images, old = file["data/demo_0/obs/front_image"], source["obs/front_image"]
        assert (images.shape, images.dtype) == ((3, 16, 16, 3), np.uint8)
        assert (images.chunks, images.compression, images.compression_opts) == (old.chunks, old.compression, old.compression_opts)
        np.testing.assert_array_equal(images[()], old[()])


# -- what is in it -------------------------------------------------------------------------------------------------


def test_all_of_an_episode_is_packed_and_nothing_else(mixed: Session, tmp_path: Path) -> None:
    episode = mixed.read(0)
    number = mixed.append(trim(replace(episode, meta=replace(episode.meta, uid="trimmed")), 1, 1))
    with h5py.File(mixed.episode_path(number), "r+") as file:
        file["obs/added"] = h5py.ExternalLink("/etc/passwd", "/")
    assert run("pack", mixed.path, "--out", tmp_path / "packed.hdf5") == 0
    with h5py.File(tmp_path / "packed.hdf5", "r") as file:
        demo = file[f"data/demo_{number}"]
        digests = json.loads(demo.attrs["digests"])
        there: list[str] = []
        demo.visititems(lambda name, item: there.append(name) if isinstance(item, h5py.Dataset) else None)
        assert set(there) == set(digests)
        assert {name: digest_of(demo[name][()]) for name in there} == digests
        assert {"idle/start/actions", "idle/end/obs/front_image", "labels", "sim_state", "final_obs/object"} <= set(there)
        with h5py.File(mixed.episode_path(number), "r") as source:
            assert dict(demo.attrs) == dict(source.attrs)


def test_successes_and_failures_are_packed_unless_one_chooses(mixed: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, numbers in (([], [0, 1, 4]), (["--all"], [0, 1, 2, 3, 4, 5]), (["--episodes", "partial", "4-5"], [2, 4, 5])):
        said = answer(capsys, "pack", mixed.path, "--out", tmp_path / "packed.hdf5", "--overwrite", *words)
        assert demos(tmp_path / "packed.hdf5") == numbers
        assert (said["episodes"], said["steps"]) == (len(numbers), 3 * len(numbers))
        assert said["bytes"] == (tmp_path / "packed.hdf5").stat().st_size


def test_masks_name_only_what_is_packed(mixed: Session, tmp_path: Path) -> None:
    assert run("split", mixed.path, "--valid", 0.4) == 0
    assert run("pack", mixed.path, "--out", tmp_path / "packed.hdf5", "--episodes", "1-5") == 0
    masks = {name: demos(tmp_path / "packed.hdf5", name) for name in ("success", "usable", "train", "valid")}
    assert (masks["success"], masks["usable"]) == ([4], [1, 4])
    assert sorted(masks["train"] + masks["valid"]) == [1, 4]


def test_without_a_split_there_is_none_in_the_file(mixed: Session, tmp_path: Path) -> None:
    assert run("pack", mixed.path, "--out", tmp_path / "packed.hdf5") == 0
    with h5py.File(tmp_path / "packed.hdf5", "r") as file:
        assert set(file["mask"]) == {"success", "usable"}


def test_the_file_says_what_it_is(mixed: Session, tmp_path: Path) -> None:
    assert run("merge", tmp_path / "all", mixed.path) == 0
    Session.open(tmp_path / "all").append(made_episode(meta=PLAIN))
    assert run("pack", tmp_path / "all", "--out", tmp_path / "packed.hdf5") == 0
    with h5py.File(tmp_path / "packed.hdf5", "r") as file:
        about = dict(file.attrs)
    assert about["schema_version"] == SCHEMA_VERSION
    assert about["created_by"].startswith("gamepad-dagger ")
    assert (about["session"], json.loads(about["sources"])) == ("all", ["all", "mixed"])
    assert str(tmp_path) not in str(about)


def test_an_older_schema_is_packed_as_it_is(mixed: Session, tmp_path: Path) -> None:
    make_older(mixed.episode_path(0))
    assert run("pack", mixed.path, "--out", tmp_path / "packed.hdf5", "--episodes", "0") == 0
    with h5py.File(tmp_path / "packed.hdf5", "r") as file:
        assert file["data/demo_0"].attrs["schema_version"] == 2
        assert "at_rest" not in file["data/demo_0"]
        assert len(file["data/demo_0/obs/object"]) == 3


def test_one_episode_at_a_time_is_in_memory(mixed: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gc
    import weakref

    read, held = pack.read_episode, list[weakref.ref[Episode]]()

    def watched(path: Path) -> Episode:
        gc.collect()
        assert not [one for one in held if one() is not None]
        episode = read(path)
        held.append(weakref.ref(episode))
        return episode

    monkeypatch.setattr(pack, "read_episode", watched)
    assert run("pack", mixed.path, "--out", tmp_path / "packed.hdf5", "--all") == 0
    assert len(held) == 6


# -- what goes wrong -----------------------------------------------------------------------------------------------


def test_ctrl_c_leaves_nothing_and_the_file_that_was_there(mixed: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.hdf5").write_text("old")
    monkeypatch.setattr(pack, "read_episode", interrupting(2, pack.read_episode))
    assert run("pack", mixed.path, "--out", tmp_path / "out" / "old.hdf5", "--overwrite") == 130
    assert [(path.name, path.read_text()) for path in (tmp_path / "out").iterdir()] == [("old.hdf5", "old")]


def test_a_damaged_episode_is_never_packed(mixed: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip_a_bit(mixed.episode_path(4))
    (tmp_path / "out").mkdir()
    assert run("pack", mixed.path, "--out", tmp_path / "out" / "packed.hdf5") == 2
    assert "000004.hdf5 is damaged (actions does not match its checksum)" in capsys.readouterr().err.splitlines()[-1]
    assert not list((tmp_path / "out").iterdir())
    assert run("pack", mixed.path, "--out", tmp_path / "out" / "packed.hdf5", "--episodes", "0-1") == 0


def test_a_full_disk_is_told_in_a_line_and_leaves_nothing(
    mixed: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pack, "put_in_place", full)
    assert run("pack", mixed.path, "--out", tmp_path / "packed.hdf5") == 2
    assert "could not be written ([Errno 28] No space left on device)" in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.glob("packed*"))


BAD = {
    "no name": ("pack {session}", "--out"),
    "no session": ("pack {session}x --out {new}/a.hdf5", "there is no session at"),
    "another suffix": ("pack {session} --out {new}/a.h5", "--out {new}/a.h5 does not end in .hdf5; give a file name such as {new}/a.hdf5"),
    "a missing folder": ("pack {session} --out {new}/b/a.hdf5", "there is no folder {new}/b; make it or give another name"),
    "a folder": ("pack {session} --out {new}.hdf5", "is a folder; give the name of a file"),
    "a file that is there": ("pack {session} --out {old}", "exists; give another name, or --overwrite to replace it"),
    "an episode file": ("pack {session} --out {session}/episodes/000000.hdf5 --overwrite", "is inside the session"),
    "the index": ("pack {session} --out {session}/session.hdf5 --overwrite", "is inside the session"),
    "two choices": ("pack {session} --out {new}/a.hdf5 --all --episodes 1", "--all and --episodes contradict each other"),
    "no such episode": ("pack {session} --out {new}/a.hdf5 --episodes 9", "--episodes '9' is not there; allowed: the numbers 0-2"),
    "an outcome of none": ("pack {session} --out {new}/a.hdf5 --episodes partial", "has no such episode to take; choose with --episodes"),
    "nothing usable": ("pack {unfinished} --out {new}/a.hdf5", "has no such episode to take; choose with --episodes, or give --all"),
    "an empty session": ("pack {empty} --out {new}/a.hdf5", "has no such episode to take; it is empty; record episodes first"),
    "two envs": ("pack {envs} --out {new}/a.hdf5", "one file holds one env with one set of arguments, these are PandaLift-v0"),
    "damage": ("pack {damaged} --out {new}/a.hdf5", "000001.hdf5 cannot be read as an episode"),
}


@pytest.mark.parametrize(("line", "says"), BAD.values(), ids=list(BAD))
def test_a_mistake_is_one_line_and_changes_nothing(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    Session.open(copied)
    damaged = session_of(tmp_path / "damaged", S, S)
    (damaged.path / "episodes" / "000001.hdf5").write_bytes(b"garbage")
    damaged.tidy()
    envs = session_of(tmp_path / "envs", S)
    envs.append(made_episode(meta=replace(PLAIN, env_id="PandaReach-v0")))
    places = {name: tmp_path / name for name in ("new", "damaged", "envs")}
    places["empty"], places["unfinished"] = Session.create(tmp_path / "empty").path, session_of(tmp_path / "unfinished", P).path
    for folder in ("new", "new.hdf5"):
        (tmp_path / folder).mkdir()
    (tmp_path / "old.hdf5").write_text("old")
    check_mistake(capsys, line, says, session=copied, old=tmp_path / "old.hdf5", **places)


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    copied: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Session.open(copied)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("usage", "free")(1000))
    check_mistake(capsys, "pack {session} --out {session}.hdf5", "and its disk has 0.0 MB free; free some space", session=copied)
