"""One sitting of `python -m learn dagger`: what it prints, and the page it ends with."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from data.cli import print_json
from data.effort import Effort, efforts_by_round
from data.errors import UserError
from data.report.tiles import duration
from data.session import Session
from learn.sitting.log import HEADING, SittingLog, finding_line, log_lines, read_log
from learn.sitting.page import PAGE_NAME, person_of, write_page
from learn.sitting.panel import standing
from learn.sitting.sitting import SittingConfig, Watchers, run_sitting
from teleop.cockpit import CockpitConfig, open_cockpit
from teleop.tally import Tally

TARGET = 0.95


def sit(path: Path, cockpit_config: CockpitConfig, config: SittingConfig, out: Path, *, json: bool) -> int:
    """Run the sitting, then say how it went."""
    with open_cockpit(cockpit_config) as cockpit:
        session = Session.create(path)
        with session.claim():
            print(cockpit.why)
            print(HEADING)
            with _bars() as watchers:
                log = run_sitting(session, cockpit, config, out, watchers)
            if log.judged is not None:
                effort = _conclude(session, log, out)
                if cockpit.screen.is_seen:
                    words = f"{_rate(log)} after {duration(effort.total_s)} of your time. All about it: {out / PAGE_NAME}"
                    cockpit.part(words, standing(log))
    if log.judged is None:  # who quits does not wait for that before the window
        effort = _conclude(session, log, out)
    if json:
        print_json(log.summary() | {"minutes": effort.total_s / 60.0})
    return 0


def _conclude(session: Session, log: SittingLog, out: Path) -> Effort:
    """Write the page and say what it came to; what it cost."""
    efforts = efforts_by_round(session)
    effort = sum(efforts.values(), Effort())
    if not log.findings:
        print(f"nothing learned yet; {session.path} has {len(session)} episodes: the same command goes on")
        return effort
    written = write_page(session, log, efforts, out)
    print(_verdict(log, effort, person_of(session)))
    print(f"policy and log in {out}, the page: {written}; the session: python -m data report {session.path} --out report.html")
    return effort


def sitting_status(out: Path, *, json: bool) -> int:
    """Only say how far the sitting in `out` is."""
    log = read_log(out)
    if log is None:
        raise UserError(f"no sitting was begun in {out}; give the folder of one")
    for line in log_lines(log):
        print(line)
    if json:
        print_json(log.summary())
    return 0


def _verdict(log: SittingLog, effort: Effort, person: str) -> str:
    took = f"{duration(effort.total_s)} of {person}'s time ({duration(effort.driving_s)} driving)"
    if log.judged is None:
        low, high = log.findings[-1].interval
        return f"not at {100 * log.target:g} % yet: {100 * low:.0f} … {100 * high:.0f} % after {took}; the same command goes on"
    _, (low, high) = log.judged
    return f"{_rate(log)} (95 % interval {100 * low:.0f} … {100 * high:.0f} %) after {took}"


def _rate(log: SittingLog) -> str:
    """How often it succeeded where nothing was decided by that."""
    return f"{100 * (log.successes or 0) / log.rollouts:.0f} % of {log.rollouts} new scenes"


@contextmanager
def _bars() -> Iterator[Watchers]:
    """A line on standard output for each homework; on standard error what goes on."""
    with Progress(*Progress.get_default_columns(), "{task.fields[note]}", console=Console(stderr=True), transient=True) as bar:
        sitting = bar.add_task("sitting", total=1.0, note="", visible=False)

        def on_episode(tally: Tally, log: SittingLog) -> None:
            note = f"{len(tally.kept)} episodes, {tally.successes} ok"
            bar.update(sitting, completed=min(1.0, log.evidence / log.target), note=note, visible=True)

        yield Watchers(lambda log: print(finding_line(log), flush=True), on_episode, partial(waiting, bar))


@contextmanager
def waiting(bar: Progress, words: str) -> Iterator[None]:
    """A line in the bar for as long as nothing can be done but wait."""
    task = bar.add_task(words, total=None, note="")
    try:
        yield
    finally:
        bar.remove_task(task)
