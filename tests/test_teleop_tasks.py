"""Every task on every arm that has environments of its own: Gymnasium's contract, determinism, exact replay, the operator."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from task_table import run
from test_teleop_support import loop_of

import teleop
from data.cli import run_command
from data.errors import UserError
from data.schema import Outcome
from teleop.commands import COMMANDS
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import longest_evaluation_s, make_plant
from teleop.envs.arm import ArmEnv
from teleop.experts import EXPERTS
from teleop.loop import LoopConfig
from teleop.mapping import MappingConfig
from teleop.modes import mode_names, wished_plan
from teleop.replay import verify
from teleop.stick import Button

IDS = tuple(teleop.ENV_IDS)
PANDA = tuple(env_id for env_id in IDS if env_id.startswith("Panda"))
MODAL = ("PandaDetour-v0", "PandaSort-v0")


@pytest.fixture(scope="module")
def plants():
    opened = {}

    def open_it(env_id):
        if env_id not in opened:
            opened[env_id] = make_plant(env_id, {"max_episode_steps": -1})
        return opened[env_id]

    yield open_it
    for env, _ in opened.values():
        env.close()


def some_actions(n, seed=0):
    return np.random.default_rng(seed).uniform(-0.6, 0.6, (n, 7)).astype(np.float32)


def test_there_are_nine_tasks_on_two_arms_each_with_an_expert():
    assert set(teleop.TASKS) == {"Reach", "Lift", "Push", "PickPlace", "Stack", "PegInsert", "Drawer", "Detour", "Sort"}
    assert set(teleop.ROBOTS) == {"Panda", "UR5e"}
    assert {cls.__name__ for cls in EXPERTS} == set(teleop.TASKS)


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.filterwarnings("ignore:.*A Box observation space (minimum|maximum) value is -?infinity")
def test_gymnasium_s_own_checker_is_content(env_id):
    env, plant = make_plant(env_id, {"reward": "dense", "cameras": ("front:32x24",)})
    check_env(plant, skip_render_check=True)
    env.close()


HASHED = """
import hashlib, sys, numpy as np
from teleop.envs import make_plant
for env_id in sys.argv[1:]:
    env, plant = make_plant(env_id, {})
    env.reset(seed=11)
    for action in np.random.default_rng(0).uniform(-0.6, 0.6, (25, 7)).astype(np.float32):
        plant.step(action)
    print(hashlib.sha256(plant.sim_state().tobytes()).hexdigest())
    env.close()
