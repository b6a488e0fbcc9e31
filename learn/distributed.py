"""Training in several processes: `torchrun --nproc-per-node N -m learn train …`; alone, all of this does nothing."""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

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

    def tell(self, content: bytes) -> bytes:
        """The leader's content, whatever the others give."""
        if self.world == 1:
            return content
        size = torch.tensor(len(content))
        dist.broadcast(size, 0)
        told = torch.zeros(int(size), dtype=torch.uint8)
        if self.leads and content:
            told[:] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        dist.broadcast(told, 0)
        return told.numpy().tobytes()

    def agrees(self, content: bytes) -> bool:
        """Whether all of the team give the same."""
        return not self.any(self.tell(content) != content)

    def any(self, flag: bool) -> bool:
        """Whether one of the team says so."""
        if self.world == 1:
            return flag
        said = torch.tensor(int(flag))
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said.item())


def starts_before() -> int:
    """How often torchrun has started the team before, of which one has died (--max-restarts)."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


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
        store, rank, world = next(iter(rendezvous("env://")))
        # A start of its own: torchrun's store still has what those wrote there who have died, and one would look for them. Gloo
        # beside nccl: the flags and counts that processes tell each other are on the CPU.
        fresh = PrefixStore(f"start-{starts_before()}", store)
        dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", store=fresh, rank=rank, world_size=world)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes of this training do not find each other ({error}); start them with torchrun") from error
    try:
        yield Team(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def shared(module: nn.Module) -> nn.Module:
    """The module with the mean of the team's gradients. Buffers stay each process's own: they hold what its part of a batch told it."""
    named = inspect.signature(DistributedDataParallel.__init__).parameters
    word = "forward_sync_buffers" if "forward_sync_buffers" in named else "broadcast_buffers"  # what older versions of torch call it
    own: dict[str, Any] = {word: False}
    return DistributedDataParallel(module, **own)


def everyones(values: Tensor) -> Tensor:
    """(K, B, …) of each process, side by side (K, world · B, …)."""
    if not dist.is_initialized():
        return values
    parts = [torch.empty_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts, dim=1)
