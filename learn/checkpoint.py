"""A trained policy on disk, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from learn.model_folder import ModelFolder, current_versions
from learn.policies import Policy, PolicyConfig, build_policy

POLICY_FOLDER = ModelFolder("policy", 2, "train one: python -m learn train SESSION --out DIR")


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
    """Write the two files of a model folder; returns the folder."""
    facts = {
        "config": checkpoint.policy.config.to_json(),
        "env_id": checkpoint.env_id,
        "env_kwargs": dict(checkpoint.env_kwargs),
        "fingerprint": checkpoint.fingerprint,
        "summary": dict(checkpoint.summary),
        "versions": dict(checkpoint.versions) or current_versions(),
    }
    return POLICY_FOLDER.save(Path(model_dir), checkpoint.policy, facts)


def load_policy(model_dir: Path | str, device: str = "cpu") -> Checkpoint:
    """Read a model folder; raises UserError when it is not one or is damaged."""
    policy, record = POLICY_FOLDER.load(Path(model_dir), lambda config: build_policy(PolicyConfig.from_json(config)))
    policy.to(device).eval()
    return Checkpoint(policy, *(record[name] for name in ("env_id", "env_kwargs", "fingerprint", "summary", "versions")))
