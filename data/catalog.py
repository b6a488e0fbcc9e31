"""Catalog: a line about each episode, so that a session of thousands opens without opening its files.

Derived from the episode files: `catalog.jsonl` grows by a line with every episode, the last line about a number counts,
and what it does not know, or knows of another size or time of change, is read from the file itself.
"""

import contextlib
import json
import logging
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from data.episode import Episode
from data.episode_file import count_labels, read_checksum, read_facts
from data.errors import UserError
from data.files import replace_file
from data.schema import EpisodeMeta, Outcome

CATALOG_NAME = "catalog.jsonl"
MANY = 500  # so many files take seconds to read: worth a line

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """What is known of an episode without opening its file; the names are those of `EpisodeMeta`.

    `seconds` is the time of its last step, `labels` counts its labelled steps, `size` and `mtime_ns` are the file's.
    """

    number: int
    steps: int
    seconds: float
    labels: int
    outcome: Outcome
    behaviour_mode: str
    found_mode: str
    operator: str
    env_id: str
    env_kwargs: Mapping[str, Any]
    seed: int
    late_ticks: int
    dagger_round: int
    parent: int
    branch_step: int
    idle_start: int
    idle_end: int
    uid: str
    recovered: bool
    origin: str
    teleop: str
    schema_version: int
    checksum: str
    size: int
    mtime_ns: int

    @property
    def success(self) -> bool:
        return self.outcome is Outcome.SUCCESS

    @property
    def usable(self) -> bool:
        return self.outcome.usable

    @property
    def teaches(self) -> bool:
        """Whether there is something to learn from: it came to its end, or holds answers that were given before it was cut short."""
        return self.usable or (self.outcome is Outcome.PARTIAL and self.labels > 0)


@dataclass(frozen=True)
class Catalog:
    """`rows` by number, in order; `damaged` says of other episode files what is wrong with them."""

    rows: Mapping[int, Row]
    damaged: Mapping[int, str]


@dataclass(frozen=True)
class _Found:
    name: str
    size: int
    mtime_ns: int

    @property
    def path(self) -> Path:
        """Made when it is asked for: of 100,000 it takes seconds."""
        return Path(self.name)


def row_of(path: Path, meta: EpisodeMeta, steps: int, seconds: float, labels: int, checksum: str) -> Row:
    """The row of the episode in the file `path`, which is there."""
    found = path.stat()
    same = {f.name: getattr(meta, f.name) for f in fields(Row) if hasattr(meta, f.name)}
    return Row(
        **same,
        number=int(path.stem),
        steps=steps,
        seconds=seconds,
        labels=labels,
        teleop=meta.versions.get("teleop", ""),
        checksum=checksum,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
    )


def row_of_episode(path: Path, episode: Episode, checksum: str) -> Row:
    """The row of an episode that has just been written to `path`."""
    seconds, labels = float(episode.steps["time_s"][-1]), count_labels(episode.steps["labels"])
    return row_of(path, episode.meta, len(episode), seconds, labels, checksum)


def read_row(path: Path) -> Row:
    """The row of an episode file, from the file; raises UserError where it is damaged."""
    meta, steps, seconds, labels, checksum = read_facts(path)
    return row_of(path, meta, steps, seconds, labels, checksum)


def current_rows(session: Path, episodes: Path) -> dict[int, Row] | None:
    """The rows of `catalog.jsonl` when it says what the episode files say, else None; no episode is opened."""
    known, there = _known(session / CATALOG_NAME), _scan(episodes)
    if list(known) == sorted(there) and not any(_has_changed(known[n], there[n]) for n in there):
        return known
    return None


def load_catalog(session: Path, episodes: Path) -> tuple[Catalog, bool]:
    """The catalog of the episode files as they are now, and whether the file `catalog.jsonl` says the same."""
    known, there = _known(session / CATALOG_NAME), _scan(episodes)
    rows: dict[int, Row] = {}
    damaged: dict[int, str] = {}
    unknown = {number for number, found in there.items() if number not in known or _has_changed(known[number], found)}
    if len(unknown) >= MANY:
        logger.warning("reading %d episodes that are new to %s", len(unknown), session / CATALOG_NAME)
    for number in sorted(there):
        try:
            rows[number] = _row_now(known.get(number), there[number]) if number in unknown else known[number]
        except UserError as error:
            damaged[number] = str(error)
        except FileNotFoundError:  # moved away meanwhile
            continue
    return Catalog(rows, damaged), list(rows) == list(known) and not unknown - set(damaged)


def _row_now(row: Row | None, found: _Found) -> Row:
    """A file that is the same but for its times, in a copied session say, needs not be read."""
    if row is not None and row.checksum and row.size == found.size and read_checksum(found.path) == row.checksum:
        return replace(row, mtime_ns=found.mtime_ns)
    return read_row(found.path)


def write_catalog(session: Path, rows: Mapping[int, Row]) -> None:
    """Write the whole catalog anew."""
    replace_file(session / CATALOG_NAME, "".join(_line(row) for row in rows.values()).encode())


def extend_catalog(session: Path, row: Row) -> None:
    """One more line, or a newer one about the same episode."""
    with (session / CATALOG_NAME).open("ab") as file:
        file.write(_line(row).encode())


def _scan(episodes: Path) -> dict[int, _Found]:
    """The episode files by number."""
    found = {}
    with contextlib.suppress(FileNotFoundError), os.scandir(episodes) as entries:
        for entry in entries:
            stem, suffix = os.path.splitext(entry.name)
            if suffix == ".hdf5" and stem.isascii() and stem.isdigit() and stem == f"{int(stem):06d}":
                try:
                    status = entry.stat()
                except OSError:  # a link that leads nowhere: not left out, but damaged
                    found[int(stem)] = _Found(entry.path, -1, -1)
                else:
                    found[int(stem)] = _Found(entry.path, status.st_size, status.st_mtime_ns)
    return found


def _has_changed(row: Row, found: _Found) -> bool:
    return (row.size, row.mtime_ns) != (found.size, found.mtime_ns)


def _known(path: Path) -> dict[int, Row]:
    """The rows that can be read: a torn, changed or foreign line is passed over, its episode is read again."""
    rows = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return {}
    for line in lines:
        crc, _, text = line.partition(b" ")
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            if int(crc, 16) == zlib.crc32(text):
                values = json.loads(text)
                row = Row(**{name: _KINDS[name](value) for name, value in values.items()})
                rows[row.number] = row
    return dict(sorted(rows.items()))


_KINDS: dict[str, Callable[[Any], Any]] = {f.name: f.type if isinstance(f.type, type) else dict for f in fields(Row)}


def _line(row: Row) -> str:
    text = json.dumps(asdict(row))
    return f"{zlib.crc32(text.encode()):08x} {text}\n"
