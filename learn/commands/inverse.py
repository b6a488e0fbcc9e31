"""`python -m learn train --policy inverse`, `pretrain` and `label`."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from data.cli import SESSION, print_json, progress_bar
from data.session import Session
from learn.inverse.label import LabelConfig, LabelResult, count_missing, label
from learn.inverse.pretrain import PretrainConfig, pretrain_inverse
from learn.inverse.train import InverseResult, InverseTrain, train_inverse
from learn.inverse.verify import Verified
from learn.progress import Report

MODEL = Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]
NEW_SESSION = Annotated[Path, tyro.conf.arg(metavar="NEW_SESSION")]


@dataclass(frozen=True)
class TrainInverse:
    """Learn which action led from one state to the next, from every step of a session."""

    session: tyro.conf.Positional[SESSION]
    """the session to learn from; failures count too, dynamics do not care"""
    out: MODEL
    """folder for the model"""
    policy: Literal["inverse"] = "inverse"
    """the other policies have other options: python -m learn train --help"""
    json: bool = False
    """the last line of output is one JSON object"""
    config: Annotated[InverseTrain, tyro.conf.arg(name="")] = field(default_factory=InverseTrain)

    def run(self) -> int:
        with progress_bar("training", self.config.steps) as advance:
            result = train_inverse(Session.open(self.session), self.config, self.out, lambda now: advance(now.step, losses(now)))
        for line in score_lines(result):
            print(line)
        if self.json:
            facts = {name: getattr(result, name) for name in ("steps", "episodes", "frames", "train_loss", "seconds")}
            print_json({**facts, "held_out": None if result.score is None else asdict(result.score)})
        return 0


@dataclass(frozen=True)
class Pretrain:
    """Learn from play what states look like that follow each other; no action is looked at. `train` begins from it."""

    session: tyro.conf.Positional[SESSION]
    """any recordings of the same environment, with or without actions"""
    out: MODEL
    """folder for what was learned: train SESSION --policy inverse --pretrained MODEL_DIR"""
    json: bool = False
    """the last line of output is one JSON object"""
    config: Annotated[PretrainConfig, tyro.conf.arg(name="")] = field(default_factory=PretrainConfig)

    def run(self) -> int:
        with progress_bar("pretraining", self.config.steps) as advance:
            result = pretrain_inverse(Session.open(self.session), self.config, self.out, lambda now: advance(now.step, losses(now)))
        held_out = "no episode held out" if result.valid_loss is None else f"held-out {result.valid_loss:.3f}"
        print(
            f"{result.model_dir}: {self.config.steps} steps on {result.frames} states, {result.seconds:.1f} s, "
            f"loss {result.train_loss:.3f}, {held_out}; "
            f"next: python -m learn train SESSION --policy inverse --pretrained {result.model_dir} --out DIR"
        )
        if self.json:
            names = ("frames", "train_loss", "valid_loss", "seconds")
            print_json({name: getattr(result, name) for name in names})
        return 0


@dataclass(frozen=True)
class Label:
    """Infer the actions of a recording that has none, carry each out in the simulator, and keep those that lead where it went."""

    session: tyro.conf.Positional[SESSION]
    """the recording; actions that it may have are never looked at"""
    model: MODEL
    """a folder that train --policy inverse made"""
    out: NEW_SESSION
    """a session to train policies from; the same command goes on where Ctrl-C stopped it"""
    json: bool = False
    """the last line of output is one JSON object"""
    config: Annotated[LabelConfig, tyro.conf.arg(name="")] = field(default_factory=LabelConfig)

    def run(self) -> int:
        source = Session.open(self.session)
        count = count_missing(source, self.model, self.out, self.config)
        done: list[Verified] = []
        with progress_bar("labelling", count) as advance:

            def on_episode(number: int, verified: Verified) -> None:
                done.append(verified)
                accepted, steps = sum(int(v.accepted.sum()) for v in done), sum(len(v.accepted) for v in done)
                advance(len(done), f"{100 * accepted / steps:.0f} % accepted")

            result = label(source, self.model, self.out, self.config, on_episode)
        for line in label_lines(result, self.config):
            print(line)
        if self.json:
            print_json(result.summary())
        return 0


def losses(report: Report) -> str:
    held_out = "" if report.valid_loss is None else f"  valid {report.valid_loss:.4f}"
    return f"loss {report.train_loss:.4f}{held_out}"


def score_lines(result: InverseResult) -> Iterator[str]:
    """What training reached, an action dimension a line."""
    yield f"{result.model_dir}: {result.steps} steps on {result.frames} frames of {result.episodes} episodes, {result.seconds:.1f} s"
    if result.score is None:
        yield "no episode held out"
    else:
        yield f"on {result.score.steps} held-out steps:  R²      MAE     within 2σ"
        for k, (r2, mae, covered) in enumerate(zip(result.score.r2, result.score.mae, result.score.covered, strict=True)):
            yield f"  action {k:2d}  {'constant' if r2 is None else f'{r2:8.4f}'}  {mae:8.5f}  {100 * covered:4.0f} %"
    yield f"next: python -m learn label SESSION --model {result.model_dir} --out NEW_SESSION"


def label_lines(result: LabelResult, config: LabelConfig) -> Iterator[str]:
    """What labelling gave."""
    share, first = 100 * result.accepted / result.steps, 100 * result.first_accepted / result.steps
    yield (
        f"{result.session.path}: {result.accepted} of {result.steps} steps labelled ({share:.1f} %) in {result.episodes} episodes, "
        f"{result.labelled_now} of them now; the model's own answers: {first:.1f} % within {config.tolerance}"
    )
    median, high, worst = result.residual
    place = "" if math.isnan(result.error_m) else f", {1e3 * result.error_m:.3f} mm at the tool"
    yield f"residual in typical one-step changes: median {median:.4f}, 90 % within {high:.4f}, worst {worst:.3g}{place}"
    yield f"next: python -m learn train {result.session.path} --policy bc --out DIR"
