"""From an observation to an action, a look each time, on one thread: ours, its network alone, onnxruntime, and the peers' where alike."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from bench.row import FLOOR, OTHER, Row, Thing
from bench.stage import Stage
from bench.turns import Side, seconds_of
from learn.checkpoint import Checkpoint
from learn.driver import Driver
from learn.export.graph import MEMORY, NEXT
from learn.export.onnx_file import export_policy
from learn.policies import Noise, Policy, PolicyConfig, build_policy
from learn.policies.config import PRESETS, PolicyKind

ROUNDS, LOOKS = 5, 50
WIDTHS = {"robot0_eef_pos": 3, "robot0_eef_quat": 4, "robot0_gripper_qpos": 2, "object": 10}
KINDS: tuple[PolicyKind, ...] = ("bc", "moe", "flow", "act")
READY = "the same torch modules on ready tensors"
RUNTIME = "on our export of it, run as examples/play.py does"
SAME = "RolloutPolicy of its BC with the same network"
ACT = "ACT's select_action with temporal ensembling, normalisation included; {theirs:,} parameters, ours {ours:,}"
Obs = dict[str, np.ndarray]


def rows(stage: Stage) -> list[Row]:
    return [row for kind in KINDS for row in _rows_of(stage, kind)]


def _rows_of(stage: Stage, kind: PolicyKind) -> list[Row]:
    policy = untrained(kind)
    chunk = policy.config.chunk
    thing = Thing(
        "inference",
        f"{kind}: from an observation to an action{f', chunks of {chunk}' if chunk > 1 else ''}",
        "ms",
        headline=kind == "bc",
    )
    driver = Driver(policy)
    driver.begin(0)
    others = [
        Side(FLOOR, "its network alone", partial(median_ms, alone(policy)), READY),
        Side(OTHER, "onnxruntime", partial(median_ms, exported(policy, stage.folder / f"{kind}.onnx")), RUNTIME),
    ]
    cannot = {"robosuite": "it has no policies"}
    if kind == "bc":
        asked = {"data": "", "widths": WIDTHS, "hidden": list(policy.config.hidden), "times": LOOKS}
        others.append(Side("robomimic", "robomimic", stage.asks("robomimic", "look", **asked), SAME))
    else:
        cannot["robomimic"] = "it has none of this shape"
    if kind == "act" and "LeRobot" in stage.peers:
        asked = {"chunk": chunk, "width": policy.config.hidden[0], "layers": len(policy.config.hidden)}
        sizes = {"ours": sum(p.numel() for p in policy.parameters()), "theirs": stage.peers["LeRobot"].ask("parameters", **asked)}
        others.append(Side("LeRobot", "LeRobot", stage.asks("LeRobot", "look", times=LOOKS, **asked), ACT.format(**sizes)))
    else:
        cannot["LeRobot"] = "it has none of this shape"
    return stage.compare(thing, partial(median_ms, driver.act), others, ROUNDS, **cannot)


def untrained(kind: PolicyKind) -> Policy:
    """On PandaLift's state, with the layers it has by default; it looks before every action."""
    preset = PRESETS[kind]
    shape = {"hidden": preset.hidden, "chunk": preset.chunk, "execute": 1}
    return build_policy(PolicyConfig(tuple(WIDTHS), tuple(WIDTHS.values()), 7, kind=kind, **shape)).eval()


def median_ms(look: Callable[[Obs], object]) -> float:
    """Of so many looks at observations that differ."""
    rng, times = np.random.default_rng(0), []
    for _ in range(LOOKS):
        obs = {key: rng.normal(size=width).astype(np.float32) for key, width in WIDTHS.items()}
        times.append(seconds_of(partial(look, obs)))
    return 1e3 * float(np.median(times))


def alone(policy: Policy) -> Callable[[Obs], object]:
    features = torch.randn(1, 1, policy.encoder.width)
    chunks = policy.head.chunks if policy.head.averages else policy.head.first_chunks
    return torch.no_grad()(lambda obs: chunks(features, Noise()))


def exported(policy: Policy, path: Path) -> Callable[[Obs], object]:
    """As `examples/play.py` runs it: what it remembers is given back, what it draws is drawn."""
    export_policy(Checkpoint(policy, "PandaLift-v0", {}, "untrained"), path, overwrite=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    draws = json.loads(session.get_modelmeta().custom_metadata_map["noise"])
    names = [port.name for port in session.get_outputs()]
    rng = np.random.default_rng(0)
    memory: dict[str, Any] = {p.name: np.zeros(p.shape, np.float32) for p in session.get_inputs() if p.name.startswith(MEMORY)}

    def look(obs: Obs) -> object:
        noise = {name: getattr(rng, kind)(size=shape).astype(np.float32) for name, (kind, shape) in draws.items()}
        found = dict(zip(names, session.run(None, {**{k: v[None] for k, v in obs.items()}, **memory, **noise}), strict=True))
        memory.update({name: found[NEXT + name] for name in memory})
        return found

    return look
