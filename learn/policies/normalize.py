"""Observations and actions scaled to about unit size, with the numbers kept inside the policy."""

import torch
from torch import Tensor, nn

# In the observations' own units (m, rad, quaternion parts): a variation below this is noise, not signal, and is not
# blown up; a dimension that was constant in the demonstrations then stays small when a rollout moves it.
STD_FLOOR = 1e-2
CLIP = 10.0
HALF_RANGE_FLOOR = 1e-2


class Normalizer(nn.Module):
    """(x - mean) / std per dimension, clipped to ±CLIP; the identity until `fit`."""

    mean: Tensor
    std: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))

    def fit(self, values: Tensor) -> None:
        """Take mean and standard deviation of `values` (N, D); give only training rows."""
        if not values.shape[1]:  # who only looks at pictures
            return
        exact = values.double()
        self.mean.copy_(exact.mean(dim=0))
        self.std.copy_(exact.std(dim=0, correction=0).clamp_min(STD_FLOOR))

    def forward(self, values: Tensor) -> Tensor:
        return ((values - self.mean) / self.std).clamp(-CLIP, CLIP)


class ActionRange(nn.Module):
    """Each action dimension's range in the demonstrations, within [-1, 1], stretched to [-1, 1] and back.

    A dimension nobody ever moved stays exactly where it was: a small constant error there (a slow tilt of the
    gripper, say) would add up over an episode and lead away from everything demonstrated.
    """

    middle: Tensor
    reach: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(width))
        self.register_buffer("reach", torch.ones(width))

    def fit(self, values: Tensor) -> None:
        """Take the range of `values` (N, A); give only training rows."""
        low, high = values.amin(dim=0), values.amax(dim=0)
        self.middle.copy_((high + low) / 2)
        self.reach.copy_((high - low) / 2)

    def to_unit(self, actions: Tensor) -> Tensor:
        """Actions (…, A) in half ranges from the middle, so that every dimension counts alike; 0 where nothing moved."""
        return (actions - self.middle) / self.reach.clamp_min(HALF_RANGE_FLOOR)

    def from_unit(self, unit: Tensor) -> Tensor:
        """Inverse of `to_unit` within the range; what lies outside is brought to its edge."""
        return self.middle + (unit * self.reach.clamp_min(HALF_RANGE_FLOOR)).clamp(-self.reach, self.reach)
