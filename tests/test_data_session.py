"""Specification of `data.session`: a folder that survives crashes and hands, and that robomimic reads."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from test_data_support import META, made_episode, tick

from data.errors import UserError
from data.schema import Outcome, Phase
from data.session import Session

ROOT = Path(__file__).parent.parent


def indexed(path: Path, mask: str | None = None) -> list[int]:
    """The episodes that the index lists, or those of one of its masks."""
    with h5py.File(path / "session.hdf5", "r") as index:
        names = list(index["data"]) if mask is None else [name.decode() for name in index[f"mask/{mask}"][()]]
    return sorted(int(name[len("demo_") :]) for name in names)


def total(path: Path) -> int:
    with h5py.File(path / "session.hdf5", "r") as index:
        return int(index["data"].attrs["total"])


def files(path: Path) -> list[str]:
    """All but the locks."""
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


# -- episodes ------------------------------------------------------------------------------------------------------


def test_a_new_session_is_empty_and_has_an_index(tmp_path: Path) -> None:
    session = Session.create(tmp_path / "a" / "new")
    assert len(session) == 0
    assert indexed(session.path) == []
    assert total(session.path) == 0
    assert session.next_number() == 0


def test_what_is_appended_is_read(copied: Path) -> None:
    session, episode = Session.create(copied), made_episode()
    number = session.append(replace(episode, meta=replace(META, env_id="PandaLift-v0")))
    assert number == 3
    assert len(session) == 4
    read = session.read(3)
    assert read.meta == META
    for name, array in episode.steps.items():
        np.testing.assert_array_equal(read.steps[name], array, err_msg=name)


def test_metas_come_in_order_with_their_numbers(recorded: Path) -> None:
    assert [(number, meta.seed) for number, meta in Session.open(recorded).metas()] == [(0, 7), (1, 8), (2, 9)]


def test_numbers_go_beyond_ten_in_order(tmp_path: Path) -> None:
    session = Session.create(tmp_path)
    assert [session.append(made_episode()) for _ in range(12)] == list(range(12))
    assert [number for number, _ in session.metas()] == list(range(12))
    assert indexed(tmp_path) == list(range(12))


FILES = ["catalog.jsonl", "episodes/000000.hdf5", "episodes/000001.hdf5", "episodes/000002.hdf5", "session.hdf5"]


def test_the_millionth_episode_comes_after_those_before_it(tmp_path: Path) -> None:
    session = Session.create(tmp_path / "session")
    for number in (1_000_000, 999_999):
        session.append(made_episode(), number)
    assert session.next_number() == 1_000_001
    assert [path.name for path in session.episode_paths()] == ["999999.hdf5", "1000000.hdf5"]
    assert [row.number for row in Session.open(session.path).rows()] == [999_999, 1_000_000]
    assert session.trash(999_999, 1_000_000) == session.restore(999_999, 1_000_000) == [999_999, 1_000_000]


def test_recording_leaves_only_episodes_and_what_is_derived(recorded: Path) -> None:
    assert files(recorded) == FILES
    assert not (recorded / "running").exists()


def test_an_episode_file_never_changes(copied: Path) -> None:
    before = {path.name: path.read_bytes() for path in (copied / "episodes").iterdir()}
    session = Session.create(copied)
    session.trash(session.append(made_episode()))
    assert {path.name: path.read_bytes() for path in (copied / "episodes").iterdir()} == before


# -- the index -----------------------------------------------------------------------------------------------------


def test_the_index_counts_all_steps(recorded: Path) -> None:
    session = Session.open(recorded)
    assert total(recorded) == sum(len(session.read(number)) for number in range(3))


def test_the_index_names_the_environment_as_robomimic_does(tmp_path: Path) -> None:
    Session.create(tmp_path).append(made_episode())
    with h5py.File(tmp_path / "session.hdf5", "r") as index:
        env_args = json.loads(index["data"].attrs["env_args"])
    assert env_args["env_name"] == "PandaLift-v0"
    assert env_args["type"] == 2  # robomimic's EnvType.GYM_TYPE
    assert env_args["env_kwargs"] == {"cameras": ["front"], "image_size": 16}


def test_only_episodes_are_under_data(recorded: Path) -> None:
    with h5py.File(recorded / "session.hdf5", "r") as index:
        assert set(index["data"]) == {"demo_0", "demo_1", "demo_2"}
        assert set(index["mask"]) == {"usable", "success"}


def test_masks_tell_finished_episodes_and_successes(tmp_path: Path) -> None:
    session = Session.create(tmp_path)
    for outcome in (Outcome.SUCCESS, Outcome.FAILURE, Outcome.DISCARDED, Outcome.PARTIAL, Outcome.SUCCESS):
        session.append(made_episode(meta=replace(META, outcome=outcome)))
    expected = {"usable": [0, 1, 4], "success": [0, 4]}
    assert {mask: indexed(tmp_path, mask) for mask in expected} == expected
    assert indexed(tmp_path) == [0, 1, 2, 3, 4]
    (tmp_path / "session.hdf5").unlink()
    Session.create(tmp_path)
    assert {mask: indexed(tmp_path, mask) for mask in expected} == expected


def test_the_index_follows_its_session_to_another_folder(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = shutil.copytree(recorded, tmp_path / "elsewhere" / "moved")
    monkeypatch.chdir("/")
    with h5py.File(moved / "session.hdf5", "r") as index:
        demo = index["data/demo_2"]
        assert Path(demo.file.filename).resolve() == (moved / "episodes" / "000002.hdf5").resolve()
        assert len(demo["actions"]) == demo.attrs["num_samples"]


def remove_the_index(path: Path) -> None:
    (path / "session.hdf5").unlink()


def fill_the_index_with_garbage(path: Path) -> None:
    (path / "session.hdf5").write_bytes(b"\x00garbage" * 1000)


def truncate_the_index(path: Path) -> None:
    whole = (path / "session.hdf5").read_bytes()
    (path / "session.hdf5").write_bytes(whole[: len(whole) // 3])


def put_something_else_in_its_place(path: Path) -> None:
    with h5py.File(path / "session.hdf5", "w") as file:
        file["data"] = 3.0


def name_a_demo_strangely(path: Path) -> None:
    with h5py.File(path / "session.hdf5", "a") as index:
        index["data"].create_group("demo_x")


def leave_a_half_written_index(path: Path) -> None:
    (path / "session.hdf5").rename(path / "session.hdf5.tmp")


BREAK_THE_INDEX = [
    remove_the_index,
    fill_the_index_with_garbage,
    truncate_the_index,
    put_something_else_in_its_place,
    name_a_demo_strangely,
    leave_a_half_written_index,
]


@pytest.mark.parametrize("break_it", BREAK_THE_INDEX)
def test_a_broken_index_is_rebuilt(copied: Path, break_it: Callable[[Path], None]) -> None:
    steps = total(copied)
    break_it(copied)
    Session.create(copied)
    assert indexed(copied) == indexed(copied, "usable") == indexed(copied, "success") == [0, 1, 2]
    assert total(copied) == steps
    assert not list(copied.rglob("*.tmp"))


@pytest.mark.parametrize("break_it", BREAK_THE_INDEX)
def test_a_broken_index_does_not_stop_an_episode_from_being_kept(copied: Path, break_it: Callable[[Path], None]) -> None:
    session = Session.create(copied)
    break_it(copied)
    assert session.append(made_episode()) == 3
    Session.create(copied)
    assert indexed(copied) == [0, 1, 2, 3]


def test_an_episode_removed_by_hand_leaves_the_index(copied: Path) -> None:
    (copied / "episodes" / "000001.hdf5").unlink()
    session = Session.create(copied)
    assert indexed(copied) == [0, 2]
    assert total(copied) == sum(len(session.read(number)) for number in (0, 2))
    assert session.next_number() == 3


def test_an_episode_copied_in_by_hand_joins_the_index(copied: Path) -> None:
    shutil.copy(copied / "episodes" / "000000.hdf5", copied / "episodes" / "000009.hdf5")
    session = Session.create(copied)
    assert indexed(copied) == [0, 1, 2, 9]
    assert total(copied) == sum(len(session.read(number)) for number in (0, 1, 2, 9))
    assert session.append(made_episode()) == 10


def times(path: Path) -> dict[str, int]:
    return {name: (path / name).stat().st_mtime_ns for name in files(path)}


def test_opening_a_session_that_is_in_order_writes_nothing(copied: Path) -> None:
    Session.create(copied)  # a copy's files have other times
    before = times(copied)
    Session.open(copied).read(0)
    assert times(copied) == before


def test_opening_to_read_puts_the_index_right(copied: Path) -> None:
    remove_the_index(copied)
    Session.open(copied).read(0)
    assert indexed(copied) == [0, 1, 2]


def test_recording_goes_on_while_another_process_reads_the_index(copied: Path) -> None:
    """Training with robomimic holds `session.hdf5` open, and locked, for hours."""
    code = "import sys, h5py; file = h5py.File(sys.argv[1], 'r'); print('open', flush=True); input(); print(len(file['data']))"
    command = [sys.executable, "-c", code, str(copied / "session.hdf5")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        assert Session.create(copied).append(made_episode()) == 3
        seen, _ = reader.communicate("\n", timeout=60)
    assert seen.strip() == "3"  # the reader's own file stays as it was
    assert indexed(copied) == [0, 1, 2, 3]


# -- crashes -------------------------------------------------------------------------------------------------------

CRASH = """
import os, sys
from data.session import Session
session = Session.create(sys.argv[1])
episode = session.read(0)
renames, replace = [], os.replace
def dying(source, target):
    renames.append(target)
    if len(renames) == int(sys.argv[2]):
        os._exit(9)
    replace(source, target)
