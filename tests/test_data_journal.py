"""Specification of `data.journal` and `data.takes`: what is written down is what comes back, up to where it breaks off."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_data_support import META, tick

from data.episode import Step
from data.journal import MAGIC, Journal, read_journal
from data.schema import LATE_S, Outcome, Source
from data.takes import Begin, End, Entry, Finish, Landed, Rewind, takes_of

PLAIN = replace(META, parent=-1, branch_step=-1, idle_start=0, idle_end=0, outcome=Outcome.PARTIAL, recovered=False)
LABEL = np.linspace(-1, 1, 7, dtype=np.float32)


def end(t: int) -> End:
    return End(tick(t).obs, tick(t).sim_state)


ENTRIES: list[Entry] = [
    Begin(4, PLAIN),
    tick(0),
    tick(1, label=LABEL, gate_score=0.25, decision_latency_s=0.7, control_mode=3, heading_deg=12.5, at_rest=True),
    tick(2, Source.POLICY, policy_action=LABEL, reward=1.5, lateness_s=0.01),
    Rewind(1, 5, end(3)),
    tick(9),
    Landed(end(4)),
    Finish(replace(PLAIN, outcome=Outcome.SUCCESS), end(4)),
]


def written(folder: Path, entries: list[Entry]) -> Path:
    journal = Journal(folder / "running")
    for entry in entries:
        journal.add(entry)
    journal.close()
    return journal.path(4)


def same(one: Any, other: Any) -> bool:
    """Equal to the bit and of one type, whatever is in them."""
    if isinstance(one, np.ndarray | np.generic):
        a, b = np.asarray(one), np.asarray(other)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)
    return bool(one == other) or (one != one and other != other)


def test_what_is_written_down_comes_back(tmp_path: Path) -> None:
    entries, wrong = read_journal(written(tmp_path, ENTRIES))
    assert wrong == ""
    assert [type(entry) for entry in entries] == [type(entry) for entry in ENTRIES]
    for mine, theirs in zip(ENTRIES, entries, strict=True):
        assert same(mine, theirs), mine


def test_every_field_of_a_step_is_exercised() -> None:
    plain = tick(0)
    for name in Step.__dataclass_fields__:
        assert any(isinstance(entry, Step) and not same(getattr(entry, name), getattr(plain, name)) for entry in ENTRIES) or name in (
            "action",
            "stick",
            "phase",
        ), name


def test_every_entry_is_on_disk_when_add_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "running")
    for count, entry in enumerate(ENTRIES, 1):
        journal.add(entry)
        assert len(read_journal(journal.path(4))[0]) == count
    journal.close()


def test_a_journal_that_breaks_off_anywhere_gives_what_was_whole(tmp_path: Path) -> None:
    path = written(tmp_path, ENTRIES)
    content, counts = path.read_bytes(), []
    for size in [*range(0, len(content), 97), len(content)]:
        path.write_bytes(content[:size])
        entries, wrong = read_journal(path)
        assert wrong == "", size
        assert all(same(mine, theirs) for mine, theirs in zip(ENTRIES, entries, strict=False))
        counts.append(len(entries))
    assert counts == sorted(counts)
    assert counts[-1] == len(ENTRIES)


def test_a_changed_byte_is_noticed_and_what_came_before_it_stays(tmp_path: Path) -> None:
    path = written(tmp_path, ENTRIES)
    content, noticed = path.read_bytes(), 0
    for at in range(0, len(content), 61):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        entries, wrong = read_journal(path)
        assert len(entries) < len(ENTRIES), at
        assert all(same(mine, theirs) for mine, theirs in zip(ENTRIES, entries, strict=False))
        noticed += bool(wrong)
    assert noticed > 0.9 * len(content) / 61, "a longer length looks like a file that breaks off"


def test_a_file_that_is_no_journal_says_so(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"garbage, and long enough to be sure")
    assert read_journal(tmp_path / "x") == ([], "it is no journal")
    (tmp_path / "x").write_bytes(MAGIC[:5])
    assert read_journal(tmp_path / "x") == ([], "")


def test_a_pickle_in_a_journal_is_never_executed(tmp_path: Path) -> None:
    """Also not when the layout of a step asks for Python's objects."""
    import json
    import struct
    import zlib

    def record(kind: int, payload: bytes) -> bytes:
        return struct.pack("<BII", kind, len(payload), zlib.crc32(payload, kind)) + payload

    text = json.dumps([["obs/x", "|O", []]]).encode()
    (tmp_path / "x").write_bytes(MAGIC + record(2, len(text).to_bytes(4, "little") + text) + record(3, b"cos\nsystem\n"))
    assert read_journal(tmp_path / "x") == ([], "record 0: a step holds numbers only")


