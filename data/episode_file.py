"""Episode file: one immutable HDF5 file an episode, whose every part is checked when it is read."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from data.checksum import CHECKSUM, DIGESTS, checksum_of, digest_of
from data.episode import Array, Episode, Part
from data.errors import DamagedError, UserError
from data.files import replace_file
from data.hdf5 import DAMAGE, image_of, in_memory, names, read_array
from data.schema import FILE_NAMES, SCHEMA_VERSION, STEP_FIELDS, EpisodeMeta, Field

CHECKED_SINCE = 3  # the schema version that brought checksums


# -- writing -------------------------------------------------------------------------------------------------------


def write_episode(path: Path, episode: Episode) -> str:
    """Write one episode file: complete and fsynced under a temporary name, then renamed into place; its checksum.

    Raises OSError when the disk refuses, and leaves nothing.
    """
    arrays = _contents(episode)
    attrs = _attributes(episode.meta, len(episode), {name: digest_of(array) for name, array in arrays.items()})
    with in_memory() as file:
        file.attrs.update(attrs)
        for group in ("obs", "final_obs"):
            file.create_group(group)
        for name, array in arrays.items():
            write_array(file, name, array)
        replace_file(path, image_of(file))
    return str(attrs[CHECKSUM])


def change_meta(source: Path, target: Path, **changes: Any) -> None:
    """A copy of the file `source` as `target` (which may be the same) in which some of `EpisodeMeta` is different."""
    with _open(source) as file:
        attrs = _attrs(source, file)
        old = _meta(source, attrs)
        _digests(source, attrs, old)  # damage must not get a right checksum
    meta = replace(old, **changes)
    written = {**attrs, **{k: v for k, v in _named(meta).items() if k in attrs or k in changes}}
    if CHECKSUM in attrs:
        written[CHECKSUM] = checksum_of(written)
    with in_memory(source) as file:
        for name, value in written.items():
            if attrs.get(name) != value:
                file.attrs[name] = value
        replace_file(target, image_of(file))


def _contents(episode: Episode) -> dict[str, Array]:
    """Every dataset of the file by its path."""
    arrays = dict(episode.steps)
    for group, values in (("obs", episode.obs), ("final_obs", episode.final_obs)):
        arrays |= {f"{group}/{key}": array for key, array in values.items()}
    for end, part in episode.idle.items():
        arrays |= {f"idle/{end}/{name}": column for name, column in part.steps.items()}
        arrays |= {f"idle/{end}/obs/{key}": array for key, array in part.obs.items()}
    return {name: np.asarray(array) for name, array in arrays.items()}


def _attributes(meta: EpisodeMeta, length: int, digests: Mapping[str, str]) -> dict[str, Any]:
    attrs = {"num_samples": length, **_named(meta), DIGESTS: json.dumps(digests, sort_keys=True)}
    return {**attrs, CHECKSUM: checksum_of(attrs)}


def _named(meta: EpisodeMeta) -> dict[str, Any]:
    """The attributes under their names in the file."""
    return {FILE_NAMES.get(name, name): value for name, value in meta.to_attrs().items()}


def write_array(file: h5py.Group, name: str, array: Array) -> None:
    """A new dataset. Images are stored losslessly in one chunk per frame, so that a random window reads only its frames."""
    if array.dtype == np.uint8 and array.ndim == 4:
        file.create_dataset(name, data=array, chunks=(1, *array.shape[1:]), compression="gzip", compression_opts=1)
    else:
        file.create_dataset(name, data=array)


# -- reading -------------------------------------------------------------------------------------------------------


def read_meta(path: Path) -> EpisodeMeta:
    """Only the attributes of an episode file."""
    with _open(path) as file:
        return _meta(path, _attrs(path, file))


def read_facts(path: Path) -> tuple[EpisodeMeta, int, float, int, str]:
    """(attributes, steps, seconds, labelled steps, checksum or "") of an episode file."""
    with _Reader(path) as reader:
        labels = np.asarray(reader.step(_FIELDS["labels"]))
        time_s = np.asarray(reader.step(_FIELDS["time_s"]))
        return reader.meta, len(time_s), float(time_s[-1]), count_labels(labels), str(reader.attrs.get(CHECKSUM, ""))


def read_checksum(path: Path) -> str:
    """Only the checksum that an episode file carries; "" where it has none."""
    with _open(path) as file:
        try:
            return str(file.attrs.get(CHECKSUM, ""))
        except DAMAGE as error:
            raise damaged(path, error) from error


def read_end_state(path: Path) -> NDArray[np.float64]:
    """(S,) the simulator state an episode ended in."""
    with _Reader(path) as reader:
        state: NDArray[np.float64] = np.asarray(reader.step(_FIELDS["sim_state"]), np.float64)[-1]
        return state


def read_episode(path: Path, keys: tuple[str, ...] | None = None) -> Episode:
    """The whole episode; `keys` limits which observations are read. Raises DamagedError where a bit has changed."""
    with _Reader(path) as reader:
        return Episode(
            meta=reader.meta,
            steps={f.name: reader.step(f) for f in STEP_FIELDS},
            obs=reader.observations("obs", keys),
            final_obs=reader.observations("final_obs", keys),
            idle={end: reader.part(end, keys) for end in reader.names("idle")},
        )


def count_labels(labels: Array) -> int:
    """How many of the rows (T, A) hold a demonstrator's answer."""
    return int(np.count_nonzero(~np.isnan(np.asarray(labels, np.float32)).any(axis=1)))


