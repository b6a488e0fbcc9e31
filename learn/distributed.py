"""Training in several processes: `torchrun --nproc-per-node N -m learn train …`; alone, all of this does nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from data.errors import UserError


@dataclass(frozen=True)
class Team:
    """The processes that share each minibatch; `rank` 0 writes, reports and rolls out."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the team."""
        if self.world > 1:
            value = value.clone()
            dist.all_reduce(value)
            value = value / self.world
        return value

    def follow(self, flags: list[bool]) -> list[bool]:
        """What the leader says."""
        if self.world == 1:
            return flags
        said = torch.tensor(flags, dtype=torch.int64)
        dist.broadcast(said, 0)
        return [bool(flag) for flag in said.tolist()]

    def any(self, flag: bool) -> bool:
        """Whether one of the team says so."""
        if self.world == 1:
            return flag
        said = torch.tensor(int(flag))
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said.item())


@contextmanager
def team(device: str) -> Iterator[Team]:
    """The team that torchrun started this process in, or a team of one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 or dist.is_initialized():
        yield Team(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Team()
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        # gloo beside nccl: the flags and counts that processes tell each other are on the CPU
        dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes of this training do not find each other ({error}); start them with torchrun") from error
    try:
        yield Team(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def everyones(values: Tensor) -> Tensor:
    """(K, B, …) of each process, side by side (K, world · B, …)."""
    if not dist.is_initialized():
        return values
    parts = [torch.empty_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts, dim=1)
