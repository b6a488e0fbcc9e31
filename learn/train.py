"""Training: a session in, a model folder out."""

import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from data.errors import UserError, one_of
from data.session import Session
from learn.checkpoint import Checkpoint, load_policy, save_policy
from learn.dataset import Frames, check_learnable, load_frames, split_episodes
from learn.distill import Apprentice, sample_teacher
from learn.distributed import Team, starts_before, team
from learn.fit import Fit, Material
from learn.log import Log, open_log
from learn.model_folder import make_model_dir
from learn.policies import Policy, PolicyConfig, PolicyKind, Preset, build_policy
from learn.policies.config import PRESETS, EncoderKind, Sticky
from learn.progress import Check, OtherTrainingError, Progress, Report, find_progress, forget_progress, keep_progress, read_progress
from learn.selection import Judge, chosen, open_judge
from learn.threads import torch_threads
from learn.weights import WEIGHTINGS, Weighting, counts_of, weights_of
from learn.windows import Windows

CHECKPOINTS_NAME = "checkpoints"
REPORTS = 50  # how many times a run reports its losses
KEEP_EVERY_S = 60.0  # the most training that a killed process loses
RECIPE = ("steps", "batch_size", "lr", "weight_decay", "ema_decay", "hidden", "chunk", "execute")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainConfig:
    """How to train. What is not given is the policy's own: each has a recipe that suits it."""

    policy: PolicyKind = "bc"
    """bc: one best action. moe: several ways, each an expert. flow: chunks grown from noise. visual, visual-moe,
    visual-flow: the same from the cameras' pictures. bc-rnn-gmm, act: the field's, to compare with. And inverse, with
    options and a help of its own: which action led from one state to the next"""
    steps: int | None = None
    """minibatches to learn from"""
    batch_size: int | None = None
    """windows in a minibatch"""
    lr: float | None = None
    """step size at the beginning; it falls to 0 along a cosine"""
    weight_decay: float | None = None
    """strong for bc and moe on purpose: weights that a few demonstrations leave undetermined must not act in a rollout"""
    ema_decay: float | None = None
    """how slowly the kept weights follow the trained ones; 0 keeps the trained ones"""
    hidden: tuple[int, ...] | None = None
    """widths of the head's layers"""
    chunk: int | None = None
    """actions predicted at a time"""
    execute: int | None = None
    """actions of a chunk that are executed before the next look"""
    valid_fraction: float = 0.1
    """share of the episodes held out, unless `data split` has chosen them; 0 holds none out"""
    seed: int = 0
    device: Literal["cpu", "cuda"] = "cpu"
    """on cuda in bfloat16 and compiled, unless --no-fast"""
    fast: bool = True
    """on cuda without mixed precision and torch.compile"""
    threads: int = 1
    """CPU threads; more help networks that see, on an otherwise idle machine"""
    members: int = 1
    """size of the ensemble; 5 is usual for --gate ensemble"""
    encoder: EncoderKind = "cnn"
    """what looks at pictures: a small CNN, or ResNet18 (for a GPU)"""
    experts: int = 8
    """of moe: how many"""
    sticky: Sticky = "episode"
    """of moe: one expert answers for an episode, or for a chunk"""
    integration_steps: int = 8
    """of flow: Euler steps from noise to a chunk"""
    obs_keys: tuple[str, ...] = ()
    """observations to learn from; robomimic's low-dimensional ones when not given"""
    include_failures: bool = False
    """learn from what the demonstrator did in failed episodes too"""
    weights: Weighting = "uniform"
    """how often each step is learned from. uniform: what demonstrators did and answered, all the same. iwr: corrections as often
    as all else, the policy's own driving included. sirius: corrections half of the time, what led to them never"""
    teacher: Path | None = None
    """of moe: the folder of a flow to distil into it: one step instead of many, the same modes"""
    rollouts: int = 0
    """episodes that the policy is rolled out at each check, to keep the best; 0 keeps the last"""
    checks: int = 5
    """how many times on the way, the last step included"""
    target_success: float | None = None
    """stop at the first check with this success rate"""
    wandb: str | None = None
    """a project of Weights & Biases to log to, too"""

    def __post_init__(self) -> None:
        smallest = {"steps": 1, "batch_size": 1, "threads": 1, "seed": 0, "rollouts": 0, "checks": 1}
        for name, least in smallest.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"--{name.replace('_', '-')} {value}: give at least {least}")
        if not self.recipe().lr > 0.0 or self.recipe().weight_decay < 0.0:
            raise UserError(f"--lr {self.lr} --weight-decay {self.weight_decay}: the first must be above 0, the second not below")
        for name, share in (("valid-fraction", self.valid_fraction), ("ema-decay", self.recipe().ema_decay)):
            if not 0.0 <= share < 1.0:
                raise UserError(f"--{name} {share}: give a number from 0 up to, but not, 1")
        if self.weights not in WEIGHTINGS:
            raise UserError(f"--weights {self.weights}: no such weighting; give one of {one_of(WEIGHTINGS)}")
        if self.target_success is not None and not (0.0 < self.target_success <= 1.0 and self.rollouts):
            raise UserError(f"--target-success {self.target_success}: give a share from 0 to 1, and --rollouts to measure it")

    def recipe(self) -> Preset:
        """The policy's preset with what was given in its place."""
        given = {name: getattr(self, name) for name in RECIPE if getattr(self, name) is not None}
        preset = PRESETS[self.policy]
        if "chunk" in given and "execute" not in given:
            given["execute"] = min(preset.execute, given["chunk"])
        return replace(preset, **given)

    def policy_config(self, frames: Frames) -> PolicyConfig:
        """The network for these frames."""
        recipe = self.recipe()
        return PolicyConfig(
            obs_keys=frames.obs_keys,
            obs_dims=frames.obs_dims,
            action_dim=frames.target.shape[1],
            kind=self.policy,
            hidden=recipe.hidden,
            members=self.members,
            chunk=recipe.chunk,
            execute=recipe.execute,
            image_keys=tuple(frames.images),
            image_shapes=frames.image_shapes,
            encoder=self.encoder,
            experts=self.experts,
            sticky=self.sticky,
            integration_steps=self.integration_steps,
        )


