"""`python -m learn dagger`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import Progress

from data.cli import SESSION, print_json
from data.errors import UserError
from data.schema import Source
from data.session import Session
from learn.dagger import DaggerConfig, OnRollout, Round, run_dagger
from learn.policies import PolicyKind
from learn.train import TrainConfig
from teleop.cockpit import CockpitConfig, open_cockpit
from teleop.commands import operator_with
from teleop.devices import DeviceName
from teleop.envs import longest_evaluation_s
from teleop.pilot import Pilot
from teleop.tally import Tally


@dataclass(frozen=True)
class Dagger:
    """Let the policy drive, answer where it asks, and train it on the answers, round after round."""

    session: tyro.conf.Positional[SESSION]
    """demonstrations to begin with; rollouts and answers are added to it"""
    out: Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]
    """folder for the policies, the log and the plot; goes on where it stopped"""
    device: DeviceName = "auto"
    """who answers: gamepad, keyboard or scripted; auto takes what there is"""
    headless: bool = False
    """no window"""
    policy: PolicyKind = "bc"
    steps: int | None = None
    """minibatches of each round's training"""
    members: int = 5
    """size of the ensemble"""
    torch_device: Literal["cpu", "cuda"] = "cpu"
    seed: int = 0
    skill: float = 1.0
    """scripted operator: 0 clumsy, 1 a practised person, 2 clean"""
    config: Annotated[DaggerConfig, tyro.conf.arg(name="")] = field(default_factory=DaggerConfig)
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        session = Session.open(self.session)
        meta = session.env_of()
        cockpit_config = CockpitConfig(
            env_id=meta.env_id,
            env_kwargs=meta.env_kwargs,
            device=self.device,
            headless=self.headless,
            seed=self.seed,
            max_seconds=longest_evaluation_s(meta.env_id, meta.env_kwargs),
            operator=operator_with(self.skill),
        )
        training = TrainConfig(policy=self.policy, steps=self.steps, members=self.members, seed=self.seed, device=self.torch_device)
        config = replace(self.config, train=training)
        with session.claim(), open_cockpit(cockpit_config) as cockpit:
            print(cockpit.why)
            if config.gate == "human" and cockpit.device.source is Source.SCRIPTED:
                raise UserError("--gate human waits for a person to take over; with --device scripted use --gate ensemble or every-step")
            print(ROUND_HEADING)
            with _rollout_bar(config) as on_rollout:
                rounds = run_dagger(session, cockpit, config, self.out, lambda r: print(_round_line(r)), on_rollout)
        print(f"policy, curve and log in {self.out}; next: python -m learn evaluate {self.out}")
        if self.json:
            print_json({"env": meta.env_id, "policy": self.policy, "gate": config.gate, "rounds": [asdict(r) for r in rounds]})
        return 0


ROUND_HEADING = "round  labels  in all  asked  wished  success  95 % interval"


def _round_line(r: Round) -> str:
    asked = f"{100 * r.asked_share:4.0f} %  {100 * r.wished_share:4.0f} %" if r.number else "     -       -"
    interval = f"{100 * r.ci_low:3.0f} … {100 * r.ci_high:3.0f} %"
    counts = f"{r.number:5d}  {r.labels:6d}  {r.total_labels:6d}"
    return f"{counts}  {asked}  {100 * r.success_rate:5.0f} %  {interval} (n = {r.evaluation_episodes})"


@contextmanager
def _rollout_bar(config: DaggerConfig) -> Iterator[OnRollout]:
    """A bar of the running round's rollouts on standard error."""
    with Progress(*Progress.get_default_columns(), "{task.fields[note]}", console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rolling out", total=config.episodes, note="", visible=False)

        def on_rollout(number: int, report: Tally, pilot: Pilot) -> None:
            note = f"{report.successes} ok, {pilot.labels} labels"
            done = report.counted < config.episodes
            bar.update(task, description=f"round {number}", completed=report.counted, note=note, visible=done)

        yield on_rollout
