"""The subcommands of `python -m learn`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import Progress

from data.cli import INTERRUPTED, SESSION, print_json, progress_bar
from data.cores import core_count
from data.errors import UserError
from data.schema import Source
from data.session import Session
from learn.checkpoint import load_policy
from learn.dagger import DaggerConfig, OnRollout, Round, run_dagger
from learn.evaluate import FIRST_EVALUATION_SEED, Evaluation, Rollout, evaluate
from learn.policy import PolicyKind
from learn.train import Report, TrainConfig, TrainResult, train
from teleop.cockpit import CockpitConfig, open_cockpit
from teleop.commands import operator_with
from teleop.devices import DeviceName
from teleop.envs import longest_evaluation_s
from teleop.pilot import Pilot
from teleop.tally import Tally


@dataclass(frozen=True)
class Train:
    """Learn a policy from a session."""

    session: tyro.conf.Positional[SESSION]
    """the session to learn from"""
    out: Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]
    """folder for the policy and its TensorBoard log"""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)

    def run(self) -> int:
        with progress_bar("training", self.config.steps) as advance:
            result = train(Session.open(self.session), self.config, self.out, progress=lambda r: advance(r.step, _losses(r)))
        print(_train_line(result))
        return INTERRUPTED if result.interrupted else 0


@dataclass(frozen=True)
class Evaluate:
    """Roll a policy out and count its successes."""

    model: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]]
    """a folder that train made"""
    env: str | None = None
    """another environment than the one it was trained in"""
    episodes: int = 50
    seed: int = FIRST_EVALUATION_SEED
    """episode i starts from seed + i; the default keeps clear of recorded episodes' seeds"""
    workers: int = field(default_factory=core_count)
    """processes that roll out; the result does not depend on it"""
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        evaluation = self.evaluation()
        print(evaluation_line(evaluation))
        if self.json:
            print_json(evaluation.summary())
        return 0

    def evaluation(self) -> Evaluation:
        """Roll out with a progress bar."""
        loaded = load_policy(self.model)
        env_id = self.env or loaded.env_id
        kwargs = loaded.env_kwargs if env_id == loaded.env_id else {}
        done: list[Rollout] = []
        with progress_bar("evaluating", self.episodes) as advance:

            def progress(rollout: Rollout) -> None:
                done.append(rollout)
                advance(len(done), f"{sum(r.success for r in done)} of {len(done)}")

            return evaluate(loaded.policy, env_id, kwargs, self.episodes, self.seed, self.workers, progress=progress)


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
    steps: int = 4000
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


# `python -m learn NAME`; a new subcommand (export, study) is one more line here.
COMMANDS: dict[str, type] = {"train": Train, "evaluate": Evaluate, "dagger": Dagger}


def _losses(report: Report) -> str:
    held_out = "" if report.valid_loss is None else f"  valid {report.valid_loss:.4f}"
    return f"loss {report.train_loss:.4f}{held_out}"


def _train_line(result: TrainResult) -> str:
    began = "interrupted; kept what was learned so far: " if result.interrupted else ""
    held_out = "no episode held out" if result.valid_loss is None else f"held-out loss {result.valid_loss:.4f}"
    return (
        f"{began}{result.model_dir}: {result.steps} steps on {result.frames} frames of {result.episodes} episodes, "
        f"{result.seconds:.1f} s, loss {result.train_loss:.4f}, {held_out}; next: python -m learn evaluate {result.model_dir}"
    )


def evaluation_line(evaluation: Evaluation) -> str:
    """One line for people; the numbers are those of `summary`."""
    return (
        f"{evaluation.policy} in {evaluation.env}: {evaluation.successes} of {evaluation.episodes} episodes succeed, "
        f"{100 * evaluation.success_rate:.0f} % (95 % interval {100 * evaluation.ci_low:.0f} to {100 * evaluation.ci_high:.0f} %), "
        f"mean return {evaluation.mean_return:.2f}, {_modes_words(evaluation)}{evaluation.seconds:.1f} s"
    )


def _modes_words(evaluation: Evaluation) -> str:
    if not evaluation.modes:
        return ""
    used = ", ".join(f"{mode} {count}" for mode, count in evaluation.mode_counts.items() if count)
    return f"modes {used or 'none'} (entropy {evaluation.mode_entropy:.2f}), "


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
