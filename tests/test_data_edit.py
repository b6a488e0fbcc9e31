"""Specification of `data tag` and `data delete`: episodes change whole, and what was deleted comes back."""

import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from data_tools import PLAIN, answer, check_mistake, contents, flip_a_bit, interrupting, make_older, run, session_of, snapshot
from test_data_support import made_episode

import data.commands.edit as edit
from data.checksum import CHECKSUM, checksum_of
from data.episode_file import read_episode, read_meta
from data.schema import Outcome
from data.session import Session
from data.trash import LOG_NAME

S, F, P, A = Outcome.SUCCESS, Outcome.FAILURE, Outcome.PARTIAL, Outcome.ABANDONED


def numbers(path: Path) -> list[int]:
    """The episodes, which the index must list as well."""
    there = [int(file.stem) for file in Session.open(path).episode_paths()]
    with h5py.File(path / "session.hdf5", "r") as index:
        assert sorted(int(name.removeprefix("demo_")) for name in index["data"]) == there
    return there


# -- tag -----------------------------------------------------------------------------------------------------------


def test_tagging_changes_mode_and_outcome_and_nothing_else(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {n: read_episode(copied / "episodes" / f"{n:06d}.hdf5") for n in range(3)}
    said = answer(capsys, "tag", copied, "--episodes", "0", "2", "--mode", "over", "--outcome", "failure")
    assert said == {"episodes": 2, "changed": [0, 2], "unchanged": 0}
    for n, old in before.items():
        new = read_episode(copied / "episodes" / f"{n:06d}.hdf5")
        assert new.meta == (old.meta if n == 1 else replace(old.meta, behaviour_mode="over", outcome=F))
        assert all(np.array_equal(new.steps[name], old.steps[name], equal_nan=True) for name in old.steps)
        with h5py.File(copied / "episodes" / f"{n:06d}.hdf5", "r") as file:
            assert file.attrs["success"] == (n == 1)
            assert file.attrs[CHECKSUM] == checksum_of({name: file.attrs[name] for name in file.attrs})


def test_the_listing_follows_a_tag(copied: Path) -> None:
    assert run("tag", copied, "--episodes", "1", "--outcome", "discarded") == 0
    row = Session.open(copied).rows()[1]
    assert (row.outcome, row.usable) == (Outcome.DISCARDED, False)
    with h5py.File(copied / "session.hdf5", "r") as index:
        assert [name.decode() for name in index["mask/usable"][()]] == ["demo_0", "demo_2"]


def test_many_tags_put_the_listing_right_once(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    write = Session.tidy_listing
    monkeypatch.setattr(Session, "tidy_listing", lambda session: (calls.append(1), write(session))[1])
    assert run("tag", copied, "--episodes", "all", "--mode", "over") == 0
    assert len(calls) <= 2  # when it is claimed, and at the end


def test_an_empty_mode_takes_the_tag_away(copied: Path) -> None:
    assert run("tag", copied, "--episodes", "all", "--mode", "") == 0
    assert [row.behaviour_mode for row in Session.open(copied).rows()] == ["", "", ""]


def test_a_tag_that_is_there_already_rewrites_nothing(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(copied)
    assert run("tag", copied, "--episodes", "all", "--mode", "left") == 0
    assert "0 episodes tagged behaviour mode left; 3 episodes had that already" in capsys.readouterr().out
    assert {k: v for k, v in snapshot(copied).items() if "episodes/" in k} == {k: v for k, v in before.items() if "episodes/" in k}


def test_an_outcome_that_no_episode_has_is_no_mistake(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "tag", copied, "--episodes", "partial", "--outcome", "failure")["changed"] == []


def test_an_episode_of_an_older_schema_can_be_tagged(copied: Path) -> None:
    make_older(copied / "episodes" / "000001.hdf5")
    assert run("tag", copied, "--episodes", "1", "--mode", "over") == 0
    meta = read_meta(copied / "episodes" / "000001.hdf5")
    assert (meta.behaviour_mode, meta.schema_version, meta.uid) == ("over", 2, "")


def test_interrupted_tagging_leaves_whole_files_and_can_be_given_again(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(edit, "change_meta", interrupting(2, edit.change_meta))
        assert run("tag", copied, "--episodes", "all", "--mode", "over") == 130
    assert [row.behaviour_mode for row in Session.open(copied).rows()] == ["over", "left", "left"]
    assert run("tag", copied, "--episodes", "all", "--mode", "over") == 0
    assert [row.behaviour_mode for row in Session.open(copied).rows()] == ["over", "over", "over"]


def test_a_full_disk_is_told_in_a_line_and_loses_nothing(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(Session.open(copied))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data.episode_file.replace_file", full)
    check_mistake(capsys, "tag {session} --episodes all --mode over", "No space left on device", session=copied)
    assert contents(Session(copied)) == before


def test_damaged_attributes_do_not_get_a_right_checksum(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied / "episodes" / "000001.hdf5"
    Session.open(copied)
    kept = path.stat()
    path.write_bytes(path.read_bytes().replace(b"PandaLift-v0", b"PandaLift-v1"))
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))  # so that the catalog does not look at it
    check_mistake(capsys, "tag {session} --episodes 1 --mode over", "its attributes do not match their checksum", session=copied)


# -- delete --------------------------------------------------------------------------------------------------------


def test_deleted_episodes_go_to_the_trash_as_they_are(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(Session(copied))
    assert answer(capsys, "delete", copied, "--episodes", "0", "2") == {"deleted": [0, 2], "branches_left": [], "episodes": 1}
    assert numbers(copied) == [1]
    assert {n: (copied / "trash" / f"{n:06d}.hdf5").read_bytes() for n in (0, 2)} == {n: before[n] for n in (0, 2)}


def test_deleting_says_how_to_undo(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("delete", copied, "--episodes", "success") == 0
    assert capsys.readouterr().out == (f"{copied}: 3 episodes moved to trash/ (0-2), 0 left\nundo: python -m data delete {copied} --undo\n")


def test_undo_brings_the_last_delete_back_and_then_the_one_before(tmp_path: Path) -> None:
    path = session_of(tmp_path / "s", *[S] * 6).path
    before = contents(Session(path))
    for words in (["0", "1"], ["3"], ["4-5"]):
        assert run("delete", path, "--episodes", *words) == 0
    assert numbers(path) == [2]
    for expected in ([2, 4, 5], [2, 3, 4, 5], [0, 1, 2, 3, 4, 5]):
        assert run("delete", path, "--undo") == 0
        assert numbers(path) == expected
    assert contents(Session(path)) == before


def test_undo_brings_chosen_episodes_back(tmp_path: Path) -> None:
    path = session_of(tmp_path / "s", S, F, P, S).path
    assert run("delete", path, "--episodes", "all") == 0
    assert run("delete", path, "--undo", "--episodes", "2", "failure") == 0
    assert numbers(path) == [1, 2]
    assert run("delete", path, "--undo") == 0
    assert numbers(path) == [0, 1, 2, 3]


def test_what_was_undone_and_deleted_again_is_of_the_newer_delete(tmp_path: Path) -> None:
    path = session_of(tmp_path / "s", S, S, S).path
    for words in (["--episodes", "0-1"], ["--undo"], ["--episodes", "2"], ["--episodes", "0"], ["--undo"]):
        assert run("delete", path, *words) == 0
    assert numbers(path) == [0, 1]
    assert run("delete", path, "--undo") == 0
    assert numbers(path) == [0, 1, 2]


def test_what_was_undone_while_recording_comes_back_by_number_only(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Session.open(copied).trash(1)
    check_mistake(
        capsys, "delete {session} --undo", "nothing to undo in {session}; trash/ holds 1: say which with --episodes", session=copied
    )
    assert run("delete", copied, "--undo", "--episodes", "1") == 0
    assert numbers(copied) == [0, 1, 2]


def test_a_torn_log_costs_no_more_than_its_torn_line(tmp_path: Path) -> None:
    path = session_of(tmp_path / "s", S, S, S).path
    assert run("delete", path, "--episodes", "0") == 0
    with (path / "trash" / LOG_NAME).open("ab") as log:
        log.write(b'{"deleted": [1, 2\xff')
    assert run("delete", path, "--episodes", "1") == 0
    for expected in ([1, 2], [0, 1, 2]):
        assert run("delete", path, "--undo") == 0
        assert numbers(path) == expected


def test_a_delete_that_was_killed_half_way_is_undone_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = session_of(tmp_path / "s", S, S, S).path
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupting(2, Path.replace))
        assert run("delete", path, "--episodes", "all") == 130
    assert numbers(path) == [1, 2]
    assert run("delete", path, "--undo") == 0
    assert numbers(path) == [0, 1, 2]


def test_branches_stay_unless_they_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = session_of(tmp_path / "s", S, S)
    for parent in (0, 0, 1):
        session.append(made_episode(meta=replace(PLAIN, outcome=A, parent=parent, branch_step=1)))
    assert run("delete", session.path, "--episodes", "0", "3") == 0
    assert "1 abandoned branch of them stays (2); delete by number" in capsys.readouterr().out
    assert numbers(session.path) == [1, 2, 4]


def test_a_deleted_number_is_not_given_again(copied: Path) -> None:
    assert run("delete", copied, "--episodes", "2") == 0
    assert Session.open(copied).append(made_episode(meta=PLAIN)) == 3


# -- mistakes ------------------------------------------------------------------------------------------------------

BAD = {
    "tag nothing": ("tag {session} --mode over", "no episodes are named; give --episodes with numbers (3)"),
    "tag with nothing": ("tag {session} --episodes 1", 'nothing to change; give --mode NAME ("" for none)'),
    "tag an unknown outcome": (
        "tag {session} --episodes 1 --outcome great",
        "--outcome great is none; allowed: abandoned, discarded, failure, partial, success",
    ),
    "tag a strange mode": ("tag {session} --episodes 1 --mode a\x07b", "is not a name"),
    "tag what is not there": ("tag {session} --episodes 7 --mode over", "--episodes '7' is not there; allowed: the numbers 0-2"),
    "tag no session": ("tag {session}x --episodes 1 --mode over", "there is no session at"),
    "tag damage": ("tag {damaged} --episodes 1 --mode over", "--episodes '1' is not there; allowed: the numbers 0, 2"),
    "delete nothing": ("delete {session}", "no episodes are named"),
    "delete what is not there": ("delete {session} --episodes 2-7", "goes beyond what is there; allowed: the numbers 0-2"),
    "delete no session": ("delete {session}x --episodes 1", "there is no session at"),
    "undo nothing": ("delete {session} --undo", "there is nothing to undo in {session}; trash/ is empty"),
    "undo what is not in the trash": ("delete {session} --undo --episodes 1", "--episodes '1' is not there; allowed: the numbers (none)"),
    "undo over another": ("delete {taken} --undo", "has other episodes numbered 1 by now, nothing was brought back"),
    "undo by number over another": ("delete {taken} --undo --episodes all", "has other episodes numbered 1 by now"),
}


@pytest.mark.parametrize(("line", "says"), BAD.values(), ids=list(BAD))
def test_a_mistake_is_one_line_and_changes_nothing(copied: Path, capsys: pytest.CaptureFixture[str], line: str, says: str) -> None:
    damaged, taken = (session_of(copied.parent / name, S, S, S) for name in ("damaged", "taken"))
    (damaged.path / "episodes" / "000001.hdf5").write_bytes(b"garbage")
    damaged.tidy()
    run("delete", taken.path, "--episodes", "1-2")
    (taken.path / "episodes" / "000001.hdf5").write_bytes((taken.path / "episodes" / "000000.hdf5").read_bytes())
    taken.tidy()
    check_mistake(capsys, line, says, session=copied, damaged=damaged.path, taken=taken.path)


@pytest.mark.parametrize(
    "line", ["tag {session} --episodes all --mode over", "delete {session} --episodes all", "trim {session}", "split {session}"]
)
def test_a_session_in_use_is_not_changed(
    copied: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr("data.session.PATIENCE_S", 0.0)
    with Session.open(copied).claim():
        check_mistake(capsys, line, "is in use by", session=copied)


def test_a_flipped_bit_is_nothing_that_delete_minds(copied: Path) -> None:
    flip_a_bit(copied / "episodes" / "000001.hdf5")
    assert run("delete", copied, "--episodes", "1") == 0