# -- a disk that refuses -------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_what_a_full_disk_refuses_is_written_when_it_is_not_full_any_more(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "running")
    journal.folder.mkdir()
    path = journal.path(4)
    path.symlink_to("/dev/full")
    for entry in ENTRIES:
        with pytest.raises(OSError, match="No space left"):
            journal.add(entry)
    assert not journal.is_kept(4)
    path.unlink()
    journal.flush()
    journal.close()
    assert journal.is_kept(4)
    assert len(read_journal(path)[0]) == len(ENTRIES)


def test_a_journal_that_has_gone_is_written_again_from_memory(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "running")
    for entry in ENTRIES[:4]:
        journal.add(entry)
    os.unlink(journal.path(4))
    journal.renew()
    for entry in ENTRIES[4:]:
        journal.add(entry)
    journal.close()
    assert len(read_journal(journal.path(4))[0]) == len(ENTRIES)


# -- takes ---------------------------------------------------------------------------------------------------------


def numbers(steps: tuple[Step, ...]) -> list[float]:
    return [float(step.sim_state[0]) for step in steps]


def test_a_finished_episode_and_the_branch_that_was_left() -> None:
    episode, branch = takes_of(ENTRIES)
    assert (episode.number, episode.meta.outcome, numbers(episode.steps)) == (4, Outcome.SUCCESS, [0, 9])
    assert (branch.number, branch.meta.outcome, numbers(branch.steps)) == (5, Outcome.ABANDONED, [0, 1, 2])
    assert (branch.meta.parent, branch.meta.branch_step) == (4, 1)
    assert (episode.end.sim_state[0], branch.end.sim_state[0]) == (4, 3)
    assert not episode.meta.recovered


def test_an_episode_that_breaks_off_is_partial_and_ends_before_its_last_step() -> None:
    late = [tick(t, lateness_s=2 * LATE_S if t < 2 else 0.0) for t in range(5)]
    (take,) = takes_of([Begin(0, PLAIN), *late])
    assert numbers(take.steps) == [0, 1, 2, 3]
    assert take.end.sim_state[0] == 4, "the state before the last step is what is known of its end"
    assert (take.meta.outcome, take.meta.recovered) == (Outcome.PARTIAL, True)
    assert (take.meta.late_ticks, take.meta.max_lateness_s) == (2, 2 * LATE_S)


def test_a_step_of_which_it_was_said_where_it_led_is_kept() -> None:
    answered = [Begin(0, PLAIN), tick(0), tick(1, label=LABEL), Landed(end(2))]
    (take,) = takes_of(answered)
    assert numbers(take.steps) == [0, 1]
    assert take.end.sim_state[0] == 2
    assert take.meta.recovered
    (take,) = takes_of([*answered, tick(2)])
    assert numbers(take.steps) == [0, 1], "a later one is not known to have led anywhere"
    assert take.end.sim_state[0] == 2
    assert takes_of([*answered, Rewind(1, 5, end(2))])[0].meta.outcome is Outcome.ABANDONED


@pytest.mark.parametrize("steps", [0, 1])
def test_of_an_episode_that_has_hardly_begun_nothing_is_kept(steps: int) -> None:
    assert takes_of([Begin(0, PLAIN), *(tick(t) for t in range(steps))]) == []
    assert takes_of([]) == []


def test_a_branch_is_kept_also_when_its_recorder_was_killed_right_after() -> None:
    (branch,) = takes_of([Begin(0, PLAIN), tick(0), tick(1), Rewind(0, 1, end(2))])
    assert (branch.number, branch.meta.outcome, branch.meta.parent) == (1, Outcome.ABANDONED, -1)
    assert numbers(branch.steps) == [0, 1]


def test_an_episode_taken_back_to_its_start_is_no_episode() -> None:
    (branch,) = takes_of([Begin(0, PLAIN), tick(0), tick(1), Rewind(0, 1, end(2)), Finish(PLAIN, end(0))])
    assert (branch.number, branch.meta.parent, branch.meta.branch_step) == (1, -1, -1)


def test_a_branch_has_a_name_of_its_own_that_does_not_change_when_it_is_recovered_twice() -> None:
    once, again = takes_of(ENTRIES), takes_of(ENTRIES)
    assert [take.meta.uid for take in once] == [take.meta.uid for take in again] == ["8f3a", "8f3a-5"]
