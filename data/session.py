"""A session: a folder of immutable episode files; all else in it is derived from them or waits to become one."""

import contextlib
import json
import logging
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from data.catalog import Catalog, Row, current_rows, extend_catalog, load_catalog, row_of_episode, write_catalog
from data.episode import Episode
from data.episode_file import change_meta, read_episode, read_meta, write_episode
from data.errors import UserError
from data.files import numbered, replace_file
from data.hdf5 import DAMAGE
from data.index import INDEX_NAME, extend_index, is_current, write_index
from data.lock import InUseError, lock
from data.masks import read_masks
from data.recover import recover
from data.schema import EpisodeMeta

EPISODES_NAME, TRASH_NAME, RUNNING_NAME, QUARANTINE_NAME = "episodes", "trash", "running", "quarantine"
RECORDER, WRITER = "recorder", "writer"
PATIENCE_S = 2.0  # others' housekeeping takes less
WRITER_PATIENCE_S = 30.0  # a writer whose recorder was killed has this long to finish

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def new_or_known(path: Path) -> Iterator["Session"]:
    """The session at `path`, made where there is none; one that is made here is gone again where nothing came into it."""
    Session.check_path(path)
    was_there, is_new = path.exists(), not (path / EPISODES_NAME).is_dir()
    if was_there and any(path.iterdir()):
        Session.at(path)  # refuses a folder of something else
    session = Session.create(path)
    try:
        yield session
    finally:
        if is_new and not len(session):
            shutil.rmtree(path, ignore_errors=True)
            if was_there:
                path.mkdir()


