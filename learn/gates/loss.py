"""Loss: asks where a flow's own loss is high."""

from learn.gates.config import GateConfig
from learn.gates.experience import Experience
from learn.gates.one_label import OneLabelGate
from learn.gates.rate_keeper import CALIBRATION, RateKeeper
from learn.policies import Observation, Policy
from learn.policies.flow import Flow


def loss_gate(config: GateConfig, policy: Policy, experience: Experience, seed: int) -> OneLabelGate:
    """Diff-DAgger (Lee et al. 2024, section IV), for flow matching: the score is the loss of the chunk the policy would go
    (`Flow.surprise`), to begin with against the same in demonstrated states. Its patience, so many states in a row, is left out:
    the keeper decides how often it asks.
    """
    head = policy.head
    assert isinstance(head, Flow)  # build_gate has refused others
    rows = experience.thinned(experience.demonstrated(), CALIBRATION)
    known = head.surprise(experience.features[rows])

    def surprise(obs: Observation) -> float:
        return float(head.surprise(policy.features(obs))[0])

    return OneLabelGate(surprise, RateKeeper(config.rate, known.tolist(), seed))
