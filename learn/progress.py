"""Progress: how far a training is, on disk, so that it can be gone on with exactly."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from data.errors import UserError
from data.files import replace_file
from learn.fit import Fit

PROGRESS_NAME = "training.safetensors"
RECORD_KEY = "record"
SIZE_BYTES = 8  # of a safetensors file: the size of its header, which is JSON


class OtherTrainingError(UserError):
    """There is no unfinished training, or one that was begun with other data or settings."""


@dataclass(frozen=True)
class Report:
    """How training goes after `step` of `steps`: the policy's own loss; `valid_loss` None: nothing held out."""

    step: int
    steps: int
    train_loss: float
    valid_loss: float | None


@dataclass(frozen=True)
class Check:
    """Rollouts of the averaged weights after `step`, `seconds` after training began."""

    step: int
    successes: int
    episodes: int
    seconds: float

    @property
    def success_rate(self) -> float:
        return self.successes / self.episodes


@dataclass(frozen=True)
class Progress:
    """Reports and checks so far, and the seconds they took; the id of its run in Weights & Biases, "" without one."""

    reports: tuple[Report, ...]
    checks: tuple[Check, ...]
    seconds: float
    wandb_run: str = ""


def keep_progress(out: Path, fit: Fit, identity: Mapping[str, Any], progress: Progress) -> None:
    """Write all of a training into `out`, in one file, the whole or nothing."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in fit.state().items()}
    record = json.dumps({"identity": identity, **asdict(progress)})
    try:
        replace_file(out / PROGRESS_NAME, safetensors.torch.save(tensors, {RECORD_KEY: record}))
    except OSError as error:
        raise UserError(f"the training could not be kept in {out} ({error.strerror}); free some space or give another --out") from error


def find_progress(out: Path) -> bytes:
    """What `keep_progress` wrote into `out`, empty where it did not."""
    path = out / PROGRESS_NAME
    return path.read_bytes() or b" " if path.exists() else b""  # a file with nothing in it is damaged as any other


def read_progress(out: Path, kept: bytes, fit: Fit, identity: Mapping[str, Any]) -> Progress:
    """Put `fit` where `out` stopped, from what was found there; raises UserError where that is something else, or damaged."""
    path = out / PROGRESS_NAME
    if not kept:
        raise OtherTrainingError(f"--resume: {out} has no unfinished training; train without --resume")
    try:
        tensors = safetensors.torch.load(kept)
        header = json.loads(kept[SIZE_BYTES : SIZE_BYTES + int.from_bytes(kept[:SIZE_BYTES], "little")])
        record = json.loads(header["__metadata__"][RECORD_KEY])
        if record["identity"] != json.loads(json.dumps(identity)):
            raise OtherTrainingError(f"--resume: {_difference(record['identity'], json.loads(json.dumps(identity)), out)}")
        fit.take_up(tensors)
        reports, checks = tuple(Report(**r) for r in record["reports"]), tuple(Check(**c) for c in record["checks"])
        return Progress(reports, checks, record["seconds"], str(record.get("wandb_run", "")))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} is damaged ({' '.join(str(error).split())}); train without --resume") from error


def forget_progress(out: Path) -> None:
    """The training came to its end."""
    (out / PROGRESS_NAME).unlink(missing_ok=True)


def _difference(before: Mapping[str, Any], now: Mapping[str, Any], out: Path) -> str:
    if before["fingerprint"] != now["fingerprint"]:
        return f"{out} was begun with other data than the session has now; train without --resume"
    changed = [name for name, value in now["train"].items() if before["train"].get(name) != value]
    words = ", ".join(f"--{name.replace('_', '-')} {before['train'].get(name)}" for name in changed)
    return f"{out} was begun with {words}; give the same, or train without --resume"
