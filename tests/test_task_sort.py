"""Sort: three cubes into the trays of their colours, in six orders."""

import numpy as np
import pytest
from task_table import run
from test_teleop_support import put

from teleop.envs.tasks.sort import APART_M, COLOURS, CUBES_M, FLOOR_M, HALF_M, INSIDE_M, Sort
from teleop.experts.aim import Wish
from teleop.experts.sort import next_colour, sort_expert

OPEN = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)
CLOSED = np.array([0, 0, 0, 0, 0, 0, 1], np.float32)


@pytest.fixture(scope="module")
def env():
    env = Sort()
    yield env
    env.close()


def put_in_tray(env, colour, tray=None, away_m=(0.0, 0.0, 0.0)):
    put(env, colour, np.add(env.tray_pos_m(tray or colour), [0.0, 0.0, FLOOR_M + HALF_M]) + away_m)


def put_at_hand(env, colour):
    put(env, colour, env.tcp_pos_m)


def expert_step(env, wish):
    """The expert itself at the stick, without a person's noise."""
    aim = sort_expert(env, wish)
    action = np.zeros(7, np.float32)
    action[:3] = np.clip((aim.pos_m - env.tcp_pos_m) * 3.0, -0.35, 0.35)
    action[5], action[6] = np.clip(aim.yaw_rad * 0.3, -0.12, 0.12), aim.grip
    return aim, env.step(action)[4]


def drive_as_wished(env, wish, until=lambda aim, info: info["success"], ticks=900):
    for _ in range(ticks):
        aim, info = expert_step(env, wish)
        if until(aim, info):
            return info
    raise AssertionError(f"not within {ticks} ticks; the last stage was {aim.stage}")


# -- the task ----------------------------------------------------------------------------------------------------------


def test_there_are_six_modes():
    assert len(set(Sort.modes)) == 6
    assert "red-green-blue" in Sort.modes


def test_success_needs_all_three(env):
    env.reset(seed=0)
    for colour in COLOURS:
        assert not env.is_success()
        put_in_tray(env, colour)
    assert env.is_success()


@pytest.mark.parametrize(
    ("away_m", "inside"),
    [
        ((INSIDE_M - 0.001, 0.0, 0.0), True),
        ((INSIDE_M + 0.001, 0.0, 0.0), False),
        ((0.0, -INSIDE_M - 0.001, 0.0), False),
        ((0.0, 0.0, 0.01), False),
    ],
)
def test_a_near_miss_is_no_success(env, away_m, inside):
    env.reset(seed=0)
    for colour in COLOURS:
        put_in_tray(env, colour, away_m=away_m if colour == "blue" else (0.0, 0.0, 0.0))
    assert env.is_success() is inside


def test_two_cubes_in_each_other_s_trays_are_no_success(env):
    env.reset(seed=0)
    for colour, tray in (("red", "green"), ("green", "red"), ("blue", "blue")):
        put_in_tray(env, colour, tray)
    assert env.missing() == ["red", "green"]


def test_a_cube_on_top_of_another_is_not_in_place(env):
    env.reset(seed=0)
    put_in_tray(env, "red")
    put_in_tray(env, "green", "red", (0.0, 0.0, 2 * HALF_M))
    assert "green" in env.missing()


def test_a_held_cube_is_not_in_place_before_it_is_let_go(env):
    env.reset(seed=0)
    drive_as_wished(env, Wish("red-green-blue"), until=lambda aim, _: aim.stage == "lower red")
    down_and_closed = np.array([0, 0, -0.1, 0, 0, 0, 1], np.float32)
    for _ in range(20):
        env.step(down_and_closed)
    assert env.is_in_tray("red")
    assert not env.is_in_place("red")
    assert np.all(env.memory == 0.0)
    for _ in range(10):
        env.step(OPEN)
    assert env.is_in_place("red")
    assert list(env.memory) == [1.0, 0.0, 0.0]


