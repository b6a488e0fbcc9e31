"""Gate config: which gate, and how often it asks."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import tyro

from data.errors import UserError, one_of
from learn.policies.config import PRESETS, PolicyKind

GateKind = Literal["every-step", "human", "foresight", "ensemble", "lazy", "thrifty", "knn", "loss"]


@dataclass(frozen=True)
class GateConfig:
    """When the policy asks."""

    kind: Annotated[GateKind, tyro.conf.arg(name="gate")] = "ensemble"
    """every-step: always. human: never, you take over. foresight: where the simulator shows that it fails. ensemble: where its
    members differ. lazy: where it will differ from you. thrifty: where it is new to it or success is at risk. knn: far from all
    you showed. loss: of a flow, where its own loss is high"""
    rate: float = 0.25
    """wished share of states in which you answer, asked or driving after a question"""
    in_a_row: int = 3
    """of lazy and thrifty: states in a row in which you and the policy must agree before it drives again"""

    def __post_init__(self) -> None:
        if self.kind not in gate_names():
            raise UserError(f"--gate {self.kind} is not known; allowed: {one_of(gate_names())}")
        if not 0.0 < self.rate < 1.0:
            raise UserError(f"--rate {self.rate} is not between 0 and 1; 0.25 asks in one state of four")
        if self.in_a_row < 1:
            raise UserError(f"--in-a-row {self.in_a_row}: give at least 1")

    def check_policy(self, kind: PolicyKind, members: int) -> None:
        """Refuse a policy that this gate cannot look into."""
        if self.kind in ("ensemble", "thrifty") and members < 2:
            raise UserError(f"--gate {self.kind} needs a policy with at least 2 members, this one has {members}; train it with --members 5")
        if self.kind == "loss" and PRESETS[kind].head != "flow":
            raise UserError(f"--gate loss needs a flow, whose own loss it looks at, not {kind}; train --policy flow or visual-flow")

    @property
    def wished_share(self) -> float:
        """Of the states, that the person is to answer in."""
        return {"every-step": 1.0, "human": 0.0, "foresight": 0.0}.get(self.kind, self.rate)


def gate_names() -> tuple[str, ...]:
    """What `--gate` offers."""
    return get_args(GateKind)