"""


def test_the_same_seed_and_actions_give_the_same_states_in_another_process(tmp_path, plants):
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", HASHED, *IDS], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    hashes = []
    for env_id in IDS:
        _, plant = plants(env_id)
        plant.reset(seed=5)
        plant.reset(seed=11)
        for action in some_actions(25):
            plant.step(action)
        hashes.append(hashlib.sha256(plant.sim_state().tobytes()).hexdigest())
    assert done.stdout.split() == hashes


@pytest.mark.parametrize("env_id", IDS)
def test_scenes_differ_from_seed_to_seed_and_none_begins_solved(env_id, plants):
    _, plant = plants(env_id)
    scenes = set()
    for seed in range(12):
        obs, info = plant.reset(seed=seed)
        scenes.add(obs["object"].tobytes())
        assert not info["success"]
        assert info.get("mode", "") == ""
        assert 0.0 <= plant.dense_reward() < 1.0
        assert plant.observation_space.contains(obs)
        low, high = np.array(plant.limits.lower_m), np.array(plant.limits.upper_m)
        assert np.all(plant.tcp_pos_m > low - 1e-3)
        assert np.all(plant.tcp_pos_m < high + 1e-3)
    assert len(scenes) == 12


@pytest.mark.parametrize("env_id", IDS)
def test_a_scripted_episode_replays_and_restores_to_the_bit(tmp_path, env_id, plants):
    """The operator at work for some seconds: contacts, grasps, things that fall."""
    env, plant = plants(env_id)
    operator = ScriptedOperator(plant, MappingConfig(), OperatorConfig(skill=1.5), 0)
    loop, session, _ = loop_of(tmp_path / "s", env, plant, operator, LoopConfig(episodes=1, max_ticks=120, seed=1), env_id=env_id)
    loop.run()
    episode = session.read(0)
    assert verify(plant, episode).exact
    middle = len(episode) // 2
    plant.restore(episode.steps["sim_state"][middle])
    for t in range(middle, len(episode)):
        plant.step(episode.steps["actions"][t])
        assert plant.sim_state().tobytes() == episode.steps["sim_state"][t + 1].tobytes()


@pytest.mark.parametrize("env_id", IDS)
def test_the_reward_is_sparse_unless_asked_to_be_dense(env_id, plants):
    _, plant = plants(env_id)
    plant.reset(seed=0)
    assert {plant.step(action)[1] for action in some_actions(10)} == {0.0}
    env, dense = make_plant(env_id, {"reward": "dense"})
    env.reset(seed=0)
    assert all(0.0 < dense.step(action)[1] < 1.0 for action in some_actions(10))
    env.close()


@pytest.mark.parametrize("env_id", PANDA)
def test_the_scripted_operator_solves_it_and_the_dense_reward_ends_at_one(env_id):
    done = [run(env_id, seed, skill=2.0, kwargs={"reward": "dense"}) for seed in (0, 1)]
    assert all(r.success for r in done), done
    assert all(r.reward == 1.0 for r in done)


@pytest.mark.parametrize("env_id", MODAL)
def test_what_the_operator_was_asked_for_is_what_the_geometry_says(env_id, plants):
    modes = plants(env_id)[1].modes
    assert len(modes) >= 4
    for i, mode in enumerate(modes):
        done = run(env_id, 100 + i, mode)
        assert (done.success, done.found) == (True, mode)


@pytest.mark.parametrize("env_id", MODAL)
def test_without_a_mode_every_episode_takes_its_own(env_id):
    assert len({run(env_id, seed).found for seed in range(4)}) > 1


def test_the_mode_that_was_found_is_in_the_file_beside_the_tag(tmp_path, plants):
    env, plant = plants("PandaDetour-v0")
    operator = ScriptedOperator(plant, MappingConfig(), OperatorConfig(skill=2.0), 0)
    loop, session, _ = loop_of(tmp_path / "s", env, plant, operator, LoopConfig(episodes=1, mode="over"), env_id="PandaDetour-v0")
    loop.run()
    meta = session.read(0).meta
    assert (meta.outcome, meta.behaviour_mode, meta.found_mode) == (Outcome.SUCCESS, "over", "over")


@pytest.mark.parametrize("env_id", IDS)
def test_evaluations_are_long_enough_for_the_operator(env_id):
    assert longest_evaluation_s(env_id, {}) >= 7.5


def test_every_task_says_what_to_do_and_where():
    for env_id in IDS:
        env, plant = make_plant(env_id, {})
        assert isinstance(plant, ArmEnv)
        env.reset(seed=0)
        assert 10 < len(plant.task) < 80
        target = plant.target_pos_m()
        assert target is None or target.shape == (3,)
        assert all(len(ghost.rgba) == 4 for ghost in plant.goal_ghost())
        env.close()


def test_a_mode_that_the_task_does_not_have_is_one_line(tmp_path, capsys):
    words = ["record", "--env", "PandaDetour-v0", "--session", str(tmp_path / "s"), "--device", "scripted", "--headless", "--mode", "under"]
    assert run_command("teleop", COMMANDS, words) == 2
    assert "--mode under is no way to do PandaDetour-v0; allowed: left, right, over, left-right" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_the_d_pad_has_the_task_s_own_modes():
    assert list(mode_names((), ("left", "right", "over", "left-over", "over-left")).values()) == ["left", "right", "over", "left-over"]
    assert mode_names(("left=mine",), ("a", "b", "c", "d"))[Button.LEFT] == "mine"
    assert wished_plan(("over-left=3",), mode_names((), ("left", "over-left")), ("left", "over-left")) == {"over-left": 3}
    with pytest.raises(UserError, match="there is no behaviour mode 'under' on the D-pad; allowed: left, over"):
        wished_plan(("under=3",), mode_names((), ("left", "over")), ("left", "over"))
