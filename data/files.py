"""Files that are there whole or not at all."""

import os
from pathlib import Path


def put_in_place(partial: Path, path: Path) -> None:
    """Give a complete file its name, durably: fsync, rename, fsync the folder."""
    with partial.open("rb+") as raw:
        os.fsync(raw.fileno())
    os.replace(partial, path)
    _fsync_folder(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Write a small file whole: a reader sees the old one or the new one."""
    partial = path.with_name(path.name + ".tmp")
    partial.write_bytes(content)
    put_in_place(partial, path)


def _fsync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder; its rename is journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
