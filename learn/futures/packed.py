"""Packed: a policy as plain data, which travels to another process, and a name for it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from learn.policies import Policy, PolicyConfig, build_policy


@dataclass(frozen=True)
class PackedPolicy:
    """A policy's config and a copy of its weights: training on does not change them."""

    config: PolicyConfig
    weights: Mapping[str, NDArray[np.generic]]

    @classmethod
    def of(cls, policy: Policy) -> "PackedPolicy":
        return cls(policy.config, {name: value.detach().cpu().numpy().copy() for name, value in policy.state_dict().items()})

    def unpack(self) -> Policy:
        """The same policy again, on the CPU, for acting."""
        policy = build_policy(self.config)
        policy.load_state_dict({name: torch.from_numpy(value) for name, value in self.weights.items()})
        return policy.eval()

    @property
    def fingerprint(self) -> str:
        """The same for the same weights in the same config; 16 hexadecimal digits."""
        digest = hashlib.sha256(json.dumps(self.config.to_json(), sort_keys=True).encode())
        for name, value in sorted(self.weights.items()):
            digest.update(f"{name} {value.dtype} {value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()[:16]
