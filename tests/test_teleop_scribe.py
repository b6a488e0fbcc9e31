"""The scribe: writes beside the loop, waits out a disk that refuses, and outlives a loop that is killed."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_data_support import META, tick

from data.errors import UserError
from data.journal import read_journal
from data.schema import Outcome
from data.session import Session
from data.takes import Begin, End, Finish, Rewind
from teleop.scribe import InlineScribe, ScribeProcess, Tag, Trash

ROOT = Path(__file__).parent.parent
PLAIN = replace(META, parent=-1, branch_step=-1, idle_start=0, idle_end=0, outcome=Outcome.SUCCESS)
END_S = 20.0


def end(t):
    return End(tick(t).obs, tick(t).sim_state)


def messages():
    """An episode with a branch, a plain one, then a tag and an undo."""
    first = [Begin(0, PLAIN), *(tick(t) for t in range(6)), Rewind(3, 1, end(6)), *(tick(10 + t) for t in range(2)), Finish(PLAIN, end(12))]
    second = [Begin(2, PLAIN), *(tick(t) for t in range(4)), Finish(replace(PLAIN, outcome=Outcome.FAILURE), end(4))]
    third = [Begin(3, PLAIN), *(tick(t) for t in range(4)), Finish(PLAIN, end(4))]
    return [*first, *second, *third, Tag(2, "over"), Trash((3,))]


def wait_until(condition, what):
    until_s = time.monotonic() + END_S
    while not condition():
        assert time.monotonic() < until_s, f"waited in vain for {what}"
        time.sleep(0.02)


def steps_of(session, number):
    return session.read(number).steps


@pytest.mark.parametrize("kind", [InlineScribe, ScribeProcess])
def test_what_is_sent_is_what_is_on_disk(tmp_path, kind):
    session = Session.create(tmp_path)
    scribe = kind(session)
    for message in messages():
        scribe.put(message)
    scribe.close()
    metas = dict(session.metas())
    assert [(n, m.outcome, m.parent, m.branch_step, m.behaviour_mode) for n, m in metas.items()] == [
        (0, Outcome.SUCCESS, -1, -1, "left"),
        (1, Outcome.ABANDONED, 0, 3, "left"),
        (2, Outcome.FAILURE, -1, -1, "over"),
    ]
    assert steps_of(session, 0)["sim_state"][:, 0].tolist() == [0, 1, 2, 10, 11, 12]
    assert steps_of(session, 1)["sim_state"][:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert (tmp_path / "trash" / "000003.hdf5").exists()
    assert any("episode 0 kept: success" in line or "episode 1 kept: abandoned" in line for line in scribe.news()) or kind is ScribeProcess


def test_the_loop_hears_what_was_kept(tmp_path):
    scribe = ScribeProcess(Session.create(tmp_path))
    for message in [Begin(0, PLAIN), tick(0), tick(1), Finish(PLAIN, end(2))]:
        scribe.put(message)
    heard = []
    wait_until(lambda: heard.extend(scribe.news()) or heard, "news")
    assert heard == ["episode 0 kept: success"]
    scribe.close()


def test_a_scribe_that_stands_still_holds_up_nobody_and_loses_nothing(tmp_path):
    scribe = ScribeProcess(Session.create(tmp_path))
    image = {"object": np.zeros(4, np.float32), "front_image": np.zeros((200, 200, 3), np.uint8)}
    os.kill(scribe._process.pid, signal.SIGSTOP)
    worst_s = 0.0
    scribe.put(Begin(0, PLAIN))
    for t in range(200):  # 24 MB: far more than a pipe takes
        start_s = time.perf_counter()
        scribe.put(tick(t, obs=image))
        worst_s = max(worst_s, time.perf_counter() - start_s)
        time.sleep(0.001)
    scribe.put(Finish(PLAIN, End(image, tick(200).sim_state)))
    os.kill(scribe._process.pid, signal.SIGCONT)
    scribe.close()
    assert len(Session.open(tmp_path).read(0)) == 200
    assert worst_s < 1.0, "a full pipe would have blocked for good"


KILLED = """
    import os, signal, sys
    sys.path.insert(0, {tests!r})
    from test_teleop_scribe import *
    if __name__ == "__main__":
        scribe = ScribeProcess(Session.create({folder!r}))
        unfinished = Begin(1, replace(PLAIN, outcome=Outcome.PARTIAL))
        for message in [Begin(0, PLAIN), tick(0), tick(1), Finish(PLAIN, end(2)), unfinished, *(tick(t) for t in range(9))]:
            scribe.put(message)
        scribe._outbox.put(Rewind(4, 2, end(9)))
        for t in range(3):
            scribe.put(tick(20 + t))
        while not scribe._outbox.empty():
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_when_the_loop_is_killed_the_running_episode_becomes_a_partial_one(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "session"))))
    done = subprocess.run([sys.executable, str(script)], cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    session = Session.open(tmp_path / "session")
    wait_until(lambda: len(session) == 3, "the partial episode and its branch")
    assert [m.outcome for _, m in session.metas()] == [Outcome.SUCCESS, Outcome.PARTIAL, Outcome.ABANDONED]
    assert steps_of(session, 1)["sim_state"][:, 0].tolist() == [0, 1, 2, 3, 20, 21, 22], "of the last step nobody knows what came of it"


@pytest.fixture
def broken(tmp_path):
    """A session whose folder of episodes has gone (its disk was unmounted, say), and how to bring it back."""
    session = Session.create(tmp_path / "session")
    folder, away = session.path / "episodes", tmp_path / "away"
    folder.rename(away)
    return session, lambda: away.rename(folder)


def test_a_disk_that_refuses_is_tried_again_until_it_does_not(broken):
    session, mend = broken
    scribe = ScribeProcess(session)
    heard = []
    for message in [Begin(0, PLAIN), tick(0), tick(1), Finish(PLAIN, end(2)), Begin(1, PLAIN), tick(0)]:
        scribe.put(message)
    wait_until(lambda: heard.extend(scribe.news()) or heard, "the trouble")
    assert "not on disk yet: episode 0 could not be written" in heard[0]
    mend()
    wait_until(lambda: heard.extend(scribe.news()) or "kept" in heard[-1], "the end of the trouble")
    for message in [tick(1), Finish(PLAIN, end(2))]:
        scribe.put(message)
    scribe.close()
    assert [len(session.read(n)) for n in (0, 1)] == [2, 2]


@pytest.mark.parametrize("kind", [InlineScribe, ScribeProcess])
def test_what_the_disk_refuses_to_the_end_is_elsewhere_and_one_is_told_where(broken, kind, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    session, _ = broken
    scribe = kind(session)
    for message in [Begin(0, PLAIN), tick(0), tick(1)]:
        scribe.put(message)
    with contextlib.suppress(UserError):  # in the loop's own process it is known at once
        scribe.put(Finish(PLAIN, end(2)))
    with pytest.raises(UserError) as caught:
        scribe.close()
    refuge = re.search(r"meanwhile what was left is in (\S+)", str(caught.value))
    assert refuge, str(caught.value)
    assert len(Session.open(refuge[1]).read(0)) == 2


def test_the_operator_hears_when_the_running_episode_is_not_on_disk_and_when_it_is_again(tmp_path):
    session = Session.create(tmp_path)
    in_the_way = tmp_path / "running"
    in_the_way.write_text("")
    scribe, heard = ScribeProcess(session), []
    for message in [Begin(0, PLAIN), tick(0), tick(1)]:
        scribe.put(message)
    wait_until(lambda: heard.extend(scribe.news()) or heard, "the trouble")
    in_the_way.unlink()
    wait_until(lambda: heard.extend(scribe.news()) or len(heard) > 1, "the end of the trouble")
    assert [line.split(" (")[0] for line in heard] == ["not on disk yet: the running episode could not be written", "on disk again"]
    assert len(read_journal(tmp_path / "running" / "000000.journal")[0]) == 3
    scribe.put(Finish(PLAIN, end(2)))
    scribe.close()
    assert len(session.read(0)) == 2


def test_a_writer_that_dies_costs_nothing(tmp_path):
    """What it has not done, or not said that it has, is done at the end."""
    session = Session.create(tmp_path)
    scribe = ScribeProcess(session)
    for number in range(3):
        for message in [Begin(number, PLAIN), tick(0), tick(1), Finish(PLAIN, end(2)), Tag(number, "over")]:
            scribe.put(message)
        if number == 0:
            wait_until(lambda: any("kept" in line for line in scribe.news()), "the first episode")
            os.kill(scribe._process.pid, signal.SIGKILL)
    scribe.put(Trash((1,)))
    scribe.close()
    assert [(n, m.behaviour_mode) for n, m in session.metas()] == [(0, "over"), (2, "over")]
    assert not session.running()
