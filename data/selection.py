"""Selection: the episodes that `--episodes` names."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from data.catalog import Row
from data.errors import UserError, one_of
from data.schema import Outcome

ALL = "all"
SHOWN = 12  # runs of numbers that a message lists


def select(rows: Iterable[Row], words: Sequence[str]) -> list[int]:
    """The numbers, in order and once each, that `words` name: numbers, ranges, outcomes or "all"; also with commas.

    A range may have gaps, but begins and ends between the first and the last episode. An outcome that no episode has
    names none. Raises UserError for any other word and lists what is allowed.
    """
    outcomes = {row.number: row.outcome for row in rows}
    chosen = {number for word in words for part in word.split(",") for number in _named(part.strip(), outcomes)}
    return sorted(chosen)


def chosen_rows(session: Path, rows: Sequence[Row], words: Sequence[str], *, take_all: bool) -> list[Row]:
    """The rows that `--episodes` names; without words successes and failures, or `take_all`. Refuses to choose none."""
    if take_all and words:
        raise UserError("--all and --episodes contradict each other; give one of them")
    numbers = set(select(rows, words))
    chosen = [row for row in rows if (row.number in numbers if words else take_all or row.usable)]
    if not chosen:
        there = "choose with --episodes, or give --all" if rows else "it is empty; record episodes first"
        raise UserError(f"{session} has no such episode to take; {there}")
    return chosen


def _named(word: str, outcomes: dict[int, Outcome]) -> Iterator[int]:
    if word == ALL:
        yield from outcomes
    elif word in list(Outcome):
        yield from (number for number, outcome in outcomes.items() if outcome == word)
    elif match := re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", word):
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise UserError(_refusal(word, "ends before it begins", outcomes))
        if match[2] is None and first not in outcomes:
            raise UserError(_refusal(word, "is not there", outcomes))
        if not outcomes or first < min(outcomes) or last > max(outcomes):
            raise UserError(_refusal(word, "goes beyond what is there", outcomes))
        yield from (number for number in outcomes if first <= number <= last)
    else:
        raise UserError(_refusal(word, "names no episode", outcomes))


def _refusal(word: str, why: str, outcomes: Iterable[int]) -> str:
    there = numbers_text(outcomes) or "(none)"
    return f"--episodes {word!r} {why}; allowed: the numbers {there}, ranges of them (FIRST-LAST), {ALL}, or an outcome: {one_of(Outcome)}"


def numbers_text(numbers: Iterable[int]) -> str:
    """'0-3, 7': runs of numbers, in order; after some the rest is only counted."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs[:SHOWN]]
    left = sum(len(run) for run in runs[SHOWN:])
    return ", ".join(shown) + (f" and {left} more" if left else "")


def counted(count: int, noun: str = "episode") -> str:
    """'1 episode', '2 episodes'."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
