"""Domain randomisation: from one seed, the same again, and only what was asked for."""

import numpy as np
import pytest

from data.cli import run_command
from data.errors import UserError
from data.session import Session
from teleop.commands import COMMANDS
from teleop.envs import make_plant
from teleop.envs.randomize import CHANGES, FIELDS
from teleop.envs.tasks.lift import Lift
from teleop.replay import frames, plant_of, verify

TOUCHES = {
    "colours": {"geom_rgba", "mat_rgba"},
    "light": {"light_pos", "light_diffuse"},
    "cameras": {"cam_pos", "cam_quat", "cam_fovy"},
    "masses": {"body_mass", "body_inertia", "geom_friction"},
}


def fields(env):
    return {name: np.array(getattr(env.model, name)) for name in FIELDS}


@pytest.fixture(scope="module")
def plain():
    env = Lift()
    yield env
    env.close()


@pytest.mark.parametrize("wish", CHANGES)
def test_each_wish_changes_what_it_names_and_nothing_else(plain, wish):
    env, nominal = Lift(randomize=(wish,), randomize_seed=5), fields(plain)
    env.reset(seed=0)
    changed = {name for name, values in fields(env).items() if not np.array_equal(values, nominal[name])}
    assert changed == TOUCHES[wish]
    env.close()


def test_the_same_seeds_give_the_same_model_and_others_another():
    one, other, third = (Lift(randomize=tuple(CHANGES), randomize_seed=seed) for seed in (5, 5, 6))
    for env in (one, third):
        env.reset(seed=3)
    other.reset(seed=9)
    other.reset(seed=3)
    assert all(np.array_equal(v, fields(other)[k]) for k, v in fields(one).items()), "whatever was before"
    assert not np.array_equal(fields(one)["geom_rgba"], fields(third)["geom_rgba"])
    before = fields(one)
    one.reset(seed=4)
    assert not np.array_equal(fields(one)["geom_rgba"], before["geom_rgba"])
    for env in (one, other, third):
        env.close()


def test_one_wish_more_changes_no_other():
    alone, both = Lift(randomize=("masses",)), Lift(randomize=("colours", "masses"))
    for env in (alone, both):
        env.reset(seed=1)
    assert np.array_equal(fields(alone)["body_mass"], fields(both)["body_mass"])
    for env in (alone, both):
        env.close()


def test_the_robot_stays_the_robot(plain):
    env = Lift(randomize=tuple(CHANGES))
    env.reset(seed=2)
    robot = [plain.model.body(i).name.startswith("robot0_") for i in range(plain.model.nbody)]
    geoms = np.array(robot)[plain.model.geom_bodyid]
    assert np.array_equal(env.model.body_mass[robot], plain.model.body_mass[robot])
    assert np.array_equal(env.model.geom_rgba[geoms], plain.model.geom_rgba[geoms])
    cube = plain.model.body("cube").id
    assert 0.69 < env.model.body_mass[cube] / plain.model.body_mass[cube] < 1.31
    env.close()


def test_without_a_seed_scenes_go_on_differing_and_the_task_s_own_draws_stay():
    env = Lift(randomize=("colours",))
    env.reset(seed=1)
    first = fields(env)["geom_rgba"]
    env.reset()
    assert not np.array_equal(fields(env)["geom_rgba"], first)
    plain, dressed = Lift(), Lift(randomize=("colours", "light"))
    assert np.array_equal(plain.reset(seed=7)[0]["object"], dressed.reset(seed=7)[0]["object"])
    for one in (env, plain, dressed):
        one.close()


def test_recorded_episodes_keep_the_seed_and_replay_to_the_bit_in_their_own_colours(tmp_path):
    words = ["record", "--env", "PandaLift-v0", "--session", str(tmp_path / "s"), "--device", "scripted", "--headless", "--episodes", "2"]
    extra = ["--randomize", "colours", "light", "cameras", "masses", "--randomize-seed", "11", "--cameras", "front:32x32"]
    assert run_command("teleop", COMMANDS, [*words, *extra]) == 0
    session = Session.open(tmp_path / "s")
    episodes = [session.read(0), session.read(1)]
    assert episodes[0].meta.env_kwargs["randomize_seed"] == 11
    plant = plant_of(session, episodes[0])
    assert all(verify(plant, episode).exact for episode in reversed(episodes))
    wrong = make_plant("PandaLift-v0", {})[1]
    assert not verify(wrong, episodes[0]).exact, "masses matter"
    pictures = [next(iter(frames(plant, episode, "front", 32, 32, _fast()))) for episode in episodes]
    for picture, episode in zip(pictures, episodes, strict=True):
        assert np.array_equal(picture, episode.obs["front_image"][0])
    assert not np.array_equal(*pictures)
    plant.close()
    wrong.close()


def _fast():
    from teleop.envs.render import FAST

    return FAST


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"randomize": ("gravity",)}, "--randomize 'gravity' is not known; allowed: cameras, colours, light, masses"),
        ({"randomize": ("light",), "randomize_seed": -1}, "is negative"),
    ],
)
def test_a_wrong_wish_is_one_line(kwargs, says):
    with pytest.raises(UserError, match=says):
        Lift(**kwargs)
