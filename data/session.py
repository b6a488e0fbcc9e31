"""A session: a folder of immutable episode files and an index that robomimic reads as its dataset."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from data.episode import DAMAGE, Episode, count_steps, read_episode, read_meta, write_episode
from data.errors import UserError
from data.files import put_in_place
from data.schema import EpisodeMeta, Outcome

INDEX_NAME = "session.hdf5"
EPISODES_NAME = "episodes"
TRASH_NAME = "trash"


@dataclass(frozen=True)
class Session:
    """An open session folder. The episode files are the truth; `session.hdf5` is derived from them."""

    path: Path

    @classmethod
    def create(cls, path: Path | str) -> "Session":
        """Open the session at `path`, making the folder when there is none."""
        path = cls.check_path(path)
        try:
            (path / EPISODES_NAME).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the session folder {path} cannot be made ({error.strerror}); give a folder you can write to") from error
        session = cls(path)
        session.repair_index()
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
        """Open an existing session for reading; refuses what is not one."""
        path = Path(path)
        if not path.exists():
            raise UserError(f"there is no session at {path}; record one with: python -m teleop record --session {path}")
        if not path.is_dir():
            raise UserError(f"{path} is a file; a session is a folder with {INDEX_NAME} and {EPISODES_NAME}/ in it")
        if not (path / EPISODES_NAME).is_dir():
            raise UserError(f"{path} is not a session (no {EPISODES_NAME}/ folder in it); give a folder that record made")
        return cls(path)

    def __len__(self) -> int:
        return len(self.episode_paths())

    def episode_paths(self) -> list[Path]:
        return sorted((self.path / EPISODES_NAME).glob("[0-9]*.hdf5"))

    def episode_path(self, number: int) -> Path:
        return self.path / EPISODES_NAME / f"{number:06d}.hdf5"

    def read(self, number: int, keys: tuple[str, ...] | None = None) -> Episode:
        """Episode `number` (its file's number); raises UserError with the allowed numbers."""
        path = self.episode_path(number)
        if not path.exists():
            numbers = [int(p.stem) for p in self.episode_paths()]
            allowed = f"{numbers[0]} to {numbers[-1]}" if numbers else "none, the session is empty"
            raise UserError(f"{self.path} has no episode {number}; allowed: {allowed}")
        return read_episode(path, keys)

    def metas(self) -> Iterator[tuple[int, EpisodeMeta]]:
        """(number, attributes) of every episode, in order."""
        for path in self.episode_paths():
            yield int(path.stem), read_meta(path)

    def env_of(self) -> EpisodeMeta:
        """The attributes that name this session's env; raises UserError when the session is empty."""
        paths = self.episode_paths()
        if not paths:
            raise UserError(f"{self.path} is an empty session; record episodes first: python -m teleop record --session {self.path}")
        return read_meta(paths[0])

    def check_env(self, env_id: str) -> None:
        """Refuse to mix two environments in one session."""
        paths = self.episode_paths()
        held = read_meta(paths[0]).env_id if paths else env_id
        if held != env_id:
            raise UserError(f"{self.path} holds episodes of {held}, not {env_id}; give another --session or that --env")

    def next_number(self) -> int:
        """One more than the highest number ever used here, undone ones included."""
        used = [int(p.stem) for folder in (EPISODES_NAME, TRASH_NAME) for p in (self.path / folder).glob("[0-9]*.hdf5")]
        return max(used, default=-1) + 1

    def append(self, episode: Episode, number: int | None = None) -> int:
        """Keep an episode durably and list it in the index; returns its number (the next one, when none is given)."""
        number = self.next_number() if number is None else number
        try:
            write_episode(self.episode_path(number), episode)
        except OSError as error:
            raise UserError(
                f"episode {number} could not be written to {self.path} ({error}); free some space or give another --session"
            ) from error
        self.repair_index(newest=(number, episode))
        return number

    def trash(self, *numbers: int) -> None:
        """Move episodes to the trash folder (never deleted); numbers that are not there are passed over."""
        (self.path / TRASH_NAME).mkdir(exist_ok=True)
        for number in numbers:
            path = self.episode_path(number)
            if path.exists():
                path.replace(self.path / TRASH_NAME / path.name)
        self.repair_index()

    def tag(self, number: int, behaviour_mode: str) -> None:
        """Change an episode's behaviour mode: a changed copy takes the file's place."""
        path = self.episode_path(number)
        partial = path.with_suffix(".tmp")
        shutil.copyfile(path, partial)
        with h5py.File(partial, "a") as file:
            file.attrs["behaviour_mode"] = behaviour_mode
        put_in_place(partial, path)

    def repair_index(self, newest: tuple[int, Episode] | None = None) -> None:
        """Make `session.hdf5` list exactly the episode files: append the newest, or rebuild when it is stale."""
        numbers = [int(p.stem) for p in self.episode_paths()]
        listed = self._listed()
        if listed == numbers:
            return
        try:
            if newest is not None and listed == numbers[:-1]:
                self._extend_index(*newest)
            else:
                self._rebuild_index(numbers)
        except OSError as error:
            raise UserError(
                f"the index of {self.path} could not be written ({error}); its episodes are safe: free some space and record on, "
                "the index is rebuilt then"
            ) from error

    def _extend_index(self, number: int, episode: Episode) -> None:
        """In a copy: a crash leaves the old index whole, and a training that reads it does not hold up recording."""
        partial = self.path / (INDEX_NAME + ".tmp")
        shutil.copyfile(self.path / INDEX_NAME, partial)
        with h5py.File(partial, "a") as index:
            self._list_episode(index, number, episode.meta, len(episode))
        partial.replace(self.path / INDEX_NAME)

    def _rebuild_index(self, numbers: list[int]) -> None:
        """All episode files are read first: one that is damaged is named, and nothing is left half written."""
        paths = [self.episode_path(number) for number in numbers]
        entries = [(number, read_meta(path), count_steps(path)) for number, path in zip(numbers, paths, strict=True)]
        partial = self.path / (INDEX_NAME + ".tmp")
        with h5py.File(partial, "w") as index:
            index.create_group("data").attrs["total"] = 0
            for name in ("usable", "success"):
                index.create_dataset(f"mask/{name}", shape=(0,), maxshape=(None,), dtype="S16", chunks=(1024,))
            for entry in entries:
                self._list_episode(index, *entry)
        partial.replace(self.path / INDEX_NAME)

    def _listed(self) -> list[int] | None:
        """The numbers the index lists; None when it is missing or unreadable."""
        with contextlib.suppress(*DAMAGE, ValueError), h5py.File(self.path / INDEX_NAME, "r", locking=False) as index:
            return sorted(int(name[len("demo_") :]) for name in index["data"])
        return None

    def _list_episode(self, index: h5py.File, number: int, meta: EpisodeMeta, length: int) -> None:
        data, name = index["data"], f"demo_{number}"
        data[name] = h5py.ExternalLink(f"{EPISODES_NAME}/{number:06d}.hdf5", "/")
        data.attrs["total"] = int(data.attrs["total"]) + length
        data.attrs["env_args"] = json.dumps(
            {"env_name": meta.env_id, "type": 2, "env_kwargs": dict(meta.env_kwargs), "env_version": meta.versions.get("teleop", "")}
        )
        if meta.outcome in (Outcome.SUCCESS, Outcome.FAILURE):
            _push(index["mask/usable"], name)
        if meta.success:
            _push(index["mask/success"], name)


def _push(mask: h5py.Dataset, name: str) -> None:
    mask.resize((mask.shape[0] + 1,))
    mask[-1] = np.bytes_(name)
