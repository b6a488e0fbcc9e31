"""Regression: the mean action, nothing else; the textbook's behaviour cloning."""

import torch
from torch import Tensor

from learn.policies.config import PolicyConfig
from learn.policies.head import Head, Lesson, Prediction, Proposals
from learn.policies.layers import MemberMLP
from learn.policies.noise import Noise


class Regression(Head):
    """An MLP with ReLU and tanh on least squares (Pomerleau 1989, *ALVINN*); an ensemble of them is Menda et al.'s (2019)."""

    averages = True

    def __init__(self, config: PolicyConfig, width: int) -> None:
        super().__init__()
        self.shape = (config.chunk, config.action_dim)
        self.mlp = MemberMLP(config.members, (width, *config.hidden, config.chunk * config.action_dim))

    def forward(self, features: Tensor) -> Tensor:
        return torch.tanh(self.mlp(features)).view(*features.shape[:2], *self.shape)

    def loss(self, features: Tensor, lesson: Lesson, noise: Noise) -> Tensor:
        """Squared error in half ranges."""
        return lesson.per_window((self(features) - lesson.target).square())

    def chunks(self, features: Tensor, noise: Noise, mode: int | None = None) -> Tensor:
        chunk: Tensor = self(features)
        return chunk

    def predict(self, features: Tensor, noise: Noise) -> Prediction:
        means = self(features)[:, :, :1]
        return Prediction(torch.zeros(means.shape[:3], device=means.device), means)

    def proposals(self, features: Tensor) -> Proposals:
        chunks = self(features)
        return Proposals(chunks, torch.ones(chunks.shape[:2], device=chunks.device))
