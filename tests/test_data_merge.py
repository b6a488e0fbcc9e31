"""Specification of `data merge`: every episode once, however often it is asked for, and the sources stay as they are."""

import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from data_tools import PLAIN, answer, check_mistake, contents, flip_a_bit, interrupting, make_older, run, session_of
from test_data_support import made_episode

import data.merge as merge
from data.check import problems_of
from data.errors import DamagedError
from data.merge import plan_merge, verify
from data.schema import Outcome
from data.session import Session

S, F, A = Outcome.SUCCESS, Outcome.FAILURE, Outcome.ABANDONED


@pytest.fixture
def source(tmp_path: Path) -> Session:
    return session_of(tmp_path / "monday", S, F, S)


@pytest.fixture
def target(tmp_path: Path) -> Session:
    return session_of(tmp_path / "all", F, S)


def family(path: Path) -> Session:
    """0 with the branches 1 and 2, and 3."""
    session = session_of(path, S)
    for parent in (0, 0):
        session.append(made_episode(meta=replace(PLAIN, outcome=A, parent=parent, branch_step=2)))
    session.append(made_episode(meta=PLAIN))
    return session


# -- what becomes of the episodes ----------------------------------------------------------------------------------


def test_merged_episodes_keep_all_but_their_number(source: Session, target: Session, capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(capsys, "merge", target.path, source.path)
    assert said == {"merged": 3, "passed_over": 0, "episodes": 5, "numbers": [2, 3, 4]}
    for number in range(3):
        old, new = source.read(number), target.read(2 + number)
        assert new.meta == replace(old.meta, origin=f"monday#{number}")
        assert all(np.array_equal(new.steps[name], old.steps[name], equal_nan=True) for name in old.steps)
        assert all(np.array_equal(new.obs[key], old.obs[key]) for key in old.obs)
        assert problems_of(target.episode_path(2 + number)) == []


def test_the_index_lists_what_was_merged(source: Session, target: Session) -> None:
    assert run("merge", target.path, source.path) == 0
    with h5py.File(target.path / "session.hdf5", "r") as index:
        assert sorted(index["data"]) == [f"demo_{n}" for n in range(5)]
        assert index["data"].attrs["total"] == 15
        assert len(index["mask/success"]) == 3


def test_the_sources_and_the_episodes_before_stay_as_they_are(source: Session, target: Session) -> None:
    before, held = contents(source), contents(target)
    assert run("merge", target.path, source.path) == 0
    assert contents(source) == before
    assert {n: content for n, content in contents(target).items() if n < 2} == held


def test_images_are_copied_without_being_packed_anew(source: Session, target: Session) -> None:
    assert run("merge", target.path, source.path) == 0
    with h5py.File(source.episode_path(1), "r") as old, h5py.File(target.episode_path(3), "r") as new:
        assert new["obs/front_image"].chunks == old["obs/front_image"].chunks == (1, 16, 16, 3)
        assert new["obs/front_image"].id.read_direct_chunk((1, 0, 0, 0)) == old["obs/front_image"].id.read_direct_chunk((1, 0, 0, 0))


def test_a_session_is_made_where_there_is_none(source: Session, tmp_path: Path) -> None:
    assert run("merge", tmp_path / "deep" / "new", source.path) == 0
    assert [row.origin for row in Session.open(tmp_path / "deep" / "new").rows()] == ["monday#0", "monday#1", "monday#2"]


def test_a_real_recording_replays_after_a_merge(recorded: Path, tmp_path: Path) -> None:
    assert run("merge", tmp_path / "new", recorded) == 0
    old, new = Session.open(recorded).read(1), Session.open(tmp_path / "new").read(1)
    assert new.steps["sim_state"].tobytes() == old.steps["sim_state"].tobytes()
    assert new.meta.uid == old.meta.uid


def test_branches_follow_their_parents(target: Session, tmp_path: Path) -> None:
    first, second = family(tmp_path / "first"), family(tmp_path / "second")
    assert run("merge", target.path, first.path, second.path) == 0
    assert [(row.number, row.parent, row.branch_step) for row in target.rows()] == [
        (0, -1, -1), (1, -1, -1), (2, -1, -1), (3, 2, 2), (4, 2, 2), (5, -1, -1), (6, -1, -1), (7, 6, 2), (8, 6, 2), (9, -1, -1),
    ]  # fmt: skip


def test_a_branch_whose_parent_was_deleted_stands_alone(target: Session, tmp_path: Path) -> None:
    source = family(tmp_path / "first")
    source.trash(0)
    assert run("merge", target.path, source.path) == 0
    assert [(row.number, row.parent, row.branch_step) for row in target.rows()][2:] == [(2, -1, -1), (3, -1, -1), (4, -1, -1)]


def test_an_origin_is_where_an_episode_was_recorded(source: Session, target: Session, tmp_path: Path) -> None:
    assert run("merge", target.path, source.path) == 0
    assert run("merge", tmp_path / "third", target.path) == 0
    assert [row.origin for row in Session.open(tmp_path / "third").rows()] == ["all#0", "all#1", "monday#0", "monday#1", "monday#2"]


def test_numbers_go_on_after_the_highest_ever_used(source: Session, target: Session) -> None:
    target.trash(1)
    assert run("merge", target.path, source.path) == 0
    assert [row.number for row in target.rows()] == [0, 2, 3, 4]


# -- again ---------------------------------------------------------------------------------------------------------


def test_merging_again_changes_nothing(source: Session, target: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("merge", target.path, source.path) == 0
    before = contents(target)
    said = answer(capsys, "merge", target.path, source.path, source.path)
    assert said == {"merged": 0, "passed_over": 6, "episodes": 5, "numbers": []}
    assert contents(target) == before


def test_what_was_deleted_after_a_merge_does_not_come_back(source: Session, target: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("merge", target.path, source.path) == 0
    target.trash(3)
    assert answer(capsys, "merge", target.path, source.path)["passed_over"] == 3
    assert [row.number for row in target.rows()] == [0, 1, 2, 4]


def test_only_what_is_new_in_a_source_is_copied(tmp_path: Path, target: Session) -> None:
    source = family(tmp_path / "first")
    assert run("merge", target.path, source.path) == 0
    source.append(made_episode(meta=replace(PLAIN, outcome=A, parent=3, branch_step=1)))
    assert run("merge", target.path, source.path) == 0
    assert [(row.number, row.parent) for row in target.rows()][-2:] == [(5, -1), (6, 5)]


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_an_interrupted_merge_goes_on_to_the_same_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    source, once = family(tmp_path / "first"), tmp_path / "once"
    assert run("merge", once, source.path) == 0
    with monkeypatch.context() as patch:
        patch.setattr(merge, "change_meta", interrupting(after, merge.change_meta))
        assert run("merge", tmp_path / "twice", source.path) == 130
    assert len(Session.open(tmp_path / "twice").rows()) == after - 1
    assert run("merge", tmp_path / "twice", source.path) == 0
    assert contents(Session(tmp_path / "twice")) == contents(Session(once))


def test_a_parent_is_copied_before_its_branches() -> None:
    Row = namedtuple("Row", "number parent")
    rows = {number: Row(number, parent) for number, parent in ((0, 2), (1, -1), (2, 4), (3, 9), (4, -1), (5, 6), (6, 5))}
    order = [row.number for row in merge._parents_first(rows)]  # type: ignore[arg-type]
    assert order == [4, 2, 0, 1, 3, 6, 5]


def test_episodes_of_an_older_schema_are_known_again(source: Session, target: Session, capsys: pytest.CaptureFixture[str]) -> None:
    for path in source.episode_paths()[:2]:
        make_older(path)
    with h5py.File(source.episode_path(1), "r+") as file:  # hand-made episodes are all alike
        file["time_s"][2] = 0.5
    for merged, passed_over in ((3, 0), (0, 3)):
        said = answer(capsys, "merge", target.path, source.path)
        assert (said["merged"], said["passed_over"]) == (merged, passed_over)
    assert [row.schema_version for row in target.rows()] == [4, 4, 2, 2, 4]
    assert len({row.uid for row in target.rows()}) == 5
    shutil.rmtree(source.path)


def test_a_split_stays_and_the_new_episodes_are_in_neither_set(
    source: Session, target: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("split", target.path) == 0
    assert run("merge", target.path, source.path) == 0
    assert f"in neither mask/train nor mask/valid yet: python -m data split {target.path}" in capsys.readouterr().out


# -- mistakes ------------------------------------------------------------------------------------------------------

BAD = {
    "from nothing": ("merge {target}", "there is nothing to merge; name the sessions to copy from"),
    "from no session": ("merge {target} {source}x", "there is no session at {source}x"),
    "from a folder": ("merge {target} {folder}", "is not a session (no episodes/ folder in it)"),
    "from itself": ("merge {target} {target}", "{target} cannot be merged into itself"),
    "into a file": ("merge {file} {source}", "is a file; a session is a folder"),
    "into another folder": ("merge {folder} {source}", "is not a session (no episodes/ folder in it)"),
    "another env": ("merge {target} {other}", "PandaReach-v0"),
    "other arguments": ("merge {target} {wider}", '"image_size": 32'),
    "two envs into a new session": ("merge {target}-new {source} {other}", "merge those of each env into a session of its own"),
    "damage": (
        "merge {target} {source} {damaged}",
        "{damaged} has 1 damaged episode (1), nothing was merged; python -m data check {damaged}",
    ),
}


@pytest.mark.parametrize(("line", "says"), BAD.values(), ids=list(BAD))
def test_a_mistake_is_one_line_and_changes_nothing(
    source: Session, target: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    damaged = session_of(tmp_path / "damaged", S, S)
    (damaged.path / "episodes" / "000001.hdf5").write_bytes(b"garbage")
    damaged.tidy()
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "below").mkdir(parents=True)
    places = {name: tmp_path / name for name in ("file", "folder", "damaged")}
    places["other"] = session_of(tmp_path / "other", S, env_id="PandaReach-v0").path
    places["wider"] = session_of(tmp_path / "wider", S, env_kwargs={"cameras": ["front"], "image_size": 32}).path
    check_mistake(capsys, line, says, source=source.path, target=target.path, **places)
    assert not (tmp_path / "all-new").exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    source: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("usage", "free")(1000))
    check_mistake(
        capsys, "merge {source}-new {source}", "and its disk has 0.0 MB free; free some space or give another", source=source.path
    )
    assert not (tmp_path / "monday-new").exists()


def test_a_source_with_a_flipped_bit_is_refused_before_anything_is_copied(
    source: Session, target: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_bit(source.episode_path(1))
    before = contents(target)
    with pytest.raises(DamagedError, match=r"000001\.hdf5 is damaged \(actions does not match its checksum\)"):
        verify(plan_merge(target, [source]), lambda done, note: None)
    assert run("merge", target.path, source.path) == 2
    assert "actions does not match its checksum" in capsys.readouterr().err.splitlines()[-1]
    assert contents(target) == before


def test_a_session_in_use_gets_nothing(
    source: Session, target: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.session.PATIENCE_S", 0.0)
    before = contents(target)
    with target.claim():
        assert run("merge", target.path, source.path) == 2
    assert "is in use by" in capsys.readouterr().err.splitlines()[-1]
    assert contents(target) == before
