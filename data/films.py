"""Films and exact replays of episodes, by the simulator."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from data.errors import UserError
from data.simulator import simulate
from data.video import QUALITY, film_name

LookName = Literal["pretty", "meshes", "hulls"]


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
    """The lines of `python -m teleop replay`, which says one when an episode is done, and its exit code."""
    return simulate(["replay", str(session_path.absolute()), "--episode", *map(str, numbers), *options], what, len(numbers))
