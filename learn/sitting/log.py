"""The log of a sitting: every homework's findings and how it ended, in one file that the next call goes on from."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from data.errors import UserError
from data.files import replace_file
from data.intervals import wilson
from data.report.tiles import duration
from learn.curve import Curve, Point, fit_curve
from learn.promotion import Verdict
from learn.sitting.homework import Findings

LOG_NAME = "sitting.json"
UNKNOWN = "not known yet"


@dataclass(frozen=True)
class SittingLog:
    """`findings` in order, without the states of their troubles. `reached`: rollouts say that the target is.

    `successes` of `rollouts` are the last policy's on the seeds of evaluations, which nothing was ever decided by; None before the end.
    `rested_s`: how long the person had nothing to do but wait for a second look.
    """

    env: str
    policy: str
    target: float
    findings: tuple[Findings, ...] = ()
    reached: bool = False
    successes: int | None = None
    rollouts: int = 0
    rested_s: float = 0.0

    @property
    def champion(self) -> int | None:
        """The number of the policy that drives; None before the first."""
        return self.findings[-1].champion if self.findings else None

    @property
    def judged(self) -> tuple[tuple[int, int], tuple[float, float]] | None:
        """Successes of how many new scenes, and the 95 % interval; None before the end."""
        return None if self.successes is None else ((self.successes, self.rollouts), wilson(self.successes, self.rollouts))

    @property
    def evidence(self) -> float:
        """What the champion at least succeeds in: the lower end of the interval; 0 before the first."""
        return self.findings[-1].interval[0] if self.findings else 0.0

    @property
    def curve(self) -> Curve:
        """How success has grown with the person's minutes, and will."""
        return fit_curve([Point(f.minutes, f.successes, f.rollouts) for f in self.findings])

    def with_findings(self, found: Findings) -> "SittingLog":
        """A second look takes the place of the first."""
        before = tuple(f for f in self.findings if f.number != found.number)
        return replace(self, findings=(*before, found), reached=found.reached, successes=None, rollouts=0)

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        rate = None if self.successes is None else self.successes / self.rollouts
        low, high = wilson(self.successes, self.rollouts) if self.successes is not None else (None, None)
        facts = {"env": self.env, "policy": self.policy, "target": self.target, "reached": self.reached, "homeworks": len(self.findings)}
        return {**facts, "success_rate": rate, "ci_low": low, "ci_high": high, "episodes": self.rollouts}


def read_log(out: Path) -> SittingLog | None:
    """What the folder `out` holds; None where there was no sitting yet."""
    path = out / LOG_NAME
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        findings = tuple(_findings_of(row) for row in record.pop("findings"))
        return SittingLog(**record, findings=findings)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); give another --out or remove that file to begin again") from error


def write_log(out: Path, log: SittingLog) -> None:
    out.mkdir(parents=True, exist_ok=True)
    record = {**asdict(replace(log, findings=())), "findings": [_row_of(f) for f in log.findings]}
    replace_file(out / LOG_NAME, (json.dumps(record, indent=1) + "\n").encode())


HEADING = "policy  episodes   your time  success  95 % interval        about so many minutes more"


def log_lines(log: SittingLog) -> Iterator[str]:
    """A line for every homework, as it stood then."""
    yield HEADING
    for k in range(len(log.findings)):
        yield finding_line(replace(log, findings=log.findings[: k + 1]))


def finding_line(log: SittingLog) -> str:
    """The last findings under HEADING."""
    f = log.findings[-1]
    low, high = f.interval
    interval = f"{100 * low:3.0f} … {100 * high:3.0f} % (n = {f.rollouts})"
    kept = "" if f.verdict.promoted else f", not promoted, policy {f.champion} stays"
    counts = f"{f.number:6d}  {f.episodes:8d}  {duration(60.0 * f.minutes):>10s}  {100 * f.success_rate:5.0f} %  {interval:24s}"
    return f"{counts}  {minutes_left(log)}{kept}"


def minutes_left(log: SittingLog) -> str:
    """What is foreseen until the target, in words."""
    if log.reached:
        return "none"
    if not any(f.successes for f in log.findings) or len({f.minutes for f in log.findings}) < 2:
        return UNKNOWN  # what has grown by itself says nothing of minutes
    forecast = log.curve.minutes_to(log.target)
    if forecast is None:
        return UNKNOWN
    low, median, high = forecast
    upper = f"{high:.0f}" if high < float("inf") else "?"
    return f"{median:.0f} ({low:.0f} … {upper})"


def _row_of(found: Findings) -> dict[str, Any]:
    return {**asdict(replace(found, troubles=())), "out": found.out.name}


def _findings_of(row: dict[str, Any]) -> Findings:
    facts = {**row, "out": Path(row["out"]), "verdict": Verdict(**row["verdict"]), "troubles": ()}
    return Findings(**facts)
