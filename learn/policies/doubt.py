"""Doubt: how much the members of an ensemble differ about what to do next."""

import math

import torch
from torch import Tensor

from learn.policies.head import Prediction
from learn.policies.noise import Noise

DRAWS = 64  # actions of each member
STEADINESS = 0.1  # of a half range: how steady a hand is; actions that differ less are the same


def spread(actions: Tensor) -> float:
    """Root mean square deviation of K members' actions (K, …) from their mean."""
    return float(actions.var(dim=0, correction=0).mean().sqrt())


def mutual_information(predicted: Prediction) -> float:
    """Nats that the next action of one state (K, 1, M, A) and the member it is of say about each other; 0 to log K.

    Mean over k and a ~ p_k of log p_k(a) − log mean_j p_j(a): what a label would tell about which member is right (BALD, Houlsby
    et al. 2011, equation 2). Where all members see the same ways it is 0, however different these are: a fork is no doubt.
    By DRAWS actions a member, spread evenly over its ways, the same draws each time and for each member. Every Gaussian is
    widened by STEADINESS; a head that knows places but no spread must have given them a width.
    """
    assert predicted.scales is not None
    log_weights, means = predicted.log_weights[:, 0], predicted.means[:, 0]  # (K, M), (K, M, A)
    scales = (predicted.scales[:, 0].square() + STEADINESS**2).sqrt()
    actions = _drawn(log_weights, means, scales)
    members = len(means)
    off = (actions.flatten(0, 1)[:, None] - means.flatten(0, 1)) / scales.flatten(0, 1)  # (K·S, K·M, A)
    each = -0.5 * off.square().sum(dim=-1) + (log_weights.flatten() - scales.log().sum(dim=-1).flatten())
    log_density = each.view(members, DRAWS, members, -1).logsumexp(dim=-1)  # (K, S, K)
    of_own = log_density.diagonal(dim1=0, dim2=2).T
    of_all = log_density.logsumexp(dim=-1) - math.log(members)
    return min(max(0.0, float((of_own - of_all).mean())), math.log(members))


def _drawn(log_weights: Tensor, means: Tensor, scales: Tensor) -> Tensor:
    """(K, DRAWS, A) actions of each member."""
    evenly = (torch.arange(DRAWS, device=means.device) + 0.5) / DRAWS
    edges = log_weights.exp().cumsum(dim=-1)
    ways = torch.searchsorted(edges, evenly.expand(len(edges), -1).contiguous()).clamp_max(means.shape[1] - 1)
    place, width = (values.gather(1, ways.unsqueeze(-1).expand(-1, -1, means.shape[-1])) for values in (means, scales))
    return place + width * Noise().normal((1, DRAWS, means.shape[-1]), means.device)
