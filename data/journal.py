"""Journal: the running episode on disk, entry by entry, so that whoever is killed loses nothing that was written.

A file for each running episode, `running/000012.journal`: a magic word, then records of kind, length, CRC-32 and payload.
A record that is not whole ends the journal. Arrays lie there as they are: nothing in a journal is ever executed, as a
pickle's would be.
"""

import contextlib
import json
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from data.episode import Array, Step
from data.files import fsync_folder
from data.schema import EpisodeMeta, Phase, Source
from data.takes import Begin, End, Entry, Finish, Landed, Rewind

MAGIC = b"demos journal 1\n"
SUFFIX = ".journal"
SYNC_S = 0.4  # at least so often what was written is also made to survive a power cut
_HEAD = struct.Struct("<BII")
_BEGIN, _LAYOUT, _STEP, _REWIND, _FINISH, _LANDED = range(1, 7)
_ARRAYS = ("sim_state", "state", "action", "stick")
_ANSWERS = ("label", "policy_action")
_SCALARS = {
    "reward": "<f8",
    "source": "|u1",
    "phase": "|u1",
    "time_s": "<f8",
    "gate_score": "<f8",
    "decision_latency_s": "<f8",
    "lateness_s": "<f8",
    "control_mode": "|u1",
    "heading_deg": "<f8",
    "at_rest": "|b1",
}
Layout = list[list[Any]]  # [name, dtype, shape] of each part of a step's record


class Encoder:
    """Entries of one episode as records. The first step lays down how all of its steps look."""

    def __init__(self) -> None:
        self._step = self._end = np.dtype([])

    def __call__(self, entry: Entry) -> bytes:
        match entry:
            case Begin():
                return _record(_BEGIN, _text({"number": entry.number, "trims": entry.trims, "meta": entry.meta.to_attrs()}))
            case Step():
                head = b"" if self._step.names else self._lay_out(entry)
                return head + _record(_STEP, self._row(entry))
            case Rewind():
                return _record(_REWIND, _text({"number": entry.number, "step": entry.step}) + self._end_row(entry.end))
            case Landed():
                return _record(_LANDED, _text({}) + self._end_row(entry.end))
            case Finish():
                return _record(_FINISH, _text({"meta": entry.meta.to_attrs()}) + (self._end_row(entry.end) if self._end.names else b""))

    def _lay_out(self, step: Step) -> bytes:
        arrays = {**{f"obs/{key}": np.asarray(value) for key, value in step.obs.items()}, **{k: getattr(step, k) for k in _ARRAYS}}
        layout: Layout = [[name, np.asarray(array).dtype.str, list(np.shape(array))] for name, array in arrays.items()]
        layout += [[name, "<f4", list(np.shape(step.action))] for name in _ANSWERS]
        layout += [[name, dtype, []] for name, dtype in _SCALARS.items()]
        self._step, self._end = _dtypes(layout)
        return _record(_LAYOUT, _text(layout))

    def _row(self, step: Step) -> bytes:
        row = np.zeros((), self._step)
        for key, value in step.obs.items():
            row[f"obs/{key}"] = value
        for name in (*_ARRAYS, *_SCALARS):
            row[name] = getattr(step, name)
        for name in _ANSWERS:
            answer = getattr(step, name)
            row[name] = np.nan if answer is None else answer
        return row.tobytes()

    def _end_row(self, end: End) -> bytes:
        row = np.zeros((), self._end)
        for key, value in end.obs.items():
            row[f"obs/{key}"] = value
        row["sim_state"] = end.sim_state
        return row.tobytes()


def read_journal(path: Path) -> tuple[list[Entry], str]:
    """The entries of a journal up to the first record that is not whole, and what is wrong with that record.

    Nothing is wrong ("") where the file breaks off: so it does when its writer is killed.
    """
    content = path.read_bytes()
    entries: list[Entry] = []
    if not content.startswith(MAGIC):
        return entries, "" if MAGIC.startswith(content) else "it is no journal"
    step, end = np.dtype([]), np.dtype([])
    try:
        for kind, payload in _records(content):
            if kind == _LAYOUT:
                step, end = _dtypes(_untext(payload)[0])
            else:
                entries.append(_decode(kind, payload, step, end))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return entries, f"record {len(entries)}: {error}"
    return entries, ""


def _decode(kind: int, payload: memoryview, step: np.dtype[Any], end: np.dtype[Any]) -> Entry:
    if kind == _STEP:
        return _step_of(np.frombuffer(payload, step, 1)[0])
    values, rest = _untext(payload)
    if kind == _BEGIN:
        return Begin(values["number"], EpisodeMeta.from_attrs(values["meta"]), values["trims"])
    row = np.frombuffer(rest, end, 1)[0] if end.names else None
    last = End({}, np.empty(0)) if row is None else End(_observations(row), row["sim_state"])
    if kind == _REWIND:
        return Rewind(values["step"], values["number"], last)
    if kind == _LANDED:
        return Landed(last)
    if kind == _FINISH:
        return Finish(EpisodeMeta.from_attrs(values["meta"]), last)
    raise ValueError(f"no record is of kind {kind}")


def _step_of(row: np.void) -> Step:
    values: dict[str, Any] = {name: row[name] for name in _ARRAYS}
    values |= {name: None if np.isnan(row[name]).all() else row[name] for name in _ANSWERS}
    values |= {name: row[name].item() for name in _SCALARS}
    values |= {"source": Source(values["source"]), "phase": Phase(values["phase"])}
    return Step(obs=_observations(row), **values)


