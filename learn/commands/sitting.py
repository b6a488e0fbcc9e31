"""One sitting of `python -m learn dagger`: what it prints, and the page it ends with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from data.cli import print_json
from data.effort import Effort, effort_of
from data.errors import UserError
from data.intervals import wilson
from data.session import Session
from learn.sitting.log import HEADING, SittingLog, finding_line, log_lines, read_log
from learn.sitting.page import write_page
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
    if not log.findings:
        print(f"nothing learned yet; {path} has {len(session)} episodes: the same command goes on")
    else:
        effort = effort_of(session)
        page = write_page(session, log, effort, out)
        for line in _verdict(log, effort):
            print(line)
        print(f"policy and log in {out}, the page: {page}; the session: python -m data report {path} --out report.html")
    if json:
        print_json(log.summary() | {"minutes": effort_of(session).total_s / 60.0})
    return 0


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


def _verdict(log: SittingLog, effort: Effort) -> Iterator[str]:
    took = f"{effort.total_s / 60:.1f} minutes of a person's time ({effort.driving_s / 60:.1f} driving)"
    if log.successes is None:
        low, high = log.findings[-1].interval
        yield f"not at {100 * log.target:.0f} % yet: {100 * low:.0f} … {100 * high:.0f} % after {took}; the same command goes on"
        return
    low, high = wilson(log.successes, log.rollouts)
    rate = 100 * log.successes / log.rollouts
    yield f"{rate:.0f} % of {log.rollouts} new scenes (95 % interval {100 * low:.0f} … {100 * high:.0f} %) after {took}"


@contextmanager
def _bars() -> Iterator[Watchers]:
    """A line on standard output for each homework; on standard error what goes on."""
    with Progress(*Progress.get_default_columns(), "{task.fields[note]}", console=Console(stderr=True), transient=True) as bar:
        sitting = bar.add_task("sitting", total=1.0, note="", visible=False)

        def on_episode(tally: Tally, log: SittingLog) -> None:
            note = f"{len(tally.kept)} episodes, {tally.successes} ok"
            bar.update(sitting, completed=min(1.0, log.evidence / log.target), note=note, visible=True)

        @contextmanager
        def waiting(words: str) -> Iterator[None]:
            task = bar.add_task(words, total=None, note="")
            try:
                yield
            finally:
                bar.remove_task(task)

        yield Watchers(lambda log: print(finding_line(log), flush=True), on_episode, waiting)
