"""The commands of `python -m data`."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import h5py
import tyro
from rich.console import Console
from rich.table import Table

from data.cli import print_json, terminal_width
from data.episode import DAMAGE, count_labels, read_meta
from data.errors import UserError
from data.schema import EpisodeMeta
from data.session import Session

SESSION = Annotated[Path, tyro.conf.arg(metavar="SESSION", help="a session folder")]


@dataclass(frozen=True)
class Inspect:
    """What is in a session: one row an episode and the sums."""

    session: tyro.conf.Positional[SESSION]
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        session = Session.open(self.session)
        rows, damaged = _rows(session)
        summary = summarise(rows, damaged)
        if self.json:
            print_json(summary)
        else:
            _print(session, rows, summary, damaged)
        return 1 if damaged else 0


@dataclass(frozen=True)
class Row:
    """One episode as `inspect` shows it."""

    number: int
    meta: EpisodeMeta
    steps: int
    seconds: float
    labels: int


def _rows(session: Session) -> tuple[list[Row], list[str]]:
    """Readable episodes, and a line for each that is not."""
    rows, damaged = [], []
    for path in session.episode_paths():
        try:
            rows.append(_row(path))
        except (UserError, *DAMAGE) as error:
            damaged.append(f"{path.name}: {error}")
    return rows, damaged


def _row(path: Path) -> Row:
    meta = read_meta(path)
    with h5py.File(path, "r", locking=False) as file:
        steps, seconds = len(file["actions"]), float(file["time_s"][-1])
    return Row(int(path.stem), meta, steps, seconds, count_labels(path))


def summarise(rows: list[Row], damaged: list[str]) -> dict[str, Any]:
    """`inspect --json`'s object."""
    return {
        "episodes": len(rows),
        "steps": sum(r.steps for r in rows),
        "successes": sum(r.meta.success for r in rows),
        "outcomes": dict(Counter(str(r.meta.outcome) for r in rows)),
        "modes": dict(Counter(r.meta.behaviour_mode or "untagged" for r in rows)),
        "labels": sum(r.labels for r in rows),
        "env": rows[0].meta.env_id if rows else None,
        "seconds": round(sum(r.seconds for r in rows), 3),
        "damaged": len(damaged),
    }


def _print(session: Session, rows: list[Row], summary: dict[str, Any], damaged: list[str]) -> None:
    console = Console(width=terminal_width())
    table = Table("episode", "outcome", "mode", "operator", "steps", "seconds", "labels", "seed", "late", title=str(session.path))
    for r in rows:
        m = r.meta
        table.add_row(
            str(r.number), str(m.outcome), m.behaviour_mode or "-", m.operator, str(r.steps), f"{r.seconds:.1f}",
            str(r.labels or "-"), str(m.seed), str(m.late_ticks),
        )  # fmt: skip
    console.print(table)
    console.print(
        f"{summary['episodes']} episodes{' of ' + summary['env'] if rows else ''}, {summary['steps']} steps, {summary['seconds']:.0f} s, "
        f"outcomes {json.dumps(summary['outcomes'])}, modes {json.dumps(summary['modes'])}, {len(damaged)} damaged"
    )
    for line in damaged:
        console.print(f"damaged: {line}", style="red")


COMMANDS: dict[str, type] = {"inspect": Inspect}
