"""Work for the workers of a cluster, in a module that imports nothing that takes time."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import UserError


@contextmanager
def opened(folder: Path) -> Iterator[Path]:
    """A worker's own folder, with a mark in it for as long as it is open."""
    mark = folder / f"open-{os.getpid()}"
    mark.touch()
    yield folder
    mark.unlink()


@contextmanager
def not_opened(words: str) -> Iterator[None]:
    raise UserError(words)
    yield


def double(folder: Path, number: int) -> int:
    return 2 * number


def die_once(folder: Path, number: int) -> int:
    """The worker that is first at 3 is killed."""
    if number == 3:
        with contextlib.suppress(FileExistsError):
            (folder / "died").mkdir()
            os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def die(folder: Path, number: int) -> None:
    (folder / f"died-{os.getpid()}").mkdir()
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(folder: Path, number: int) -> None:
    raise UserError(f"{number} is no number")


def meet(folder: Path, name: str) -> tuple[int, str | None]:
    """Ends when two workers are at it: who they are, and what they find in their environment."""
    (folder / f"met-{os.getpid()}").touch()
    while len(list(folder.glob("met-*"))) < 2:
        os.sched_yield()
    return os.getpid(), os.environ.get(name)