@dataclass(frozen=True)
class Session:
    """An open session folder. The episode files are the truth; the catalog and `session.hdf5` are derived from them."""

    path: Path

    # -- opening ---------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path | str) -> "Session":
        """Open the session at `path`, making the folder when there is none."""
        path = cls.check_path(path)
        try:
            (path / EPISODES_NAME).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the session folder {path} cannot be made ({error.strerror}); give a folder you can write to") from error
        session = cls(path)
        session.tidy()
        return session

    @staticmethod
    def check_path(path: Path | str) -> Path:
        """Refuse a path at which there can be no session; makes nothing."""
        path = Path(path)
        if path.exists() and not path.is_dir():
            raise UserError(f"--session {path} is a file; a session is a folder: give a new or an existing folder")
        return path

    @classmethod
    def open(cls, path: Path | str) -> "Session":
        """Open an existing session; refuses what is not one."""
        session = cls.at(path)
        session.tidy()
        return session

    @classmethod
    def at(cls, path: Path | str) -> "Session":
        """The session at `path`, left as it is; refuses what is not one."""
        path = Path(path)
        if not path.exists():
            raise UserError(f"there is no session at {path}; record one with: python -m teleop record --session {path}")
        if not path.is_dir():
            raise UserError(f"{path} is a file; a session is a folder with {INDEX_NAME} and {EPISODES_NAME}/ in it")
        if not (path / EPISODES_NAME).is_dir():
            raise UserError(f"{path} is not a session (no {EPISODES_NAME}/ folder in it); give a folder that record made")
        return cls(path)

    @contextlib.contextmanager
    def claim(self) -> Iterator[list[str]]:
        """The right to change this session, for one process at a time; raises InUseError with the other's pid.

        What a killed recorder left running is recovered first: gives a line for each episode.
        """
        with lock(self.path, RECORDER, PATIENCE_S):
            yield self._put_right()

    def tidy(self) -> None:
        """Recover what a killed recorder left, bring the derived files up to date; not while somebody records."""
        if not self.running() and self._is_current():
            return
        try:
            with lock(self.path, RECORDER, 0.0):
                for line in self._put_right():
                    logger.warning(line)
        except InUseError:
            pass
        except UserError as error:  # what there is can be read all the same
            if self.running():
                logger.warning("an unfinished episode waits in %s: %s", self.path, error)

    # -- reading ---------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.episode_paths())

    def __bool__(self) -> bool:
        """An empty session is one, too."""
        return True

    def __iter__(self) -> Iterator[Episode]:
        """The episodes in order, verified, one in memory at a time; raises DamagedError at one that is damaged."""
        for path in self.episode_paths():
            yield read_episode(path)

    def contains(self, path: Path) -> bool:
        """Whether that is this session's folder, or something in it."""
        return path.resolve().is_relative_to(self.path.resolve())

    def episode_paths(self) -> list[Path]:
        return numbered(self.path / EPISODES_NAME, ".hdf5")

    def episode_path(self, number: int) -> Path:
        return self.path / EPISODES_NAME / f"{number:06d}.hdf5"

    def running(self) -> list[Path]:
        """Journals of episodes that have no file of their own yet."""
        return numbered(self.path / RUNNING_NAME, ".journal")

    def catalog(self) -> Catalog:
        """What is known of every episode, without opening those that the catalog file knows."""
        return load_catalog(self.path, self.path / EPISODES_NAME)[0]

    def rows(self) -> list[Row]:
        """The catalog's rows in order; raises UserError when an episode is damaged: nothing is left out silently."""
        catalog = self.catalog()
        if catalog.damaged:
            raise UserError(next(iter(catalog.damaged.values())))
        return list(catalog.rows.values())

    def read(self, number: int, keys: tuple[str, ...] | None = None) -> Episode:
        """Episode `number` (its file's number); raises UserError with the allowed numbers."""
        return read_episode(self._existing(number), keys)

    def metas(self) -> Iterator[tuple[int, EpisodeMeta]]:
        """(number, attributes) of every episode, in order, from the files."""
        for path in self.episode_paths():
            yield int(path.stem), read_meta(path)

    def env_of(self) -> Row:
        """A row that names this session's env; raises UserError when the session is empty."""
        catalog = self.catalog()
        rows, damaged = catalog.rows, catalog.damaged
        if damaged and not rows:
            raise UserError(next(iter(damaged.values())))
        if not rows:
            raise UserError(f"{self.path} is an empty session; record episodes first: python -m teleop record --session {self.path}")
        return next(iter(rows.values()))

    def check_env(self, env_id: str) -> None:
        """Refuse to mix two environments in one session."""
        rows = self.catalog().rows
        held = next(iter(rows.values())).env_id if rows else env_id
        if held != env_id:
            raise UserError(f"{self.path} holds episodes of {held}, not {env_id}; give another --session or that --env")

    def next_number(self) -> int:
        """One more than the highest number ever used here: undone, quarantined and running ones included."""
        folders = (EPISODES_NAME, TRASH_NAME, QUARANTINE_NAME, RUNNING_NAME)
        used = [int(p.stem) for folder in folders for p in (self.path / folder).glob("[0-9]*") if p.suffix in (".hdf5", ".journal")]
        return max(used, default=-1) + 1

    def holds(self, number: int) -> bool:
        """Whether there is or was an episode of this number."""
        return any((self.path / folder / f"{number:06d}.hdf5").exists() for folder in (EPISODES_NAME, TRASH_NAME, QUARANTINE_NAME))

    # -- changing --------------------------------------------------------------------------------------------------

    def append(self, episode: Episode, number: int | None = None) -> int:
        """Keep an episode durably and list it; returns its number (the next one, when none is given)."""
        number = self.next_number() if number is None else number
        named = episode if episode.meta.uid else replace(episode, meta=replace(episode.meta, uid=uuid.uuid4().hex))
        try:
            checksum = write_episode(self.episode_path(number), named)
        except OSError as error:
            raise UserError(
                f"episode {number} could not be written to {self.path} ({error}); free some space or give another --session"
            ) from error
        with self._listing():
            self.list_row(row_of_episode(self.episode_path(number), named, checksum))
        return number

    def trash(self, *numbers: int) -> list[int]:
        """Move episodes to the trash folder (never deleted); returns those that were there."""
        return self._move(EPISODES_NAME, TRASH_NAME, numbers)

    def restore(self, *numbers: int) -> list[int]:
        """Move episodes back from the trash; returns those that were there."""
        return self._move(TRASH_NAME, EPISODES_NAME, numbers)

    def quarantine(self, number: int, reason: str) -> None:
        """Move a damaged episode aside, with a note that says what is wrong with it."""
        self.set_aside(self.episode_path(number), reason)
        self.tidy_listing()

    def set_aside(self, path: Path, reason: str) -> None:
        """Move a damaged file of this session to quarantine/, with a note; never over another one there."""
        folder = self.path / QUARANTINE_NAME
        folder.mkdir(exist_ok=True)
        target, copies = folder / path.name, 1
        while target.exists():
            copies += 1
            target = folder / f"{path.stem}-{copies}{path.suffix}"
        note = {"reason": reason, "when": datetime.now(UTC).isoformat(timespec="seconds")}
        replace_file(target.with_suffix(target.suffix + ".json"), (json.dumps(note) + "\n").encode())
        path.replace(target)

    def quarantined(self) -> dict[str, str]:
        """What is wrong with each file that was set aside, by its name."""
        reasons = {}
        for path in sorted((self.path / QUARANTINE_NAME).glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                reasons[path.stem] = str(json.loads(path.read_text(encoding="utf-8"))["reason"])
        return reasons

    def tag(self, number: int, behaviour_mode: str) -> None:
        """Change an episode's behaviour mode: a changed copy takes the file's place."""
        path = self._existing(number)
        change_meta(path, path, behaviour_mode=behaviour_mode)
        self.tidy_listing()

    def list_row(self, row: Row) -> None:
        """Add an episode to the catalog and the index; the index is made anew where it cannot be gone on with."""
        extend_catalog(self.path, row)
        try:
            extend_index(self.path / INDEX_NAME, row)
        except DAMAGE:
            write_index(self.path / INDEX_NAME, self.catalog().rows.values(), self._masks())

    def tidy_listing(self) -> None:
        """Make the catalog and the index say what the episode files say; raises UserError when they cannot be written."""
        with self._listing():
            catalog, current = load_catalog(self.path, self.path / EPISODES_NAME)
            if not current:
                write_catalog(self.path, catalog.rows)
            masks = self._masks()
            if not is_current(self.path / INDEX_NAME, catalog.rows.values(), masks):
                write_index(self.path / INDEX_NAME, catalog.rows.values(), masks)

    def _put_right(self) -> list[str]:
        with lock(self.path, WRITER, WRITER_PATIENCE_S):
            lines = recover(self)
            self.tidy_listing()
        return lines

    def _is_current(self) -> bool:
        rows = current_rows(self.path, self.path / EPISODES_NAME)
        return rows is not None and is_current(self.path / INDEX_NAME, rows.values(), self._masks())

    def _masks(self) -> dict[str, tuple[int, ...]]:
        """The split for the index; a damaged one is not in it, and is told of by whoever needs it."""
        with contextlib.suppress(UserError):
            return read_masks(self.path).named()
        return {}

    def _existing(self, number: int) -> Path:
        path = self.episode_path(number)
        if not path.exists():
            numbers = [int(p.stem) for p in self.episode_paths()]
            allowed = f"{numbers[0]} to {numbers[-1]}" if numbers else "none, the session is empty"
            raise UserError(f"{self.path} has no episode {number}; allowed: {allowed}")
        return path

    def _move(self, source: str, target: str, numbers: Iterable[int]) -> list[int]:
        (self.path / target).mkdir(exist_ok=True)
        moved = []
        for number in numbers:
            path = self.path / source / f"{number:06d}.hdf5"
            if path.exists():
                path.replace(self.path / target / path.name)
                moved.append(number)
        if moved:
            self.tidy_listing()
        return moved

    @contextlib.contextmanager
    def _listing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"the index of {self.path} could not be written ({error}); its episodes are safe: free some space and record on, "
                "the index is rebuilt then"
            ) from error
