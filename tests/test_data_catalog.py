"""Specification of `data.catalog`, `data.index` and `data.masks`: derived, never trusted more than the files."""

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command_lines import run
from test_data_session import indexed
from test_data_support import META, made_episode

import data.catalog
from data.catalog import Row, read_row
from data.errors import UserError
from data.masks import Masks, read_masks, write_masks
from data.schema import EpisodeMeta, Outcome
from data.session import Session


def counting(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The episode files that are opened for their rows from now on."""
    opened: list[Path] = []

    def read(path: Path) -> Any:
        opened.append(path)
        return read_row(path)

    monkeypatch.setattr(data.catalog, "read_row", read)
    return opened


def test_a_session_opens_without_opening_an_episode(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Session.open(copied)
    opened = counting(monkeypatch)
    monkeypatch.setattr(data.catalog, "read_checksum", lambda path: opened.append(path))
    rows = Session.open(copied).rows()
    assert [(row.number, row.outcome, row.seed, row.behaviour_mode) for row in rows] == [
        (n, Outcome.SUCCESS, 7 + n, "left") for n in range(3)
    ]
    assert opened == []


def test_a_row_is_what_the_file_says(copied: Path) -> None:
    session = Session.open(copied)
    for row in session.rows():
        episode = session.read(row.number)
        assert row == read_row(session.episode_path(row.number))
        assert (row.steps, row.seconds) == (len(episode), episode.steps["time_s"][-1])
        for name in {f.name for f in fields(Row)} & {f.name for f in fields(EpisodeMeta)}:
            assert getattr(row, name) == getattr(episode.meta, name), name


def test_an_appended_episode_has_the_row_that_reading_it_gives(copied: Path) -> None:
    session = Session.create(copied)
    number = session.append(made_episode(meta=replace(META, outcome=Outcome.FAILURE)))
    assert session.catalog().rows[number] == read_row(session.episode_path(number))


def test_a_copied_session_is_not_read_again(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files have other times, but carry the checksums that the catalog knows."""
    Session.open(copied)
    opened = counting(monkeypatch)
    there = Path(shutil.copytree(copied, tmp_path / "there", copy_function=shutil.copyfile))
    assert [row.number for row in Session.open(there).rows()] == [0, 1, 2]
    assert opened == []


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_changed_line_is_not_believed(copied: Path, line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Session.open(copied).rows()
    path = copied / "catalog.jsonl"
    lines = path.read_text().splitlines()
    lines[line] = lines[line].replace('"steps": ', '"steps": 1')
    path.write_text("\n".join(lines) + "\n")
    opened = counting(monkeypatch)
    assert Session.open(copied).rows() == before
    assert {path.name for path in opened} == {f"{line:06d}.hdf5"}


def test_a_torn_line_costs_only_its_own_episodes_reading(copied: Path) -> None:
    before = Session.open(copied).rows()
    path = copied / "catalog.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    session = Session.at(copied)
    session.append(made_episode())  # its line lands behind the torn one
    assert Session.open(copied).rows()[:3] == before
    assert len(session.rows()) == 4


def test_masks_of_others_are_kept_when_the_index_is_made_anew(copied: Path) -> None:
    Session.open(copied)
    with h5py.File(copied / "session.hdf5", "r+") as index:
        index["mask/mine"] = np.array([b"demo_0", b"demo_2"])
    (copied / "episodes" / "000002.hdf5").unlink()
    Session.open(copied)
    assert indexed(copied) == [0, 1]
    assert indexed(copied, "mine") == [0]


def test_the_split_is_in_the_index_and_survives_its_loss(copied: Path) -> None:
    write_masks(copied, Masks(train=(0, 2), valid=(1,), seed=3, valid_fraction=0.3))
    Session.open(copied)
    assert (indexed(copied, "train"), indexed(copied, "valid")) == ([0, 2], [1])
    (copied / "session.hdf5").unlink()
    Session.open(copied)
    assert (indexed(copied, "train"), indexed(copied, "valid")) == ([0, 2], [1])
    Session.create(copied).trash(2)
    assert (indexed(copied, "train"), indexed(copied, "valid")) == ([0], [1])
    assert read_masks(copied) == Masks(train=(0, 2), valid=(1,), seed=3, valid_fraction=0.3)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"train": 1}', '{"train": ["a"], "valid": [], "seed": 0, "valid_fraction": 0.1}', "\xff"])
def test_a_split_that_is_none_stops_only_who_needs_it(copied: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / "masks.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"masks.json (is not what split wrote|cannot be read) .*; split again: python -m data split"):
        read_masks(copied)
    assert run("data", "inspect", copied) == 0
    assert run("data", "check", copied, "--replay", 0) == 0
    assert run("learn", "train", copied, "--out", copied / "out", "--steps", 1) == 2
    assert run("data", "split", copied) == 0
    assert run("learn", "train", copied, "--out", copied / "out", "--steps", 1, "--hidden", 8, "--rollouts", 0) == 0
