"""What tests of several packages share: a real session, recorded once through the real command."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from data.cli import run_command
from teleop.commands import COMMANDS
from teleop.envs import make_plant


@pytest.fixture(scope="session", autouse=True)
def own_calibrations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Not those of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAMEPAD_DAGGER_CONFIG", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="module")
def env() -> Iterator[gymnasium.Env[Any, Any]]:
    """Reach for a whole module; its loop sets it up anew for every episode."""
    env, _ = make_plant("PandaReach-v0", {"max_episode_steps": 1200})
    yield env
    env.close()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of three PandaLift-v0 episodes by the scripted operator. To be read only: `copied` is to be changed."""
    path = tmp_path_factory.mktemp("recorded") / "session"
    words = ["record", "--env", "PandaLift-v0", "--session", str(path), "--device", "scripted", "--headless", "--episodes", "3"]
    assert run_command("teleop", COMMANDS, [*words, "--skill", "2", "--mode", "left", "--seed", "7"]) == 0
    return path


@pytest.fixture
def copied(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "session"))
