"""Measures of a session as it grows: a commit, opening it, its catalog and its index, up to 100,000 episodes."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from test_data_support import made_episode, tick

from data.catalog import CATALOG_NAME, Row, read_row, write_catalog
from data.episode import Episode
from data.index import INDEX_NAME, write_index
from data.session import Session
from scale.figures import Figure

SIZES = (1_000, 10_000, 100_000)
ROUNDS, SYNC_ROUNDS = 3, 20
COMMITS = 5
A_LINK = 30_000  # names of one file; file systems allow no more than some 65,000
WITHOUT = 1_000  # episodes that are read again where the catalog is gone
OPEN = """
import sys, time
from pathlib import Path
from data.session import Session

def peak_kb():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])

before = peak_kb()
began_s = time.process_time()
session = Session.open(sys.argv[1])
rows = session.rows()
print(len(rows), time.process_time() - began_s, 1024 * (peak_kb() - before))
"""


def figures(folder: Path, sizes: tuple[int, ...] = SIZES) -> list[Figure]:
    episode = made_episode(*(tick(t) for t in range(20)))
    found = list(itertools.chain.from_iterable(grown(folder / str(size), episode, size) for size in sizes))
    return [*found, without_catalog(folder / "without", episode), *disk(folder)]


def grown(folder: Path, episode: Episode, size: int) -> Iterator[Figure]:
    session = linked(folder, episode, size)
    seconds, bytes_held = opened(session, size)
    yield Figure("opening", seconds, "s", f"to its rows, in a process of its own; seconds of one core, the best of {ROUNDS}", size)
    yield Figure("memory of opening", bytes_held, "B", "more than before, at its most", size)
    for name, file in (("catalog", CATALOG_NAME), ("index", INDEX_NAME)):
        yield Figure(name, (session.path / file).stat().st_size, "B", f"{file}", size)
    took = []
    for number in range(size, size + COMMITS):
        began_s = time.perf_counter()
        session.append(episode, number)
        took.append(time.perf_counter() - began_s)
    yield Figure("commit", min(took), "s", f"one more episode of 20 steps, listed and durable; the best of {COMMITS}", size)


def linked(folder: Path, episode: Episode, size: int) -> Session:
    """A session of so many names of a few files, with the catalog and the index of so many episodes."""
    session = Session.create(folder)
    rows: dict[int, Row] = {}
    for first in range(0, size, A_LINK):
        session.append(episode, first)
        source = session.episode_path(first)
        row = read_row(source)
        for number in range(first, min(first + A_LINK, size)):
            if number != first:
                os.link(source, session.episode_path(number))
            rows[number] = replace(row, number=number, uid=f"{number:032x}")
    write_catalog(session.path, rows)
    write_index(session.path / INDEX_NAME, rows.values(), {})
    return session


def opened(session: Session, size: int) -> tuple[float, float]:
    """Seconds and bytes."""
    found = []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, "-c", OPEN, str(session.path)], capture_output=True, text=True, check=True)
        rows, seconds, held = (float(word) for word in done.stdout.split())
        assert rows == size, done.stderr
        found.append((seconds, held))
    return min(found)[0], float(np.median([held for _, held in found]))


def without_catalog(folder: Path, episode: Episode) -> Figure:
    session = linked(folder, episode, WITHOUT)
    for name in (CATALOG_NAME, INDEX_NAME):
        (session.path / name).unlink()
    began_s = time.perf_counter()
    session.tidy_listing()
    seconds = (time.perf_counter() - began_s) / WITHOUT
    return Figure("listing anew", seconds, "s", f"an episode, where catalog and index are gone; {WITHOUT:,} of them")


def disk(folder: Path, megabytes: int = 200, syncs: int = 100) -> list[Figure]:
    """What the disk under the temporary folder does."""
    block = os.urandom(1_000_000)
    written = [1e6 * megabytes / written_s(folder / "disk", block, megabytes, 1) for _ in range(ROUNDS)]
    synced = [syncs / written_s(folder / "disk", block[:4096], syncs, syncs) for _ in range(SYNC_ROUNDS)]
    return [
        Figure("disk writes", max(written), "B/s", f"{megabytes} MB one after the other, and a fsync; the best of {ROUNDS}"),
        Figure("disk fsyncs", max(synced), "/s", f"{syncs} times 4 kB, one after the other; the best of {SYNC_ROUNDS}"),
        Figure("disk fsyncs at worst", min(synced), "/s", f"the worst of these {SYNC_ROUNDS}"),
    ]


def written_s(path: Path, block: bytes, blocks: int, syncs: int) -> float:
    """Seconds for so many blocks, made durable so many times on the way."""
    began_s = time.perf_counter()
    with path.open("wb") as file:
        for number in range(1, blocks + 1):
            file.write(block)
            if number % (blocks // syncs) == 0:
                file.flush()
                os.fsync(file.fileno())
    seconds = time.perf_counter() - began_s
    path.unlink()
    return seconds
