"""Env spec: an environment as Gymnasium writes it down, so that who reads a data set can make it, and which one such a text means.

The text is what `gymnasium.make` gives, `spec.to_json()`; this package knows Gymnasium only by what is written here, and a
test compares it with the real one. A spec names the class itself: making it needs our package, but nobody has to register it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

MOST_STEPS = {
    "Reach": 150,
    "Lift": 300,
    "Push": 500,
    "PickPlace": 400,
    "Stack": 400,
    "PegInsert": 500,
    "Drawer": 300,
    "Detour": 300,
    "Sort": 800,
}
"""Our tasks, and the steps after which each is cut off."""

ROBOTS = {"Panda": "panda", "UR5e": "ur5e"}
GUEST = "teleop.envs.adapter:Guest"  # any other environment, as it was driven: actions in [-1, 1], observations in a Dict
FLATTEN = {"name": "FlattenObservation", "entry_point": "gymnasium.wrappers:FlattenObservation", "kwargs": {}}
ALLOWED_ID = re.compile(r"(?:[\w:-]+/)?[\w:.-]+")  # Gymnasium refuses to read any other


def spec_of(env_id: str, env_kwargs: Mapping[str, Any], *, flat: bool) -> str | None:
    """The spec as JSON; None for an id that Gymnasium would not read. `flat`: observations are the vector `state` alone."""
    name = env_id.removeprefix("teleop:")
    robot, task = _parts(name)
    if task:
        where, arguments = f"teleop.envs.tasks.{_snake(task)}:{task}", {"robot": ROBOTS[robot], **env_kwargs}
    else:
        where, arguments, name = GUEST, {"env_id": env_id, **env_kwargs}, env_id.rpartition(":")[2]
    if not ALLOWED_ID.fullmatch(name):
        return None
    return json.dumps(
        {
            "id": name,
            "entry_point": where,
            "reward_threshold": None,
            "nondeterministic": False,
            "max_episode_steps": MOST_STEPS.get(task),
            "order_enforce": True,
            "disable_env_checker": False,
            "kwargs": arguments,
            "additional_wrappers": [FLATTEN] if flat else [],
            "vector_entry_point": None,
        }
    )


def env_in(spec: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(id, arguments) of a spec, as `teleop record` would have been given them.

    The id names the module that registers it, where that is neither Gymnasium nor ours.
    """
    env_id, entry_point = str(spec.get("id") or ""), str(spec.get("entry_point") or "")
    kwargs = {key: value for key, value in (spec.get("kwargs") or {}).items() if key != "render_mode"}
    module = entry_point.split(":")[0].split(".")[0]
    if entry_point == GUEST:
        return str(kwargs.pop("env_id", env_id)), kwargs
    if module == "teleop":
        name, own = env_id.removeprefix("teleop:"), kwargs.pop("robot", None)
        robot, _ = _parts(name)
        return name, kwargs if own in (None, ROBOTS.get(robot)) else {"robot": own, **kwargs}
    known = not env_id or ":" in env_id or module in ("", "gymnasium")
    return env_id if known else f"{module}:{env_id}", kwargs


def task_of(env_id: str) -> str:
    """Which of our tasks it is; "" for any other environment."""
    return _parts(env_id.removeprefix("teleop:"))[1]


def _parts(name: str) -> tuple[str, str]:
    """(title of the robot, task) of one of our environments, else two empty texts."""
    for title in ROBOTS:
        task = name.removeprefix(title).removesuffix("-v0")
        if task in MOST_STEPS and name == f"{title}{task}-v0":
            return title, task
    return "", ""


def _snake(task: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", task).lower()
