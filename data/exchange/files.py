"""Files of other tools: what may be opened, and in which words anything else is refused."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py

from data.errors import UserError
from data.exchange.foreign import BadEpisodeError
from data.hdf5 import DAMAGE, item

PICKLE_SUFFIXES = (".pkl", ".pickle", ".p", ".joblib", ".pt", ".pth")
KINDS = {
    b"\x89HDF": "an HDF5 file",
    b"PK\x03\x04": "a zip archive such as .npz",
    b"PK\x05\x06": "an empty zip archive",
    b"\x93NUM": "an .npy file",
}
PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
SHOWN = 6
NO_CODE = "pickles are programs, and data is never code: save plain arrays as .npz or HDF5 and import those"


def check_path(path: Path) -> None:
    """Refuse what is not there, and pickles."""
    if not path.exists():
        raise UserError(f"there is nothing at {path}; give the file or folder to import")
    if path.suffix.lower() in PICKLE_SUFFIXES or (path.is_file() and _first_bytes(path).startswith(PICKLE_STARTS)):
        raise UserError(f"{path} is a pickle; {NO_CODE}")


def kind_of(path: Path) -> str:
    """What a file or folder is, in words."""
    return "a folder" if path.is_dir() else KINDS.get(_first_bytes(path), "neither an HDF5 file nor an .npz")


def open_hdf5(path: Path, format: str) -> contextlib.AbstractContextManager[h5py.File]:
    """An HDF5 file to read; refuses anything else as that `format`."""
    if not path.is_file() or not h5py.is_hdf5(path):
        raise UserError(f"{path} is {kind_of(path)}, --from {format} reads an HDF5 file; {other_formats(path)}")
    return _opened(path)


def other_formats(path: Path) -> str:
    """What to do about a file of another kind."""
    if path.is_dir():
        return "folders: --from lerobot or minari (a data set), --from npz (an .npz an episode)"
    if path.is_file() and h5py.is_hdf5(path):
        return "HDF5 files: --from robomimic, minari or d4rl"
    return "name its format with --from npz" if _first_bytes(path) in KINDS else "it is damaged, or of a format that is not read here"


def listed(names: Iterable[str]) -> str:
    """'a, b, c and 4 more' of what lies in a file."""
    known = sorted(names, key=in_order)
    left = len(known) - SHOWN
    return (", ".join(known[:SHOWN]) or "nothing") + (f" and {left} more" if left > 0 else "")


def in_order(name: str) -> list[tuple[int, str]]:
    """A key that sorts demo_2 before demo_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def plain_dataset(file: h5py.Group, path: str) -> h5py.Dataset:
    """A dataset of numbers that lies in this very file, to be read in parts; raises what `DAMAGE` lists for any other."""
    found = item(file, path)
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external or found.dtype.hasobject:
        raise TypeError(f"{path} is no plain dataset")
    return found


def text_of(group: h5py.Group, name: str) -> str:
    """An attribute that is a text; "" where there is none."""
    value = group.attrs.get(name, "")
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


@contextlib.contextmanager
def reading(name: str) -> Iterator[None]:
    """Whatever is wrong with the bytes of one demonstration becomes a BadEpisodeError that names it."""
    try:
        yield
    except DAMAGE as error:
        words = " ".join(str(error).strip("'\"").split())
        raise BadEpisodeError(f"{name} cannot be read ({words})") from error


@contextlib.contextmanager
def looking(path: Path, format: str) -> Iterator[None]:
    """Whatever is wrong with a file as a whole becomes a UserError that names it."""
    try:
        yield
    except DAMAGE as error:
        words = " ".join(str(error).strip("'\"").split())
        raise UserError(f"{path} cannot be read as {format} ({words}); it is damaged, or of another format") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r", locking=False)
    except DAMAGE as error:
        raise UserError(f"{path} cannot be read ({' '.join(str(error).split())}); get a whole copy of it") from error
    with file:
        yield file


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError:
        return b""
