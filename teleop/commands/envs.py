"""`python -m teleop envs`: the environments, and one of them in detail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

import teleop
from data.cli import print_json, terminal_width
from data.errors import UserError
from teleop.commands.record import env_arguments, from_anywhere
from teleop.envs import make_plant
from teleop.envs.adapter import Guest
from teleop.envs.plant import Plant
from teleop.stick_map import stick_map_for


@dataclass(frozen=True)
class Envs:
    """List the environments; or describe one, any registered Gymnasium id, with its stick map as a file to edit."""

    env: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="[ENV]")]] = ""
    """an environment to describe (MODULE:ID imports the module that registers it)"""
    env_args: tuple[str, ...] = ()
    """its arguments, NAME=VALUE"""
    env_python: str = ""
    """run it in this Python"""
    json: bool = False
    """of one environment: print one JSON object instead"""

    def run(self) -> int:
        if self.env:
            self._describe()
            return 0
        if self.json:
            raise UserError("--json describes one environment; name it: python -m teleop envs ENV --json")
        table = Table("environment", "task", "object", "modes", "longest evaluation")
        for env_id, max_steps in teleop.ENV_IDS.items():
            env, plant = make_plant(env_id, {})
            width = env.observation_space.spaces["object"].shape[0]  # type: ignore[attr-defined]
            table.add_row(env_id, plant.task, f"({width},)", str(len(plant.modes) or ""), f"{max_steps} steps")
            env.close()
        Console(width=terminal_width()).print(table)
        print("and any registered Gymnasium environment: python -m teleop envs MODULE:ID describes one")
        return 0

    def _describe(self) -> None:
        """Comments, then the stick map: the whole output is a file for --sticks."""
        kwargs = env_arguments(self.env_args) | ({"python": from_anywhere(self.env_python)} if self.env_python else {})
        env, plant = make_plant(self.env, kwargs)
        try:
            spaces = env.observation_space.spaces  # type: ignore[attr-defined]
            if self.json:
                print_json(_description(self.env, plant, env.action_space, spaces))
                return
            facts = {
                "task": plant.task,
                "modes": ", ".join(plant.modes) or "none that it can tell apart",
                "observation": ", ".join(f"{key} {space.shape}" for key, space in spaces.items()),
                "action": f"{env.action_space.shape} in [-1, 1]" + (f", from {plant.facts['actions']}" if isinstance(plant, Guest) else ""),
                "rate": f"{plant.control_hz:g} steps a second",
                "rewind": "exact" if plant.can_restore else "none: there is no MuJoCo underneath",
                "cameras": ", ".join(plant.camera_names),
            }
            for name, value in facts.items():
                print(f"# {name}: {value}")
            if isinstance(plant, Guest):
                print(stick_map_for(plant.wanted_map()).to_toml())
        finally:
            env.close()


def _description(env_id: str, plant: Plant, actions: Any, observations: Mapping[str, Any]) -> dict[str, Any]:
    """`action_low`, `action_high`: what -1 and 1 stand for, each number by itself. Where an action is a choice these are empty:
    `action_choices` counts what there is to choose from, from `action_first` on, for each part.
    """
    ours = {"low": actions.low.tolist(), "high": actions.high.tolist(), "choices": [], "first_choices": []}
    own = plant.facts if isinstance(plant, Guest) else ours
    return {
        "env": env_id,
        "task": plant.task,
        "modes": list(plant.modes),
        "observation": {key: list(space.shape) for key, space in observations.items()},
        "action_width": actions.shape[0],
        "action_low": own["low"],
        "action_high": own["high"],
        "action_choices": own["choices"],
        "action_first": own["first_choices"],
        "control_hz": plant.control_hz,
        "exact_rewind": plant.can_restore,
        "cameras": plant.camera_names,
    }
