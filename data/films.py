"""Films and exact replays of episodes, by the simulator in a process of its own: this package does not know it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from data.cli import INTERRUPTED, progress_bar
from data.errors import UserError
from data.video import QUALITY, film_name

LookName = Literal["pretty", "meshes", "hulls"]
PACKAGES = Path(__file__).parent.parent


def film(
    session_path: Path,
    numbers: Sequence[int],
    out: Path,
    size: tuple[int, int],
    camera: str,
    *,
    fps: int = 20,
    look: LookName = "pretty",
    quality: int = QUALITY,
) -> None:
    """Draw a film of each of these episodes: `out` is a folder for them (see `films_in`), or an .mp4 for one.

    `size` is width and height in pixels; `fps` pictures a second at most; `camera` "" is the first; `quality` is 1 (small
    files) to 10. Raises UserError with the simulator's own reason when it cannot draw them; films that it had finished by
    then stay.
    """
    if not numbers:
        return
    options = [
        "--video",
        str(out.absolute()),
        *(["--camera", camera] if camera else []),
        "--size",
        *map(str, size),
        "--fps",
        str(fps),
        "--look",
        look,
    ]
    options += ["--quality", str(quality)]
    _, code = _replay(session_path, numbers, options, "filming")
    if code:
        raise UserError(f"the simulator's process ended with exit code {code}; try: python -m teleop replay SESSION --video OUT.mp4")


def films_in(folder: Path, numbers: Sequence[int]) -> dict[int, Path]:
    """The finished films of these episodes."""
    paths = {number: folder / film_name(number) for number in numbers}
    return {number: path for number, path in paths.items() if path.exists()}


def replay_exactly(session_path: Path, numbers: Sequence[int]) -> dict[str, Any]:
    """Step these episodes' actions again and compare every state bit for bit.

    Returns {"episodes", "exact": counts, "differing": numbers, "unreadable": {number: why}}. Raises UserError with the
    reason when the simulator cannot run this env.
    """
    lines, code = _replay(session_path, numbers, ["--verify", "--json"], "replaying")
    try:
        return dict(json.loads(lines[-1]))
    except (ValueError, IndexError) as error:
        raise UserError(f"the simulator's process ended with exit code {code}; try: python -m teleop replay SESSION --verify") from error


def _replay(session_path: Path, numbers: Sequence[int], options: Sequence[str], what: str) -> tuple[list[str], int]:
    """The lines of `python -m teleop replay`, which says one when an episode is done, and its exit code. Stopped with us."""
    # -P: a folder called teleop where the user happens to be is not ours.
    command = [sys.executable, "-P", "-u", "-m", "teleop", "replay", str(session_path.absolute())]
    command += ["--episode", *map(str, numbers), *options]
    path = os.pathsep.join([str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])])
    with progress_bar(what, len(numbers)) as advance, tempfile.TemporaryFile("w+") as complaints:
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
            lines = _follow(child, lambda done: advance(min(done, len(numbers)), ""))
            code = child.wait()
        finally:
            child.kill()
            child.wait()
        complaints.seek(0)
        said = complaints.read()
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code not in (0, 1):
        raise UserError(_reason(said, code))
    return lines, code


def _follow(child: subprocess.Popen[str], progress: Callable[[int], None]) -> list[str]:
    """What the child says, told line by line."""
    assert child.stdout is not None
    lines = []
    with child.stdout:
        for line in child.stdout:
            lines.append(line.rstrip("\n"))
            progress(len(lines))
    return lines


def _reason(said: str, code: int) -> str:
    """One line of what the simulator's process complained of."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return errors[-1]
    last = lines[-1] if lines else "it said nothing"
    return f"the simulator's process ended with exit code {code} ({last}); try: python -m teleop replay SESSION --verify"
