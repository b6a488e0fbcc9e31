"""`python -m learn propagate`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from data.cli import SESSION, print_json, progress_bar
from data.session import Session
from learn.propagate import PropagateConfig, Propagated, PropagateResult, plan_propagation, propagate


@dataclass(frozen=True)
class Propagate:
    """Carry answers over to near states that a policy came to, and keep as labels those that the simulator proves."""

    session: tyro.conf.Positional[SESSION]
    """a session in which a policy drove and was answered; it stays as it is"""
    out: Annotated[Path, tyro.conf.arg(metavar="NEW_SESSION")]
    """the same episodes with more labels, to train from; the same command goes on where Ctrl-C stopped it"""
    json: bool = False
    """the last line of output is one JSON object"""
    config: Annotated[PropagateConfig, tyro.conf.arg(name="")] = field(default_factory=PropagateConfig)

    def run(self) -> int:
        plan = plan_propagation(Session.open(self.session), self.out, self.config)
        done: list[Propagated | None] = []
        with progress_bar("propagating", len(plan.missing)) as advance:

            def on_episode(number: int, found: Propagated | None) -> None:
                done.append(found)
                kept = [one for one in done if one is not None]
                tried, accepted = sum(len(one.step) for one in kept), sum(int(one.accepted.sum()) for one in kept)
                advance(len(done), f"{accepted} of {tried} proven")

            result = propagate(plan, on_episode)
        for line in propagate_lines(result, self.config):
            print(line)
        if self.json:
            print_json(result.summary())
        return 0


def propagate_lines(result: PropagateResult, config: PropagateConfig) -> Iterator[str]:
    """What propagation gave."""
    yield (
        f"{result.session.path}: {result.answers} answers became {result.answers + result.accepted} labels in {result.episodes} episodes, "
        f"{result.done_now} of them done now; proven in {result.accepted} of {result.tried} trials, {result.visited} states looked at"
    )
    if result.residual is not None:
        median, high, worst = result.residual
        yield (
            f"{result.arrived} lead where the answer leads (within {config.tolerance}), the others towards it; "
            f"residual in typical one-step changes: median {median:.4f}, 90 % within {high:.4f}, worst {worst:.3g}"
        )
    yield f"next: python -m learn train {result.session.path} --policy bc --out DIR"
