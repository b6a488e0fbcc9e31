"""Exporting: what is put into another tool's format, and folders that are there whole or not at all."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data.catalog import Row
from data.errors import UserError
from data.files import fsync_folder, temporary_name
from data.session import Session

Pictures = Literal["video", "png"]
Progress = Callable[[int, str], None]


@dataclass(frozen=True)
class Order:
    """One or more `rows` of a session, all of one env, to be put at `out`.

    `pictures`: as films, which lose a little, or each as a PNG, which loses nothing; `name` of the data set where it has one.
    """

    session: Session
    rows: Sequence[Row]
    out: Path
    overwrite: bool = False
    pictures: Pictures = "video"
    name: str = ""


@dataclass(frozen=True)
class Target:
    """A format: `check` refuses, before anything is written, what cannot be done; `write` does it and gives facts for --json.

    `write` calls its second argument with the number of episodes done and a note; what it makes is whole or not there.
    """

    check: Callable[[Order], None]
    write: Callable[[Order, Progress], Mapping[str, Any]]


def check_folder(order: Order, mark: str) -> None:
    """Refuse a name at which there cannot, or must not, be a new folder; one with `mark` in it may be replaced if asked for."""
    out = order.out
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; give the name of a folder to make")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}; make it or give another name")
    if order.session.contains(out):
        raise UserError(f"--out {out} is inside the session; give a name outside of {order.session.path}")
    if not out.exists() or not any(out.iterdir()):
        return
    if not order.overwrite:
        raise UserError(f"--out {out} exists; give another name, or --overwrite to replace it")
    if not (out / mark).is_file():
        raise UserError(f"--out {out} has no {mark}: --overwrite replaces only a data set of this format; give another name")


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `out` when all went well, and is gone otherwise.

    Raises UserError when the disk refuses; an old folder at `out` then stays as it was.
    """
    partial, old = temporary_name(out), temporary_name(out).with_suffix(".old")
    try:
        partial.mkdir()
        yield partial
        if out.exists():
            out.replace(old)
        partial.replace(out)
        fsync_folder(out.parent)
    except OSError as error:
        if old.exists() and not out.exists():
            old.replace(out)
        raise UserError(f"--out {out} could not be written ({error}); free some space or give another name") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
