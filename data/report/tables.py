"""The report's tables: a row for each episode, for each operator or behaviour mode, and what each operator or round cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from data.effort import Effort
from data.quality import Quality
from data.report.flags import Flagged
from data.report.markup import Html, tag
from data.report.measures import MEASURES
from data.report.summary import Group
from data.report.tiles import NONE, driver_text, duration, outcome_badge


@dataclass(frozen=True)
class Column:
    """`value`: what to sort by, None where there is nothing; shown × `scale` with `digits` decimals."""

    name: str
    unit: str
    measure: str
    value: Callable[[Quality], float | None]
    digits: int = 1
    scale: float = 1.0


COLUMNS = (
    Column("length", "s", "length", lambda q: q.seconds),
    Column("smoothness", "SPARC", "smoothness", lambda q: q.sparc),
    Column("path", "m", "path", lambda q: q.path_m, 2),
    Column("idle", "%", "idle", lambda q: q.idle, 0, 100),
    Column("late", "%", "late", lambda q: q.late, 1, 100),
    Column("limit", "%", "saturated", lambda q: q.saturated, 0, 100),
    Column("travel", "/s", "effort", lambda q: q.stick_travel, 2),
    Column("presses", "/min", "effort", lambda q: q.presses, 0),
)


EFFORT_HEADS = (
    *("in all", "driving", "deciding", "watching", "labels", "s per label"),
    *("interventions", "switches", "stick travel", "undone", "successes", "s per success"),
)


def episode_table(qualities: Sequence[Quality], flagged: Mapping[int, Flagged]) -> Html:
    """Sortable where there is script; in the order of recording otherwise. Columns of nothing but 0 are left out."""
    columns = [c for c in COLUMNS if any(c.value(q) for q in qualities)]
    labels = any(q.labels for q in qualities)
    heads = [tag("th", "#", class_="n"), tag("th", "outcome"), tag("th", "mode")]
    heads += [tag("th", f"{c.name} ({c.unit})", class_="n", title=MEASURES[c.measure]) for c in columns]
    heads += [tag("th", "labels", class_="n", title=MEASURES["labels"])] if labels else []
    heads += [tag("th", "driven by", title=MEASURES["driver"]), tag("th", "operator"), tag("th", "remarks")]
    rows = (_episode_row(q, columns, flagged.get(q.number), labels=labels) for q in qualities)
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="sortable")
    return tag("div", table, class_="scroll card")


def _episode_row(q: Quality, columns: Sequence[Column], flagged: Flagged | None, *, labels: bool) -> Html:
    cells = [
        tag("td", str(q.number), class_="n", data_v=q.number),
        tag("td", outcome_badge(q.outcome)),
        tag("td", q.mode or NONE, class_="tag", title=q.mode or None),
    ]
    for column in columns:
        value = column.value(q)
        text = NONE if value is None else f"{value * column.scale:.{column.digits}f}".replace("-", "−")
        cells.append(tag("td", text, class_="n", data_v="" if value is None else f"{value:.6g}"))
    if labels:
        cells.append(tag("td", str(q.labels), class_="n", data_v=q.labels))
    cells += [tag("td", driver_text(q), class_="wrap"), tag("td", q.operator, class_="tag", title=q.operator)]
    cells.append(tag("td", "; ".join(r.text for r in flagged.reasons) if flagged else "", class_="why"))
    return tag("tr", *cells, id=f"e{q.number}")


def group_table(title: str, groups: Sequence[Group]) -> Html:
    heads = [
        tag("th", title),
        tag("th", "episodes", class_="n"),
        tag("th", "success", class_="n", title=MEASURES["success"]),
        tag("th", "95 % interval", class_="n", title=MEASURES["success"]),
        tag("th", "recorded", class_="n"),
        tag("th", "median length (s)", class_="n", title=MEASURES["length"]),
        tag("th", "median SPARC", class_="n", title=MEASURES["smoothness"]),
        tag("th", "median travel (/s)", class_="n", title=MEASURES["effort"]),
    ]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *(_group_row(group) for group in groups)))
    return tag("div", table, class_="scroll card")


def _group_row(group: Group) -> Html:
    success = group.success
    low, high = success.interval
    words = [
        str(group.episodes),
        f"{100 * success.share:.0f} % ({success.count} of {success.of})" if success.of else NONE,
        f"{100 * low:.0f} … {100 * high:.0f} %" if success.of else NONE,
        duration(group.seconds),
        *(_decimal(value, digits) for value, digits in ((group.median_s, 1), (group.median_sparc, 1), (group.median_travel, 2))),
    ]
    return tag("tr", tag("td", group.name, class_="group", title=group.name), *(tag("td", word, class_="n") for word in words))


def effort_table(title: str, efforts: Mapping[str, Effort]) -> Html:
    """A row for each name, and their sum where there are several."""
    total = {"together": sum(efforts.values(), Effort())} if len(efforts) > 1 else {}
    heads = [tag("th", title), *(tag("th", name, class_="n", title=MEASURES["cost"]) for name in EFFORT_HEADS)]
    rows = (_effort_row(name or "unknown", effort) for name, effort in {**efforts, **total}.items())
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    return tag("div", table, class_="scroll card")


def _effort_row(name: str, effort: Effort) -> Html:
    words = [
        *(duration(seconds) for seconds in (effort.total_s, effort.driving_s, effort.deciding_s, effort.watching_s)),
        str(effort.labels),
        _decimal(effort.per_label_s, 1),
        str(effort.interventions),
        str(effort.context_switches),
        f"{effort.stick_travel:.0f}",
        str(effort.undone),
        str(effort.successes),
        _decimal(effort.per_success_s, 1),
    ]
    return tag("tr", tag("td", name, class_="group", title=name), *(tag("td", word, class_="n") for word in words))


def _decimal(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}".replace("-", "−")
