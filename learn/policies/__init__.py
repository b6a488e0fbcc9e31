"""The policies: one file a head, one for what they see, one for the grid that names them."""

from learn.policies.config import PolicyConfig, PolicyKind, Preset, policy_names
from learn.policies.encoder import Seen
from learn.policies.noise import Noise
from learn.policies.policy import Batch, BehaviourMode, Chunk, Observation, Policy, build_policy

__all__ = [
    "Batch",
    "BehaviourMode",
    "Chunk",
    "Noise",
    "Observation",
    "Policy",
    "PolicyConfig",
    "PolicyKind",
    "Preset",
    "Seen",
    "build_policy",
    "policy_names",
]
