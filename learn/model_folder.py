"""A trained model on disk: weights as safetensors, everything else as JSON; never pickle."""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from data.errors import UserError
from data.files import replace_file
from data.session import EPISODES_NAME

M = TypeVar("M", bound=nn.Module)

ROUNDS_NAME = "rounds"  # of a run of rounds or a sitting: the folders of its policies, by number

# Every record has these; `config` is all that is needed to build the network, `weights_sha256` names its weights.
FIELDS: Mapping[str, type] = {
    "format_version": int, "config": dict, "env_id": str, "env_kwargs": dict, "fingerprint": str, "summary": dict, "versions": dict,
    "weights_sha256": str,
}  # fmt: skip
# What is wrong with a record or weights that do not fit it; infinite and deeply nested numbers among them.
MISFITS = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError, safetensors.SafetensorError)


@dataclass(frozen=True)
class ModelFolder:
    """How one kind of model lies in its folder: NAME.safetensors and NAME.json, of format `version`; `train` is how to make one."""

    name: str
    version: int
    train: str

    @property
    def weights_name(self) -> str:
        return f"{self.name}.safetensors"

    @property
    def record_name(self) -> str:
        return f"{self.name}.json"

    def save(self, folder: Path, model: nn.Module, facts: Mapping[str, Any]) -> Path:
        """Write both files, each under a temporary name first; `facts` are FIELDS but for the version and the weights' name.

        The record carries the weights' sha256, so that two halves of different saves are never loaded as one.
        """
        weights = safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()})
        record = {**facts, "format_version": self.version, "weights_sha256": hashlib.sha256(weights).hexdigest()}
        make_model_dir(folder)
        try:
            replace_file(folder / self.weights_name, weights)
            replace_file(folder / self.record_name, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
        except OSError as error:
            reason = f"the model could not be written to {folder} ({error.strerror})"
            raise UserError(f"{reason}; free some space or give another --out") from error
        return folder

    def load(self, folder: Path, build: Callable[[Mapping[str, Any]], M]) -> tuple[M, dict[str, Any]]:
        """The model that `build` makes of the record's config, with its weights, and the record.

        Raises UserError when the folder is not such a model, is damaged, or claims what its weights are not.
        """
        record = self._read_record(folder)
        try:
            weights = (folder / self.weights_name).read_bytes()
        except OSError as error:
            reason = f"{folder} has no readable {self.weights_name} ({error.strerror})"
            raise UserError(f"{reason}; train it again or copy the whole folder") from error
        if hashlib.sha256(weights).hexdigest() != record["weights_sha256"]:
            path = folder / self.weights_name
            raise UserError(f"{path} is damaged or belongs to another {self.record_name}; train it again or copy both files")
        try:
            return _fitted(lambda: build(record["config"]), safetensors.torch.load(weights)), record
        except MISFITS as error:
            reason = f"{folder / self.record_name} does not fit its weights ({' '.join(str(error).split())[:300]})"
            raise UserError(f"{reason}; train it again or copy both files") from error

    def _read_record(self, folder: Path) -> dict[str, Any]:
        path = folder / self.record_name
        if not folder.exists():
            raise UserError(f"there is no model at {folder}; {self.train}")
        if not folder.is_dir():
            raise UserError(f"{folder} is a file; a model is a folder with {self.weights_name} and {self.record_name} in it")
        if not path.is_file():
            raise UserError(
                f"{folder} is not a model of this kind (no {self.record_name} in it); give a folder that train made, or {self.train}"
            )
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path} is damaged ({' '.join(str(error).split())}); train it again") from error
        wrong = [name for name, kind in FIELDS.items() if not (isinstance(record, dict) and isinstance(record.get(name), kind))]
        if wrong:
            raise UserError(f"{path} is not a model's record (without a proper {', '.join(wrong)}); train it again")
        if record["format_version"] != self.version:
            reason = f"{path} has format {record['format_version']}, this program reads {self.version}"
            raise UserError(f"{reason}; train again, or use the version that wrote it")
        return dict(record)


def _fitted(build: Callable[[], M], tensors: Mapping[str, Tensor]) -> M:
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise ValueError("weights that are not finite")
    with torch.device("meta"):  # nothing of a record's size is made before it is known to be the weights'
        build().load_state_dict(tensors, assign=True)
    model = build()
    model.load_state_dict(tensors)
    return model


def make_model_dir(folder: Path) -> None:
    """Make a model folder, or say why it cannot be one; to be called before hours of training, not after."""
    if (folder / EPISODES_NAME).is_dir():
        raise UserError(f"--out {folder} is a session; give a folder for the model")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder} cannot be made ({error.strerror}); give a folder you can write to") from error


def current_versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
