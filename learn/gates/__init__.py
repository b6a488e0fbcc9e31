"""The gates: one file a way of deciding when the policy asks the person, and how often."""

from learn.gates.beta import BetaKind, BetaSchedule
from learn.gates.build import build_gate
from learn.gates.config import GateConfig, GateKind, gate_names
from learn.gates.rate_keeper import RateKeeper
from learn.gates.table import gate_table

__all__ = ["BetaKind", "BetaSchedule", "GateConfig", "GateKind", "RateKeeper", "build_gate", "gate_names", "gate_table"]