@dataclass(frozen=True)
class TrainResult:
    """What training gave. `policy` is of the step `chosen_step`; `checks` are the rollouts on the way.

    `train_loss` and `valid_loss` are of the last step, `best_valid_loss` the lowest on the way.
    """

    policy: Policy
    model_dir: Path
    steps: int
    chosen_step: int
    train_loss: float
    valid_loss: float | None
    best_valid_loss: float | None
    checks: tuple[Check, ...]
    frames: int
    episodes: int
    seconds: float
    interrupted: bool
    no_rollouts: str = ""


OnReport = Callable[[Report], None]


def train(session: Session, config: TrainConfig, out: Path, progress: OnReport | None = None, *, resume: bool = False) -> TrainResult:
    """Learn a policy from `session` and keep it in the folder `out`; the same seed gives the same weights.

    With `rollouts` the policy is rolled out at each of `checks` and the best is kept (the later one of equals), else the
    last. Never the one of the lowest validation loss: for cloned policies that says little about rollouts (Mandlekar et
    al. 2021, section 5); it is logged for overfitting to be seen. Weights are averaged over training.
    On Ctrl-C the weights so far are kept and `interrupted` is set; `resume` goes on from there, exactly.
    """
    _check_device(config.device)
    frames = load_frames(
        session,
        config.obs_keys or None,
        include_failures=config.include_failures,
        sees=config.recipe().sees,
        scratch=out,
        weighting=config.weights,
    )
    return train_on(frames, config, out, progress, resume=resume)


def train_on(frames: Frames, config: TrainConfig, out: Path, progress: OnReport | None = None, *, resume: bool = False) -> TrainResult:
    """`train` on frames that are read already; what `config` says about reading is not asked."""
    _check_device(config.device)
    with ExitStack() as held:
        crew = held.enter_context(team(config.device))
        check_learnable(frames, config.valid_fraction)
        training = _Training(frames, config, out, crew, progress)
        training.check_agreement()
        if resume:
            training.take_up()
        elif starts_before():
            with suppress(OtherTrainingError):  # before anything was kept: from the beginning
                training.take_up()
        held.enter_context(torch_threads(config.threads))
        return training.run(held)


