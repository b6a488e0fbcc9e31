"""Specification of `data.recover` and `data.lock`: a killed recorder's episode is there, and one process records at a time."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command_lines import run
from test_data_journal import ENTRIES, PLAIN
from test_data_session import indexed
from test_data_support import tick

from data.catalog import Row
from data.journal import Journal
from data.lock import InUseError
from data.schema import Outcome
from data.session import Session
from data.takes import Begin, Entry, Finish

ROOT = Path(__file__).parent.parent
KILLED: list[Entry] = [Begin(3, replace(PLAIN, env_id="PandaLift-v0")), *(tick(t) for t in range(8))]


def leave_running(session: Path, entries: list[Entry] = KILLED) -> Path:
    """What a recorder leaves that is killed now."""
    journal = Journal(session / "running")
    for entry in entries:
        journal.add(entry)
    journal.close()
    return journal.path(journal.current)


def rows(session: Path) -> dict[int, Row]:
    return dict(Session.at(session).catalog().rows)


def test_opening_a_session_recovers_what_a_killed_recorder_left(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    leave_running(copied)
    Session.open(copied)
    row = rows(copied)[3]
    assert (row.outcome, row.recovered, row.steps) == (Outcome.PARTIAL, True, 7)
    assert indexed(copied) == [0, 1, 2, 3]
    assert indexed(copied, "usable") == [0, 1, 2], "a partial episode is not offered for training"
    assert not (copied / "running").exists()
    assert "episode 3 kept: partial (its recorder was killed)" in caplog.text


def test_the_command_recovers_and_says_what(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_running(copied)
    assert run("data", "recover", copied, "--json") == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == ["episode 3 kept: partial (its recorder was killed)"]
    assert json.loads(last)["recovered"] == 1
    assert run("data", "recover", copied) == 0
    assert "nothing to recover" in capsys.readouterr().out


def test_an_episode_that_was_finished_when_its_recorder_was_killed_is_what_it_was(copied: Path) -> None:
    leave_running(copied, ENTRIES)
    Session.open(copied)
    assert [(n, r.outcome, r.recovered) for n, r in rows(copied).items()][3:] == [
        (4, Outcome.SUCCESS, False),
        (5, Outcome.ABANDONED, False),
    ]


def test_a_commit_that_was_interrupted_between_its_files_is_completed_and_nothing_doubled(copied: Path) -> None:
    path = leave_running(copied, ENTRIES)
    journal = path.read_bytes()
    Session.open(copied)
    first = rows(copied)
    (copied / "episodes" / "000005.hdf5").unlink()
    path.parent.mkdir()
    path.write_bytes(journal)  # as if the process had died before it could remove it
    Session.open(copied)
    again = rows(copied)
    assert first[4] == again[4], "it is there already: not written again"
    assert again[5].checksum == first[5].checksum
    assert not path.exists()


@pytest.mark.parametrize("folder", ["trash", "quarantine"])
def test_an_episode_that_was_undone_or_set_aside_does_not_come_back(copied: Path, folder: str) -> None:
    (copied / folder).mkdir()
    (copied / "episodes" / "000002.hdf5").rename(copied / folder / "000002.hdf5")
    leave_running(copied, [Begin(2, PLAIN), *KILLED[1:]])
    Session.open(copied)
    assert 2 not in rows(copied)


def test_a_damaged_journal_is_set_aside_and_what_can_be_read_of_it_is_kept(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = leave_running(copied)
    content = bytearray(path.read_bytes())
    content[-500] ^= 1
    path.write_bytes(content)
    assert run("data", "recover", copied) == 0
    assert rows(copied)[3].steps == 6
    shown = capsys.readouterr().out
    assert "the journal 000003.journal is damaged (record 8: it does not match its CRC) and set aside in session/quarantine" in shown
    assert (copied / "quarantine" / "000003.journal").read_bytes() == bytes(content)


def test_a_session_that_somebody_records_into_is_read_as_it_is(copied: Path) -> None:
    """Also by a process that could recover: the running episode is not a dead one's."""
    path = leave_running(copied)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(copied)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        path = leave_running(copied, [Begin(9, PLAIN), *KILLED[1:]])
        assert run("data", "inspect", copied) == 0
        assert path.exists()
        owner.communicate("\n")
    Session.open(copied)
    assert not path.exists()


# -- the lock ------------------------------------------------------------------------------------------------------

HOLD = """
import sys
from data.session import Session
with Session(__import__("pathlib").Path(sys.argv[1])).claim():
    print("held", flush=True)
    input()
"""


def test_the_second_recorder_is_refused_with_the_pid_of_the_first(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(copied.rglob("*.hdf5"))
    with subprocess.Popen([sys.executable, "-c", HOLD, str(copied)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        for words in (
            ("teleop", "record", "--session", copied, "--device", "scripted", "--headless", "--episodes", "1"),
            ("learn", "dagger", copied, "--out", copied.parent / "out", "--device", "scripted", "--headless"),
            ("data", "recover", copied),
            ("data", "migrate", copied),
        ):
            capsys.readouterr()
            assert run(*words) == 2, words
            shown = capsys.readouterr().err.splitlines()
            assert len(shown) == 1
            assert f"{copied} is in use by process {owner.pid} (" in shown[0]
            assert "end that first or give another session" in shown[0]
        owner.communicate("\n")
    assert sorted(copied.rglob("*.hdf5")) == before
    assert run("data", "recover", copied) == 0


def test_a_recorder_that_was_killed_holds_no_lock(copied: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(copied)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        owner.kill()
    with Session.at(copied).claim():
        pass


def test_two_claims_in_one_process_are_two(copied: Path) -> None:
    with Session.at(copied).claim(), pytest.raises(InUseError, match=f"process {os.getpid()}"), Session.at(copied).claim():
        pass


def test_only_the_locks_themselves_are_left_when_all_is_done(copied: Path) -> None:
    with Session.at(copied).claim():
        assert json.loads((copied / ".recorder.owner.json").read_text())["pid"] == os.getpid()
    assert sorted(path.name for path in copied.iterdir() if path.name.startswith(".")) == [".recorder.lock", ".writer.lock"]


def test_a_session_in_a_folder_that_cannot_be_written_to_is_read_all_the_same(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Session.open(copied)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("data.lock.FileLock.acquire", refuse)
    assert run("data", "inspect", copied) == 0
    (copied / "catalog.jsonl").unlink()
    assert run("data", "inspect", copied) == 0
    assert run("data", "recover", copied) == 2


def test_finish_without_a_step_leaves_nothing(tmp_path: Path) -> None:
    Session.create(tmp_path)
    leave_running(tmp_path, [Begin(0, PLAIN), Finish(PLAIN, ENTRIES[-1].end)])  # type: ignore[union-attr]
    Session.open(tmp_path)
    assert rows(tmp_path) == {}
    assert not (tmp_path / "running").exists()
