"""Specification of the documentation site: it builds without a warning, its links hold, and it needs no network."""

from pathlib import Path

import pytest
from build_site import build, mistakes_in


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site")
    build(path)
    return path


def test_every_link_leads_somewhere_and_nothing_comes_from_elsewhere(site: Path) -> None:
    assert mistakes_in(site) == []


def test_the_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text(
        '<a href="two.html#here">x</a> <a href="three.html">y</a> <script src="https://cdn.example/x.js"></script>'
    )
    (tmp_path / "two.html").write_text('<p id="there"></p>')
    assert mistakes_in(tmp_path) == [
        "one.html leads to three.html, which is not there",
        "one.html leads to two.html#here: there is no such place",
        "one.html takes https://cdn.example/x.js from elsewhere",
    ]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("api/data.html", "Session.open"),
        ("api/learn.html", "receding horizon"),
        ("commands.html", "--label-later"),
        ("methods.html", "<math"),
        ("format.html", "mjSTATE_INTEGRATION"),
    ],
)
def test_what_is_generated_is_there(site: Path, page: str, words: str) -> None:
    assert words in (site / page).read_text(encoding="utf-8")


def test_the_search_works_from_the_disk(site: Path) -> None:
    assert (site / "search" / "search_index.js").read_text(encoding="utf-8").startswith("var __index = ")
    assert "assets/iframe-worker.js" in (site / "index.html").read_text(encoding="utf-8")