class _Training:
    """One call of `train`: reports, checks and files around a `Fit`."""

    def __init__(self, frames: Frames, config: TrainConfig, out: Path, crew: Team, on_report: OnReport | None) -> None:
        self.frames, self.config, self.out, self.crew, self.on_report = frames, config, out, crew, on_report
        self.recipe = config.recipe()
        if self.recipe.batch_size % crew.world:
            raise UserError(f"--batch-size {self.recipe.batch_size} cannot be shared evenly by {crew.world} processes; give a multiple")
        self.every = max(1, self.recipe.steps // REPORTS)
        training, valid_rows = (torch.from_numpy(rows) for rows in split_episodes(frames, config.valid_fraction, config.seed))
        train_rows, weights = self._drawn(training)
        policy = self._build(config.policy_config(frames))
        policy.fit_ranges(torch.from_numpy(frames.obs)[train_rows], torch.from_numpy(frames.target)[train_rows])
        if crew.leads:
            make_model_dir(out)
        device = config.device
        material = Material(Windows(frames, policy.config, device), train_rows.to(device), valid_rows.to(device), weights)
        self.fit = Fit(policy.to(device), material, self.recipe, config.seed, self.every, crew, fast=config.fast)
        if isinstance(policy, Apprentice):
            sample_teacher(policy, material)
        self.progress = Progress((), (), 0.0)
        self.judge: Judge | None = None
        self.no_rollouts = ""

    def _drawn(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Those of the training rows that are ever drawn, and their weights; None where all are the same."""
        if self.frames.kinds is None:
            return rows, None
        weights = torch.from_numpy(weights_of(self.frames.kinds[rows.numpy()], self.config.weights))
        rows, weights = rows[weights > 0.0], weights[weights > 0.0]
        return rows, None if bool((weights == weights[0]).all()) else weights

    def _build(self, wanted: PolicyConfig) -> Policy:
        if self.config.teacher is None:
            return build_policy(wanted, self.config.seed)
        teacher = load_policy(self.config.teacher, self.config.device).policy
        return build_policy(wanted, self.config.seed, lambda config: Apprentice(config, teacher))

    def check_agreement(self) -> None:
        """Refuse to learn from one thing here and from another there."""
        train = {name: value for name, value in self._identity()["train"].items() if name != "teacher"}  # which may lie elsewhere
        if not self.crew.agrees(json.dumps([self.frames.fingerprint, self.frames.held_out, train]).encode()):
            raise UserError(
                "the processes of this training have different data or settings; give each machine a copy of the same session, masks.json "
                "included, and the same words"
            )

    def take_up(self) -> None:
        """Go on where `out` stopped; refuses another session or other settings. The leader's `out` counts: others may have another disk."""
        kept = self.crew.tell(find_progress(self.out) if self.crew.leads else b"")
        self.progress = read_progress(self.out, kept, self.fit, self._identity())

    def run(self, held: ExitStack) -> TrainResult:
        """Train to the end, to the target, or to Ctrl-C."""
        self.started_s = time.perf_counter() - self.progress.seconds
        log = self._open_log(held)
        self._open_judge(held)
        interrupted = self._loop(log, held.enter_context(_ctrl_c()))
        self._report(log)
        policy, chosen_step = self._chosen()
        result = self._result(policy, chosen_step, interrupted)
        if self.crew.leads:
            self._save(self.out, policy, self._summary(result))
            if interrupted:
                self._keep()
            else:
                forget_progress(self.out)
        return result

    def _open_log(self, held: ExitStack) -> Log | None:
        """Where this process leads; with --resume the same run of Weights & Biases."""
        if not self.crew.leads:
            return None
        about = {"env": self.frames.env_id, "fingerprint": self.frames.fingerprint, "frames": len(self.frames)}
        settings = {**_plain(self.config), **asdict(self.recipe), **about}
        log = held.enter_context(open_log(self.out, self.config.wandb, settings, self.progress.wandb_run))
        self.progress = replace(self.progress, wandb_run=log.run_id)
        return log

    def _loop(self, log: Log | None, stop: Callable[[], bool]) -> bool:
        """Whether Ctrl-C ended it early."""
        kept_s = time.perf_counter()
        check_at = {round((k + 1) * self.recipe.steps / self.config.checks) for k in range(self.config.checks)}
        try:
            while self.fit.step < self.recipe.steps and not self._met():
                self.fit.advance()
                if self.fit.step in check_at:
                    self._check(log)
                if self.fit.step % self.every == 0 and self.fit.step < self.recipe.steps:
                    self._report(log)
                    if self.crew.any(stop()):
                        return True
                    if self.crew.leads and time.perf_counter() - kept_s > KEEP_EVERY_S:
                        self._keep()
                        kept_s = time.perf_counter()
        except KeyboardInterrupt:
            if not self.fit.losses:  # nothing was learned that could be kept
                raise
            return True
        return False

    def _met(self) -> bool:
        target = self.config.target_success
        last = self.progress.checks[-1:]
        return self.crew.follow([target is not None and bool(last) and last[0].success_rate >= target])[0] if target else False

    # -- on the way ----------------------------------------------------------------------------------------------------

    def _report(self, log: Log | None) -> None:
        reports = self.progress.reports
        if reports and reports[-1].step == self.fit.step:
            return
        now = Report(self.fit.step, self.recipe.steps, self.fit.train_loss(), self.fit.valid_loss())
        self.progress = replace(self.progress, reports=(*reports, now))
        if log is None:
            return
        log.report(now)
        if self.on_report is not None:
            self.on_report(now)

    def _open_judge(self, held: ExitStack) -> None:
        if not (self.config.rollouts and self.crew.leads):
            return
        try:
            self.judge = held.enter_context(closing(open_judge(self.fit.policy, self.frames.env_id, self.frames.env_kwargs)))
        except UserError as error:
            self.no_rollouts = str(error)
            if self.config.target_success is not None:
                raise
            logger.warning("no rollouts, the last weights are kept: %s", error)

    def _check(self, log: Log | None) -> None:
        if self.judge is None:
            return
        average = self.fit.average.eval()
        successes = self.judge.successes(average, self.config.rollouts)
        now = Check(self.fit.step, successes, self.config.rollouts, time.perf_counter() - self.started_s)
        self.progress = replace(self.progress, checks=(*self.progress.checks, now))
        self._save(self._checkpoint(self.fit.step), average, {"step": self.fit.step, "check": asdict(now)})
        if log is not None:
            log.scalars(now.step, {"rollouts/success": now.success_rate})

    # -- what is kept --------------------------------------------------------------------------------------------------

    def _chosen(self) -> tuple[Policy, int]:
        best = chosen(self.progress.checks)
        if best is None or best.step == self.fit.step or not self.crew.leads:
            return self.fit.average.cpu().eval(), self.fit.step
        return load_policy(self._checkpoint(best.step)).policy, best.step

    def _result(self, policy: Policy, chosen_step: int, interrupted: bool) -> TrainResult:
        last = self.progress.reports[-1]
        valid_losses = [r.valid_loss for r in self.progress.reports if r.valid_loss is not None]
        return TrainResult(
            policy=policy,
            model_dir=self.out,
            steps=last.step,
            chosen_step=chosen_step,
            train_loss=last.train_loss,
            valid_loss=last.valid_loss,
            best_valid_loss=min(valid_losses, default=None),
            checks=self.progress.checks,
            frames=len(self.frames),
            episodes=len(set(self.frames.episode.tolist())),
            seconds=time.perf_counter() - self.started_s,
            interrupted=interrupted,
            no_rollouts=self.no_rollouts,
        )

    def _summary(self, result: TrainResult) -> dict[str, Any]:
        left_out = ("policy", "model_dir", "checks")
        facts = {name: value for name, value in vars(result).items() if name not in left_out}
        return {
            "train": _plain(self.config),
            "checks": [asdict(check) for check in result.checks],
            **facts,
            "modes": dict(self.frames.modes),
            "kinds": {} if self.frames.kinds is None else counts_of(self.frames.kinds),
        }

    def _save(self, folder: Path, policy: Policy, summary: dict[str, Any]) -> None:
        save_policy(folder, Checkpoint(policy, self.frames.env_id, self.frames.env_kwargs, self.frames.fingerprint, summary))

    def _checkpoint(self, step: int) -> Path:
        return self.out / CHECKPOINTS_NAME / f"{step:06d}"

    def _keep(self) -> None:
        seconds = time.perf_counter() - self.started_s
        keep_progress(self.out, self.fit, self._identity(), replace(self.progress, seconds=seconds))

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a training to be gone on with."""
        train = {name: value for name, value in _plain(self.config).items() if name not in ("threads", "wandb")}
        return {"fingerprint": self.frames.fingerprint, "train": train}


def _plain(config: TrainConfig) -> dict[str, Any]:
    """The settings as JSON."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(config).items()}


@contextmanager
def _ctrl_c() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed inside; the step that runs is finished first. A second one interrupts at once."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(number: int, frame: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def _check_device(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no CUDA device is usable here; give --device cpu")
