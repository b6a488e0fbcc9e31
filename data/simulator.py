"""The simulator, in a process of its own: this package does not know it, and runs `python -m teleop …` to ask it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.cli import INTERRUPTED, progress_bar
from data.errors import UserError

PACKAGES = Path(__file__).parent.parent


def simulate(words: Sequence[str], what: str, count: int) -> tuple[list[str], int]:
    """The lines of `python -m teleop WORDS`, which says one when an episode of `count` is done, and its exit code, 0 or 1.

    `what` is said on the progress bar. Stopped with us; raises UserError with the simulator's own reason for any other code.
    """
    # -P: a folder called teleop where the user happens to be is not ours.
    command = [sys.executable, "-P", "-u", "-m", "teleop", *words]
    path = os.pathsep.join([str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])])
    with progress_bar(what, count) as advance, tempfile.TemporaryFile("w+") as complaints:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        )
        try:
            lines = _follow(child, lambda done: advance(min(done, count), ""))
            code = child.wait()
        finally:
            child.kill()
            child.wait()
        complaints.seek(0)
        said = complaints.read()
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code not in (0, 1):
        raise UserError(_reason(said, code, words))
    return lines, code


def with_cameras(env_kwargs: Mapping[str, Any], cameras: Sequence[str], image_size: int) -> dict[str, Any]:
    """An environment's arguments with these cameras instead of its own, as `teleop record` keeps them."""
    return {**env_kwargs, "cameras": list(cameras), "image_size": image_size}


def describe(env_id: str, env_kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `python -m teleop envs ENV --json` says of an environment; None where there is none of that name here."""
    arguments = [f"{name}={json.dumps(value)}" for name, value in env_kwargs.items() if name != "cameras"]
    words = ["envs", env_id, "--json", *(["--env-args", *arguments] if arguments else [])]
    try:
        lines, _ = simulate(words, "asking the environment", 1)
        return dict(json.loads(lines[-1]))
    except (UserError, ValueError, IndexError):
        return None


def _follow(child: subprocess.Popen[str], progress: Callable[[int], None]) -> list[str]:
    """What the child says, told line by line."""
    assert child.stdout is not None
    lines = []
    with child.stdout:
        for line in child.stdout:
            lines.append(line.rstrip("\n"))
            progress(len(lines))
    return lines


def _reason(said: str, code: int, words: Sequence[str]) -> str:
    """One line of what the simulator's process complained of."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return errors[-1]
    last = lines[-1] if lines else "it said nothing"
    return f"the simulator's process ended with exit code {code} ({last}); try: python -m teleop {words[0]}"
