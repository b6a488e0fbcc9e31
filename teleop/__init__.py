"""How a person drives: devices, environments, the loop. Importing registers the Gymnasium environments.

`from teleop import record` is the way in; see docs/python.md.
"""

from typing import TYPE_CHECKING, Any

import gymnasium

if TYPE_CHECKING:
    from teleop.api import record

__all__ = ["ENV_IDS", "ROBOTS", "TASKS", "record"]

TASKS = {
    "Reach": ("reach:Reach", 150),
    "Lift": ("lift:Lift", 300),
    "Push": ("push:Push", 500),
    "PickPlace": ("pick_place:PickPlace", 400),
    "Stack": ("stack:Stack", 400),
    "PegInsert": ("peg_insert:PegInsert", 500),
    "Drawer": ("drawer:Drawer", 300),
    "Detour": ("detour:Detour", 300),
    "Sort": ("sort:Sort", 800),
}
"""A task's name, its class and the steps of its longest evaluation."""

ROBOTS = {"Panda": "panda", "UR5e": "ur5e"}
"""The arms whose environments have names of their own; any other arm goes on them with `robot=`."""

ENV_IDS = {f"{title}{task}-v0": steps for title in ROBOTS for task, (_, steps) in TASKS.items()}

for _title, _robot in ROBOTS.items():
    for _task, (_where, _steps) in TASKS.items():
        gymnasium.register(
            f"{_title}{_task}-v0", entry_point=f"teleop.envs.tasks.{_where}", max_episode_steps=_steps, kwargs={"robot": _robot}
        )

GUEST_ID = "Guest-v0"
"""Any registered environment as we see it: `gymnasium.make("teleop:Guest-v0", env_id="Pendulum-v1")`."""

gymnasium.register(GUEST_ID, entry_point="teleop.envs:make_guest", disable_env_checker=True)


def __getattr__(name: str) -> Any:
    """`record`, imported when it is asked for: it needs more than the environments do."""
    if name == "record":
        from teleop.api import record

        return record
    raise AttributeError(f"module 'teleop' has no attribute {name!r}")
