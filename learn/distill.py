"""Distillation: a mixture of experts that does in one step what a flow does in many, and keeps its modes.

Zhou et al. (2024), *Variational Distillation of Diffusion Policies into Mixture of Experts* (VDD): a mixture is drawn to where
the teacher's density is high by the teacher's score, which a flow knows in closed form; the gate learns from the
teacher's samples.
"""

import torch
from torch import Tensor

from data.cli import progress_bar
from data.errors import UserError
from learn.fit import Material
from learn.policies import Batch, Noise, Policy, PolicyConfig, Seen
from learn.policies.flow import Flow
from learn.policies.head import Lesson
from learn.policies.mixture import Mixture

SAMPLES = 4  # of the teacher for each state
SAMPLED_AT_ONCE = 256
EARLIEST, LATEST = 0.3, 0.95  # times at which scores are compared: before it is all noise, after it the score is unbounded
PULLED = 32  # windows of a minibatch whose chunks are pulled, one for each expert
PULL = 0.1  # of the score, beside the likelihood of the teacher's samples


class Apprentice(Policy):
    """A mixture that learns from a flow: `teacher` sees the same observations and gives the same chunks."""

    samples: Tensor  # (N, SAMPLES, C, A) the teacher's chunks at each training row, unit actions

    def __init__(self, config: PolicyConfig, teacher: Policy) -> None:
        _check(config, teacher)
        super().__init__(config)
        self._teacher = [teacher.eval()]  # in a list: it is no part of this policy
        self.register_buffer("samples", torch.empty(0), persistent=False)

    @property
    def teacher(self) -> Policy:
        return self._teacher[0]

    def fit_ranges(self, state: Tensor, target: Tensor) -> None:
        """The teacher's: its chunks are in its units."""
        self.encoder.normalizer.load_state_dict(self.teacher.encoder.normalizer.state_dict())
        self.action_range.load_state_dict(self.teacher.action_range.state_dict())

    @torch.no_grad()
    def study(self, batch: Batch) -> Tensor:
        """(B, SAMPLES, C, A) chunks the teacher would take at the windows of a batch (1, B), from a seed of their place."""
        flow, features = self._flow(), self.teacher.encoder(batch.seen)
        noise = Noise(torch.Generator().manual_seed(int(batch.rows.flatten()[0]) if batch.rows is not None else 0))
        spread = features.repeat_interleave(SAMPLES, dim=1)
        return flow.chunks(spread, noise)[0].view(features.shape[1], SAMPLES, self.config.chunk, self.config.action_dim)

    def loss(self, batch: Batch, noise: Noise, progress: float = 1.0) -> Tensor:
        """A mixture's own loss on the demonstrations, which gives each expert its way; the likelihood of the teacher's chunks
        (forward KL: no mode is missed); and the pull of its score (reverse KL: none is blurred).
        """
        own = super().loss(batch, noise, progress)
        if batch.rows is None:
            return own
        head = self.head
        assert isinstance(head, Mixture)
        features = self.encoder(batch.seen, noise)
        pick = noise.integers(SAMPLES, batch.rows.shape).to(batch.rows.device)
        taught = self.samples[batch.rows, pick]
        whole = torch.ones(taught.shape[:3], device=taught.device)
        taught_loss = head.loss(features, Lesson(taught, whole), noise).mean()
        pulled = Seen(batch.seen.state[:, :PULLED], {key: image[:, :PULLED] for key, image in batch.seen.images.items()})
        return own + taught_loss + PULL * self._pull(features[:, :PULLED], self.teacher.encoder(pulled), noise)

    def _pull(self, features: Tensor, sight: Tensor, noise: Noise) -> Tensor:
        """A number whose gradient moves each expert's chunks along teacher's score − own score, at noised chunks x_τ."""
        head, shape = self.head, (*features.shape[:2], self.config.chunk, self.config.action_dim)
        assert isinstance(head, Mixture)
        means, scale = head.means(features)[0], head.scale()[0]  # (Z, B, C, A), (Z, 1, 1, A)
        log_gate = head.log_gate(features)[0].T.detach()  # (Z, B)
        tau = EARLIEST + (LATEST - EARLIEST) * noise.uniform(shape[:2], features.device)[0, :, None, None]
        chunks = means + scale * noise.normal(shape, features.device)
        mixed = ((1.0 - tau) * noise.normal(shape, features.device) + tau * chunks).detach()
        with torch.no_grad():
            theirs = self._score(mixed, tau, sight)
            ours = mixture_score(mixed, tau * means, ((tau * scale).square() + (1.0 - tau).square()).sqrt(), log_gate)
            push = tau * (1.0 - tau).square() * (ours - theirs)  # (1 − τ)²: scores grow as its inverse
        return (push * chunks).mean()

    def _score(self, mixed: Tensor, tau: Tensor, sight: Tensor) -> Tensor:
        """∇ log p_τ of the teacher at (Z, B, C, A): (τ v − x) / (1 − τ), of straight paths from standard noise."""
        net = self._flow().nets[0]
        each = [net(x, tau[:, 0, 0], net.sight(sight[0])) for x in mixed]  # type: ignore[operator]
        return (tau * torch.stack(each) - mixed) / (1.0 - tau)

    def _flow(self) -> Flow:
        flow = self.teacher.head
        assert isinstance(flow, Flow)
        return flow


def sample_teacher(policy: Apprentice, material: Material) -> None:
    """Ask the teacher at every training row, once."""
    rows = material.train_rows
    places = torch.arange(len(rows), device=rows.device)
    with progress_bar("asking the teacher", len(rows)) as advance:
        parts = []
        for at in torch.split(places, SAMPLED_AT_ONCE):
            parts.append(policy.study(material.windows.batch(rows[at].unsqueeze(0), at.unsqueeze(0))))
            advance(int(at[-1]) + 1, "")
    policy.samples = torch.cat(parts)


def mixture_score(x: Tensor, means: Tensor, scales: Tensor, log_weights: Tensor) -> Tensor:
    """∇ log Σ_k w_k N(x; μ_k, σ_k²) at each x (Z, B, C, A): means, scales (Z, B, C, A), log weights (Z, B)."""
    off = (x.unsqueeze(1) - means) / scales  # (Z of x, Z, B, C, A)
    log_each = log_weights - (0.5 * off.square() + scales.log()).sum(dim=(-2, -1))
    share = log_each.softmax(dim=1)[..., None, None]
    return -(share * off / scales).sum(dim=1)


def _check(config: PolicyConfig, teacher: Policy) -> None:
    if not isinstance(teacher.head, Flow):
        raise UserError(f"--teacher must be a flow or visual-flow policy, this is {teacher.config.kind}; train one: --policy flow")
    if config.preset.head != "mixture" or config.members != 1:
        raise UserError("--teacher is for --policy moe and visual-moe with --members 1: a flow is distilled into one mixture of experts")
    same = ("obs_keys", "obs_dims", "image_keys", "image_shapes", "action_dim", "chunk")
    for name in same:
        if getattr(config, name) != getattr(teacher.config, name):
            wanted = getattr(teacher.config, name)
            raise UserError(
                f"--teacher has {name.replace('_', ' ')} {wanted}, this policy would have {getattr(config, name)}; they must be equal"
            )
