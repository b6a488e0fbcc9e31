"""Files that are there whole or not at all."""

import os
from pathlib import Path


def temporary_name(path: Path) -> Path:
    """A name beside `path` for what is not complete yet; another process has another one."""
    return path.with_name(f"{path.name}.{os.getpid()}.tmp")


def put_in_place(partial: Path, path: Path) -> None:
    """Give a complete file its name, durably: fsync, rename, fsync the folder."""
    with partial.open("rb+") as raw:
        os.fsync(raw.fileno())
    os.replace(partial, path)
    fsync_folder(path.parent)


def replace_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file whole: a reader sees the old one or the new one. Not `durable`: a power cut may leave it empty."""
    partial = temporary_name(path)
    try:
        partial.write_bytes(content)
        if durable:
            put_in_place(partial, path)
        else:
            os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def numbered(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder that are named by a number, in the numbers' order: 1000000 comes after 999999."""
    return sorted(folder.glob(f"[0-9]*{suffix}"), key=lambda path: (len(path.name), path.name))


def fsync_folder(folder: Path) -> None:
    """Make a folder's names durable."""
    if os.name == "nt":  # Windows cannot open a folder; its rename is journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
