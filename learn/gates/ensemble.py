"""Ensemble: asks where the policy's members differ."""

import torch

from learn.gates.config import GateConfig
from learn.gates.experience import Experience
from learn.gates.one_label import OneLabelGate
from learn.gates.rate_keeper import CALIBRATION, RateKeeper
from learn.policies import Policy


def ensemble_gate(config: GateConfig, policy: Policy, experience: Experience | None, seed: int) -> OneLabelGate:
    """EnsembleDAgger (Menda et al. 2019) without its second, distance rule: the score is `policy.doubt`, never the spread of a
    multimodal policy's actions, which is large at every fork."""
    return OneLabelGate(policy.doubt, RateKeeper(config.rate, _doubts(policy, experience), seed))


def _doubts(policy: Policy, experience: Experience | None) -> list[float]:
    """In states of the session."""
    if experience is None:
        return []
    seen = experience.features[experience.thinned(torch.arange(len(experience)), CALIBRATION)]
    return [policy.doubt_in(policy.outlook(features.unsqueeze(0))) for features in seen]
