"""`python -m learn export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from data.change import megabytes
from data.cli import print_json, progress_bar
from learn.checkpoint import load_policy
from learn.export.check import TOLERANCE
from learn.export.onnx_file import Exported, export_policy


@dataclass(frozen=True)
class Export:
    """Put a policy into one ONNX file, for programs without torch; onnxruntime must make of it what torch makes of the policy."""

    model: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]]
    """a folder that train made"""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.onnx")]
    """the file to write"""
    overwrite: bool = False
    """replace a file of that name"""
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        trained = load_policy(self.model)
        with progress_bar("exporting", None) as advance:
            exported = export_policy(trained, self.out, overwrite=self.overwrite, progress=lambda words: advance(0, words))
        for line in export_lines(exported):
            print(line)
        if self.json:
            print_json(exported.summary())
        return 0 if exported.path is not None else 1


def export_lines(exported: Exported) -> list[str]:
    """What there is to say of it."""
    found, facts = exported.agreement, exported.facts
    largest = f"largest difference {found.difference:.1e} over {found.looks} looks"
    if exported.path is None:
        return [f"not exported: onnxruntime does not make of it what torch does, {largest}; more than {TOLERANCE:.0e} is too much"]
    return [
        f"{exported.path}: {facts['kind']} for {facts['env_id']}, {megabytes(exported.size)}",
        f"inputs: {', '.join(f'{name} {words}' for name, words in exported.inputs.items())}",
        f"outputs: {', '.join(f'{name} {words}' for name, words in exported.outputs.items())}",
        f"onnxruntime makes of it what torch does: {largest}",
        f"next: python examples/play.py {exported.path}",
    ]
