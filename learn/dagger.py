"""DAgger: the policy drives, asks where the gate doubts it, and learns from the answers.

Ross, Gordon and Bagnell, *A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning*
(AISTATS 2011), with the gates of `learn.gates` in the place of asking everywhere.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from data.cores import core_count
from data.errors import UserError
from data.files import replace_file
from data.session import Session
from learn.checkpoint import POLICY_FOLDER, load_policy
from learn.driver import Driver
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate
from learn.gates import GateKind, build_gate
from learn.plots import plot_success_over_labels
from learn.policies import Policy
from learn.train import TrainConfig, train
from teleop.cockpit import Cockpit
from teleop.loop import LoopConfig
from teleop.pilot import Pilot
from teleop.tally import Tally

ROUNDS_NAME, LOG_NAME, PLOT_NAME = "rounds", "dagger.json", "dagger.png"


@dataclass(frozen=True)
class DaggerConfig:
    """How the loop runs. One round: roll out and ask, retrain on everything, evaluate."""

    rounds: int = 3
    episodes: int = 10
    """rollouts a round"""
    labels: int = 200
    """most labels asked for in a round"""
    gate: GateKind = "ensemble"
    """when the policy asks: where its members disagree, at every step, or never (you take over)"""
    rate: float = 0.25
    """wished share of states in which the ensemble gate asks"""
    evaluation_episodes: int = 50
    evaluation_seed: int = FIRST_EVALUATION_SEED
    workers: int = field(default_factory=core_count)
    train: Annotated[TrainConfig, tyro.conf.Suppress] = field(default_factory=lambda: TrainConfig(members=5))

    def __post_init__(self) -> None:
        for name in ("rounds", "episodes", "labels", "evaluation_episodes", "workers"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: give at least 1")
        if not 0.0 < self.rate < 1.0:
            raise UserError(f"--rate {self.rate} is not between 0 and 1; 0.25 asks in one state of four")


@dataclass(frozen=True)
class Round:
    """What one round gave.

    `labels` are the round's, asked for or given while driving, `total_labels` all in the session; `asked_share` is of
    the states in which the policy might have asked, against `wished_share`; `decision_s` is the median time from a
    question to its answer.
    """

    number: int
    labels: int
    total_labels: int
    asked_share: float
    wished_share: float
    decision_s: float
    success_rate: float
    ci_low: float
    ci_high: float
    evaluation_episodes: int
    train_loss: float


OnRound = Callable[[Round], None]
OnRollout = Callable[[int, Tally, Pilot], None]


def run_dagger(
    session: Session, cockpit: Cockpit, config: DaggerConfig, out: Path, on_round: OnRound, on_rollout: OnRollout | None = None
) -> list[Round]:
    """Train on the session, then repeat: roll out and ask, train on all labels, evaluate. Goes on where `out` stopped.

    Every rollout is an episode of the same session, its answers in `labels`. `out` holds the newest policy,
    `out/rounds/<n>` each one, `out/dagger.json` and `out/dagger.png` the curve.
    """
    rounds = read_rounds(out)
    if rounds and len(rounds) > config.rounds:
        raise UserError(f"{out} already holds {len(rounds) - 1} rounds; give --rounds {len(rounds)} or more to go on, or another --out")
    policy = load_policy(_round_dir(out, len(rounds) - 1)).policy if rounds else None
    for number in range(len(rounds), config.rounds + 1):
        pilot = None
        if policy is not None:
            pilot = _ask(session, cockpit, config, policy, number, on_rollout)
        result = train(session, _training(session, config), _round_dir(out, number))
        if result.interrupted:
            raise KeyboardInterrupt  # half a training is no round; a later call does it again
        policy = result.policy
        _publish(_round_dir(out, number), out)
        done = _judge(session, config, policy, number, pilot, result.train_loss)
        rounds.append(done)
        _write(out, rounds, session)
        on_round(done)
    return rounds


def _training(session: Session, config: DaggerConfig) -> TrainConfig:
    """The first episode of a sitting is learned from, too: nothing is held out of it."""
    return config.train if len(session.rows()) > 1 else replace(config.train, valid_fraction=0.0)


def read_rounds(out: Path) -> list[Round]:
    """The rounds `out` already holds; empty for a new folder."""
    path = out / LOG_NAME
    if not path.exists():
        return []
    try:
        return [Round(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rounds"]]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); give another --out or remove that file to begin again") from error


def _ask(session: Session, cockpit: Cockpit, config: DaggerConfig, policy: Policy, number: int, on_rollout: OnRollout | None) -> Pilot:
    """One round of rollouts in which the policy asks."""
    gate = build_gate(config.gate, policy, policy.config.members, config.rate)
    pilot = Pilot(Driver(policy), gate, label_budget=config.labels, executes_answers=config.gate != "every-step")
    loop_config = LoopConfig(mapping=cockpit.config.mapping, episodes=config.episodes, seed=cockpit.config.seed, dagger_round=number)

    def on_episode(report: Tally) -> None:
        if on_rollout is not None:
            on_rollout(number, report, pilot)

    report = cockpit.loop(session, loop_config, pilot, on_episode=on_episode).run()
    if report.counted < config.episodes:
        raise KeyboardInterrupt  # the operator quit: what was recorded is kept, a later call goes on
    return pilot


def _judge(session: Session, config: DaggerConfig, policy: Policy, number: int, pilot: Pilot | None, train_loss: float) -> Round:
    meta = session.env_of()
    result = evaluate(policy, meta.env_id, meta.env_kwargs, config.evaluation_episodes, config.evaluation_seed, config.workers)
    rows = session.rows()
    latencies = sorted(pilot.latencies_s) if pilot else []
    return Round(
        number=number,
        labels=sum(row.labels for row in rows if pilot and row.dagger_round == number),
        total_labels=sum(row.labels for row in rows),
        asked_share=pilot.labels / pilot.states if pilot and pilot.states else 0.0,
        wished_share={"ensemble": config.rate, "every-step": 1.0, "human": 0.0}[config.gate] if pilot else 0.0,
        decision_s=latencies[len(latencies) // 2] if latencies else 0.0,
        success_rate=result.success_rate,
        ci_low=result.ci_low,
        ci_high=result.ci_high,
        evaluation_episodes=result.episodes,
        train_loss=train_loss,
    )


def _round_dir(out: Path, number: int) -> Path:
    return out / ROUNDS_NAME / str(number)


def _publish(newest: Path, out: Path) -> None:
    """The newest policy is the folder's own: `learn evaluate OUT` always finds it."""
    for name in (POLICY_FOLDER.weights_name, POLICY_FOLDER.record_name):
        replace_file(out / name, (newest / name).read_bytes())


def _write(out: Path, rounds: list[Round], session: Session) -> None:
    log: dict[str, Any] = {"session": session.path.name, "env": session.env_of().env_id, "rounds": [asdict(r) for r in rounds]}
    replace_file(out / LOG_NAME, (json.dumps(log, indent=2) + "\n").encode())
    columns = ([r.total_labels for r in rounds], [r.success_rate for r in rounds], [r.ci_low for r in rounds], [r.ci_high for r in rounds])
    title = f"DAgger on {log['env']}, {rounds[-1].evaluation_episodes} evaluation episodes a point"
    plot_success_over_labels(*columns, title, out / PLOT_NAME)
