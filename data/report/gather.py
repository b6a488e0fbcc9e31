"""Report: read a session's episodes one after the other, measure them, film some, and write the page."""

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from data.cli import progress_bar
from data.effort import Ledger, add_trash, effort_of_episode
from data.errors import UserError
from data.films import film, films_in
from data.migrate import uid_from_content
from data.quality import KEYS, Quality, measure
from data.report.coverage import Coverage
from data.report.flags import Flagged, flag
from data.report.page import Film, Findings
from data.report.summary import summarise
from data.schema import Outcome
from data.session import Session
from data.video import last_picture
from data.worth import WORTH_NAME, Correction, latest_worth, read_ledger

FILM_SIZE_PX, FILM_FPS, FILM_QUALITY = (320, 240), 10, 4  # some 100 kB each; a page of 24 is easily mailed


@dataclass
class Readings:
    """What one pass over the episode files gave; `damaged` says of the others what is wrong with them.

    `effort` is also that of what lies in trash/.
    """

    qualities: list[Quality]
    damaged: dict[int, str]
    coverage: Coverage
    created: list[str]
    effort: Ledger


def report(session: Session, videos: int, camera: str) -> Findings:
    """All that the page says about a session, with at most `videos` films; raises UserError for an empty one."""
    env_id = session.env_of().env_id
    readings = read(session)
    flagged = flag(readings.qualities, readings.damaged)
    films, no_films = _films(session, choose(readings.qualities, flagged, videos), camera)
    return Findings(
        name=session.path.resolve().name,
        env_id=env_id,
        recorded=_recorded(readings.created),
        written=datetime.now().strftime("%Y-%m-%d %H:%M"),
        qualities=readings.qualities,
        summary=summarise(readings.qualities),
        coverage=readings.coverage,
        effort=readings.effort,
        flagged=flagged,
        films=films,
        no_films=no_films,
        worth=_worth(session, {q.number for q in readings.qualities}),
    )


def read(session: Session) -> Readings:
    """Measure every episode; one is in memory at a time, and of its observations only what is measured."""
    readings = Readings([], {}, Coverage(), [], Ledger())
    paths = session.episode_paths()
    with progress_bar("reading", len(paths)) as advance:
        for done, path in enumerate(paths, 1):
            number = int(path.stem)
            try:
                episode = session.read(number, keys=KEYS)
            except UserError as error:
                readings.damaged[number] = str(error).removeprefix(f"{path} ").split(";")[0]
            else:
                readings.qualities.append(measure(number, episode))
                readings.created.append(episode.meta.created)
                readings.effort.add(episode.meta, effort_of_episode(episode))
                if readings.qualities[-1].usable:
                    readings.coverage.add(episode)
            advance(done, f"{len(readings.damaged)} damaged")
    add_trash(readings.effort, session)
    return readings


def choose(qualities: Sequence[Quality], flagged: Sequence[Flagged], most: int) -> list[int]:
    """Which episodes to film: flagged ones in their order, then an even sample of the others; abandoned ones never."""
    known = {q.number for q in qualities}
    first = [f.number for f in flagged if f.number in known][:most]
    others = [q.number for q in qualities if q.number not in first and q.outcome is not Outcome.ABANDONED]
    wished = min(most - len(first), len(others))
    places = np.linspace(0, len(others) - 1, wished).round().astype(int).tolist() if wished > 0 else []
    return [*first, *(others[k] for k in dict.fromkeys(places))]


def _films(session: Session, numbers: Sequence[int], camera: str) -> tuple[dict[int, Film], str]:
    """The films, and why there are none, or not all."""
    if not numbers:
        return {}, "No films: none were asked for (--videos)."
    reason = ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            film(session.path, numbers, folder, FILM_SIZE_PX, camera, fps=FILM_FPS, look="meshes", quality=FILM_QUALITY)
        except UserError as error:
            if camera and not films_in(folder, numbers):
                raise  # who names a camera wants to know
            reason = f"The simulator could not draw {'them' if not films_in(folder, numbers) else 'the others'}: {error}."
        return {n: Film(path.read_bytes(), last_picture(path)) for n, path in films_in(folder, numbers).items()}, reason


def _worth(session: Session, readable: Collection[int]) -> list[Correction]:
    """What `learn worth` found of the corrections in these episodes; nothing where it was not asked."""
    ledger = read_ledger(session.path / WORTH_NAME)
    rows = session.catalog().rows.values() if ledger else ()
    numbers = {row.uid or uid_from_content(session.read(row.number, ())): row.number for row in rows if row.number in readable}
    return latest_worth(ledger, numbers)


def _recorded(created: Sequence[str]) -> str:
    """When: "Recorded 2026-11-23 02:04", or "… to …"; nothing where no file says it."""
    known = sorted(text[:16].replace("T", " ") for text in created if text)
    if not known:
        return ""
    return f"Recorded {known[0]}" + (f" to {known[-1]}" if known[-1] != known[0] else "")
