"""Stand-in: small copies of a policy that have not seen some of the episodes, to know how it errs where it was not taught."""

from dataclasses import replace

import torch
from torch import Tensor

from data.errors import UserError
from learn.gates.experience import Experience
from learn.gates.small_net import HIDDEN, fit
from learn.policies import Noise, Policy, PolicyConfig
from learn.policies.head import Head, Lesson
from learn.policies.mixture import Mixture
from learn.policies.regression import Regression

FOLDS, EXPERTS = 5, 4
UNLIKELY = 0.05  # ways less probable than this are none


def held_out_discrepancies(experience: Experience, policy: Policy, seed: int) -> tuple[Tensor, Tensor]:
    """Rows (n,) in which a demonstrator showed what to do, and how far from it (n,) a policy is that was not taught there.

    The Euclidean distance in action units. Where a policy of an earlier round was at hand it is its own, recorded before it
    was taught. Of the other steps the policy has been taught, which makes its distance there far too small, and to train
    it again without them takes too long: there it is that of a stand-in, FOLDS small networks on the same features, each
    fitted to all episodes but its own fifth. To a policy that knows several ways it is the distance to the nearest.
    """
    rows = experience.demonstrated()
    episodes = torch.unique(experience.episode[rows])
    if len(episodes) < 2:
        raise UserError("--gate lazy and thrifty learn from what episodes tell about each other, and there is one; record more")
    shown, recorded = experience.shown[rows], experience.proposed[rows]
    found = _of_stand_in(experience, policy, rows, _folds(experience.episode[rows], episodes, seed), seed)
    own = (recorded - shown).norm(dim=1)
    return rows, torch.where(own.isnan(), found, own)


def _folds(episode: Tensor, episodes: Tensor, seed: int) -> Tensor:
    """(n,) the fold of each row: whole episodes, drawn from `seed`."""
    order = torch.randperm(len(episodes), generator=torch.Generator().manual_seed(seed))
    return (order % min(FOLDS, len(episodes)))[torch.searchsorted(episodes, episode)]


def _of_stand_in(experience: Experience, policy: Policy, rows: Tensor, fold: Tensor, seed: int) -> Tensor:
    features, target = experience.features[rows], policy.action_range.to_unit(experience.shown[rows])
    members = int(fold.max()) + 1
    head = _head(policy, members, seed)
    noise = Noise(torch.Generator().manual_seed(seed))

    def loss_at(at: Tensor) -> Tensor:
        valid = torch.ones(*at.shape, 1)
        return head.loss(features[at], Lesson(target[at].unsqueeze(2), valid), noise)

    fit(head.parameters(), loss_at, [torch.nonzero(fold != k).flatten() for k in range(members)], noise.generator)
    away = torch.empty(len(rows))
    with torch.no_grad():
        found = head.predict(features.expand(members, -1, -1), noise)
    for k in range(members):
        own = fold == k
        ways = policy.action_range.from_unit(found.means[k, own])
        apart = (ways - experience.shown[rows][own].unsqueeze(1)).norm(dim=-1)
        away[own] = apart.masked_fill(found.log_weights[k, own].exp() < UNLIKELY, torch.inf).amin(dim=1)
    return away


def _head(policy: Policy, members: int, seed: int) -> Head:
    """Of the policy's nature: one action where it averages, else several."""
    config: PolicyConfig = replace(policy.config, hidden=HIDDEN, members=members, chunk=1, execute=1, experts=EXPERTS, sticky="chunk")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return (Regression if policy.head.averages else Mixture)(config, policy.encoder.width)
