"""`python -m data inspect`."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from data.catalog import Catalog, Row
from data.cli import SESSION, print_json, printable, terminal_width
from data.session import Session
from data.trash import trashed

MOST_ROWS = 200


@dataclass(frozen=True)
class Inspect:
    """What is in a session: one row an episode and the sums."""

    session: tyro.conf.Positional[SESSION]
    all: bool = False
    """every episode, also when there are more than 200"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        session = Session.open(self.session)
        catalog = session.catalog()
        summary = summarise(session, catalog)
        if self.json:
            print_json(summary)
        else:
            _print(session, catalog, summary, 0 if self.all else MOST_ROWS)
        return 1 if catalog.damaged else 0


def summarise(session: Session, catalog: Catalog) -> dict[str, Any]:
    """`inspect --json`'s object."""
    rows = list(catalog.rows.values())
    return {
        "episodes": len(rows),
        "steps": sum(r.steps for r in rows),
        "successes": sum(r.success for r in rows),
        "outcomes": dict(Counter(str(r.outcome) for r in rows)),
        "modes": dict(Counter(r.behaviour_mode or "untagged" for r in rows)),
        "found_modes": dict(Counter(r.found_mode for r in rows if r.found_mode)),
        "labels": sum(r.labels for r in rows),
        "env": rows[0].env_id if rows else None,
        "seconds": round(sum(r.seconds for r in rows), 3),
        "damaged": len(catalog.damaged),
        "recovered": sum(r.recovered for r in rows),
        "running": len(session.running()),
        "quarantined": len(session.quarantined()),
        "trashed": len(trashed(session)),
    }


def _print(session: Session, catalog: Catalog, summary: dict[str, Any], most: int) -> None:
    console, rows = Console(width=terminal_width()), list(catalog.rows.values())
    columns = ("episode", "outcome", "mode", "operator", "steps", "seconds", "labels", "seed", "late")
    table = Table(*columns, title=escape(str(session.path)))
    for row in rows[-most:]:
        table.add_row(*(escape(printable(cell)) for cell in _cells(row)))
    console.print(table)
    if most and len(rows) > most:
        console.print(f"the last {most} of {len(rows)} episodes; --all shows every one")
    found = f", found {json.dumps(summary['found_modes'])}" if summary["found_modes"] else ""
    console.print(
        f"{summary['episodes']} episodes{' of ' + summary['env'] if rows else ''}, {summary['steps']} steps, {summary['seconds']:.0f} s, "
        f"outcomes {json.dumps(summary['outcomes'])}, modes {json.dumps(summary['modes'])}{found}, {summary['damaged']} damaged",
        markup=False,
    )
    for number, why in catalog.damaged.items():
        console.print(f"damaged: episode {number}: {printable(why)}", style="red", markup=False)
    for name, where in {"running": "being recorded", "quarantined": "in quarantine/", "trashed": "in trash/"}.items():
        if summary[name]:
            console.print(f"{summary[name]} {where}")


def _cells(row: Row) -> tuple[str, ...]:
    outcome = f"{row.outcome}, recovered" if row.recovered else str(row.outcome)
    counts = (row.steps, f"{row.seconds:.1f}", row.labels or "-", row.seed, row.late_ticks)
    return str(row.number), outcome, _mode(row), row.operator, *map(str, counts)


def _mode(row: Row) -> str:
    """The operator's tag, and what the environment found where that is something else."""
    if not row.found_mode or row.found_mode == row.behaviour_mode:
        return row.behaviour_mode or "-"
    return f"{row.behaviour_mode or '-'}, found {row.found_mode}"
