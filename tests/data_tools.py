"""What the tests of `data`'s commands share: to run one, and to see that a mistake is told in one line and changes nothing."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import command_lines
import h5py
import pytest
from test_data_support import META, made_episode

from data.schema import Outcome
from data.session import Session

PLAIN = replace(META, uid="", origin="", recovered=False, parent=-1, branch_step=-1, idle_start=0, idle_end=0, outcome=Outcome.SUCCESS)


def run(*words: object) -> int:
    """`python -m data words…`; its exit code."""
    return command_lines.run("data", *words)


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """The object that --json prints on the last line of standard output."""
    capsys.readouterr()
    assert run(*words, "--json") == 0
    return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


def snapshot(*folders: Path) -> dict[str, tuple[int, int]]:
    """Every file below the folders, but for the locks and what holds them, with its size and time."""
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}


def check_mistake(capsys: pytest.CaptureFixture[str], line: str, says: str, **places: Path) -> None:
    """Exit code 2, one line on standard error with `says` in it, and nothing changed in the folders of `places`."""
    before = snapshot(*(place.parent for place in places.values()))
    capsys.readouterr()
    code = run(*line.format(**places).split())
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1, shown.err
    assert shown.err.startswith("error: ")
    assert says.format(**places) in shown.err
    assert not re.search(r"[╭╮╰╯│─]|Traceback", shown.err)
    assert shown.out == ""
    assert code == 2
    assert snapshot(*(place.parent for place in places.values())) == before


def session_of(path: Path, *outcomes: Outcome, **meta: Any) -> Session:
    """A session of hand-made episodes, one for each outcome."""
    session = Session.create(path)
    for outcome in outcomes:
        session.append(made_episode(meta=replace(PLAIN, outcome=outcome, **meta)))
    return session


def contents(session: Session) -> dict[int, bytes]:
    """Every episode file by its number."""
    return {int(path.stem): path.read_bytes() for path in session.episode_paths()}


def make_older(path: Path) -> None:
    """Take from an episode file what schema 3 brought."""
    with h5py.File(path, "r+") as file:
        for name in ("uid", "recovered", "origin", "checksum", "digests"):
            del file.attrs[name]
        file.attrs["schema_version"] = 2
        for group in (file, *(file[f"idle/{end}"] for end in file.get("idle", ()))):
            del group["at_rest"]


def interrupting(after: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, but Ctrl-C instead of the call number `after`."""
    calls: list[None] = []

    def call(*arguments: Any, **options: Any) -> Any:
        calls.append(None)
        if len(calls) == after:
            raise KeyboardInterrupt
        return function(*arguments, **options)

    return call


def flip_a_bit(path: Path) -> None:
    """In the actions, which lie in the file as they are; the file stays one that HDF5 reads."""
    with h5py.File(path, "r") as file:
        offset = file["actions"].id.get_offset()
    with path.open("rb+") as raw:
        raw.seek(offset)
        byte = raw.read(1)[0]
        raw.seek(offset)
        raw.write(bytes([byte ^ 1]))
