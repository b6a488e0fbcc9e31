"""The report's tiles: one number each, with its unit and what it means."""

from data.quality import Quality
from data.report.markup import Html, tag
from data.report.measures import MEASURES
from data.report.summary import Proportion, Summary
from data.schema import Outcome

NONE = "–"


def tiles(s: Summary) -> Html:
    """The session's numbers. What it has nothing of has no tile."""
    found = [
        tile("Success", *_share_of(s.success), "success"),
        tile("Recorded", str(s.episodes), "episodes", outcomes_text(s.outcomes), "outcomes"),
        tile("Median length", *_or_none(s.median_s, 1, "s"), _trend_text(s), "length"),
        tile("Smoothness", *_or_none(s.median_sparc, 1, "SPARC"), "median; −1.4 is one clean reach", "smoothness"),
        tile("Idle", f"{100 * s.idle:.0f}", "%", "of the steps", "idle"),
        tile("Late ticks", *_late(s), "late"),
        tile("Operator effort", *_or_none(s.stick_travel, 2, "/s"), _presses_text(s), "effort"),
        tile("Operator time", *_or_none(s.operator_s_per_success, 1, "s"), f"per success; {duration(s.operator_s)} in all", "operator"),
        tile("At the limit", f"{100 * s.saturated:.1f}", "%", "of the steps", "saturated"),
    ]
    if s.labels:
        latency = "" if s.decision_s is None else f"{s.decision_s:.1f} s to decide (median)"
        found.append(tile("Labels", f"{s.labels:,}", "", latency, "labels"))
    if s.interventions:
        found.append(tile("Interventions", str(s.interventions), "", "times a demonstrator took over", "driver"))
    return tag("dl", *found, class_="tiles")


def tile(name: str, value: str, unit: str, more: str, measure: str = "") -> Html:
    """One; `measure` names what stands behind it, for who hovers over it."""
    big = tag("dd", value, " " if unit else "", tag("small", unit) if unit else "", class_="value")
    return tag(
        "div", tag("dt", name), big, tag("dd", more, class_="more"), class_="tile card", title=MEASURES[measure] if measure else None
    )


def _share_of(success: Proportion) -> tuple[str, str, str]:
    if not success.of:
        return NONE, "", "no episode came to its end"
    low, high = success.interval
    return f"{100 * success.share:.0f}", "%", f"{success.count} of {success.of}; 95 % interval {100 * low:.0f} … {100 * high:.0f} %"


def _or_none(value: float | None, digits: int, unit: str) -> tuple[str, str]:
    return (NONE, "") if value is None else (f"{value:.{digits}f}".replace("-", "−"), unit)


def _late(s: Summary) -> tuple[str, str, str]:
    if s.late is None:
        return NONE, "", "recorded on simulated time"
    return f"{100 * s.late:.2f}", "%", f"the worst by {1000 * s.worst_late_s:.1f} ms"


def _trend_text(s: Summary) -> str:
    if s.trend is None:
        return "of usable episodes"
    return f"successes: {s.trend[0]:.1f} s at first, {s.trend[1]:.1f} s at last"


def _presses_text(s: Summary) -> str:
    return "stick travel" if s.presses is None else f"stick travel; {s.presses:.0f} presses a minute"


def outcomes_text(outcomes: dict[Outcome, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())


def outcome_badge(outcome: Outcome) -> Html:
    return tag("span", str(outcome), class_=f"badge b-{outcome}")


def legend(outcomes: dict[Outcome, int]) -> Html:
    return tag("div", *(outcome_badge(outcome) for outcome in outcomes), class_="legend")


def driver_text(q: Quality) -> str:
    """Who drove: "human", or "policy 80 %, human 20 %"."""
    shares = {"policy": q.policy, "human": q.human, "scripted": q.scripted}
    there = {name: share for name, share in shares.items() if share > 0}
    if len(there) == 1:
        return next(iter(there))
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in there.items())


def duration(seconds: float) -> str:
    """ "8.2 s", "3 min 05 s", "1 h 12 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
