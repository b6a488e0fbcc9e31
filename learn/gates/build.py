"""Build: the gate that a config names, taught what it needs."""

from collections.abc import Callable

from data.errors import UserError
from data.session import Session
from learn.gates.config import GateConfig
from learn.gates.ensemble import ensemble_gate
from learn.gates.every_step import EveryStepGate
from learn.gates.experience import Experience
from learn.gates.foresight import ForesightGate
from learn.gates.human import HumanGate
from learn.gates.knn import knn_gate
from learn.gates.lazy import lazy_gate
from learn.gates.loss import loss_gate
from learn.gates.thrifty import thrifty_gate
from learn.policies import Policy
from teleop.pilot import Gate

Learn = Callable[[GateConfig, Policy, Experience, int], Gate]
LEARNING: dict[str, Learn] = {"lazy": lazy_gate, "thrifty": thrifty_gate, "knn": knn_gate, "loss": loss_gate}


def build_gate(config: GateConfig, policy: Policy, session: Session | None = None, seed: int = 0) -> Gate:
    """The gate, calibrated and where it learns trained on the session, in seconds; all that it draws comes from `seed`."""
    config.check_policy(policy.config.kind, policy.config.members)
    if config.kind == "human":
        return HumanGate()
    if config.kind == "foresight":
        return ForesightGate()
    if config.kind == "every-step":
        return EveryStepGate()
    policy.forget()
    experience = None if session is None else Experience.of(session, policy)
    if config.kind == "ensemble":
        return ensemble_gate(config, policy, experience, seed)
    if experience is None:
        raise UserError(f"--gate {config.kind} learns from a session, and there is none; give one, or take --gate ensemble")
    return LEARNING[config.kind](config, policy, experience, seed)
