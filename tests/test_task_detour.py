"""Detour: nine ways past two boards, decided from where the gripper went."""

import numpy as np
import pytest
from task_table import run

from teleop.envs.tasks.detour import BOARD_HALF_M, BOARDS, REACHED_M, WAYS, Detour, openings_m, way_past
from teleop.experts.aim import Wish
from teleop.experts.detour import detour_expert, wished_ways

SPEED = 0.35


@pytest.fixture(scope="module")
def env():
    env = Detour()
    yield env
    env.close()


def drive_to(env, place_m, ticks=200):
    """Straight to a place (3,), or until the ticks are up; the last info."""
    info = {}
    for _ in range(ticks):
        error = place_m - env.tcp_pos_m
        if np.linalg.norm(error) < 0.008:
            break
        action = np.zeros(7, np.float32)
        action[:3] = np.clip(error * 3.0, -SPEED, SPEED)
        action[6] = -1.0
        info = env.step(action)[4]
    return info


def drive_past(env, board, way):
    """Through the middle of the opening, to 6 cm behind the board."""
    place = openings_m(env.board_tops_m[board])[WAYS.index(way)]
    for along in (-0.06, 0.0, 0.06):
        info = drive_to(env, np.add(place, [along, 0.0, 0.0]))
    return info


def drive_as_wished(env, wish, ticks=400):
    """The expert itself at the stick, without a person's noise; the steps' infos."""
    infos = []
    for _ in range(ticks):
        aim = detour_expert(env, wish)
        action = np.zeros(7, np.float32)
        action[:3] = np.clip((aim.pos_m - env.tcp_pos_m) * 3.0, -SPEED, SPEED)
        action[5], action[6] = aim.yaw_rad * 0.3, aim.grip
        infos.append(env.step(action)[4])
        if infos[-1]["success"]:
            break
    return infos


def touches_a_board(env):
    boards = {env.model.geom(name).id for name in BOARDS}
    return any(boards & set(contact.geom) for contact in env.data.contact[: env.data.ncon])


def put_goal_at_hand(env, away_m=0.0):
    env.data.mocap_pos[0] = np.add(env.tcp_pos_m, [0.0, 0.0, away_m])
    env.restore(env.sim_state())


# -- the task ----------------------------------------------------------------------------------------------------------


def test_there_are_nine_modes_and_the_plain_ones_come_first():
    assert Detour.modes[:3] == ("left", "right", "over")
    assert len(set(Detour.modes)) == 9


@pytest.mark.parametrize(
    ("beside_m", "above_m", "way"),
    [(-0.15, -0.1, "left"), (0.15, -0.1, "right"), (-0.15, 0.2, "left"), (0.15, 0.2, "right"), (0.0, 0.05, "over"), (0.08, 0.05, "over")],
)
def test_the_way_is_where_the_plane_is_crossed(beside_m, above_m, way):
    top = np.array([0.41, 0.013, 0.17])
    assert way_past(np.add(top, [0.0, beside_m, above_m]), top) == way


@pytest.mark.parametrize("mode", ["left", "over-right", "right-over"])
def test_a_mode_is_named_by_both_boards_and_open_until_the_second(env, mode):
    env.reset(seed=5)
    first, second = wished_ways(mode)
    assert drive_past(env, 0, first)["mode"] == ""
    assert env.ways() == (first, "")
    assert drive_past(env, 1, second)["mode"] == mode


def test_going_back_undoes_a_way(env):
    env.reset(seed=5)
    drive_past(env, 0, "left")
    assert env.ways() == ("left", "")
    drive_to(env, env.tcp_pos_m - [0.12, 0.0, 0.0])
    assert env.ways() == ("", "")
    drive_past(env, 0, "over")
    assert env.ways() == ("over", "")


def test_a_step_aside_behind_a_board_does_not_change_its_way(env):
    env.reset(seed=5)
    drive_past(env, 0, "over")
    drive_to(env, np.add(env.tcp_pos_m, [0.02, 0.2, 0.0]))
    assert env.ways() == ("over", "")


def test_success_needs_both_boards_and_the_ball(env):
    env.reset(seed=5)
    put_goal_at_hand(env)
    assert env.distance_m() < 1e-6
    assert not env.is_success(), "the ball in front of the boards"
    drive_past(env, 0, "right")
    put_goal_at_hand(env)
    assert not env.is_success(), "the ball between the boards"
    drive_past(env, 1, "right")
    put_goal_at_hand(env, REACHED_M + 0.001)
    assert not env.is_success(), "a near miss"
    put_goal_at_hand(env, REACHED_M - 0.001)
    assert env.is_success()


