"""An inverse model on disk, finished or only pretrained, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from data.errors import UserError
from learn.inverse.model import InverseConfig, InverseModel, build_inverse
from learn.model_folder import ModelFolder, current_versions

INVERSE_FOLDER = ModelFolder("inverse", 1, "make one: python -m learn train SESSION --policy inverse --out DIR, or learn pretrain")
Kind = Literal["inverse", "pretrained"]


@dataclass(frozen=True)
class InverseCheckpoint:
    """A model and where it came from. Of kind `pretrained` only the trunk means something.

    `weights_sha256` names these very weights; "" before they are saved.
    """

    model: InverseModel
    kind: Kind
    env_id: str
    env_kwargs: Mapping[str, Any]
    fingerprint: str
    summary: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""


def save_inverse(model_dir: Path | str, checkpoint: InverseCheckpoint) -> Path:
    """Write the two files of a model folder; returns the folder."""
    facts = {
        "kind": checkpoint.kind,
        "config": checkpoint.model.config.to_json(),
        "env_id": checkpoint.env_id,
        "env_kwargs": dict(checkpoint.env_kwargs),
        "fingerprint": checkpoint.fingerprint,
        "summary": dict(checkpoint.summary),
        "versions": current_versions(),
    }
    return INVERSE_FOLDER.save(Path(model_dir), checkpoint.model, facts)


def load_inverse(model_dir: Path | str) -> InverseCheckpoint:
    """Read a model folder; raises UserError when it is not one, is damaged, or claims what its weights are not."""
    folder = Path(model_dir)
    model, record = INVERSE_FOLDER.load(folder, lambda config: build_inverse(InverseConfig.from_json(config)))
    kind: Kind = record.get("kind", "")
    if kind not in get_args(Kind):
        raise UserError(f"{folder / INVERSE_FOLDER.record_name} is of kind {kind!r}; allowed: {', '.join(get_args(Kind))}; train it again")
    model.eval()
    return InverseCheckpoint(model, kind, *(record[name] for name in ("env_id", "env_kwargs", "fingerprint", "summary", "weights_sha256")))
