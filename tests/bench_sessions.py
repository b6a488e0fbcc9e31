"""What a session costs as it grows: commits, opening, reading pictures, memory. Exit code 1 where a mark is missed.

Run with: python tests/bench_sessions.py [--episodes 500]
"""

import argparse
import contextlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
from bench.commits import filled
from bench.driving import recording, steps_of
from marks import Mark, show
from rich.progress import track
from test_data_support import made_episode, tick

from data.cli import run_command
from data.episode import Episode
from data.schema import Outcome
from data.session import Session
from data.takes import End
from teleop.commands import COMMANDS
from teleop.scribe import InlineScribe, ScribeProcess

PAIRS = 40
MANY = 10_000
WINDOWS = 400
ROUNDS = 10  # how often memory is looked at


def quiet(*words: object) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert run_command("teleop", COMMANDS, [str(word) for word in words]) == 0


def recorded(folder: Path) -> Episode:
    """One episode with two 84×84 cameras by the scripted operator."""
    quiet("record", "--device", "scripted", "--headless", "--episodes", 1, "--cameras", "front", "wrist", "--session", folder)
    return Session.open(folder).read(0)


def watched(numbers: range) -> Iterable[int]:
    return track(numbers, f"{len(numbers)} episodes", transient=True)


def commit_marks(folder: Path, episode: Episode) -> list[Mark]:
    """Keeping the 10th … 50th and the 1,000th … 1,040th episode, in turns; from the end of the driving to the index."""
    times: dict[int, list[float]] = {9: [], 999: []}
    low_dim = Episode(episode.meta, episode.steps, {k: v for k, v in episode.obs.items() if v.ndim < 4}, {})
    final = {k: v for k, v in episode.final_obs.items() if v.ndim < 3}
    one = Episode(episode.meta, episode.steps, low_dim.obs, final)
    sessions = {size: filled(folder / str(size), one, size, watched) for size in times}
    for _ in range(PAIRS):
        for size, session in sessions.items():
            number = session.next_number()
            began_s = time.perf_counter()
            session.append(one, number)
            times[size].append(time.perf_counter() - began_s)
    small, large = (1e3 * float(np.median(times[size])) for size in (9, 999))
    print(f"a commit: {small:.2f} ms from the 10th on, {large:.2f} ms from the 1,000th on")
    return [Mark("commit of the 1,000th episode over the 10th", large / small, 1.2)]


OPEN = """
import sys, time
from data.session import Session
from teleop.tally import Tally
began_s = time.perf_counter()
session = Session.open(sys.argv[1])
opened_s = time.perf_counter()
with session.claim():
    tally = Tally.of(session)
print(opened_s - began_s, time.perf_counter() - began_s, len(session.catalog().rows))
"""


def opening_marks(folder: Path) -> list[Mark]:
    """A session of 10,000 in a fresh process: opened to read, and claimed, counted and made ready to record into."""
    session = filled(folder / "many", made_episode(*(tick(t) for t in range(20))), MANY, watched)
    seconds = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", OPEN, str(session.path)], capture_output=True, text=True, check=True)
        opened_s, ready_s, rows = (float(word) for word in done.stdout.split())
        assert rows == MANY
        seconds.append((opened_s, ready_s))
    opened_s, ready_s = np.median(np.array(seconds), axis=0)
    for name in ("catalog.jsonl", "session.hdf5"):
        (session.path / name).unlink()
    began_s = time.perf_counter()
    Session.open(session.path)
    print(f"the same without its catalog and index: {time.perf_counter() - began_s:.1f} s, once")
    return [
        Mark("a session of 10,000 episodes opens, s", float(opened_s), 2.0),
        Mark("… and is ready to be recorded into, s", float(ready_s), 2.0),
    ]


def window_marks(folder: Path) -> list[Mark]:
    """A random window of two 84×84 pictures of one camera, and of both cameras; nothing is cached but by the system."""
    path = Session.open(folder / "source").episode_path(0)
    rng, single, double = np.random.default_rng(0), [], []
    with h5py.File(path, "r", locking=False, rdcc_nbytes=0) as file:
        front, wrist = file["obs/front_image"], file["obs/wrist_image"]
        raw, stored = front.nbytes + wrist.nbytes, front.id.get_storage_size() + wrist.id.get_storage_size()
        for at in rng.integers(0, len(front) - 2, WINDOWS):
            began_s = time.perf_counter()
            front[at : at + 2]
            middle_s = time.perf_counter()
            wrist[at : at + 2]
            single.append(middle_s - began_s)
            double.append(time.perf_counter() - began_s)
    print(f"pictures take {100 * stored / raw:.0f} % of their {raw / 1e6:.1f} MB")
    return [
        Mark("a random window of 2×84×84 pictures, median, ms", 1e3 * float(np.median(single)), 1.0),
        Mark("… of both cameras, median, ms", 1e3 * float(np.median(double)), 1.0),
    ]


def memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory_marks(folder: Path, episode: Episode, episodes: int, kind: Callable[[Session], InlineScribe | ScribeProcess]) -> list[Mark]:
    """Record so many episodes with two cameras; how much larger the processes are at the end than after a fifth of them."""
    sizes: list[list[float]] = []
    with recording(folder / kind.__name__, kind) as recorder:
        scribe, session, steps = recorder.scribe, recorder.session, steps_of(episode)
        pids = [os.getpid()] + ([scribe._process.pid or 0] if isinstance(scribe, ScribeProcess) else [])
        for k in track(range(episodes), f"recording {episodes} episodes ({kind.__name__})", transient=True):
            recorder.begin(seed=k)
            for step in steps:
                recorder.add(step)
            recorder.finish(Outcome.SUCCESS, "", End(episode.final_obs, steps[-1].sim_state))
            while isinstance(scribe, ScribeProcess) and len(scribe._desk.waiting) + scribe._outbox.qsize() > 2 * len(steps):
                time.sleep(0.001)  # faster than real time, but no faster than the disk
            if (k + 1) % max(1, episodes // ROUNDS) == 0:
                while isinstance(scribe, ScribeProcess) and (scribe._desk.waiting or scribe._outbox.qsize()):
                    time.sleep(0.01)
                sizes.append([memory_mb(pid) for pid in pids])
    assert len(session.catalog().rows) == episodes
    print(f"{kind.__name__}: " + "; ".join(" ".join(f"{size:.0f}" for size in column) for column in zip(*sizes, strict=True)) + " MB")
    first, last = (np.median(np.array(part), axis=0) for part in (sizes[1:4], sizes[-3:]))  # after what is allocated once
    growth = float(np.max(last - first))
    return [Mark(f"memory that {episodes} episodes with two cameras cost ({kind.__name__}), MB", growth, 20.0)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=500, help="how many to record for the memory")
    episodes = parser.parse_args().episodes
    with TemporaryDirectory() as name:
        folder = Path(name)
        episode = recorded(folder / "source")
        marks = commit_marks(folder, episode) + opening_marks(folder) + window_marks(folder)
        for kind in (InlineScribe, ScribeProcess):
            marks += memory_marks(folder, episode, episodes, kind)
    return show(marks, "sessions")


if __name__ == "__main__":
    sys.exit(main())
