"""The page of a study: the answer first, then what it rests on, then how to repeat it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from data.report.document import document, film
from data.report.markup import Html, join, tag
from data.report.tiles import duration


@dataclass(frozen=True)
class About:
    """How a study was run. `seconds`: of all jobs together, one core each."""

    command: str
    quick: bool
    written: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    machine: str
    seconds: float
    jobs: int


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading of its own; `anchor` is its address."""

    anchor: str
    title: str
    parts: Sequence[str]


def study_page(title: str, exercise: str, answers: Sequence[str], sections: Sequence[Section], about: About) -> str:
    """The whole document."""
    style = resources.files("learn.studies").joinpath("study.css").read_text(encoding="utf-8")
    everything = [*sections, _repeat(about)]
    links = (tag("a", section.title, href=f"#{section.anchor}") for section in everything)
    warning = tag("p", "A quick run, far too small to conclude anything from: it shows that the study works.", class_="quick")
    header = tag(
        "header",
        tag("p", exercise, class_="kicker"),
        tag("h1", title),
        warning if about.quick else "",
        *(tag("p", answer, class_="answer") for answer in answers),
        tag("nav", *links),
    )
    main = tag("main", *(tag("section", tag("h2", s.title), *s.parts, id=s.anchor) for s in everything))
    footer = tag("footer", f"Written by gamepad-dagger {about.versions['gamepad-dagger']} on {about.written}.")
    return document(title, header, main, footer, style=style, interactive=True)


def _repeat(about: About) -> Section:
    """The command, what it was run with and where."""
    took = f"{about.jobs} jobs, {duration(about.seconds)} of one core in all; the same command goes on after an interruption."
    rows = [(name, _words(value)) for name, value in about.settings.items()]
    rows += [("versions", ", ".join(f"{name} {version}" for name, version in about.versions.items())), ("machine", about.machine)]
    return Section("repeat", "How to repeat it", [tag("pre", about.command), paragraph(took, note=True), table(("", ""), rows, numbers=())])


def _words(value: Any) -> str:
    """A setting as one types it: lists with commas, everything else as JSON says it."""
    if isinstance(value, list):
        return ", ".join(_words(v) for v in value)
    return value if isinstance(value, str) else json.dumps(value)


def paragraph(text: str, *, note: bool = False) -> Html:
    return tag("p", text, class_="note" if note else None)


def figure(title: str, note: str, *parts: str, wide: bool = False) -> Html:
    """A picture with its caption above."""
    caption = tag("figcaption", tag("h3", title), tag("span", note, class_="note"))
    return tag("figure", caption, *parts, class_="plot card wide" if wide else "plot card")


def side_by_side(*figures: str) -> Html:
    return tag("div", *figures, class_="plots two")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] | None = None) -> Html:
    """Columns whose places are in `numbers` are numbers, to the right; None: all but the first."""
    right = set(range(1, len(heads))) if numbers is None else set(numbers)
    kinds = ["n" if k in right else None for k in range(len(heads))]
    head = [tag("th", name, class_=kind) for name, kind in zip(heads, kinds, strict=True)]
    body = [tag("tr", *(tag("td", word, class_=kind) for word, kind in zip(row, kinds, strict=True))) for row in rows]
    top = tag("thead", tag("tr", *head)) if any(heads) else ""
    return tag("div", tag("table", top, tag("tbody", *body)), class_="scroll card")


@dataclass(frozen=True)
class Film:
    """An MP4, its poster (JPEG) and what it shows."""

    title: str
    text: str
    video: bytes
    poster: bytes


def films(shown: Iterable[Film]) -> Html:
    cards = []
    for one in shown:
        words = tag("div", tag("div", tag("b", one.title), class_="head"), tag("div", one.text, class_="facts"), class_="text")
        cards.append(tag("article", film(one.video, one.poster, one.title), words, class_="card film"))
    return tag("div", join(cards), class_="films")
