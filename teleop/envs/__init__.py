"""Environments: the robot, the scene, the tasks, and how one is made by name."""

from collections.abc import Mapping
from typing import Any

import gymnasium

import teleop
from data.errors import UserError, one_of
from teleop.envs.panda import CONTROL_HZ, PandaEnv


def make_env(env_id: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """A registered Gymnasium env (`gymnasium.make` with its time limit); an unknown id is a UserError that lists ours."""
    try:
        return gymnasium.make(env_id.removeprefix("teleop:"), **kwargs)
    except (gymnasium.error.UnregisteredEnv, gymnasium.error.NameNotFound, gymnasium.error.Error, ModuleNotFoundError) as error:
        raise UserError(f"there is no environment {env_id!r} ({_first_line(error)}); allowed: {one_of(teleop.ENV_IDS)}") from error
    except TypeError as error:
        raise UserError(f"{env_id} does not take these options ({_first_line(error)})") from error


def make_panda(env_id: str, env_kwargs: Mapping[str, Any]) -> tuple[gymnasium.Env[Any, Any], PandaEnv]:
    """The env with its time limit, and the arm inside it; refuses an env that sticks cannot drive yet."""
    env = make_env(env_id, **env_kwargs)
    arm = env.unwrapped
    if not isinstance(arm, PandaEnv):
        env.close()
        raise UserError(f"{env_id} is not an arm that sticks can drive (actions {env.action_space}); allowed: {one_of(teleop.ENV_IDS)}")
    return env, arm


def longest_evaluation_s(env_id: str) -> float:
    """The time limit of the registered env in seconds, which also bounds a policy's rollout."""
    if env_id not in teleop.ENV_IDS:
        raise UserError(f"there is no environment {env_id!r} here; allowed: {one_of(teleop.ENV_IDS)}")
    return teleop.ENV_IDS[env_id][1] / CONTROL_HZ


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