os.replace = dying
import pathlib
pathlib.Path.replace = lambda self, target: dying(self, target)
session.append(episode)
"""


def crash_at_rename(number: int, path: Path) -> None:
    """A process that appends an episode and dies without a word just before its `number`-th rename."""
    assert run_python(CRASH, str(path), str(number)).returncode == 9


def test_a_crash_before_the_episode_is_renamed_leaves_the_session_as_it_was(copied: Path) -> None:
    crash_at_rename(1, copied)
    session = Session.open(copied)
    assert [number for number, _ in session.metas()] == [0, 1, 2]
    assert len(session.read(2)) > 0
    assert indexed(copied) == [0, 1, 2]
    with Session.create(copied).claim():
        assert not list(copied.rglob("*.tmp"))
    assert Session.create(copied).append(made_episode()) == 3


def test_a_crash_before_the_index_is_renamed_loses_no_episode(copied: Path) -> None:
    steps, length = total(copied), len(Session.open(copied).read(0))
    crash_at_rename(2, copied)
    assert indexed(copied) == [0, 1, 2]
    session = Session.create(copied)
    assert len(session.read(3)) == length
    assert indexed(copied) == [0, 1, 2, 3]
    assert total(copied) == steps + length


def test_a_disk_that_refuses_is_a_user_error_and_loses_nothing(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session.create(copied)

    def full(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(UserError, match=r"episode 3 could not be written .*No space left.*; free some space"):
            session.append(made_episode())
    assert [number for number, _ in session.metas()] == [0, 1, 2]
    assert session.append(made_episode()) == 3


def test_an_index_that_cannot_be_written_is_a_user_error_and_the_episode_is_safe(copied: Path) -> None:
    session = Session.create(copied)
    remove_the_index(copied)
    (copied / "session.hdf5" / "in the way").mkdir(parents=True)
    with pytest.raises(UserError, match=r"the index of .* could not be written .*; its episodes are safe"):
        session.append(made_episode())
    shutil.rmtree(copied / "session.hdf5")
    assert len(Session.create(copied).read(3)) == 3
    assert indexed(copied) == [0, 1, 2, 3]


# -- undo ----------------------------------------------------------------------------------------------------------


def test_trash_keeps_the_file_and_takes_it_from_the_index(copied: Path) -> None:
    last = (copied / "episodes" / "000002.hdf5").read_bytes()
    Session.create(copied).trash(2)
    assert (copied / "trash" / "000002.hdf5").read_bytes() == last
    assert not (copied / "episodes" / "000002.hdf5").exists()
    assert indexed(copied) == indexed(copied, "usable") == [0, 1]
    assert total(copied) == sum(len(Session.open(copied).read(number)) for number in (0, 1))


def test_an_undone_number_is_never_used_again(copied: Path) -> None:
    session = Session.create(copied)
    session.trash(2, 1)
    assert session.append(made_episode()) == 3
    session.trash(3)
    assert session.append(made_episode()) == 4
    assert indexed(copied) == [0, 4]
    assert sorted(path.name for path in (copied / "trash").iterdir()) == ["000001.hdf5", "000002.hdf5", "000003.hdf5"]


def test_trashing_what_is_not_there_changes_nothing(copied: Path) -> None:
    before = files(copied)
    Session.create(copied).trash(7)
    assert files(copied) == before


def test_a_tag_can_be_changed_afterwards(copied: Path) -> None:
    session = Session.create(copied)
    before = session.read(1)
    session.tag(1, "over")
    after = session.read(1)
    assert after.meta == replace(before.meta, behaviour_mode="over")
    assert all(np.array_equal(after.steps[name], before.steps[name], equal_nan=True) for name in before.steps)
    assert files(copied) == FILES


# -- refusals ------------------------------------------------------------------------------------------------------


def test_a_session_of_another_environment_is_refused(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds episodes of PandaLift-v0, not PandaReach-v0; give another --session or that --env"):
        Session.open(recorded).check_env("PandaReach-v0")
    Session.open(recorded).check_env("PandaLift-v0")
    Session.create(tmp_path).check_env("PandaReach-v0")


def test_a_file_is_not_a_session(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    for use in (Session.create, Session.open):
        with pytest.raises(UserError, match="file is a file; a session is a folder"):
            use(path)
    with pytest.raises(UserError, match=r"cannot be made \(Not a directory\); give a folder you can write to"):
        Session.create(path / "below")


def test_a_missing_session_says_how_to_record_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no session at .*new; record one with: python -m teleop record --session .*new"):
        Session.open(tmp_path / "new")


def test_any_folder_is_not_a_session(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a session \(no episodes/ folder in it\); give a folder that record made"):
        Session.open(tmp_path)
    assert files(tmp_path) == []


def test_an_empty_session_has_no_environment(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is an empty session; record episodes first: python -m teleop record --session"):
        Session.create(tmp_path).env_of()


def test_a_missing_episode_says_which_there_are(recorded: Path, tmp_path: Path) -> None:
    for number in (3, 99, -1):
        with pytest.raises(UserError, match=f"has no episode {number}; allowed: 0 to 2"):
            Session.open(recorded).read(number)
    with pytest.raises(UserError, match="has no episode 0; allowed: none, the session is empty"):
        Session.create(tmp_path).read(0)


def test_a_damaged_episode_is_named_and_the_others_stay_readable(copied: Path) -> None:
    (copied / "episodes" / "000001.hdf5").write_bytes(b"garbage")
    session = Session.open(copied)
    with pytest.raises(UserError, match=r"000001\.hdf5 cannot be read as an episode .*; python -m data check SESSION sets damaged"):
        session.read(1)
    assert len(session.read(2)) > 0


def test_a_damaged_episode_is_left_out_of_the_index_and_of_nothing_else_silently(copied: Path) -> None:
    (copied / "episodes" / "000001.hdf5").write_bytes(b"garbage")
    with h5py.File(copied / "episodes" / "000005.hdf5", "w") as file:
        file["x"] = 1
    session = Session.create(copied)
    assert indexed(copied) == [0, 2]
    damaged = session.catalog().damaged
    assert set(damaged) == {1, 5}
    assert "000001.hdf5 cannot be read as an episode" in damaged[1]
    assert "000005.hdf5 is not one of our episodes" in damaged[5]
    with pytest.raises(UserError, match=r"000001\.hdf5 cannot be read as an episode"):
        session.rows()
    assert session.append(made_episode()) == 6
    assert not list(copied.rglob("*.tmp"))


# -- robomimic -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [None, "usable", "success"])
def test_robomimics_loader_finds_what_it_needs(recorded: Path, mask: str | None) -> None:
    """The reads of robomimic 0.3's `SequenceDataset.load_demo_info`, `get_dataset_from_file` and its playback."""
    with h5py.File(recorded / "session.hdf5", "r", swmr=True, libver="latest") as f:
        names = list(f["data"].keys()) if mask is None else [name.decode("utf-8") for name in np.array(f[f"mask/{mask}"][:])]
        demos = [names[i] for i in np.argsort([int(name[5:]) for name in names])]
        assert demos == ["demo_0", "demo_1", "demo_2"]
        assert sum(f[f"data/{ep}"].attrs["num_samples"] for ep in demos) == f["data"].attrs["total"]
        for ep in demos:
            length = f[f"data/{ep}"].attrs["num_samples"]
            actions = f[f"data/{ep}/actions"][()].astype("float32")
            assert actions.shape == (length, 7)
            assert np.abs(actions).max() <= 1.0
            for key in ("rewards", "dones", "states"):
                assert len(f[f"data/{ep}/{key}"][()]) == length
            assert set(f[f"data/{ep}/obs"]) >= {"robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos", "object"}
            for key in f[f"data/{ep}/obs"]:
                assert len(f[f"data/{ep}/obs/{key}"][()]) == length, key
            assert f[f"data/{ep}"].attrs["model_file"].startswith("<mujoco")


def test_robomimics_names_of_who_acted_are_there_as_numbers(tmp_path: Path) -> None:
    Session.create(tmp_path).append(made_episode(tick(0), tick(1, phase=Phase.ASKING, policy_action=np.zeros(7, np.float32))))
    with h5py.File(tmp_path / "session.hdf5", "r") as f:
        demo = f["data/demo_0"]
        assert demo["interventions"][()].tolist() == [0, 1]
        assert demo["user_acting"][()].tolist() == [1, 1]
        assert demo["policy_acting"][()].tolist() == [0, 0]