def test_a_restored_state_remembers_the_way(env):
    env.reset(seed=5)
    drive_past(env, 0, "over")
    drive_past(env, 1, "left")
    put_goal_at_hand(env)
    state = env.sim_state()
    env.reset(seed=6)
    assert env.ways() == ("", "")
    env.restore(state)
    assert (env.behaviour_mode(), env.is_success()) == ("over-left", True)


def test_the_reward_grows_on_the_way_and_is_one_at_success(env):
    env.reset(seed=5)
    rewards = [env.dense_reward()]
    for board, way in enumerate(("left", "left")):
        drive_past(env, board, way)
        rewards.append(env.dense_reward())
    drive_to(env, env.goal_pos_m)
    rewards.append(env.dense_reward())
    assert rewards == sorted(set(rewards))
    assert rewards[0] > 0.0
    assert rewards[-1] == 1.0


def test_the_observation_says_where_things_are(env):
    obs, _ = env.reset(seed=3)
    places = np.concatenate([[env.goal_pos_m], env.board_tops_m])
    np.testing.assert_allclose(obs["object"][:9], places.ravel(), atol=1e-6)
    np.testing.assert_allclose(obs["object"][9:], (places - env.tcp_pos_m).ravel(), atol=1e-6)


def test_scenes_differ_and_stay_within_bounds(env):
    scenes = []
    for seed in range(50):
        obs, info = env.reset(seed=seed)
        scenes.append(obs["object"][:9])
        assert info == {"success": False, "mode": ""}
        assert env.data.ncon == 0
        assert not np.any(env.memory)
        assert env.tcp_pos_m[0] < env.board_tops_m[0][0] - 0.04
        assert np.all(env.board_tops_m[:, 2] < 2 * BOARD_HALF_M[2]), "a board floats"
        assert env.goal_pos_m[0] > env.board_tops_m[1][0] + REACHED_M
    assert len({scene.tobytes() for scene in scenes}) == 50
    spread = np.ptp(scenes, axis=0)
    assert np.all(spread[1::3] > 0.025)
    assert np.all(spread[2::3] > 0.02)


# -- its expert --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corner", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("mode", Detour.modes)
def test_the_expert_does_each_mode_without_touching_whatever_its_whim(env, mode, corner):
    env.reset(seed=11)
    wish, touched = Wish(mode, (corner,) * 6), False
    for _ in range(40):
        infos = drive_as_wished(env, wish, ticks=10)
        touched = touched or touches_a_board(env)
        if infos[-1]["success"]:
            break
    assert infos[-1] == {"success": True, "mode": mode}
    assert not touched


def test_whims_make_different_paths(env):
    ends = []
    for out in (-1.0, 1.0):
        env.reset(seed=11)
        path = []
        for _ in range(60):
            drive_as_wished(env, Wish("left", (out, out, out, out, 0.0, 0.0)), ticks=1)
            path.append(env.tcp_pos_m)
        ends.append(np.abs(path).max(axis=0))
    assert np.all((ends[1] - ends[0])[1:] > 0.06)


@pytest.mark.parametrize("mode", ["", "somehow", "left-under", "left-left"])
def test_an_unknown_word_is_done_as_it_comes(env, mode):
    env.reset(seed=4)
    assert wished_ways(mode) == ("", "")
    last = drive_as_wished(env, Wish(mode))[-1]
    assert last["success"]
    assert last["mode"] in Detour.modes


def test_as_it_comes_is_the_nearest_way(env):
    env.reset(seed=4)
    drive_to(env, np.array([0.32, -0.2, 0.1]))
    assert drive_as_wished(env, Wish())[-1]["mode"] == "left"


def test_a_board_passed_another_way_than_wished_is_passed(env):
    env.reset(seed=4)
    drive_past(env, 0, "over")
    assert drive_as_wished(env, Wish("left"))[-1] == {"success": True, "mode": "over-left"}


@pytest.mark.parametrize("x_m", [0.36, 0.385, 0.40])
def test_from_beside_the_wrong_side_the_expert_goes_back_and_around(env, x_m):
    env.reset(seed=4)
    drive_to(env, np.array([0.32, -0.2, 0.1]))
    drive_to(env, np.array([x_m, -0.2, 0.1]))
    assert drive_as_wished(env, Wish("right"))[-1] == {"success": True, "mode": "right"}


def test_from_behind_the_ball_the_expert_still_reaches_it(env):
    env.reset(seed=4)
    drive_past(env, 0, "left")
    drive_past(env, 1, "left")
    drive_to(env, np.array([0.70, 0.2, 0.3]))
    assert drive_as_wished(env, Wish("over"))[-1] == {"success": True, "mode": "left"}


@pytest.mark.parametrize("mode", ["left", "over", "right-left"])
def test_the_scripted_operator_does_what_is_asked(mode):
    done = run("PandaDetour-v0", 7, mode)
    assert (done.success, done.found) == (True, mode)