def test_the_mode_is_the_order_of_the_first_time(env):
    env.reset(seed=0)
    for colour in ("blue", "red"):
        put_in_tray(env, colour)
        assert env.step(OPEN)[4] == {"success": False, "mode": ""}
    put(env, "blue", [0.40, 0.30, HALF_M])
    env.step(OPEN)
    put_in_tray(env, "green")
    assert env.step(OPEN)[4] == {"success": False, "mode": "blue-red-green"}
    put_in_tray(env, "blue")
    assert env.step(OPEN)[4] == {"success": True, "mode": "blue-red-green"}


def test_a_restored_state_remembers_the_order(env):
    env.reset(seed=0)
    for colour in ("green", "blue", "red"):
        put_in_tray(env, colour)
        env.step(OPEN)
    state = env.sim_state()
    env.reset(seed=1)
    assert (env.behaviour_mode(), env.is_success()) == ("", False)
    env.restore(state)
    assert (env.behaviour_mode(), env.is_success()) == ("green-blue-red", True)


def test_the_reward_grows_on_the_way_and_is_one_at_success(env):
    env.reset(seed=0)
    rewards = [env.dense_reward()]
    for colour in COLOURS:
        put_at_hand(env, colour)
        rewards.append(env.dense_reward())
        put_in_tray(env, colour)
        rewards.append(env.dense_reward())
    assert rewards == sorted(set(rewards))
    assert rewards[0] > 0.0
    assert rewards[-1] == 1.0


def test_the_observation_says_where_things_are(env):
    obs, _ = env.reset(seed=3)
    for k, colour in enumerate(COLOURS):
        part = obs["object"][13 * k : 13 * k + 13]
        np.testing.assert_allclose(part[:3], env.cube_pos_m(colour), atol=1e-6)
        assert np.linalg.norm(part[3:7]) == pytest.approx(1.0, abs=1e-5)
        assert part[6] > 0.9, "w stays far from 0"
        np.testing.assert_allclose(part[7:10], env.cube_pos_m(colour) - env.tcp_pos_m, atol=1e-6)
        np.testing.assert_allclose(part[10:], env.tray_pos_m(colour), atol=1e-6)


def test_scenes_differ_and_nothing_touches_but_the_table(env):
    things = {env.model.body(name).id for name in (*COLOURS, *(f"{colour} tray" for colour in COLOURS))}
    scenes = []
    for seed in range(50):
        obs, info = env.reset(seed=seed)
        scenes.append(obs["object"].tobytes())
        assert info == {"success": False, "mode": ""}
        at = np.array([env.cube_pos_m(colour) for colour in COLOURS])
        assert np.all(at[:, :2] >= CUBES_M[0])
        assert np.all(at[:, :2] <= CUBES_M[1])
        assert min(np.linalg.norm(at[a] - at[b]) for a, b in ((0, 1), (0, 2), (1, 2))) > APART_M
        touching = [{int(env.model.geom_bodyid[g]) for g in contact.geom} for contact in env.data.contact[: env.data.ncon]]
        assert all(0 in pair and pair & things for pair in touching)
    assert len(set(scenes)) == 50


def test_the_line_leads_to_the_nearest_cube_then_to_its_tray(env):
    env.reset(seed=0)
    nearest = min(COLOURS, key=lambda colour: np.linalg.norm(env.cube_pos_m(colour) - env.tcp_pos_m))
    np.testing.assert_allclose(env.target_pos_m(), env.cube_pos_m(nearest))
    env.step(CLOSED)
    put_at_hand(env, "blue")
    np.testing.assert_allclose(env.target_pos_m()[:2], env.tray_pos_m("blue")[:2])
    for colour in COLOURS:
        put_in_tray(env, colour)
    assert env.target_pos_m() is None


