"""Specification of robomimic's environment wrapper, without robomimic: `make check-robomimic` runs the real one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data.errors import UserError
from data.session import Session
from teleop.envs.robomimic import Wrapped, install, run_script


@pytest.fixture
def lift() -> Iterator[Wrapped]:
    env = Wrapped("PandaLift-v0", use_image_obs=True, cameras=["front"], image_size=16)
    yield env
    env.plant.close()


def test_an_episode_goes_as_robomimics_rollout_goes_through_it(lift: Wrapped) -> None:
    np.random.seed(3)
    obs = lift.reset()
    assert obs["front_image"].shape == (16, 16, 3)
    assert lift.is_success() == {"task": False}
    after, reward, done, info = lift.step(np.zeros(lift.action_dimension))
    assert (reward, done, info["is_success"]) == (0.0, False, {"task": False})
    assert set(after) == set(obs)
    np.random.seed(3)
    again = lift.reset()
    assert all(np.array_equal(obs[key], again[key]) for key in obs)


def test_pictures_are_drawn_only_where_they_are_wanted() -> None:
    env = Wrapped("PandaLift-v0", cameras=["front"], image_size=16)
    assert "front_image" not in env.reset()
    assert env.serialize()["env_kwargs"] == {"cameras": ["front"], "image_size": 16}
    env.plant.close()


def test_a_state_is_put_back_exactly_or_as_far_as_it_goes(lift: Wrapped, recorded: Path) -> None:
    lift.reset()
    for _ in range(5):
        lift.step(np.full(7, 0.3))
    there, obs = lift.get_state(), lift.get_observation()
    lift.step(np.full(7, -0.5))
    back = lift.reset_to(there)
    assert back is not None
    assert all(np.array_equal(obs[key], back[key]) for key in obs)
    episode = Session.open(recorded).read(0)
    lift.reset_to({"states": episode.steps["states"][10], "model": episode.meta.model_xml})
    np.testing.assert_array_equal(lift.get_state()["states"], episode.steps["states"][10])
    np.testing.assert_allclose(lift.get_observation()["object"], episode.obs["object"][10])
    assert lift.reset_to({"model": "<mujoco/>"}) is None


def test_played_back_from_its_first_flat_state_an_episode_succeeds_again(lift: Wrapped, recorded: Path) -> None:
    episode = Session.open(recorded).read(0)
    lift.reset_to({"states": episode.steps["states"][0]})
    assert any(lift.step(action)[1] for action in episode.steps["actions"])


def test_it_draws_as_robomimic_asks(lift: Wrapped) -> None:
    lift.reset()
    assert lift.render(mode="rgb_array", height=48, width=64, camera_name="wrist").shape == (48, 64, 3)
    with pytest.raises(NotImplementedError, match="rgb_array only"):
        lift.render()


def test_a_state_of_another_environment_is_refused(lift: Wrapped) -> None:
    lift.reset()
    with pytest.raises(UserError, match=r"\[time, qpos, qvel\] has shape \(3,\), this env needs \(32,\)"):
        lift.reset_to({"states": np.zeros(3)})


def test_any_gymnasium_environment_is_wrapped() -> None:
    env = Wrapped("CartPole-v1")
    env.reset()
    steps = 0
    while not env.is_done():
        env.step(np.array([1.0, -1.0]))
        steps += 1
    assert 5 < steps < 20
    with pytest.raises(UserError, match="no states to put back"):
        env.reset_to({"states": np.zeros(4)})
    env.plant.close()


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match="give a video path instead"):
        Wrapped("PandaLift-v0", render=True)
    with pytest.raises(UserError, match="there is no robomimic in this Python"):
        install()
    with pytest.raises(UserError, match=r"'fly' is no script .* allowed: dataset_states_to_obs, playback_dataset, run_"):
        run_script("fly", [])
    command = [sys.executable, "-m", "teleop.envs.robomimic", "train"]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no robomimic in this Python")
