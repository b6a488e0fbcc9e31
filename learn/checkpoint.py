"""A trained policy on disk: weights as safetensors, everything else as JSON; never pickle."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

from data.errors import UserError
from data.files import replace_file
from learn.policies import Policy, PolicyConfig, build_policy

WEIGHTS_NAME = "policy.safetensors"
RECORD_NAME = "policy.json"
FORMAT_VERSION = 2
FIELDS = ("format_version", "config", "env_id", "env_kwargs", "fingerprint", "summary", "versions", "weights_sha256")


@dataclass(frozen=True)
class Checkpoint:
    """A policy and where it came from: the environment, the data's fingerprint, how training went."""

    policy: Policy
    env_id: str
    env_kwargs: Mapping[str, Any]
    fingerprint: str
    summary: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def save_policy(model_dir: Path | str, checkpoint: Checkpoint) -> Path:
    """Write the two files of a model folder, each under a temporary name first; returns the folder.

    The record carries the weights' sha256, so that two halves of different saves are never loaded as one.
    """
    folder = Path(model_dir)
    weights = safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in checkpoint.policy.state_dict().items()})
    record = {
        "format_version": FORMAT_VERSION,
        "config": checkpoint.policy.config.to_json(),
        "env_id": checkpoint.env_id,
        "env_kwargs": dict(checkpoint.env_kwargs),
        "fingerprint": checkpoint.fingerprint,
        "summary": dict(checkpoint.summary),
        "versions": dict(checkpoint.versions) or current_versions(),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    make_model_dir(folder)
    try:
        replace_file(folder / WEIGHTS_NAME, weights)
        replace_file(folder / RECORD_NAME, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
    except OSError as error:
        raise UserError(f"the policy could not be written to {folder} ({error.strerror}); free some space or give another --out") from error
    return folder


def make_model_dir(folder: Path) -> None:
    """Make a model folder, or say why it cannot be one; to be called before hours of training, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder} cannot be made ({error.strerror}); give a folder you can write to") from error


def load_policy(model_dir: Path | str, device: str = "cpu") -> Checkpoint:
    """Read a model folder; raises UserError when it is not one or is damaged."""
    folder = Path(model_dir)
    record = _read_record(folder)
    try:
        weights = (folder / WEIGHTS_NAME).read_bytes()
    except OSError as error:
        raise UserError(f"{folder} has no readable {WEIGHTS_NAME} ({error.strerror}); train it again or copy the whole folder") from error
    if hashlib.sha256(weights).hexdigest() != record["weights_sha256"]:
        raise UserError(f"{folder / WEIGHTS_NAME} is damaged or belongs to another {RECORD_NAME}; train it again or copy both files")
    try:
        config, tensors = PolicyConfig.from_json(record["config"]), safetensors.torch.load(weights)
        with torch.device("meta"):  # nothing of a record's size is made before it is known to be the weights'
            build_policy(config).load_state_dict(tensors, assign=True)
        policy = build_policy(config)
        policy.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{folder / RECORD_NAME} does not fit its weights ({reason}); train it again or copy both files") from error
    policy.to(device).eval()
    return Checkpoint(policy, record["env_id"], record["env_kwargs"], record["fingerprint"], record["summary"], record["versions"])


def current_versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD_NAME
    train = f"train one: python -m learn train SESSION --out {folder}"
    if not folder.exists():
        raise UserError(f"there is no model at {folder}; {train}")
    if not folder.is_dir():
        raise UserError(f"{folder} is a file; a model is a folder with {WEIGHTS_NAME} and {RECORD_NAME} in it")
    if not path.exists():
        raise UserError(f"{folder} is not a model (no {RECORD_NAME} in it); give a folder that train made, or {train}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); train it again") from error
    missing = [name for name in FIELDS if name not in record] if isinstance(record, dict) else list(FIELDS)
    if missing:
        raise UserError(f"{path} is not a model's record (without {', '.join(missing)}); train it again")
    if record["format_version"] != FORMAT_VERSION:
        raise UserError(f"{path} has format {record['format_version']}, this program reads {FORMAT_VERSION}; use the version that wrote it")
    return dict(record)
