"""The page of a sitting: what it came to and how many minutes of a person that took. One self-contained HTML document."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

import data
from data.effort import NO_ROUND, Effort
from data.errors import UserError
from data.files import replace_file
from data.report.document import document
from data.report.markup import Html, join, tag
from data.report.plots import Frame
from data.report.tables import effort_table
from data.report.tiles import duration, tile
from data.schema import Outcome
from data.session import Session
from learn.sitting.log import SittingLog, minutes_left
from teleop.devices.scripted import ScriptedOperator

PAGE_NAME = "sitting.html"
CURVE_POINTS = 120


def write_page(session: Session, log: SittingLog, efforts: Mapping[int, Effort], out: Path) -> Path:
    """Write it into the folder `out`; its path. `efforts` by round."""
    path = out / PAGE_NAME
    try:
        replace_file(path, page(session, log, efforts).encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); free some space and give the same command again") from error
    return path


def page(session: Session, log: SittingLog, efforts: Mapping[int, Effort]) -> str:
    """The whole document, about a sitting in which at least one policy was learned."""
    rounds = {"you alone" if number == NO_ROUND else f"beside policy {number - 1}": e for number, e in efforts.items()}
    effort = sum(efforts.values(), Effort())
    main = tag(
        "main",
        tag("section", _tiles(session, log, effort)),
        tag("section", tag("h2", "How success has grown"), _plot(log)),
        tag("section", tag("h2", "What was learned when"), _table(log)),
        tag("section", tag("h2", "What it cost"), effort_table("", rounds)),
        tag("section", tag("h2", "How this was measured"), *(tag("p", text, class_="muted") for text in METHODS)),
    )
    footer = tag("footer", f"Written by gamepad-dagger {data.__version__}, python -m learn dagger.")
    return document(f"{log.env} in one sitting", _header(session, log, effort), main, footer)


METHODS = (
    "Carried over: what was shown, moved with the things it went for into another scene, and kept where the simulator shows that "
    "it ends in success there. The person is asked in scenes in which the policy fails and nothing that was shown can be carried over.",
    "Let off early: an episode ends where person and policy agree and a rollout from there succeeds.",
    "Minutes are those of driving, of deciding what to answer and of watching the policy drive, takes that were undone included; "
    "not those between two episodes, nor those in which only the computer worked.",
    "After every episode a policy was learned in the background from all there was and rolled out in scenes of its own, which nobody "
    "has learned from, for one and a half times as long as the longest demonstration. Its success is that share; intervals are "
    "Wilson's, 95 %. It took the old one's place only where, in the same scenes, it was no worse.",
    "The sitting ends when the rollouts make it 90 % sure that the target is reached (Bayes, with a uniform prior). The figure above "
    "is of other scenes, which had no part in that, with the environment's own time limit.",
    "The curve is the most probable of a family (a power law with a beginning and a floor) under weak priors.",
)


def person_of(session: Session) -> str:
    """Who gave their minutes; what only the scripted person did is not called a person's."""
    return "a simulated person" if {row.operator for row in session.rows()} == {ScriptedOperator.name} else "a person"


def _header(session: Session, log: SittingLog, effort: Effort) -> Html:
    took = duration(effort.total_s)
    if log.judged is None:
        title = f"Not at {100 * log.target:g} % yet, after {took} of {person_of(session)}"
    else:
        (successes, rollouts), _ = log.judged
        title = f"{100 * successes / rollouts:.0f} % after {took} of {person_of(session)}"
    who = ", ".join(sorted({row.operator for row in session.rows()}))
    facts = f"{log.env} · {log.policy} · target {100 * log.target:g} % · {who}"
    return tag("header", tag("p", "One sitting", class_="kicker"), tag("h1", title), tag("p", facts))


