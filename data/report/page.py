"""The report's page: one self-contained HTML document that asks nothing of the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import data
from data.effort import NO_ROUND, Ledger
from data.quality import Quality
from data.report.coverage import Coverage
from data.report.document import document
from data.report.document import film as document_film
from data.report.figures import plots
from data.report.flags import Flagged
from data.report.markup import Html, join, tag
from data.report.measures import MEASURES, TITLES
from data.report.summary import Summary
from data.report.tables import effort_table, episode_table, group_table
from data.report.tiles import driver_text, duration, outcome_badge, tiles
from data.report.worth import worth_parts
from data.schema import Outcome
from data.selection import counted, numbers_text
from data.worth import Correction

SHOWN = 24  # flagged episodes that stand in the open
LINKS = {
    "flagged": "Look at first",
    "numbers": "Numbers",
    "plots": "Plots",
    "effort": "Effort",
    "worth": "Worth",
    "films": "Films",
    "episodes": "Episodes",
    "methods": "Measures",
}


@dataclass(frozen=True)
class Film:
    """An MP4 and its poster, a JPEG (empty: none)."""

    video: bytes
    poster: bytes


@dataclass(frozen=True)
class Findings:
    """All that a report says. `flagged` is in the order to look at; `no_films` says why there are none; `worth` is of corrections."""

    name: str
    env_id: str
    recorded: str
    written: str
    qualities: Sequence[Quality]
    summary: Summary
    coverage: Coverage
    effort: Ledger
    flagged: Sequence[Flagged]
    films: Mapping[int, Film] = field(default_factory=dict)
    no_films: str = ""
    worth: Sequence[Correction] = ()


def page(findings: Findings) -> str:
    """The whole document."""
    main = tag(
        "main",
        _flagged(findings),
        _section("numbers", "In numbers", tiles(findings.summary)),
        _section("plots", "Distributions and coverage", *plots(findings.qualities, findings.summary, findings.coverage)),
        _groups(findings.summary),
        _effort(findings.effort),
        _section("worth", "What corrections were worth", *worth_parts(findings.worth, findings.films)) if findings.worth else "",
        _films(findings),
        _section("episodes", "All episodes", tag("p", "A click on a column's name sorts by it.", class_="note"), _all_episodes(findings)),
        _section("methods", "What the measures are", _methods()),
    )
    return document(f"{findings.name} · session report", _header(findings), main, _footer(findings), interactive=True)


def _section(name: str, title: str, *children: str) -> Html:
    return tag("section", tag("h2", title), *children, id=name)


def _header(findings: Findings) -> Html:
    s = findings.summary
    damaged = len({f.number for f in findings.flagged} - {q.number for q in findings.qualities})
    total = f"{counted(s.episodes)} · {s.steps:,} steps · {duration(s.seconds)} of control"
    return tag(
        "header",
        tag("p", "Session report", class_="kicker"),
        tag("h1", findings.name),
        tag("p", f"{findings.env_id} · {total}" + (f" · {damaged} damaged" if damaged else "")),
        tag("p", findings.recorded, class_="muted"),
        tag(
            "nav",
            *(tag("a", text, href=f"#{name}") for name, text in LINKS.items() if name != "worth" or findings.worth),
            aria_label="sections",
        ),
    )


def _footer(findings: Findings) -> Html:
    return tag("footer", f"Written {findings.written} by gamepad-dagger {data.__version__}, python -m data report.")


def _flagged(findings: Findings) -> Html:
    """The episodes to look at, the worst first; the first ones with their films, the rest in a list."""
    known = {q.number: q for q in findings.qualities}
    first, rest = findings.flagged[:SHOWN], findings.flagged[SHOWN:]
    if first:
        text = f"{counted(len(findings.flagged))} of {len({*known, *(f.number for f in findings.flagged)})}, with the reasons."
    else:
        text = "Nothing stands out: no episode is damaged, failed, unusual in length or smoothness, late or mostly idle."
    parts: list[str] = [tag("p", text, class_="muted")]
    if first:
        cards = (_film_card(f.number, known.get(f.number), f, findings.films.get(f.number)) for f in first)
        parts.append(tag("div", *cards, class_="films"))
    if rest:
        lines = (tag("li", f"episode {f.number}: {'; '.join(r.text for r in f.reasons)}") for f in rest)
        parts.append(tag("details", tag("summary", f"{len(rest)} more"), tag("ul", *lines)))
    abandoned = [q.number for q in findings.qualities if q.outcome is Outcome.ABANDONED]
    if abandoned:
        why = "rewound by the operator, who drove on otherwise; training leaves them out"
        parts.append(tag("p", f"Not flagged: {len(abandoned)} abandoned ({numbers_text(abandoned)}), {why}.", class_="note"))
    return _section("flagged", "Look at these first" if first else "Nothing to look at first", *parts)


def _film_card(number: int, quality: Quality | None, flagged: Flagged | None, film: Film | None) -> Html:
    """One episode: its film, what it was, and why it is here."""
    head = [tag("b", tag("a", f"Episode {number}", href=f"#e{number}") if quality else f"Episode {number}")]
    facts = ""
    if quality:
        head.append(outcome_badge(quality.outcome))
        smooth = "" if quality.sparc is None else f" · SPARC {quality.sparc:.1f}".replace("-", "−")
        mode = f"{quality.mode} · " if quality.mode else ""
        facts = f"{mode}{quality.seconds:.1f} s{smooth} · {driver_text(quality)}"
    reasons = [tag("li", reason.text, class_=f"s{int(reason.severity)}") for reason in (flagged.reasons if flagged else ())]
    lines = [tag("div", *head, class_="head"), tag("div", facts, class_="facts")]
    lines += [tag("ul", *reasons)] if reasons else []
    text = tag("div", *lines, class_="text")
    reel = document_film(film.video, film.poster, f"film of episode {number}") if film else ""
    return tag("article", reel, text, class_="card film" if film else "card film bare", id=f"film{number}")


def _groups(summary: Summary) -> Html:
    tables = [group_table("Operator", summary.by_operator)]
    if len(summary.by_mode) > 1:
        tables.append(group_table("Behaviour mode", summary.by_mode))
    return _section("groups", "Who and how", *tables)


def _effort(ledger: Ledger) -> Html:
    """What it cost whom, and where there were rounds of DAgger what each did."""
    tables = [effort_table("Operator", dict(sorted(ledger.by_operator.items())))]
    if set(ledger.by_round) != {NO_ROUND}:
        rounds = {"none" if number == NO_ROUND else str(number): effort for number, effort in sorted(ledger.by_round.items())}
        tables.append(effort_table("DAgger round", rounds))
    return _section("effort", "What it cost", tag("p", MEASURES["cost"], class_="note"), *tables)


def _films(findings: Findings) -> Html:
    """The films that do not stand above, and which episodes have none."""
    above = {f.number for f in findings.flagged[:SHOWN]}
    cards = [_film_card(q.number, q, None, findings.films[q.number]) for q in findings.qualities if q.number in {*findings.films} - above]
    without = [q.number for q in findings.qualities if q.number not in findings.films]
    if not findings.films:
        text = findings.no_films
    elif without:
        text = f"{counted(len(findings.films), 'film')}: flagged episodes first, then an even sample. Without: {numbers_text(without)}."
        text += f" {findings.no_films}" if findings.no_films else " More with --videos."
    else:
        text = "Every episode has a film." + ("" if cards else " All of them stand above.")
    return _section("films", "Films", tag("p", text, class_="muted"), tag("div", *cards, class_="films") if cards else "")


def _all_episodes(findings: Findings) -> Html:
    return episode_table(findings.qualities, {f.number: f for f in findings.flagged})


def _methods() -> Html:
    pairs = (join([tag("dt", TITLES[name]), tag("dd", text)]) for name, text in MEASURES.items())
    return tag("dl", *pairs, class_="methods")
