"""The results as tables: all of them, the README's few lines, and what is printed."""

from collections.abc import Sequence

from rich.table import Table

from bench.row import Row, Thing, figure

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


def grouped(rows: Sequence[Row]) -> list[Row]:
    """What is about the same thing together."""
    return [row for thing in things_of(rows) for row in rows if row.thing == thing]


def compact(rows: Sequence[Row]) -> str:
    """Markdown: a line for each headline; how many times as good it is as each of those that could be timed."""
    lines = ["| | here | times as good as |", "| --- | --- | --- |"]
    for thing in things_of(rows):
        mine = [row for row in rows if row.thing == thing and row.theirs]
        if thing.headline and mine:
            lines.append(f"| {thing.what} | {here(mine[0])} | {', '.join(f'{row.against} {cell(row)}' for row in mine)} |")
    return "\n".join(lines)


def whole(rows: Sequence[Row]) -> str:
    """Markdown: a line for each comparison, with the interval over rounds; what one should know stands below."""
    lines = [
        "| what | here | beside | there | times as good | least … most of the rounds | rounds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    notes: list[str] = []
    for row in grouped(rows):
        mark = ""
        if row.note:
            notes += [] if row.note in notes else [row.note]
            mark = f" [{notes.index(row.note) + 1}]"
        there = f"{figure(row.there)} {row.thing.unit}" if row.theirs else ""
        span = "" if row.interval is None else " … ".join(figure(end) for end in row.interval)
        lines.append(f"| {row.thing.what} | {here(row)} | {row.against}{mark} | {there} | {times(row.ratio)} | {span} | {len(row.ours)} |")
    return "\n".join([*lines, "", *(f"{number}. {note}" for number, note in enumerate(notes, start=1))])


def printed(rows: Sequence[Row]) -> Table:
    table = Table("what", "here", "beside", "there", "times as good", "rounds'", title=HEAD)
    for row in grouped(rows):
        there = f"{figure(row.there)} {row.thing.unit}" if row.theirs else row.note
        span = "" if row.interval is None else " … ".join(figure(end) for end in row.interval)
        table.add_row(row.thing.what, here(row), row.against, there, times(row.ratio), span)
    return table
