"""Rounds: what each round of DAgger gave, read off the session's own columns, and the log that keeps it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.catalog import Row
from data.effort import ALONE, NO_ROUND, Effort, efforts_by_round
from data.errors import UserError
from data.files import replace_file
from data.schema import Phase
from data.session import Session
from learn.background import Lesson
from learn.checkpoint import POLICY_FOLDER, Checkpoint
from learn.model_folder import ROUNDS_NAME
from learn.plots import plot_success_over_labels
from learn.promotion import read_verdicts

LOG_NAME, PLOT_NAME, RUN_NAME = "dagger.json", "dagger.png", "run.json"
LESSONS_NAME = "lessons"  # the session that is learned from where what was shown is carried over to other scenes


@dataclass(frozen=True)
class Round:
    """What one round gave; round 0 is the demonstrations.

    `labels` are the round's, asked for or given while driving, `total_labels` all in the session. `asked_share` is of the
    states in which the policy might have asked, or the person drove, against `wished_share` (see `answered_share`);
    `decision_s` is the median time from a question to its answer. `human_s` are hands-on seconds, `watching_s` those in
    which the policy drove; `promoted`: its policy took the old one's place. `fingerprint` is that of the data it was
    learned from.
    """

    number: int
    labels: int
    total_labels: int
    asked_share: float
    wished_share: float
    decision_s: float
    success_rate: float
    ci_low: float
    ci_high: float
    evaluation_episodes: int
    train_loss: float
    gate: str = ""
    human_s: float = 0.0
    watching_s: float = 0.0
    interventions: int = 0
    context_switches: int = 0
    undone: int = 0
    promoted: bool = True
    fingerprint: str = ""
    learning_s: float = 0.0


def round_dir(out: Path, number: int) -> Path:
    """Where a run or a sitting in `out` keeps its policy `number`."""
    return out / ROUNDS_NAME / str(number)


def publish(out: Path, number: int) -> None:
    """The promoted policy is the folder's own: `learn evaluate OUT` always finds it."""
    for name in (POLICY_FOLDER.weights_name, POLICY_FOLDER.record_name):
        replace_file(out / name, (round_dir(out, number) / name).read_bytes())


def driver_of(number: int | None, loaded: Checkpoint) -> dict[str, Any]:
    """What an episode's settings say of the policy that drove it; read by `learn.futures.corrections.DriverName`."""
    return {"round": number, "kind": loaded.policy.config.kind, "fingerprint": loaded.fingerprint}


def begin_run(out: Path, session: Session) -> int:
    """The number of the first episode that this run drives: the session may hold rounds of earlier runs, into other folders."""
    path = out / RUN_NAME
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps({"first_episode": session.next_number()}) + "\n").encode())
    return first_episode(out)


def first_episode(out: Path) -> int:
    """What `begin_run` has kept; 0 where it has not."""
    path = out / RUN_NAME
    if not path.exists():
        return 0
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["first_episode"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); give another --out or remove that file") from error


def round_of(session: Session, lesson: Lesson, gate: str, wished_share: float | None, budget: int, first: int = 0) -> Round:
    """The round whose policy `lesson` tells of, from the session as it is; the run drove its episodes from number `first` on.

    `wished_share` None: what the budget is of the round's states.
    """
    number, rows, judged = lesson.number, [row for row in session.rows() if row.teaches], lesson.evaluation
    mine = rows_of_round(rows, number, first)
    effort = efforts_by_round(session, first if number else 0).get(number if number else NO_ROUND, Effort())
    answered, latencies_s = answers_in(session, mine, budget)
    if wished_share is None:
        wished_share = min(1.0, budget / max(1, sum(row.steps for row in mine)))
    return Round(
        number=number,
        labels=sum(row.labels for row in mine) if number else 0,
        total_labels=sum(row.labels for row in rows if row.number < first or row.dagger_round <= number),
        asked_share=answered if number else 0.0,
        wished_share=wished_share if number else 0.0,
        decision_s=float(np.median(latencies_s)) if latencies_s else 0.0,
        success_rate=judged.success_rate,
        ci_low=judged.ci_low,
        ci_high=judged.ci_high,
        evaluation_episodes=judged.episodes,
        train_loss=lesson.train_loss,
        gate=gate if number else "",
        human_s=effort.hands_on_s,
        watching_s=effort.watching_s,
        interventions=effort.interventions,
        context_switches=effort.context_switches,
        undone=effort.undone,
        promoted=lesson.verdict.promoted,
        fingerprint=lesson.fingerprint,
        learning_s=lesson.seconds,
    )


