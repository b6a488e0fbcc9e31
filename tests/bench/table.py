"""The results as tables: all of them, the README's few lines, and what is printed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import machine
from bench.row import Row, Thing, figure

DOCS = Path(__file__).parents[2] / "docs"
HEAD = "How many times as good ours is, in the same run: above 1 ours is the better, a floor nobody can pass"


def times(ratio: float | None) -> str:
    return "" if ratio is None else f"{figure(ratio)}×"


def cell(row: Row) -> str:
    """The ratio; where one of both is 0, theirs."""
    return f"({figure(row.there)} {row.thing.unit})" if row.ratio is None else times(row.ratio)


def here(row: Row) -> str:
    return f"{figure(row.here)} {row.thing.unit}"


def things_of(rows: Sequence[Row]) -> list[Thing]:
    return list(dict.fromkeys(row.thing for row in rows))


def compact(rows: Sequence[Row]) -> str:
    """Markdown: a line for each headline; how many times as good it is as each of those that could be timed."""
    lines = ["| | here | times as good as |", "| --- | --- | --- |"]
    for thing in things_of(rows):
        mine = [row for row in rows if row.thing == thing and row.theirs]
        if thing.headline and mine:
            lines.append(f"| {thing.what} | {here(mine[0])} | {' · '.join(f'{row.against} {cell(row)}' for row in mine)} |")
    return "\n".join(lines)


def whole(rows: Sequence[Row]) -> str:
    """Markdown: a line for each comparison, with the interval over rounds, and one for those that have no figure; notes below."""
    lines = [
        "| what | here | beside | there | times as good | least … most of the rounds | rounds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    notes: list[str] = []
    for thing in things_of(rows):
        mine = [row for row in rows if row.thing == thing]
        what = f"{thing.what} | {here(mine[0])}"
        for row in [row for row in mine if row.theirs]:
            figures = (f"{row.against}{_mark(row, notes)}", there(row), times(row.ratio), span(row), str(len(row.ours)))
            lines.append(f"| {what} | {' | '.join(figures)} |")
            what = " | "
        empty = [f"{row.against}{_mark(row, notes)}" for row in mine if not row.theirs]
        lines += [f"| {what} | {', '.join(empty)} | | | | |"] if empty else []
    return "\n".join([*lines, "", *(f"{number}. {note}" for number, note in enumerate(notes, start=1))])


def _mark(row: Row, notes: list[str]) -> str:
    """The number of a row's note, which joins the others if it is new."""
    if row.note and row.note not in notes:
        notes.append(row.note)
    return f" [{notes.index(row.note) + 1}]" if row.note else ""


def there(row: Row) -> str:
    return f"{figure(row.there)} {row.thing.unit}"


def span(row: Row) -> str:
    return "" if row.interval is None else " … ".join(figure(end) for end in row.interval)


def printed(rows: Sequence[Row]) -> Table:
    """What has a figure, and what should have one."""
    table = Table("what", "here", "beside", "there", "times as good", "rounds'", title=HEAD)
    for thing in things_of(rows):
        for row in [row for row in rows if row.thing == thing]:
            if row.theirs or row.failed:
                table.add_row(thing.what, here(row), row.against, there(row) if row.theirs else row.note, times(row.ratio), span(row))
        table.add_section()
    return table


def body(found: Mapping[str, Any]) -> str:
    """The page's generated part, of what the JSON holds."""
    rows = [Row.from_json(row) for row in found["rows"]]
    peers = "; ".join(f"{name}: {versions}" for name, versions in found["peers"].items())
    return f"{machine.line(found['machine'])}. {f'Beside {peers}.' if peers else 'No peer was named.'}\n\n{whole(rows)}"


def page_table() -> str:
    """`body` of the last whole run."""
    return body(_last())


def readme_table() -> str:
    """The README's lines, of the last whole run."""
    return compact([Row.from_json(row) for row in _last()["rows"]])


def _last() -> dict[str, Any]:
    return dict(json.loads((DOCS / "bench.json").read_text(encoding="utf-8")))
