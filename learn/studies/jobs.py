"""Jobs of a study: each is done once, in a process beside others, and its result is a file; so a study goes on where it stopped."""

import contextlib
import io
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from data.cores import DeafContext
from data.errors import UserError
from data.files import replace_file
from learn.threads import torch_threads

RESULTS_NAME = "results"
Result = Mapping[str, Any]  # what JSON can say
OnDone = Callable[[str], None]


class Job(Protocol):
    """A frozen dataclass: something to be found out, as plain data that another process can be given.

    `name` is its file's, alone in the study. `do(out)` may keep what it makes (sessions, models) in folders of the study's own
    folder `out`, and goes on with what an interrupted call left there.
    """

    @property
    def name(self) -> str: ...

    def do(self, out: Path) -> Result: ...


def kept_result(out: Path, name: str) -> Result | None:
    """What an earlier call has found out; None: nothing yet."""
    path = _path(out, name)
    if not path.exists():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove it, and the same command finds it out again") from error


def run_jobs(jobs: Sequence[Job], out: Path, workers: int, on_done: OnDone = lambda name: None) -> dict[str, Result]:
    """The results by name, of what was missing too; in `workers` processes, in this one where that is 1.

    Results get `seconds`. Ctrl-C ends the processes at once: what they had finished is kept, a training goes on from its last check.
    Raises UserError where a job does, or where its process dies.
    """
    found = {job.name: kept_result(out, job.name) for job in jobs}
    missing = [job for job in jobs if found[job.name] is None]
    done = _one_by_one(missing, out) if workers == 1 else _side_by_side(missing, out, min(workers, len(missing)))
    for name in done:
        found[name] = kept_result(out, name)
        on_done(name)
    return {name: result for name, result in found.items() if result is not None}


def _one_by_one(jobs: Sequence[Job], out: Path) -> Iterator[str]:
    with torch_threads(1):
        for job in jobs:
            yield _do(job, out)


def _side_by_side(jobs: Sequence[Job], out: Path, workers: int) -> Iterator[str]:
    waiting = list(reversed(jobs))
    with contextlib.ExitStack() as held:
        crew = {}
        for _ in range(workers):
            process, conn = _start(out)
            held.callback(_end, process, conn)
            crew[conn] = process
        busy = {conn: _give(conn, waiting.pop()) for conn in crew}
        while busy:
            for conn in [conn for conn in wait(list(busy)) if isinstance(conn, Connection)]:
                name = busy.pop(conn)
                _hear(conn, name)
                if waiting:
                    busy[conn] = _give(conn, waiting.pop())
                yield name


def _start(out: Path) -> tuple[BaseProcess, Connection]:
    context = DeafContext()
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, out), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _end(process: BaseProcess, conn: Connection) -> None:
    process.terminate()
    process.join(10.0)
    conn.close()


def _give(conn: Connection, job: Job) -> str:
    conn.send(job)
    return job.name


def _hear(conn: Connection, name: str) -> None:
    try:
        complaint = conn.recv()
    except (EOFError, OSError) as error:
        reason = f"the process of {name} has died (out of memory?)"
        raise UserError(f"{reason}; what was finished is kept: the same command goes on, --workers 1 needs least memory") from error
    if complaint:
        raise UserError(complaint)


# -- in a worker -------------------------------------------------------------------------------------------------------


def _work(conn: Connection, out: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError), torch_threads(1):  # whoever gave the jobs is gone
        while True:
            conn.send(_complaint(conn.recv(), out))


def _complaint(job: Job, out: Path) -> str:
    """What went wrong with a job, in one line; "": nothing. What nobody foresaw ends the process with its traceback."""
    try:
        _do(job, out)
    except UserError as error:
        return str(error)
    return ""


def _do(job: Job, out: Path) -> str:
    began_s = time.perf_counter()
    with _unheard():
        result = {**job.do(out), "seconds": round(time.perf_counter() - began_s, 3)}
    path = _path(out, job.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, (json.dumps(result, indent=1) + "\n").encode())
    return job.name


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """What a command that a job uses would say, with bars of its own, is for who gives it alone."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _path(out: Path, name: str) -> Path:
    return out / RESULTS_NAME / f"{name}.json"
