"""`python -m learn dagger`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import Progress

import teleop
from data.cli import SESSION, print_json
from data.errors import UserError, one_of
from data.session import Session
from learn.commands.sitting import TARGET, sit, sitting_status, waiting
from learn.dagger import DaggerConfig, Watchers, run_dagger
from learn.later.queue import waiting_lines
from learn.model_folder import ROUNDS_NAME
from learn.policies import PolicyKind
from learn.rounds import ROUND_HEADING, Round, read_rounds, round_dir, round_line, status_lines
from learn.sitting.log import LOG_NAME as SITTING_NAME
from learn.sitting.sitting import SittingConfig, in_chunks
from learn.train import TrainConfig
from learn.weights import Weighting
from teleop.cockpit import CockpitConfig, open_cockpit
from teleop.commands import operator_with
from teleop.devices import DeviceName
from teleop.envs import longest_evaluation_s
from teleop.equipment import Equipment
from teleop.pilot import Pilot
from teleop.tally import Tally


@dataclass(frozen=True)
class Dagger:
    """Let the policy drive, answer where it asks, and train it on the answers, round after round."""

    session: tyro.conf.Positional[SESSION]
    """demonstrations to begin with; rollouts and answers are added to it. Empty or new: one sitting, you show it first"""
    out: Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]
    """folder for the policies, the log and the plot; goes on where it stopped"""
    device: DeviceName = "auto"
    """who answers: gamepad, keyboard or scripted; auto takes what there is"""
    equipment: Annotated[Equipment, tyro.conf.arg(name="")] = field(default_factory=Equipment)
    headless: bool = False
    """no window"""
    env: str = ""
    """of a new session: one of ours (python -m teleop envs), or any registered Gymnasium id"""
    target: float | None = None
    """one sitting instead of rounds, until the policy succeeds in this share of the scenes (a new session: 0.95)"""
    minutes: float | None = None
    """of one sitting: the most of your time, then it ends in any case"""
    policy: PolicyKind = "bc"
    steps: int | None = None
    """minibatches of each training"""
    chunk: int | None = None
    """actions predicted at a time (default: the policy's own; in one sitting 8 of bc)"""
    execute: int | None = None
    """actions of a chunk that are executed before the next look"""
    members: int | None = None
    """size of the ensemble (5; in one sitting 1)"""
    torch_device: Literal["cpu", "cuda"] = "cpu"
    seed: int = 0
    skill: float = 1.0
    """scripted operator: 0 clumsy, 1 a practised person, 2 clean"""
    weights: Weighting = "uniform"
    """how often each step is learned from (see train --help)"""
    wandb: str | None = None
    """a project of Weights & Biases to log each training to, too"""
    resume: bool = False
    """go on where MODEL_DIR stopped; without it too, but this refuses a folder in which nothing was begun"""
    status: bool = False
    """only say how far MODEL_DIR is: rounds, data, promotions"""
    config: Annotated[DaggerConfig, tyro.conf.arg(name="")] = field(default_factory=DaggerConfig)
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        session = Session.open(self.session) if self.session.exists() else None
        sits = self.target is not None or self.minutes is not None or bool(self.env) or (self.out / SITTING_NAME).exists()
        if sits or session is None or not len(session):
            return self._sit(session)
        if self.status:
            return self._status(session)
        if self.resume and not (self.out / ROUNDS_NAME).exists():
            raise UserError(f"--resume: nothing was begun in {self.out}; give the folder of an earlier run, or leave --resume out")
        meta = session.env_of()
        config = replace(self.config, train=self._training(5))
        supervises = self.config.gate.kind == "human"
        with session.claim(), open_cockpit(self._cockpit(meta.env_id, meta.env_kwargs, supervises=supervises)) as cockpit:
            print(cockpit.why)
            print(ROUND_HEADING)
            with _bars(config) as watchers:
                rounds = run_dagger(session, cockpit, config, self.out, watchers)
        print(f"policy, curve and log in {self.out}; next: python -m learn evaluate {self.out}")
        if self.json:
            print_json(self._summary(meta.env_id, rounds))
        return 0

    def _sit(self, session: Session | None) -> int:
        """One sitting: the person shows, the policy learns meanwhile, until the target."""
        if self.status:
            return sitting_status(self.out, json=self.json)
        if self.resume and not (self.out / SITTING_NAME).exists():
            raise UserError(f"--resume: no sitting was begun in {self.out}; give the folder of an earlier one, or leave --resume out")
        _check_not_of_rounds(self.config)
        env_id, env_kwargs = _env_of(session, self.env)
        config = SittingConfig(
            target=TARGET if self.target is None else self.target,
            scenes=self.config.scenes,
            most_minutes=self.minutes,
            propagate=SittingConfig.propagate if self.config.propagate is None else self.config.propagate,
            evaluation_episodes=self.config.evaluation_episodes,
            evaluation_seed=self.config.evaluation_seed,
            workers=self.config.workers,
            train=in_chunks(self._training(1)),
        )
        return sit(self.session, self._cockpit(env_id, env_kwargs, supervises=True), config, self.out, json=self.json)

    def _training(self, members: int) -> TrainConfig:
        return TrainConfig(
            policy=self.policy,
            steps=self.steps,
            chunk=self.chunk,
            execute=self.execute,
            members=self.members or members,
            seed=self.seed,
            device=self.torch_device,
            weights=self.weights,
            wandb=self.wandb,
        )

    def _cockpit(self, env_id: str, env_kwargs: Mapping[str, Any], *, supervises: bool) -> CockpitConfig:
        config = CockpitConfig(
            env_id=env_id,
            env_kwargs=env_kwargs,
            device=self.device,
            headless=self.headless,
            seed=self.seed,
            max_seconds=longest_evaluation_s(env_id, env_kwargs),
            operator=replace(operator_with(self.skill), supervises=supervises),
        )
        return self.equipment.in_cockpit(config)

    def _status(self, session: Session) -> int:
        for line in status_lines(self.out, session, self.config.rounds, self.config.episodes):
            print(line)
        for line in waiting_lines(round_dir(self.out, len(read_rounds(self.out)))):
            print(line)
        if self.json:
            print_json(self._summary(session.env_of().env_id, read_rounds(self.out)))
        return 0

    def _summary(self, env_id: str, rounds: list[Round]) -> dict[str, Any]:
        return {"env": env_id, "policy": self.policy, "gate": self.config.gate.kind, "rounds": [asdict(r) for r in rounds]}


def _env_of(session: Session | None, wished: str) -> tuple[str, Mapping[str, Any]]:
    """The session's environment; of a new one the wished."""
    if session is not None and len(session):
        row = session.env_of()
        if wished not in ("", row.env_id):
            raise UserError(f"--env {wished}: {session.path} is of {row.env_id}; leave --env out, or give a new session")
        return row.env_id, row.env_kwargs
    if not wished:
        raise UserError(f"a new session needs an environment: give --env, one of {one_of(teleop.ENV_IDS)}, or any registered Gymnasium id")
    return wished, {}


def _check_not_of_rounds(config: DaggerConfig) -> None:
    """Refuse what means nothing in one sitting: there the simulator says when to ask, and it goes on until the target."""
    usual, also = DaggerConfig(), ("propagate", "scenes", "evaluation_episodes", "evaluation_seed", "workers", "train")
    given = [field.name for field in fields(config) if field.name not in also and getattr(config, field.name) != getattr(usual, field.name)]
    if given:
        words = one_of(f"--{name.replace('_', '-')}" for name in given)
        raise UserError(
            f"{words}: of rounds, in one sitting nothing asks by them; leave that out, or give a session that has demonstrations"
        )


@contextmanager
def _bars(config: DaggerConfig) -> Iterator[Watchers]:
    """A line on standard output for each round; on standard error a bar of the running one's rollouts, or what is waited for."""
    with Progress(*Progress.get_default_columns(), "{task.fields[note]}", console=Console(stderr=True), transient=True) as bar:
        rolling = bar.add_task("rolling out", total=config.episodes, note="", visible=False)

        def on_rollout(number: int, report: Tally, pilot: Pilot) -> None:
            note = f"{report.successes} ok, {pilot.labels} labels"
            done = report.counted < config.episodes
            bar.update(rolling, description=f"round {number}", total=config.episodes, completed=report.counted, note=note, visible=done)

        def on_answer(answered: int, asked: int) -> None:
            left = asked - answered
            bar.update(rolling, description="questions", total=asked, completed=answered, note=f"{answered} of {asked}", visible=left > 0)

        yield Watchers(lambda r: print(round_line(r)), on_rollout, partial(waiting, bar), on_answer)
