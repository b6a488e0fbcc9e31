"""Windows: minibatches gathered by index out of frames that are held once, and which rows a minibatch takes."""

import numpy as np
import torch
from torch import Tensor

from learn.dataset import Frames
from learn.policies import Batch, Noise, PolicyConfig, Seen

FINE = 2**53  # parts of [0, 1) that a float64 tells apart


class Windows:
    """Of frames: window i is what is seen at row i (of sequence policies also after it) and the actions from there on.

    A window that reaches past the end of its run repeats the last row, marked as not valid. State and actions are held
    on `device`; pictures stay where they are and only a batch of them goes there.
    """

    def __init__(self, frames: Frames, config: PolicyConfig, device: str) -> None:
        self.state = torch.from_numpy(frames.obs).to(device)
        self.target = torch.from_numpy(frames.target).to(device)
        self.last = torch.from_numpy(frames.run_ends()).to(device)
        self.images = {key: torch.from_numpy(image).view(len(frames), -1) for key, image in frames.images.items()}
        self.shapes = dict(zip(frames.images, frames.image_shapes, strict=True))
        self.device, self.is_sequence = device, config.is_sequence
        self.ahead = torch.arange(config.chunk, device=device)
        self.episode = torch.from_numpy(np.unique(frames.episode, return_inverse=True)[1]).to(device)

    def batch(self, rows: Tensor, places: Tensor | None = None) -> Batch:
        """The windows that begin at `rows` (K, B); `places` (K, B) are these rows' places in the training data."""
        if len(self.ahead) == 1:
            every = rows.unsqueeze(-1)
            valid = torch.ones((), device=self.device).expand(*rows.shape, 1)
        else:
            reach = rows.unsqueeze(-1) + self.ahead
            last = self.last.index_select(0, rows.flatten()).view(*rows.shape, 1)
            every, valid = torch.minimum(reach, last), (reach <= last).float()
        return Batch(self.see(every if self.is_sequence else rows), _taken(self.target, every), valid, places)

    def see(self, rows: Tensor) -> Seen:
        """What is seen at rows (…)."""
        images = {key: self._pictures(key, rows) for key in self.images}
        return Seen(_taken(self.state, rows), images)

    def _pictures(self, key: str, rows: Tensor) -> Tensor:
        taken = self.images[key].index_select(0, rows.flatten().cpu())
        return taken.view(*rows.shape, *self.shapes[key]).to(self.device, non_blocking=True)


def _taken(values: Tensor, rows: Tensor) -> Tensor:
    """(…, D) of values (N, D)."""
    return values.index_select(0, rows.flatten()).view(*rows.shape, values.shape[1])


class Draw:
    """Which of `count` training rows a minibatch takes, by their places: at random, with replacement.

    `weights` (count,), all above 0, say how likely each is; None: all the same. Each of several members learns from a resample
    of its own (Breiman 1996), in which every row weighs what it weighs.
    """

    def __init__(self, count: int, members: int, seed: int, weights: Tensor | None = None) -> None:
        self.count = count
        self.resample = torch.randint(count, (members, count), generator=torch.Generator().manual_seed(seed)) if members > 1 else None
        self.reach: Tensor | None = None
        if weights is not None:
            each = weights.unsqueeze(0) if self.resample is None else weights[self.resample]
            up_to = each.double().cumsum(dim=1)
            self.reach = up_to / up_to[:, -1:]  # (K, count) distribution functions

    def places(self, noise: Noise, shape: tuple[int, int]) -> Tensor:
        """(K, B) places, on the CPU; the same whatever number of processes share a batch, as `noise` is."""
        if self.reach is None:
            drawn = noise.integers(self.count, shape)
        else:
            drawn = torch.searchsorted(self.reach, noise.integers(FINE, shape).double() / FINE, right=True)
        return drawn if self.resample is None else self.resample.gather(1, drawn)