def _observations(row: np.void) -> Mapping[str, Array]:
    return {name.removeprefix("obs/"): np.asarray(row[name]) for name in row.dtype.names or () if name.startswith("obs/")}


def _dtypes(layout: Layout) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """How a step looks, and how an end does: the observations and the simulator's state."""
    parts = [(str(name), str(dtype), tuple(shape)) for name, dtype, shape in layout]
    if any(np.dtype(dtype).hasobject for _, dtype, _ in parts):
        raise ValueError("a step holds numbers only")
    return np.dtype(parts), np.dtype([part for part in parts if part[0].startswith("obs/") or part[0] == "sim_state"])


def _record(kind: int, payload: bytes) -> bytes:
    return _HEAD.pack(kind, len(payload), zlib.crc32(payload, kind)) + payload


def _records(content: bytes) -> Iterator[tuple[int, memoryview]]:
    at, view = len(MAGIC), memoryview(content)
    while at + _HEAD.size <= len(content):
        kind, length, crc = _HEAD.unpack_from(content, at)
        payload = view[at + _HEAD.size : at + _HEAD.size + length]
        if len(payload) < length:
            return
        if zlib.crc32(payload, kind) != crc:
            raise ValueError("it does not match its CRC")
        yield kind, payload
        at += _HEAD.size + length


def _text(values: Any) -> bytes:
    text = json.dumps(values, default=lambda number: number.item()).encode()
    return len(text).to_bytes(4, "little") + text


def _untext(payload: memoryview) -> tuple[Any, memoryview]:
    length = int.from_bytes(payload[:4], "little")
    return json.loads(bytes(payload[4 : 4 + length])), payload[4 + length :]


@dataclass
class _Log:
    """One running episode: all of its records in memory, the first `kept` of them, `size` bytes, on disk."""

    path: Path
    records: list[bytes]
    kept: int = 0
    size: int = 0
    file: FileIO | None = None

    def flush(self) -> None:
        """Write what is not on disk yet; raises OSError, and can be called again, when the disk refuses."""
        if self.kept == len(self.records):
            return
        try:
            if self.file is None:
                self._open()
            while self.kept < len(self.records):
                self._write(self.records[self.kept])
                self.kept += 1
        except OSError:
            self.close()
            raise

    def _open(self) -> None:
        """Go on after the last whole record; from the start where the file has gone."""
        self.path.parent.mkdir(exist_ok=True)
        if not self.path.exists() or self.path.stat().st_size < self.size:
            self.kept = self.size = 0
        self.file = FileIO(self.path, "r+" if self.size else "w")
        if self.size:
            self.file.truncate(self.size)
            self.file.seek(self.size)
        fsync_folder(self.path.parent)

    def _write(self, record: bytes) -> None:
        assert self.file is not None
        rest = memoryview(record)
        while rest:
            rest = rest[self.file.write(rest) :]
        self.size += len(record)

    def renew(self) -> None:
        """Write all of it again where the file has gone or is shorter than it was."""
        if not self.path.exists() or self.path.stat().st_size < self.size:
            self.close()
            self.kept = 0
            self.flush()

    def sync(self) -> None:
        if self.file is not None:
            os.fsync(self.file.fileno())

    def close(self) -> None:
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.close()
            self.file = None


@dataclass
class Journal:
    """The running episodes of one session, the newest `current`.

    What the disk refuses waits in memory, and everything does until `forget`.
    """

    folder: Path
    current: int = -1
    _logs: dict[int, _Log] = field(default_factory=dict)
    _encode: Encoder = field(default_factory=Encoder)
    _synced_s: float = 0.0

    def add(self, entry: Entry) -> None:
        """One more entry of the running episode; raises OSError when the disk refuses (nothing is lost: see `flush`)."""
        if isinstance(entry, Begin):
            self.current, self._encode = entry.number, Encoder()
            self._logs[entry.number] = _Log(self.path(entry.number), [MAGIC])
        self._logs[self.current].records.append(self._encode(entry))
        self.flush()

    def flush(self) -> None:
        """Write what waits; every SYNC_S it is made to survive a power cut too. Raises OSError when the disk refuses."""
        for log in self._logs.values():
            log.flush()
        now_s = time.monotonic()
        if now_s - self._synced_s >= SYNC_S and self.current in self._logs:
            self._logs[self.current].sync()
            self._synced_s = now_s

    def is_kept(self, number: int) -> bool:
        """Whether all of episode `number` is on disk."""
        log = self._logs[number]
        return log.kept == len(log.records)

    def renew(self) -> None:
        """Write again what has gone, with its disk, say; raises OSError when the disk refuses."""
        for log in self._logs.values():
            log.renew()

    def forget(self, number: int) -> None:
        """Episode `number` has a file of its own, or is not wanted."""
        log = self._logs.pop(number)
        log.close()
        with contextlib.suppress(OSError):
            log.path.unlink(missing_ok=True)

    def copy_to(self, folder: Path) -> None:
        """Write the whole journals, from memory, of the episodes that have no file of their own yet into another folder."""
        folder.mkdir(exist_ok=True)
        for log in self._logs.values():
            (folder / log.path.name).write_bytes(b"".join(log.records))

    def close(self) -> None:
        for log in self._logs.values():
            log.close()

    def path(self, number: int) -> Path:
        return journal_path(self.folder, number)


def journal_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}{SUFFIX}"