def _tiles(session: Session, log: SittingLog, effort: Effort) -> Html:
    last = log.findings[-1]
    if log.judged is None:
        name, (successes, rollouts), (low, high) = "Success so far", (last.successes, last.rollouts), last.interval
        of = f"of {rollouts} scenes in the background"
    else:
        name, ((successes, rollouts), (low, high)) = "Success", log.judged
        of = f"of {rollouts} new scenes"
    rows = session.rows()
    let_off = sum(row.outcome is Outcome.PARTIAL and row.dagger_round != NO_ROUND for row in rows)
    ends = f"target {100 * log.target:g} % reached" if log.reached else f"more to {100 * log.target:g} %, as foreseen: {minutes_left(log)}"
    promoted = sum(f.verdict.promoted for f in log.findings)
    found = [
        tile(name, f"{100 * successes / rollouts:.0f}", "%", f"{100 * low:.0f} … {100 * high:.0f} %, {of}"),
        tile("Time in all", duration(effort.total_s), "", ends),
        tile("Hands on", duration(effort.hands_on_s), "", f"{effort.interventions} interventions"),
        tile("Watching", duration(effort.watching_s), "", "while the policy drove"),
        tile("Resting", duration(log.rested_s), "", "while only the computer worked"),
        tile("Episodes", str(effort.episodes), "", f"{effort.successes} to success, {let_off} let off early"),
        *([tile("Carried over", str(last.propagated), "scenes", "what was shown, proven in the simulator")] if last.propagated else []),
        tile("Policies learned", str(len(log.findings)), "", f"{promoted} promoted"),
    ]
    return tag("dl", *found, class_="tiles")


def _plot(log: SittingLog) -> Html:
    """Each policy's success with its interval, the target; over the person's time with the most probable curve, or where one
    demonstration was enough, policy by policy.
    """
    took = [f.minutes for f in log.findings]
    is_over_time = len(set(took)) > 1
    places, unit = (
        (took, "minutes of a person's time") if is_over_time else ([float(f.number + 1) for f in log.findings], "policies learned")
    )
    frame = Frame((0.0, max(1.0, 1.15 * max(places))), (0.0, 100.0), width=1100.0, height=320.0)
    marks = []
    for f, place in zip(log.findings, places, strict=True):
        low, high = f.interval
        x = frame.x(place)
        marks.append(tag("line", x1=x, x2=x, y1=frame.y(100 * low), y2=frame.y(100 * high), class_="axis"))
        kind = "dot o-success" if f.verdict.promoted else "dot o-discarded"
        marks.append(tag("circle", cx=x, cy=frame.y(100 * f.success_rate), r=4.0, class_=kind))
    target = frame.y(100 * log.target)
    line = tag("line", x1=frame.left, x2=frame.width - frame.right, y1=target, y2=target, class_="median")
    name = tag("text", f"target {100 * log.target:g} %", x=frame.width - frame.right, y=target + 15, class_="tick end")
    curve, words = (_curve(log, frame), " Line: the most probable learning curve.") if is_over_time else (join([]), "")
    legend = tag("p", f"Green: promoted. Grey: not.{words}", class_="note")
    axes = frame.axes(unit, "success (%)")
    return tag("figure", frame.svg(f"success over {unit}", axes, line, name, curve, join(marks)), legend, class_="plot card wide")


def _curve(log: SittingLog, frame: Frame) -> Html:
    minutes = np.linspace(0.0, frame.x_range[1], CURVE_POINTS)
    drawn = log.curve.drawn_at(minutes)
    places = (f"{frame.x(m):.1f},{frame.y(100 * s):.1f}" for m, s in zip(minutes.tolist(), drawn.tolist(), strict=True))
    return tag("polyline", points=" ".join(places), class_="trend")


def _table(log: SittingLog) -> Html:
    names = ("policy", "episodes", "carried over", "your time", "success", "95 % interval", "scenes", "against the old one", "then")
    heads = [tag("th", name, class_="n" if k < 7 else None) for k, name in enumerate(names)]
    rows = []
    for f in log.findings:
        low, high = f.interval
        verdict = f.verdict
        against = "" if verdict.old_successes is None else f"{verdict.successes} to {verdict.old_successes} of {verdict.episodes}"
        numbers = (
            str(f.number),
            str(f.episodes - f.propagated),
            str(f.propagated),
            duration(60.0 * f.minutes),
            f"{100 * f.success_rate:.0f} %",
            f"{100 * low:.0f} … {100 * high:.0f} %",
            str(f.rollouts),
        )
        words = (against, "promoted" if verdict.promoted else f"policy {f.champion} stayed")
        rows.append(tag("tr", *(tag("td", n, class_="n") for n in numbers), *(tag("td", w) for w in words)))
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    return tag("div", table, class_="scroll card")