_FIELDS = {f.name: f for f in STEP_FIELDS}


class _Reader:
    """One open episode file. Whatever is wrong in it becomes a DamagedError that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> "_Reader":
        with contextlib.ExitStack() as stack:
            self.file = stack.enter_context(_open(self.path))
            self.attrs = _attrs(self.path, self.file)
            self.meta = _meta(self.path, self.attrs)
            self.digests = _digests(self.path, self.attrs, self.meta)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._stack.close()
        if kind is not None and issubclass(kind, DAMAGE):
            raise damaged(self.path, error) from error

    def names(self, group: str) -> list[str]:
        """What lies in a group, by the list of digests where there is one: what others have added is not ours."""
        if self.digests is not None:
            inside = [name[len(group) + 1 :].split("/")[0] for name in self.digests if name.startswith(f"{group}/")]
            return sorted(set(inside))
        return names(self.file, group)

    def step(self, field: Field) -> Array:
        """A column of the steps; one that is newer than the file reads as `absent`."""
        if field.since > self.meta.schema_version:
            return np.full(len(self.array("actions")), field.absent, dtype=field.dtype)
        return self.array(field.name)

    def observations(self, group: str, keys: tuple[str, ...] | None) -> dict[str, Array]:
        return {key: self.array(f"{group}/{key}") for key in self.names(group) if keys is None or key in keys}

    def part(self, end: str, keys: tuple[str, ...] | None) -> Part:
        """Set-aside steps; all of them are idle."""
        group = f"idle/{end}"
        names = [f for f in STEP_FIELDS if f.since <= self.meta.schema_version]
        steps = {f.name: self.array(f"{group}/{f.name}") for f in names}
        missing = {f.name: np.full(len(steps["actions"]), f.name == "at_rest" or f.absent, f.dtype) for f in STEP_FIELDS if f not in names}
        return Part({**steps, **missing}, self.observations(f"{group}/obs", keys))

    def array(self, name: str) -> Array:
        """A dataset's values, compared with their digest."""
        array = read_array(self.file, name)
        if self.digests is not None and digest_of(array) != self.digests.get(name):
            raise DamagedError(f"{self.path} is damaged ({name} does not match its checksum); {CURE}")
        return array


CURE = "python -m data check SESSION sets damaged episodes aside"


def damaged(path: Path, error: BaseException | None) -> DamagedError:
    return DamagedError(f"{path} is damaged ({' '.join(str(error).split())}); {CURE}")


def _open(path: Path) -> h5py.File:
    if not path.is_file():  # a pipe or a device would never answer
        raise DamagedError(f"{path} cannot be read as an episode (no such file); {CURE}")
    try:
        return h5py.File(path, "r", locking=False)
    except DAMAGE as error:
        raise DamagedError(f"{path} cannot be read as an episode ({' '.join(str(error).split())}); {CURE}") from error


def _attrs(path: Path, file: h5py.File) -> dict[str, Any]:
    try:
        return {name: file.attrs[name] for name in file.attrs}
    except DAMAGE as error:
        raise damaged(path, error) from error


def _meta(path: Path, attrs: Mapping[str, Any]) -> EpisodeMeta:
    try:
        version = int(attrs["schema_version"])
        if version > SCHEMA_VERSION:
            raise UserError(f"{path} has schema version {version}, this version reads up to {SCHEMA_VERSION}; update this package")
        meta = EpisodeMeta.from_attrs({**attrs, "model_xml": attrs["model_file"]})
    except DAMAGE as error:
        raise DamagedError(f"{path} is not one of our episodes (attribute {error}); import it or move it away") from error
    return meta


def _digests(path: Path, attrs: Mapping[str, Any], meta: EpisodeMeta) -> dict[str, str] | None:
    """The digest of each dataset; None in files from before there were any."""
    if meta.schema_version < CHECKED_SINCE:
        return None
    try:
        if attrs[CHECKSUM] != checksum_of(attrs):
            raise DamagedError(f"{path} is damaged (its attributes do not match their checksum); {CURE}")
        return dict(json.loads(attrs[DIGESTS]))
    except DAMAGE as error:
        raise damaged(path, error) from error
