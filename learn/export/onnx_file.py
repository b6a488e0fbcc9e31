"""A policy as one ONNX file: written only where onnxruntime makes of it what torch makes of the policy."""

import contextlib
import copy
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import data
import teleop
from data.errors import UserError
from data.files import replace_file
from learn.checkpoint import Checkpoint
from learn.evaluate import without_unused_cameras
from learn.export.check import TOLERANCE, Agreement, Feeds, agreement
from learn.export.graph import NOISE, Graph, graph_of
from teleop.envs import is_plant, make_plant
from teleop.envs.plant import Plant

if TYPE_CHECKING:
    import onnx

OPSET = 18  # of early 2023: what other runtimes than the newest read
IR_VERSION = 10  # likewise
OLDEST_TORCH = (2, 6)  # the first whose exporter knows all that policies are made of
LARGEST_BYTES = 2_000_000_000  # of one protobuf message
NOISY_LOGGERS = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
NEEDS = 'export needs onnx, onnxscript and onnxruntime; install them with: pip install "gamepad-dagger[onnx]"'
OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Exported:
    """What was exported: the file's bytes, its facts (the metadata), the shapes of inputs and outputs as in the file, and how
    far it is from the policy. `path` is None where that is too far: nothing was written then.
    """

    path: Path | None
    size: int
    facts: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    agreement: Agreement

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "out": None if self.path is None else str(self.path),
            "bytes": self.size,
            "inputs": dict(self.inputs),
            "outputs": dict(self.outputs),
            "difference": self.agreement.difference,
            "looks": self.agreement.looks,
            **self.facts,
        }


def export_policy(trained: Checkpoint, out: Path, *, overwrite: bool = False, progress: OnProgress = lambda words: None) -> Exported:
    """Write `trained` to the file `out`, whole or not at all; raises UserError where that cannot be.

    `progress` is told what is being done.
    """
    _check_out(out, overwrite)
    with _extras():
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 (what torch exports with)
    policy = copy.deepcopy(trained.policy).cpu().eval()  # the one at work stays as it is
    if sum(value.nbytes for value in policy.state_dict().values()) > LARGEST_BYTES:
        raise UserError("the policy is larger than one ONNX file can be (2 GB); train a smaller one: --hidden")
    progress("writing it down")
    graph = graph_of(policy)
    facts = facts_of(trained, graph)
    model = _model(graph)
    progress("holding it against the policy")
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3  # errors; some exporters leave what it need not fold
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(feeds: Feeds) -> Any:
        return session.run(None, feeds)

    found = agreement(run, graph, policy)
    inputs, outputs = ({port.name: _port_words(port) for port in ports} for ports in (session.get_inputs(), session.get_outputs()))
    agrees = found.difference <= TOLERANCE
    if agrees:
        _write(out, content)
    return Exported(out if agrees else None, len(content), facts, inputs, outputs, found)


def _write(out: Path, content: bytes) -> None:
    try:
        replace_file(out, content)
    except OSError as error:
        raise UserError(f"--out {out} could not be written ({error.strerror}); free some space or give another name") from error


def facts_of(trained: Checkpoint, graph: Graph) -> dict[str, str]:
    """What the file says of itself: `gymnasium.make(env_id, **env_kwargs)` is the environment that the policy was trained in."""
    policy, env_id = trained.policy, trained.env_id.removeprefix("teleop:")
    kwargs = without_unused_cameras(policy, trained.env_kwargs)
    hz = _control_hz(trained.env_id, kwargs)
    ours = is_plant(env_id, kwargs)
    name = env_id if ":" in env_id else f"teleop:{env_id}"
    return {
        "kind": policy.config.kind,
        "env_id": name if ours else f"teleop:{teleop.GUEST_ID}",
        "env_kwargs": json.dumps(kwargs if ours else {"env_id": env_id, "env_kwargs": kwargs}, sort_keys=True),
        **({} if hz is None else {"control_hz": f"{hz:g}"}),
        "execute": str(policy.config.execute),
        "chunk": str(policy.config.chunk),
        "noise": json.dumps({NOISE + name: kind_and_shape for name, kind_and_shape in graph.noise.items()}),
        "fingerprint": trained.fingerprint,
        "gamepad_dagger": data.__version__,
    }


def _control_hz(env_id: str, kwargs: Mapping[str, Any]) -> float | None:
    """Steps a second; None where the environment cannot be made here to say so."""
    if env_id.removeprefix("teleop:") in teleop.ENV_IDS:
        return Plant.control_hz
    try:
        env, plant = make_plant(env_id, kwargs)
    except UserError:
        return None
    with contextlib.closing(env):
        return plant.control_hz


def _model(graph: Graph) -> "onnx.ModelProto":
    """In memory."""
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph,
            graph.example(),
            input_names=graph.input_names,
            output_names=graph.output_names,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    model.producer_name, model.producer_version, model.ir_version = "gamepad-dagger", data.__version__, min(model.ir_version, IR_VERSION)
    _strip(model)
    return model


def _strip(model: "onnx.ModelProto") -> None:
    """Take out where in whose files each node comes from, and all but one of equal weights."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    first: dict[bytes, str] = {}
    same: dict[str, str] = {}
    kept = []
    for weight in graph.initializer:
        name, weight.name = weight.name, ""
        same[name] = first.setdefault(weight.SerializeToString(deterministic=True), name)
        weight.name = name
        if same[name] == name:
            kept.append(weight)
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
    replaced = [type(weight).FromString(weight.SerializeToString()) for weight in kept]
    del graph.initializer[:]
    graph.initializer.extend(replaced)


def _port_words(port: Any) -> str:
    """An input or output: 'float (1, 7)'."""
    return f"{port.type.removeprefix('tensor(').removesuffix(')')} {tuple(port.shape)}"


def _check_out(out: Path, overwrite: bool) -> None:
    if out.suffix != ".onnx":
        raise UserError(f"--out {out} is not an .onnx; give a name that ends in .onnx")
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a file to make")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}; make it or give another name")
    if out.exists() and not overwrite:
        raise UserError(f"--out {out} exists; give another name, or --overwrite to replace it")


@contextlib.contextmanager
def _extras() -> Iterator[None]:
    """Imports of packages that only an export needs."""
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < OLDEST_TORCH:
        raise UserError(f"export needs torch {'.'.join(map(str, OLDEST_TORCH))} or newer, this is {torch.__version__}; install a newer one")
    try:
        yield
    except ImportError as error:
        raise UserError(NEEDS) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own ways: of what it deprecates in itself, and what it left as it was."""
    loggers = [logging.getLogger(name) for name in NOISY_LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
