"""Fault injection, the short version of `python tests/fault_injection.py`: nothing is lost, nothing hangs, no traceback."""

import os
from pathlib import Path

import pytest
from faults.disks import DISKS, KINDS, can_mount, complete, run_disk, unlike
from faults.kills import VICTIMS, run_kills
from faults.mutations import HOSTILE, run_mutations

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
KILLS = 3 * len(VICTIMS)


def test_whoever_is_killed_whenever_no_kept_episode_is_lost_and_of_the_running_one_a_second_at_most() -> None:
    tally = run_kills(KILLS)
    assert tally.failures == []
    assert (tally.kills, tally.completed_lost) == (KILLS, 0)
    assert tally.in_commits > 0
    assert max(tally.running_lost_s) <= 1.0
    assert tally.recovered["partial (its recorder was killed)"] > 0


@pytest.mark.skipif(not can_mount(), reason="this account cannot mount a disk")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DISKS)
def test_whatever_happens_to_the_disk_every_episode_is_somewhere(name: str, kind: str) -> None:
    came = run_disk(name, kind)
    assert complete(came), came


@pytest.mark.skipif(not can_mount(), reason="this account cannot mount a disk")
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_on_a_disk_that_refuses_every_command_reads_or_says_so_in_one_line(recorded: Path, state: str) -> None:
    found = run_disk("commands", state, str(recorded))
    assert unlike(found) == []
    assert found["whole"] in (2, 3), "at most the deleted one is in the trash"


def test_files_that_are_damaged_or_made_to_harm_are_found_and_nothing_else_suffers() -> None:
    tally = run_mutations(len(HOSTILE) + 60)
    assert tally.failures == []
    assert tally.mutations == len(HOSTILE) + 60
    assert tally.seen["found"] > len(HOSTILE)
