"""Environments: the robots, the scene, the tasks, any Gymnasium environment, and how one is made by name."""

import pkgutil
from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator

import teleop
from data.errors import UserError, one_of
from teleop.envs.plant import Plant


def make_env(env_id: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """One of our environments, a task of your own, or any registered one made drivable (`adapter.Guest`); with its time limit.

    An id may name the module that registers it (`module:id`). An unknown id is a UserError that lists ours.
    """
    name = env_id.removeprefix("teleop:")
    try:
        return gymnasium.make(name, **kwargs) if is_plant(name, kwargs) else make_guest(name, kwargs)
    except (gymnasium.error.Error, ModuleNotFoundError) as error:
        words = f"allowed: {one_of(teleop.ENV_IDS)}, or any registered Gymnasium id (MODULE:ID imports the module that registers it)"
        if isinstance(error, ModuleNotFoundError):
            words = f"install it, or run it in the Python that has it: --env-python; {words}"
        raise UserError(f"there is no environment {env_id!r} ({_first_line(error)}); {words}") from error
    except TypeError as error:
        raise UserError(f"{env_id} does not take these options ({_first_line(error)})") from error


def is_plant(env_id: str, env_kwargs: Mapping[str, Any]) -> bool:
    """Whether the id is of a `Plant` itself: ours, or a task of your own, `module:id`, made as ours are (docs/cookbook.md)."""
    if env_id in teleop.ENV_IDS:
        return True
    module, colon, name = env_id.partition(":")
    if not colon or "python" in env_kwargs:
        return False
    try:
        pkgutil.resolve_name(module)  # registers it
        entry = gymnasium.spec(name).entry_point
    except (gymnasium.error.Error, ModuleNotFoundError, ValueError):
        return False  # making it says why
    made = load_env_creator(entry) if isinstance(entry, str) else entry
    return isinstance(made, type) and issubclass(made, Plant)


def make_guest(env_id: str, env_kwargs: Mapping[str, Any] | None = None) -> gymnasium.Env[Any, Any]:
    """Any registered environment made drivable."""
    from teleop.envs.adapter import Guest

    return Guest(env_id, **(env_kwargs or {}))


def make_plant(env_id: str, env_kwargs: Mapping[str, Any]) -> tuple[gymnasium.Env[Any, Any], Plant]:
    """The env with its time limit, and the plant inside it."""
    env = make_env(env_id, **env_kwargs)
    plant = env.unwrapped
    assert isinstance(plant, Plant)
    return env, plant


def longest_evaluation_s(env_id: str, env_kwargs: Mapping[str, Any]) -> float | None:
    """The time limit of the registered env in seconds, which also bounds a policy's rollout; None where it has none."""
    if env_id in teleop.ENV_IDS:
        return teleop.ENV_IDS[env_id] / Plant.control_hz
    env, plant = make_plant(env_id, env_kwargs)
    env.close()
    steps = plant.longest_steps or (env.spec.max_episode_steps if env.spec else None)
    return None if steps is None else steps / plant.control_hz


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
