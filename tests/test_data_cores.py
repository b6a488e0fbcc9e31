"""Specification of `data.cores`: a pool whose processes end with who asked for them."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data.cores import at_most, worker_pool
from data.errors import UserError

ROOT = Path(__file__).parent.parent

# Ctrl-C comes while a process is being started, and it is another thread that hears it. The first process is held up, so
# that the second is the first to be told to end.
INTERRUPTED = """
import contextlib, multiprocessing.util, operator, os, signal, sys, threading
from data.cores import worker_pool

spawn, started = multiprocessing.util.spawnv_passfds, []

def hear():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.raise_signal(signal.SIGINT)

def spawn_and_interrupt(path, words, fds):
    process = spawn(path, words, fds)
    started.append(process)
    if len(started) == WHEN:
        os.kill(started[0], signal.SIGSTOP)
        threading.Timer(1.0, os.kill, (started[0], signal.SIGCONT)).start()
        thread = threading.Thread(target=hear)
        thread.start()
        thread.join()
    return process

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs this may be deaf
    multiprocessing.resource_tracker.ensure_running()
    multiprocessing.util.spawnv_passfds = spawn_and_interrupt
    try:
        with worker_pool(2, contextlib.nullcontext) as pool:
            print(sum(pool.map(operator.is_, range(9))))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signal masks")
@pytest.mark.parametrize("when", [1, 2])
def test_ctrl_c_while_processes_start_leaves_none_of_them_behind(when: int, tmp_path: Path) -> None:
    """Who is left would hold the pipes open, and this would wait for it."""
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n" + INTERRUPTED.replace("WHEN", str(when)), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr


NUMBERS = (4, -1, 3, -2, 0)


@contextmanager
def opened(path: Path) -> Iterator[list[int]]:
    """A worker's own list; leaves a mark for each time it is closed."""
    yield []
    (path / f"closed-{os.getpid()}").touch()


def seen_before(numbers: list[int], number: int) -> tuple[int, int, tuple[int, ...]]:
    numbers.append(number)
    return abs(number), os.getpid(), tuple(numbers)


def refuse(numbers: list[int], number: int) -> int:
    raise UserError(f"{number} is no number")


def end(numbers: list[int], number: int) -> None:
    os._exit(9)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_pool_gives_what_comes_of_each_item_in_their_order(workers: int, tmp_path: Path) -> None:
    with worker_pool(workers, opened, tmp_path) as pool:
        done = list(pool.map(seen_before, NUMBERS))
    assert [value for value, _, _ in done] == [4, 1, 3, 2, 0]
    pids = {pid for _, pid, _ in done}
    assert len(pids) <= workers
    assert (os.getpid() in pids) == (workers == 1)
    for pid in pids:  # one list each, that everything goes through
        lists = [numbers for _, its, numbers in done if its == pid]
        assert [len(numbers) for numbers in lists] == list(range(1, len(lists) + 1))
    assert {path.name for path in tmp_path.iterdir()} == {f"closed-{pid}" for pid in pids}


@pytest.mark.parametrize("workers", [1, 2])
def test_as_done_gives_all_of_them(workers: int, tmp_path: Path) -> None:
    with worker_pool(workers, opened, tmp_path) as pool:
        assert sorted(value for value, _, _ in pool.as_done(seen_before, NUMBERS)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("workers", [1, 2])
def test_items_may_be_endless(workers: int, tmp_path: Path) -> None:
    with worker_pool(workers, opened, tmp_path) as pool:
        assert [value for value, _, _ in itertools.islice(pool.map(seen_before, itertools.count()), 5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_mistake_in_a_worker_is_told_in_its_own_words(workers: int, tmp_path: Path) -> None:
    with worker_pool(workers, opened, tmp_path) as pool, pytest.raises(UserError, match=r"^3 is no number$"):
        list(pool.map(refuse, [3]))


def test_a_worker_that_dies_is_a_mistake_that_can_be_mended(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a worker process has died"), worker_pool(2, opened, tmp_path) as pool:
        list(pool.map(end, [1, 2]))


@pytest.mark.parametrize(("workers", "most", "count"), [(4, None, 4), (4, 2, 2), (2, 4, 2), (4, 0, 1)])
def test_there_are_no_more_workers_than_work(workers: int, most: int | None, count: int) -> None:
    assert at_most(workers, most) == count
