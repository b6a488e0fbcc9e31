"""`python -m learn train`."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from data.cli import INTERRUPTED, SESSION, print_json, progress_bar
from data.commands.exchange import Import
from data.session import Session
from learn.progress import Check, Report
from learn.selection import mean_of_last
from learn.train import TrainConfig, TrainResult, train

DEMONSTRATIONS_NAME = "demonstrations"


@dataclass(frozen=True)
class Train:
    """Learn a policy from a session."""

    session: tyro.conf.Positional[SESSION]
    """the session to learn from, or a robomimic file (others: python -m data import)"""
    out: Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]
    """folder for the policy and its TensorBoard log"""
    json: bool = False
    """the last line of output is one JSON object"""
    resume: bool = False
    """go on with a training that Ctrl-C or a crash ended, exactly where it was"""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=lambda: TrainConfig(rollouts=20))

    def run(self) -> int:
        with progress_bar("training", self.config.recipe().steps) as advance:

            def report(now: Report) -> None:
                advance(now.step, _losses(now))

            result = train(self._demonstrations(), self.config, self.out, report, resume=self.resume)
        if int(os.environ.get("RANK", "0")) == 0:
            self._say(result)
        return INTERRUPTED if result.interrupted else 0

    def _demonstrations(self) -> Session:
        """The session; a robomimic file becomes one first, beside the policy."""
        if not self.session.is_file():
            return Session.open(self.session)
        beside = self.out / DEMONSTRATIONS_NAME
        Import(self.session, "robomimic", beside).run()
        return Session.open(beside)

    def _say(self, result: TrainResult) -> None:
        print(_train_line(result))
        if self.json:
            names = ("steps", "chosen_step", "train_loss", "valid_loss", "frames", "episodes", "seconds", "interrupted")
            facts = {name: getattr(result, name) for name in names}
            print_json({**facts, "policy": self.config.policy, "rollouts": _rates(result.checks)})


def _losses(report: Report) -> str:
    held_out = "" if report.valid_loss is None else f"  valid {report.valid_loss:.4f}"
    return f"loss {report.train_loss:.4f}{held_out}"


def _train_line(result: TrainResult) -> str:
    began = "interrupted; kept what was learned so far (--resume goes on): " if result.interrupted else ""
    held_out = "no episode held out" if result.valid_loss is None else f"held-out loss {result.valid_loss:.4f}"
    return (
        f"{began}{result.model_dir}: {result.steps} steps on {result.frames} frames of {result.episodes} episodes, "
        f"{result.seconds:.1f} s, loss {result.train_loss:.4f}, {held_out}{_checks(result)}; "
        f"next: python -m learn evaluate {result.model_dir}"
    )


def _checks(result: TrainResult) -> str:
    """What the rollouts on the way said of the best, the last, and the last ones."""
    if result.no_rollouts:
        return f", no rollouts ({result.no_rollouts})"
    if not result.checks:
        return ""
    best, last = max(check.successes for check in result.checks), result.checks[-1]
    means = f"best {best}, last {last.successes} of {last.episodes} rollouts, mean of the last {100 * mean_of_last(result.checks):.0f} %"
    return f", {means}; kept is step {result.chosen_step}"


def _rates(checks: Sequence[Check]) -> dict[str, object]:
    """Success rates of the best, the last and the last ones, and of each check."""
    if not checks:
        return {}
    each = [{**asdict(check), "success_rate": check.success_rate} for check in checks]
    best = max(check.success_rate for check in checks)
    return {"best": best, "last": checks[-1].success_rate, "mean_of_last": mean_of_last(checks), "checks": each}
