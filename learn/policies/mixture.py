"""Mixture of experts: several ways to do a task, each with a mean and a scale of its own, and how likely each is here."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from learn.distributed import everyones
from learn.policies.clusters import ways_of
from learn.policies.config import PolicyConfig
from learn.policies.head import Head, Lesson, Prediction, Proposals
from learn.policies.layers import MemberLinear, MemberMLP
from learn.policies.noise import Noise

SCALE_FLOOR = 0.03  # of a half range: nobody's hand is steadier, and no likelihood grows without bound
SETTLED = 0.4  # share of the training from which on likelihoods decide who is responsible
AKIN = 10.0  # steps; half a second
TURN = 0.1  # how differently experts begin
REFRESH = 10  # steps between two looks at who is responsible for which episode
BALANCE_WEIGHT = 0.01


class Mixture(Head):
    """p(chunk | s) = Σ_z π_z(s) N(chunk; μ_z(s), σ_z²), trained by its full likelihood (Jacobs et al. 1991; Bishop 1994).

    Sticky for an episode, the likelihood is that of whole episodes, Σ_z p(z) Π_t N(chunk_t; μ_z(s_t), σ_z²): one expert
    answers for an episode from its beginning to its end, so it is a way to do the whole task and not a piece of it.
    That is incremental EM (Neal & Hinton 1998): every window's likelihoods are kept from when it was last seen, their sums
    over an episode give the responsibilities. It begins from the ways that the paths themselves show (`ways_of`), every
    way with as many experts as the others, so that none dies; later the data alone decides. The gate learns p(z | s) from
    the responsibilities. Experts share what they see in a state, and turn it their own way in every layer: each learns from
    all episodes what is common to them. Sticky for a chunk, the likelihood is each window's own, and the experts' mean shares are kept
    even by the load term of Shazeer et al. (2017).
    """

    knows_spread = True
    keeps_modes = True
    scores: Tensor  # (K, N, Z) each training window's log likelihoods, of each expert, when it was last seen
    episodes: Tensor  # (N,)
    share: Tensor  # (K, E, Z) responsibilities for each episode
    looks: Tensor

    def __init__(self, config: PolicyConfig, width: int) -> None:
        super().__init__()
        self.config = config
        members, experts = config.members, config.experts
        self.trunk = nn.ModuleList(MemberLinear(members, a, b) for a, b in pairwise((width, *config.hidden)))
        self.turns = nn.ParameterList(nn.Parameter(torch.randn(members, experts, 1, h) * TURN) for h in config.hidden)
        self.experts = MemberLinear(members * experts, config.hidden[-1], config.chunk * config.action_dim)
        self.gate = MemberMLP(members, (width, *config.hidden, experts))
        self.log_scale = nn.Parameter(torch.full((members, experts, 1, 1, config.action_dim), math.log(0.3)))
        for name in ("scores", "episodes", "share"):
            self.register_buffer(name, torch.empty(0), persistent=False)
        self.register_buffer("looks", torch.zeros((), dtype=torch.int64), persistent=False)

    def means(self, features: Tensor) -> Tensor:
        """(K, Z, B, C, A) each expert's chunk."""
        members, batch, _ = features.shape
        x = torch.relu(self.trunk[0](features).unsqueeze(1) + self.turns[0])
        for layer, turn in zip(self.trunk[1:], self.turns[1:], strict=True):
            x = torch.relu(layer(x.flatten(1, 2)).view(members, self.config.experts, batch, -1) + turn)
        return torch.tanh(self.experts(x.flatten(0, 1))).view(members, -1, batch, self.config.chunk, self.config.action_dim)

    def log_gate(self, features: Tensor) -> Tensor:
        """(K, B, Z) log π."""
        return log_softmax(self.gate(features), dim=-1)

    def scale(self) -> Tensor:
        """(K, Z, 1, 1, A) each expert's σ."""
        return SCALE_FLOOR + self.log_scale.exp()

    def log_likelihood(self, features: Tensor, lesson: Lesson) -> Tensor:
        """(K, B, Z) of a window under each expert, summed over dimensions, the mean over its steps (nats a step)."""
        scale = self.scale()
        off = (lesson.target.unsqueeze(1) - self.means(features)) / scale
        each = (-0.5 * off.square() - scale.log() - 0.5 * math.log(2 * math.pi)).sum(dim=-1)  # (K, Z, B, C)
        valid = lesson.valid.unsqueeze(1)
        return ((each * valid).sum(dim=-1) / valid.sum(dim=-1)).transpose(1, 2)

    def loss(self, features: Tensor, lesson: Lesson, noise: Noise) -> Tensor:
        """Negative log likelihood in nats a step."""
        log_gate, likelihood = self.log_gate(features), self.log_likelihood(features, lesson)
        if lesson.rows is None or self.config.sticky == "chunk":
            steps = lesson.valid.sum(dim=-1)
            marginal = -torch.logsumexp(log_gate + steps.unsqueeze(-1) * likelihood, dim=-1) / steps
            if lesson.rows is None:
                return marginal
            load = log_gate.exp().mean(dim=1, keepdim=True)  # (K, 1, Z)
            return marginal + BALANCE_WEIGHT * (load * (load * self.config.experts).log()).sum(dim=-1)
        share = self._responsible(lesson.rows, likelihood.detach(), lesson.progress)
        return -(share * (likelihood + log_gate)).sum(dim=-1)

    def attend(self, state: Tensor, episodes: Tensor) -> None:
        members, experts = self.config.members, self.config.experts
        self.episodes = torch.unique(episodes, return_inverse=True)[1]
        self.scores = torch.zeros(members, len(episodes), experts, device=episodes.device)
        ways = torch.from_numpy(ways_of(state.double().cpu().numpy(), self.episodes.cpu().numpy(), experts)).to(episodes.device)
        answers = torch.arange(experts, device=episodes.device) % (int(ways.max()) + 1) == ways.unsqueeze(-1)  # (E, Z)
        self.share = (answers / answers.sum(dim=-1, keepdim=True)).expand(members, -1, -1).clone()
        self.looks = torch.zeros((), dtype=torch.int64, device=episodes.device)

    def _responsible(self, rows: Tensor, likelihood: Tensor, progress: float) -> Tensor:
        """(K, B, Z) each expert's share in the episodes that the windows (K, B) belong to."""
        everywhere, found = everyones(rows), everyones(likelihood)
        self.scores.scatter_(1, everywhere.unsqueeze(-1).expand_as(found), found)
        if int(self.looks) % REFRESH == 0 and progress >= SETTLED:
            self.share = responsibilities(self._episode_scores())
        self.looks += 1
        of = self.episodes[rows].unsqueeze(-1).expand_as(likelihood)
        return self.share.gather(1, of)

    def _episode_scores(self) -> Tensor:
        """(K, E, Z) log likelihoods of whole episodes."""
        sums = torch.zeros_like(self.share)
        return sums.index_add_(1, self.episodes, self.scores)

    def chunks(self, features: Tensor, noise: Noise, mode: int | None = None) -> Tensor:
        """The mean of the expert `mode`, or of each row's likeliest."""
        chosen = self.log_gate(features).argmax(dim=-1) if mode is None else torch.full(features.shape[:2], mode, device=features.device)
        means = self.means(features)
        index = chosen[:, None, :, None, None].expand(-1, 1, -1, *means.shape[3:])
        return means.gather(1, index).squeeze(1)

    def predict(self, features: Tensor, noise: Noise) -> Prediction:
        means = self.means(features)[:, :, :, 0].transpose(1, 2)
        return Prediction(self.log_gate(features), means, self.scale()[:, :, 0].transpose(1, 2).expand_as(means))

    def proposals(self, features: Tensor) -> Proposals:
        return Proposals(self.means(features)[:, :, 0], self.log_gate(features)[:, 0].exp())


def responsibilities(scores: Tensor) -> Tensor:
    """(K, E, Z) posteriors p(z | episode) of log likelihoods (K, E, Z), the prior being their own mean.

    An episode's steps say much the same: AKIN of them count as one.
    """
    evidence = scores / AKIN
    prior = evidence.softmax(dim=-1).mean(dim=1, keepdim=True).clamp_min(1e-6).log()
    return (evidence + prior).softmax(dim=-1)