def rows_of_round(rows: Sequence[Row], number: int, first: int = 0) -> list[Row]:
    """The episodes of one round, from number `first` on, that teach something; of round 0 the demonstrations."""
    if not number:
        return [row for row in rows if row.teaches and row.dagger_round == NO_ROUND]
    return [row for row in rows if row.teaches and row.number >= first and row.dagger_round == number]


def answers_in(session: Session, rows: Sequence[Row], budget: int) -> tuple[float, list[float]]:
    """Share of the states that the person answered in, asked or driving, and the seconds each question took.

    States after the last answer that the budget allowed are not counted: nothing can be asked there. Of episodes that the
    policy drove alone all count: later any could be asked about.
    """
    states, answered, latencies_s = 0, 0, list[float]()
    for row in rows:
        episode = session.read(row.number, ())
        steps, alone = episode.steps, ALONE in episode.meta.settings
        waited = np.asarray(steps["decision_latency_s"], np.float64)
        by_person = np.isin(steps["phase"], (Phase.ASKING, Phase.HUMAN)) | ~np.isnan(waited)
        open_until = np.flatnonzero(answered + np.cumsum(by_person) >= budget)
        end = int(open_until[0]) + 1 if len(open_until) and not alone else len(by_person)
        if answered < budget or alone:
            states, answered = states + end, answered + int(by_person[:end].sum())
        latencies_s += waited[~np.isnan(waited)].tolist()
    return (answered / states if states else 0.0), latencies_s


def read_rounds(out: Path) -> list[Round]:
    """The rounds that the folder already holds; empty for a new one."""
    path = out / LOG_NAME
    if not path.exists():
        return []
    try:
        return [Round(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rounds"]]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); give another --out or remove that file to begin again") from error


def write_rounds(out: Path, rounds: Sequence[Round], session: Session) -> None:
    """The log, and the curve as a picture."""
    log: dict[str, Any] = {"session": session.path.name, "env": session.env_of().env_id, "rounds": [asdict(r) for r in rounds]}
    replace_file(out / LOG_NAME, (json.dumps(log, indent=2) + "\n").encode())
    columns = ([r.total_labels for r in rounds], [r.success_rate for r in rounds], [r.ci_low for r in rounds], [r.ci_high for r in rounds])
    title = f"DAgger on {log['env']}, {rounds[-1].evaluation_episodes} evaluation episodes a point"
    plot_success_over_labels(*columns, title, out / PLOT_NAME)


ROUND_HEADING = "round  labels  in all  asked  wished  minutes  success  95 % interval"


def round_line(r: Round) -> str:
    """One round under ROUND_HEADING."""
    asked = f"{100 * r.asked_share:4.0f} %  {100 * r.wished_share:4.0f} %" if r.number else "     -       -"
    interval = f"{100 * r.ci_low:3.0f} … {100 * r.ci_high:3.0f} %"
    counts = f"{r.number:5d}  {r.labels:6d}  {r.total_labels:6d}"
    kept = "" if r.promoted else ", not promoted"
    return f"{counts}  {asked}  {r.human_s / 60:7.1f}  {100 * r.success_rate:5.0f} %  {interval} (n = {r.evaluation_episodes}){kept}"


def status_lines(out: Path, session: Session, rounds: int, episodes: int) -> Iterator[str]:
    """How far a DAgger run is: every finished round, what runs, and who was promoted against whom."""
    done = read_rounds(out)
    if not done:
        yield f"{out} holds no finished round yet"
    else:
        yield ROUND_HEADING
        yield from (f"{round_line(r)}  data {r.fingerprint[:12]}" for r in done)
    number = len(done)
    begun = sum(row.usable for row in rows_of_round(session.rows(), number, first_episode(out))) if number else 0
    if 0 < number <= rounds:
        yield f"round {number} is next: {begun} of {episodes} episodes recorded; the same command goes on"
    for verdict in read_verdicts(out):
        against = "no other" if verdict.against is None else f"round {verdict.against}'s: {verdict.old_successes}"
        answer = "promoted" if verdict.promoted else "not promoted"
        yield f"policy {verdict.number}: {verdict.successes} of {verdict.episodes} against {against}; {answer}"
