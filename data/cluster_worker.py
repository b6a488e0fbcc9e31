"""Cluster worker: what runs in a process of another machine, and what that machine has to have in common with this one."""

import contextlib
import hashlib
import importlib.metadata
import os
import pickle
import platform
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data import __version__
from data.cores import Place
from data.errors import UserError

PACKAGES = ("data", "teleop", "learn")
DEPENDS_ON = ("mujoco", "numpy", "torch", "gymnasium")
PASSED_ON = ("MUJOCO_", "PYOPENGL_", "GAMEPAD_DAGGER_")  # beginnings of what counts in a worker's environment as it does here


class Worker:
    """A place on a machine of the cluster; a process of its own. Plain values go in and out, that older code understands them."""

    def __init__(self) -> None:
        self._place: Place[Any] | None = None

    def begin(self, theirs: Mapping[str, str], environ: Mapping[str, str], path: Sequence[str], place: bytes) -> str:
        """Make ready as the asking process is; what stands against it in one line, "" where nothing does.

        `place` is what a `Place` is made of, pickled.
        """
        ours = versions()
        for name, version in theirs.items():
            if ours.get(name) != version:
                return (
                    f"the machine {platform.node()} has {name} {ours.get(name)}, this one {version}: it would come to other results; "
                    "install the same there, or leave it out of the cluster"
                )
        os.environ.update(environ)
        sys.path += [folder for folder in path if folder not in sys.path]
        self._place = Place(*pickle.loads(place))
        return ""

    def do(self, work: bytes) -> bytes:
        """(True, what came of it) or (False, the exception), pickled."""
        assert self._place is not None
        try:
            function, item = pickle.loads(work)
            return pickle.dumps((True, self._place.do(function, item)))
        except Exception as error:  # noqa: BLE001 (it is raised where it was asked for)
            if not isinstance(error, UserError):
                error.add_note(f"on {platform.node()}:\n{traceback.format_exc()}")
            with contextlib.suppress(Exception):
                return pickle.dumps((False, error))
            return pickle.dumps((False, RuntimeError(traceback.format_exc())))

    def close(self) -> None:
        if self._place is not None:
            self._place.close()


def versions() -> dict[str, str]:
    """What the results of this process depend on: our code, to the letter, and what it runs on."""
    found = {"gamepad-dagger": f"{__version__} ({_code()})"}
    for name in DEPENDS_ON:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "none"
    return found


def environment() -> dict[str, str]:
    """What a worker is given of this process's environment."""
    return {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}


def _code() -> str:
    """A digest of our source files."""
    root, digest = Path(__file__).parent.parent, hashlib.blake2b(digest_size=4)
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*") if path.suffix in (".py", ".toml")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()
