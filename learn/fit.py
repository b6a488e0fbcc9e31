"""Fit: the inner loop of training; minibatch, loss, step, average. All it is can be put down and taken up again."""

import copy
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from learn.distributed import Team, shared
from learn.policies import Batch, Noise, Policy, Preset
from learn.windows import Draw, Windows

MOST_VALID = 2048  # held-out windows that are looked at for a report


@dataclass(frozen=True)
class Material:
    """Windows and which rows of them, (N,) each, are for training and held out; `weights` (N,): how often the former are drawn."""

    windows: Windows
    train_rows: Tensor
    valid_rows: Tensor
    weights: Tensor | None = None


class Fit:
    """A policy in training: AdamW (Loshchilov & Hutter 2019), its step size falling to 0 along a cosine, and an exponential
    moving average of the weights, `average`, which is what is kept. One seed gives one result to the bit on a CPU.
    """

    def __init__(self, policy: Policy, material: Material, recipe: Preset, seed: int, every: int, team: Team, *, fast: bool) -> None:
        self.policy, self.material, self.recipe, self.team = policy, material, recipe, team
        self.device = policy.action_range.middle.device
        self.average = copy.deepcopy(policy)
        self.kept: list[Tensor] = list(self.average.parameters())
        self.trained: list[Tensor] = list(policy.parameters())
        self.optimizer = torch.optim.AdamW(_groups(policy, recipe.weight_decay), lr=recipe.lr, fused=True)
        self.generator = torch.Generator().manual_seed(seed + 1)
        self.noise = Noise(self.generator, team.rank, team.world)
        rows = material.train_rows
        self.draw = Draw(len(rows), policy.config.members, seed, material.weights)
        policy.head.attend(policy.encoder.normalizer(material.windows.state[rows]), material.windows.episode[rows])
        self.fast = fast and self.device.type == "cuda"
        self._loss = _LossOf(policy, self.noise, self.fast)
        self._call: nn.Module = shared(self._loss) if team.world > 1 else self._loss
        self.step = 0
        self.losses: deque[Tensor] = deque(maxlen=every)

    def advance(self) -> None:
        """One minibatch."""
        batch = self._minibatch()
        self._loss.progress = self.step / self.recipe.steps
        loss = self._call(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr * 0.5 * (1.0 + math.cos(math.pi * self.step / self.recipe.steps))
        self.optimizer.step()
        self.step += 1
        self._follow()
        self.losses.append(loss.detach())

    def _minibatch(self) -> Batch:
        """Drawn by index; of a team each process takes its part."""
        shape = (self.policy.config.members, self.recipe.batch_size // self.team.world)
        places = self.draw.places(self.noise, shape).to(self.device)
        rows = self.material.train_rows.index_select(0, places.flatten()).view_as(places)
        return self.material.windows.batch(rows, places)

    @torch.no_grad()
    def _follow(self) -> None:
        """average ← decay · average + (1 - decay) · policy; decay rises from small, so that the random start is forgotten."""
        decay = min(self.recipe.ema_decay, self.step / (self.step + 10.0))
        torch._foreach_lerp_(self.kept, self.trained, 1.0 - decay)

    def train_loss(self) -> float:
        """The mean over the newest minibatches."""
        return float(self.team.mean(torch.stack(list(self.losses)).mean()))

    @torch.no_grad()
    def valid_loss(self) -> float | None:
        """The averaged weights' loss on held-out episodes; None when nothing is held out."""
        rows = self.material.valid_rows
        if len(rows) == 0:
            return None
        chosen = rows[:: max(1, math.ceil(len(rows) / MOST_VALID))]
        total = 0.0
        for part in torch.split(chosen, 256):
            batch = self.material.windows.batch(part.expand(self.policy.config.members, -1))
            total += len(part) * float(self.average.loss(batch, Noise()))
        return total / len(chosen)

    # -- putting down and taking up ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        tensors |= {f"head.{name}": value for name, value in self._tables().items()}
        for k, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{k}.{name}": value for name, value in moments.items()}
        losses = torch.stack(list(self.losses)) if self.losses else torch.empty(0)
        return tensors | {"generator": self.generator.get_state(), "losses": losses, "step": torch.tensor(self.step)}

    def take_up(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a `state`; raises KeyError or RuntimeError for what is not one of this training."""
        self.policy.load_state_dict(_under("policy", tensors))
        self.average.load_state_dict(_under("average", tensors))
        for name, value in self._tables().items():
            value.copy_(tensors[f"head.{name}"])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": _moments(tensors)})
        self.generator.set_state(tensors["generator"])
        self.losses.extend(tensors["losses"].to(self.device))
        self.step = int(tensors["step"])

    def _tables(self) -> dict[str, Tensor]:
        """What a head keeps of the training data meanwhile: its buffers that are no part of the policy."""
        lasting = self.policy.head.state_dict().keys()
        return {name: value for name, value in self.policy.head.named_buffers() if name not in lasting}


class _LossOf(nn.Module):
    """The policy's loss as a module's forward, which is what DistributedDataParallel averages the gradients of.

    `fast`: compiled, and in bfloat16 where that is safe.
    """

    def __init__(self, policy: Policy, noise: Noise, fast: bool) -> None:
        super().__init__()
        self.policy, self.noise, self.fast, self.progress = policy, noise, fast, 0.0
        if fast:
            policy.head.compile()
            policy.encoder.compile()

    def forward(self, batch: Batch) -> Tensor:
        if not self.fast:
            return self.policy.loss(batch, self.noise, self.progress)
        with torch.autocast("cuda", torch.bfloat16):
            return self.policy.loss(batch, self.noise, self.progress)


def _groups(policy: Policy, weight_decay: float) -> list[dict[str, Any]]:
    """Weights decay, scales do not: no scale is the likelier for being near 1."""
    decays = {True: [], False: []}  # type: dict[bool, list[nn.Parameter]]
    for name, value in policy.named_parameters():
        decays[not name.endswith("scale")].append(value)
    return [{"params": decays[True], "weight_decay": weight_decay}, {"params": decays[False], "weight_decay": 0.0}]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}


def _moments(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {}
    for name, value in _under("optimizer", tensors).items():
        number, moment = name.split(".")
        state.setdefault(int(number), {})[moment] = value
    return state
