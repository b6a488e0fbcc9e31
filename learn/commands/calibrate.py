"""`python -m learn calibrate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from data.cli import SESSION, print_json, progress_bar
from data.session import Session
from learn.calibration import REGIONS, Calibration, calibrate
from learn.checkpoint import load_policy
from learn.plots import plot_reliability


@dataclass(frozen=True)
class Calibrate:
    """Is a policy as sure of the next action as it may be? Likelihood and coverage on episodes it was not trained on."""

    model: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]]
    """a folder that train made"""
    session: tyro.conf.Positional[SESSION]
    """the session it was trained on, of which its held-out episodes judge, or another one"""
    plot: Annotated[Path | None, tyro.conf.arg(metavar="FILE.png")] = None
    """a picture: regions of every probability, and how many actions each holds"""
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        trained = load_policy(self.model)
        with progress_bar("judging", None) as advance:
            found = calibrate(trained, Session.open(self.session), lambda done, of: advance(done, f"{done} of {of} steps"))
        print(calibration_line(trained.policy.config.kind, found))
        if self.plot is not None:
            plot_reliability(found.levels, f"{trained.policy.config.kind} in {trained.env_id}", self.plot)
            print(f"picture: {self.plot}")
        if self.json:
            print_json(found.summary())
        return 0


def calibration_line(policy: str, found: Calibration) -> str:
    """One line for people; the numbers are those of `summary`."""
    held = [f"{100 * region:.0f} % regions hold {_share(found, region)}" for region in REGIONS]
    facts = found.summary()
    return (
        f"{policy} on {facts['steps']} steps of {facts['episodes']} episodes that it was not trained on: negative log likelihood "
        f"{found.mean_nll:.2f} nats an action; its {', '.join(held)}: {_verdict(found)}"
    )


def _share(found: Calibration, region: float) -> str:
    low, high = found.coverage_interval(region)
    return f"{100 * found.coverage(region):.0f} % (95 % interval {100 * low:.0f} to {100 * high:.0f} %)"


def _verdict(found: Calibration) -> str:
    """By the intervals of all regions."""
    intervals = [(region, *found.coverage_interval(region)) for region in REGIONS]
    too_sure, too_unsure = any(high < region for region, _, high in intervals), any(low > region for region, low, _ in intervals)
    if too_sure and too_unsure:
        return "too sure of some actions and too unsure of others"
    return "too sure" if too_sure else "too unsure" if too_unsure else "as sure as it may be"
