"""Specification of `data.selection`: what `--episodes` means."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from data_tools import session_of

from data.catalog import Row
from data.errors import UserError
from data.schema import Outcome
from data.selection import counted, numbers_text, select
from data.session import Session

S, F, P = Outcome.SUCCESS, Outcome.FAILURE, Outcome.PARTIAL


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """0 success, 1 failure, 3 partial, 4 success; 2 was deleted."""
    session = session_of(tmp_path_factory.mktemp("selection"), S, F, S, P, S)
    session.trash(2)
    return session.rows()


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["3"], [3]),
        (["4", "0", "4"], [0, 4]),
        (["1-3"], [1, 3]),
        (["0-4"], [0, 1, 3, 4]),
        (["0,3-4"], [0, 3, 4]),
        (["success"], [0, 4]),
        (["failure", "partial"], [1, 3]),
        (["1", "success"], [0, 1, 4]),
        (["abandoned"], []),
        (["all"], [0, 1, 3, 4]),
        ([], []),
    ],
)
def test_words_name_episodes(rows: list[Row], words: Sequence[str], numbers: list[int]) -> None:
    assert select(rows, words) == numbers


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("2", "is not there"),
        ("99", "is not there"),
        ("3-9", "goes beyond what is there"),
        ("4-1", "ends before it begins"),
        ("failed", "names no episode"),
        ("-3", "names no episode"),
        ("1-", "names no episode"),
        ("1.5", "names no episode"),
        ("²", "names no episode"),
        ("9" * 40, "names no episode"),
    ],
)
def test_other_words_are_refused_with_what_is_allowed(rows: list[Row], word: str, why: str) -> None:
    allowed = (
        "allowed: the numbers 0-1, 3-4, ranges of them (FIRST-LAST), all, or an outcome: abandoned, discarded, failure, partial, success"
    )
    with pytest.raises(UserError, match=re.escape(f"--episodes {word!r} {why}; {allowed}")):
        select(rows, ["0", word])


def test_an_empty_session_has_none_to_choose(tmp_path: Path) -> None:
    rows = Session.create(tmp_path).rows()
    assert select(rows, ["all"]) == []
    with pytest.raises(UserError, match=r"allowed: the numbers \(none\)"):
        select(rows, ["0-3"])


def test_numbers_are_told_as_runs() -> None:
    assert numbers_text([7, 0, 1, 2]) == "0-2, 7"
    assert numbers_text([]) == ""
    assert numbers_text(range(0, 40, 2)) == "0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22 and 8 more"
    assert (counted(1), counted(2), counted(0, "step")) == ("1 episode", "2 episodes", "0 steps")
