"""Noise: all that a policy draws while it learns or acts, the same however many processes share a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


def _still() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@dataclass(frozen=True)
class Noise:
    """Draws from `generator`, on the CPU. Of `world` processes that share a batch, the one of this `rank` takes its part
    (of the second dimension) of what one process would have drawn; all of them go on with the same generator.
    """

    generator: torch.Generator = field(default_factory=_still)
    rank: int = 0
    world: int = 1

    def normal(self, shape: Sequence[int], device: torch.device) -> Tensor:
        return self._mine(torch.randn(self._whole(shape), generator=self.generator), shape).to(device)

    def uniform(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """In [0, 1)."""
        return self._mine(torch.rand(self._whole(shape), generator=self.generator), shape).to(device)

    def integers(self, below: int, shape: Sequence[int]) -> Tensor:
        """From 0 up to, but not, `below`; on the CPU."""
        return self._mine(torch.randint(below, self._whole(shape), generator=self.generator), shape)

    def _whole(self, shape: Sequence[int]) -> tuple[int, ...]:
        return (shape[0], shape[1] * self.world, *shape[2:])

    def _mine(self, drawn: Tensor, shape: Sequence[int]) -> Tensor:
        return drawn if self.world == 1 else drawn.narrow(1, self.rank * shape[1], shape[1])


class SharedNoise(Noise):
    """The same draw for every row of a batch, so that rows differ only in what they see."""

    def _whole(self, shape: Sequence[int]) -> tuple[int, ...]:
        return (shape[0], 1, *shape[2:])

    def _mine(self, drawn: Tensor, shape: Sequence[int]) -> Tensor:
        return drawn.expand(*shape)