def test_a_ghost_stands_where_each_missing_cube_belongs(env):
    env.reset(seed=0)
    assert len(env.goal_ghost()) == 3
    put_in_tray(env, "green")
    np.testing.assert_allclose([ghost.pos_m[:2] for ghost in env.goal_ghost()], [env.tray_pos_m(c)[:2] for c in ("red", "blue")])


# -- its expert --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", Sort.modes)
def test_the_expert_keeps_the_order_wished(env, mode):
    env.reset(seed=2)
    assert drive_as_wished(env, Wish(mode)) == {"success": True, "mode": mode}


@pytest.mark.parametrize("corner", [-1.0, 1.0])
def test_the_expert_succeeds_whatever_its_whim(env, corner):
    env.reset(seed=2)
    assert drive_as_wished(env, Wish("blue-red-green", (corner,) * 6)) == {"success": True, "mode": "blue-red-green"}
    away = [env.cube_pos_m(colour) - env.tray_pos_m(colour) for colour in COLOURS]
    assert np.all(np.sign(away)[:, :2] == corner), "the whim chooses the place in the tray"


@pytest.mark.parametrize("mode", ["", "quickly", "red-green"])
def test_an_unknown_word_begins_with_the_nearest(env, mode):
    env.reset(seed=0)
    put(env, "green", [*env.tcp_pos_m[:2], HALF_M])
    assert next_colour(env, Wish(mode)) == "green"
    assert next_colour(env, Wish("red-green-blue")) == "red"


def test_what_is_in_the_hand_goes_first(env):
    env.reset(seed=2)
    drive_as_wished(env, Wish("green-red-blue"), until=lambda aim, _: aim.stage == "carry green")
    assert drive_as_wished(env, Wish("blue-red-green")) == {"success": True, "mode": "green-blue-red"}


def test_a_cube_in_the_wrong_tray_is_fetched_from_there(env):
    env.reset(seed=2)
    put_in_tray(env, "red", "blue", (0.02, 0.03, 0.0))
    assert drive_as_wished(env, Wish("red-green-blue")) == {"success": True, "mode": "red-green-blue"}


def test_a_cube_dropped_on_the_way_is_fetched_again(env):
    env.reset(seed=2)
    drive_as_wished(env, Wish("red-green-blue"), until=lambda aim, _: aim.stage == "carry red" and env.cube_pos_m("red")[0] > 0.5)
    for _ in range(15):
        env.step(OPEN)
    assert env.cube_pos_m("red")[2] < 0.05
    assert drive_as_wished(env, Wish("red-green-blue")) == {"success": True, "mode": "red-green-blue"}


def test_a_cube_leaning_on_a_rim_is_put_right(env):
    env.reset(seed=2)
    put_in_tray(env, "red", away_m=(-0.055, 0.0, 0.01))
    for _ in range(15):
        env.step(OPEN)
    assert not env.is_in_tray("red")
    assert drive_as_wished(env, Wish("red-green-blue")) == {"success": True, "mode": "red-green-blue"}


def test_a_cube_knocked_out_of_its_tray_is_brought_back(env):
    env.reset(seed=2)
    put_in_tray(env, "red")
    env.step(OPEN)
    put(env, "red", [0.42, 0.30, HALF_M])
    info = drive_as_wished(env, Wish("red-blue-green"))
    assert info == {"success": True, "mode": "red-blue-green"}
    assert env.is_in_place("red")


def test_when_all_is_done_the_hand_rests(env):
    env.reset(seed=2)
    for colour in COLOURS:
        put_in_tray(env, colour)
    aim = sort_expert(env, Wish())
    assert (aim.stage, aim.grip) == ("done", -1.0)
    np.testing.assert_allclose(aim.pos_m, env.tcp_pos_m)


@pytest.mark.parametrize("mode", ["red-green-blue", "blue-red-green"])
def test_the_scripted_operator_does_what_is_asked(mode):
    done = run("PandaSort-v0", 7, mode)
    assert (done.success, done.found) == (True, mode)
