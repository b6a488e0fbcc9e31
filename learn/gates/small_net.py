"""Small net: a function of features that is fitted to a session in about a second."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from learn.policies.layers import MemberMLP

HIDDEN = (64, 64)
STEPS, BATCH = 300, 128
LR, WEIGHT_DECAY = 3e-3, 1e-2

LossAt = Callable[[Tensor], Tensor]


def fit(parameters: Iterable[nn.Parameter], loss_at: LossAt, rows: list[Tensor], generator: torch.Generator) -> None:
    """Lower the mean of `loss_at` over minibatches (K, B), drawn for each of K members from its own `rows`. AdamW, cosine."""
    optimizer = torch.optim.AdamW(parameters, lr=LR, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        drawn = torch.stack([of[torch.randint(len(of), (BATCH,), generator=generator)] for of in rows])
        loss = loss_at(drawn).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()


class SmallNet(nn.Module):
    """x (N, D) to one logit (N,); x is scaled to unit size by what it was fitted on."""

    mean: Tensor
    scale: Tensor

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", inputs.mean(dim=0))
        self.register_buffer("scale", inputs.std(dim=0, correction=0).clamp_min(1e-2))
        self.mlp = MemberMLP(1, (inputs.shape[1], *HIDDEN, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.mlp(((inputs - self.mean) / self.scale).clamp(-10.0, 10.0).unsqueeze(0))
        return logits[0, :, 0]

    @classmethod
    def fitted(cls, inputs: Tensor, targets: Tensor, loss: Callable[[Tensor, Tensor], Tensor], seed: int) -> "SmallNet":
        """One for which `loss(logits, targets)` is low, from `seed`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = cls(inputs)
        rows = torch.arange(len(inputs))
        fit(net.parameters(), lambda at: loss(net(inputs[at[0]]), targets[at[0]]), [rows], torch.Generator().manual_seed(seed))
        return net.eval()
