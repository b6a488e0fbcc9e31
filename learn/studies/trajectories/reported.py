"""Reported: what Ho & Ermon (2016) reported of behaviour cloning, on the older versions of our two environments."""

from collections.abc import Mapping
from dataclasses import dataclass

PAPER = "Ho & Ermon 2016"


@dataclass(frozen=True)
class Reported:
    """`env_id` then; mean returns of the expert, of acting at random (table 1) and of cloning by trajectories (table 3)."""

    env_id: str
    every: int
    expert: float
    random: float
    cloned: Mapping[int, float]

    def score(self, trajectories: int) -> float:
        """As in their figure 1."""
        return (self.cloned[trajectories] - self.random) / (self.expert - self.random)


# *Generative Adversarial Imitation Learning*, NIPS 2016, arXiv 1606.03476, appendix B; `every` from the code they published
# (openai/imitation: pipelines/im_classic_pipeline.yaml, im_regtest_pipeline.yaml).
REPORTED: Mapping[str, Reported] = {
    "CartPole-v1": Reported("CartPole-v0", 10, 200.0, 18.64, {1: 72.02, 4: 169.18, 7: 188.60, 10: 177.19}),
    "Reacher-v5": Reported("Reacher-v1", 1, -4.09, -43.21, {4: -10.97, 11: -6.23, 18: -4.76}),
}
