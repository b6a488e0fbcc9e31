"""`python -m learn dagger`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import Progress

from data.cli import SESSION, print_json
from data.errors import UserError
from data.session import Session
from learn.dagger import ROUNDS_NAME, DaggerConfig, Watchers, run_dagger
from learn.policies import PolicyKind
from learn.rounds import ROUND_HEADING, Round, read_rounds, round_line, status_lines
from learn.train import TrainConfig
from learn.weights import Weighting
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
    weights: Weighting = "uniform"
    """how often each step is learned from (see train --help)"""
    resume: bool = False
    """go on where MODEL_DIR stopped; without it too, but this refuses a folder in which nothing was begun"""
    status: bool = False
    """only say how far MODEL_DIR is: rounds, data, promotions"""
    config: Annotated[DaggerConfig, tyro.conf.arg(name="")] = field(default_factory=DaggerConfig)
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        session = Session.open(self.session)
        if self.status:
            return self._status(session)
        if self.resume and not (self.out / ROUNDS_NAME).exists():
            raise UserError(f"--resume: nothing was begun in {self.out}; give the folder of an earlier run, or leave --resume out")
        meta = session.env_of()
        cockpit_config = CockpitConfig(
            env_id=meta.env_id,
            env_kwargs=meta.env_kwargs,
            device=self.device,
            headless=self.headless,
            seed=self.seed,
            max_seconds=longest_evaluation_s(meta.env_id, meta.env_kwargs),
            operator=replace(operator_with(self.skill), supervises=self.config.gate.kind == "human"),
        )
        training = TrainConfig(
            policy=self.policy, steps=self.steps, members=self.members, seed=self.seed, device=self.torch_device, weights=self.weights
        )
        config = replace(self.config, train=training)
        with session.claim(), open_cockpit(cockpit_config) as cockpit:
            print(cockpit.why)
            print(ROUND_HEADING)
            with _bars(config) as watchers:
                rounds = run_dagger(session, cockpit, config, self.out, watchers)
        print(f"policy, curve and log in {self.out}; next: python -m learn evaluate {self.out}")
        if self.json:
            print_json(self._summary(meta.env_id, rounds))
        return 0

    def _status(self, session: Session) -> int:
        for line in status_lines(self.out, session, self.config.rounds, self.config.episodes):
            print(line)
        if self.json:
            print_json(self._summary(session.env_of().env_id, read_rounds(self.out)))
        return 0

    def _summary(self, env_id: str, rounds: list[Round]) -> dict[str, Any]:
        return {"env": env_id, "policy": self.policy, "gate": self.config.gate.kind, "rounds": [asdict(r) for r in rounds]}


@contextmanager
def _bars(config: DaggerConfig) -> Iterator[Watchers]:
    """A line on standard output for each round; on standard error a bar of the running one's rollouts, or what is waited for."""
    with Progress(*Progress.get_default_columns(), "{task.fields[note]}", console=Console(stderr=True), transient=True) as bar:
        rolling = bar.add_task("rolling out", total=config.episodes, note="", visible=False)

        def on_rollout(number: int, report: Tally, pilot: Pilot) -> None:
            note = f"{report.successes} ok, {pilot.labels} labels"
            done = report.counted < config.episodes
            bar.update(rolling, description=f"round {number}", completed=report.counted, note=note, visible=done)

        @contextmanager
        def waiting(words: str) -> Iterator[None]:
            task = bar.add_task(words, total=None, note="")
            try:
                yield
            finally:
                bar.remove_task(task)

        yield Watchers(lambda r: print(round_line(r)), on_rollout, waiting)
