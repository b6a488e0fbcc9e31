"""Rescuer: seats the person where the policy goes wrong, and lets them off where it would get there by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from learn.gates.foresight import ForesightGate
from learn.policies import Policy
from learn.rescue.oracle import Oracle, OracleInline, OracleProcess
from learn.rescue.trouble import Trouble
from teleop.clock import Clock
from teleop.loop import Loop, Seat
from teleop.pilot import Pilot


@dataclass
class Rescuer:
    """Owns the oracle, which is asked about the policy that drives."""

    oracle: Oracle

    @classmethod
    def beside(cls, clock: Clock, policy: Policy, env_id: str, env_kwargs: Mapping[str, Any]) -> "Rescuer":
        """In real time the oracle has a process of its own: the loop never waits for it."""
        return cls((OracleProcess if clock.kind == "real" else OracleInline)(policy, env_id, env_kwargs))

    def seat(self, trouble: Trouble, pilot: Pilot, dagger_round: int, control_hz: float) -> Seat:
        """The person, from where the policy went wrong; `pilot` has a `ForesightGate`."""
        gate = pilot.gate
        assert isinstance(gate, ForesightGate)
        gate.begin()

        def is_enough(loop: Loop) -> bool:
            if trouble.whole:
                return False
            left = loop.config.max_ticks - len(loop.recorder.states)
            return gate.agrees and self.oracle.knows_success(loop.plant.sim_state(), loop.obs, trouble.seed, left)

        return Seat(
            pilot,
            dagger_round,
            seed=trouble.seed,
            start=trouble.sim_state,
            handed_over=True,
            words=_words(trouble, control_hz),
            is_enough=is_enough,
        )

    def swap(self, policy: Policy) -> None:
        """Another policy drives from the next episode on."""
        self.oracle.swap(policy)

    def close(self) -> None:
        self.oracle.close()


def _words(trouble: Trouble, control_hz: float) -> str:
    if trouble.sim_state is None:
        return "it fails in this scene: show how it is done"
    return f"it goes wrong here, {trouble.step / control_hz:.1f} s in: show how to go on"
