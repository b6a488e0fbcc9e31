"""Specification of `learn.futures`: what would come of a state, the ghosts of a policy, the turning point of a failure."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_learn_futures_support import AWAY, LONGEST, REACH, arm_of, driven, goal_keeper, policy_step, stops_short, undecided

from data.errors import UserError
from learn.driver import Driver
from learn.futures.future import Futures, Shake, draws, rolls_needed
from learn.futures.ghosts import GhostConfig, Paused, ghosts, is_same_way, unfolding
from learn.futures.packed import PackedPolicy
from learn.futures.turning_point import SearchConfig, last_true, turning_point
from learn.policies import PolicyConfig, build_policy
from teleop.envs import make_plant

SEED = 3


@pytest.fixture(scope="module")
def futures():
    futures = Futures(goal_keeper(), REACH, {"cameras": ["front"]})
    yield futures
    futures.close()


@pytest.fixture(scope="module")
def plant():
    plant = arm_of()
    yield plant
    plant.close()


def paused(plant, steps_left=LONGEST, seed=SEED):
    obs, _ = plant.reset(seed=seed)
    return Paused(plant.sim_state(), obs, seed, steps_left)


# -- futures -----------------------------------------------------------------------------------------------------------


def test_a_future_from_the_midst_of_an_episode_is_what_then_happened_to_the_bit(futures, plant) -> None:
    driver = Driver(goal_keeper())
    driver.begin(0)
    obs, _ = plant.reset(seed=SEED)
    states, places = [], [plant.tcp_pos_m]
    while not plant.is_success():
        states.append(plant.sim_state())
        obs, *_ = plant.step(driver.act(obs)[0])
        places.append(plant.tcp_pos_m)
    middle = len(states) // 2
    futures.roll(goal_keeper(-1.0), states[0], SEED + 1, seed=0, steps=5)  # whatever was tried before
    future = futures.roll(goal_keeper(), states[middle], SEED, seed=0, steps=LONGEST)
    assert (future.success, future.steps) == (True, len(states) - middle)
    np.testing.assert_array_equal(future.path_m, places[middle:])
    assert futures.plant.sim_state().tobytes() == plant.sim_state().tobytes()


def test_a_future_is_no_longer_than_was_asked_for(futures, plant) -> None:
    start = paused(plant)
    short = futures.roll(goal_keeper(-1.0), start.sim_state, SEED, seed=0, steps=7)
    assert (short.success, short.steps, short.path_m.shape) == (False, 7, (8, 3))


def test_who_has_arrived_has_succeeded_without_a_step(futures, plant) -> None:
    driven(plant, SEED, LONGEST, lambda t, obs: policy_step(goal_keeper().act(obs)[0]))
    there = futures.roll(goal_keeper(-1.0), plant.sim_state(), SEED, seed=0, steps=0)
    assert (there.success, there.steps) == (True, 0)


def test_a_mode_that_is_a_way_to_do_the_task_is_held_to_the_end(futures, plant) -> None:
    start, policy = paused(plant), undecided((0.999, 0.001))
    ends = [futures.roll(policy, start.sim_state, SEED, seed=0, mode=k, steps=60) for k in (0, 1)]
    assert [end.success for end in ends] == [False, True]
    assert [round(end.probability, 3) for end in ends] == [0.999, 0.001]


def test_where_modes_hold_for_a_chunk_only_its_first_look_is_led(futures, plant) -> None:
    start = paused(plant)
    policy = undecided((0.999, 0.001), (1.0, -1.0), sticky="chunk", chunk=4, execute=2)
    led, free = (futures.roll(policy, start.sim_state, SEED, seed=0, mode=mode, steps=60) for mode in (1, None))
    wished = policy.modes(start.obs)[1].chunk
    plant.restore(start.sim_state)
    places = [plant.tcp_pos_m]
    for action in wished[:2]:
        plant.step(action)
        places.append(plant.tcp_pos_m)
    np.testing.assert_array_equal(led.path_m[:3], places)
    assert led.success  # then it goes to the ball, as nearly always
    assert free.steps < led.steps


def test_what_a_policy_draws_is_decided_by_the_seed(futures, plant) -> None:
    start, policy = paused(plant), undecided((0.5, 0.5))
    again = [[futures.roll(policy, start.sim_state, SEED, seed=k, steps=60).success for k in range(6)] for _ in range(2)]
    assert again[0] == again[1]
    assert set(again[0]) == {False, True}


def test_only_policies_that_draw_need_more_than_one_future() -> None:
    def of(kind, **changes):
        config = {"chunk": 4, "execute": 2, "hidden": (16,), "experts": 2}
        return build_policy(PolicyConfig(("object",), (6,), 7, kind, **{**config, **changes}))

    drawing = {kind: draws(of(kind)) for kind in ("bc", "moe", "flow", "bc-rnn-gmm", "act")}
    assert drawing == {"bc": False, "moe": True, "flow": True, "bc-rnn-gmm": True, "act": False}
    assert [draws(of("moe", sticky=sticky), mode=1) for sticky in ("episode", "chunk")] == [False, True]
    assert [rolls_needed(of(kind), 8) for kind in ("bc", "flow")] == [1, 8]


def test_a_shaken_policy_draws_whatever_it_is(futures, plant) -> None:
    start, policy = paused(plant), goal_keeper()
    assert [rolls_needed(policy, 8, shake=shake) for shake in (0.0, 0.1)] == [1, 8]

    def path(seed, shake):
        return futures.roll(policy, start.sim_state, SEED, seed=seed, steps=10, shake=shake).path_m

    np.testing.assert_array_equal(path(0, 0.1), path(0, 0.1))
    np.testing.assert_array_equal(path(0, 0.0), path(1, 0.0))
    assert 0.002 < np.abs(path(0, 0.1) - path(1, 0.1)).max() < 0.1


def test_an_arm_is_shaken_along_its_way_and_not_turned_or_opened(plant) -> None:
    shake = Shake.of(plant, 7, 0.1, seed=0)
    action = np.array([0.5, -0.5, 0.0, 0.1, 0.0, 0.0, -1.0], np.float32)
    shaken = np.array([shake.shaken(action) for _ in range(2000)])
    assert np.abs((shaken - action).std(axis=0) - [0.1, 0.1, 0.1, 0, 0, 0, 0]).max() < 0.01
    assert np.abs((shaken - action).mean(axis=0)).max() < 0.01
    assert shaken.dtype == action.dtype
    strong = Shake.of(plant, 7, 1.0, seed=0)
    assert np.abs([strong.shaken(action) for _ in range(50)]).max() == 1.0
    with pytest.raises(UserError, match=r"shake 2.0 is outside 0 … 1"):
        Shake.of(plant, 7, 2.0, seed=0)


def test_all_of_a_guest_s_action_is_shaken() -> None:
    env, guest = make_plant("Reacher-v5", {})
    assert (Shake.of(guest, 2, 0.1, seed=0).shaken(np.zeros(2, np.float32)) != 0.0).all()
    env.close()


def test_who_drives_meanwhile_does_not_forget(futures, plant) -> None:
    policy = build_policy(PolicyConfig(("object",), (6,), 7, "bc-rnn-gmm", hidden=(8,), chunk=5)).eval()
    start = paused(plant)
    policy.act(start.obs)
    before = policy.head.memory[0][0].clone()
    futures.roll(policy, start.sim_state, SEED, seed=0, steps=3)
    assert torch.equal(policy.head.memory[0][0], before)
    assert policy.head.age == 1


def test_cameras_that_the_policy_does_not_see_through_are_not_drawn(futures) -> None:
    assert not any(key.endswith("_image") for key in futures.plant.restore(futures.plant.sim_state()))


def test_a_mujoco_guest_goes_on_as_it_went_on() -> None:
    policy = build_policy(PolicyConfig(("state",), (10,), 2, hidden=(8,))).eval()
    env, guest = make_plant("Reacher-v5", {})
    obs, _ = env.reset(seed=SEED)
    states, seen = [guest.sim_state()], [obs]
    for _ in range(30):
        obs, *_ = guest.step(policy.act(obs)[0])
        states.append(guest.sim_state())
        seen.append(obs)
    futures = Futures(policy, "Reacher-v5", {})
    assert futures.longest_steps == 50
    for begin in (20, 5, 0, 12):  # more steps in all than an episode may have
        future = futures.roll(policy, states[begin], SEED, seed=0, steps=30 - begin, obs=seen[begin])
        assert futures.plant.sim_state().tobytes() == states[-1].tobytes()
        assert (future.path_m.shape, future.steps) == ((0, 3), 30 - begin)
    futures.close()
    env.close()


def test_a_guest_that_cannot_be_put_back_is_refused() -> None:
    policy = build_policy(PolicyConfig(("state",), (4,), 2))
    with pytest.raises(UserError, match="CartPole-v1 cannot be put back into a state"):
        Futures(policy, "CartPole-v1", {})


def test_states_and_policies_of_other_environments_are_refused(futures, plant) -> None:
    with pytest.raises(UserError, match="simulator state has"):
        futures.roll(goal_keeper(), np.zeros(3), SEED, seed=0, steps=1)
    other = build_policy(PolicyConfig(("object",), (7,), 7))
    with pytest.raises(UserError, match="width 7"):
        futures.roll(other, paused(plant).sim_state, SEED, seed=0, steps=1)


def test_a_packed_policy_is_the_same_policy_and_named_by_what_it_does() -> None:
    policy = goal_keeper()
    packed = PackedPolicy.of(policy)
    obs = {"object": np.arange(6, dtype=np.float32) / 10}
    with torch.no_grad():
        policy.head.mlp.layers[0].bias += 1.0  # training on
    np.testing.assert_array_equal(packed.unpack().act(obs), goal_keeper().act(obs))
    assert packed.fingerprint == PackedPolicy.of(goal_keeper()).fingerprint
    assert packed.fingerprint != PackedPolicy.of(policy).fingerprint


# -- ghosts ------------------------------------------------------------------------------------------------------------


def test_there_is_a_ghost_for_each_mode_the_likeliest_first(futures, plant) -> None:
    start, policy = paused(plant), undecided()
    found = ghosts(futures, policy, start)
    assert [(ghost.mode, round(ghost.probability, 3), ghost.predicted) for ghost in found] == [(1, 0.7, 1.0), (0, 0.3, 0.0)]
    for ghost in found:
        np.testing.assert_array_equal(ghost.action, policy.modes(start.obs)[ghost.mode].chunk[0])
        np.testing.assert_array_equal(ghost.path_m[0], plant.tcp_pos_m)
    assert len(found[1].path_m) == 41
    assert np.linalg.norm(found[0].path_m[-1] - plant.target_pos_m()) < 0.02


def test_the_same_state_has_the_same_ghosts(futures, plant) -> None:
    start, policy = paused(plant, steps_left=25), undecided((0.5, 0.5), sticky="chunk", chunk=2, execute=2)
    one, other = (ghosts(futures, policy, start, GhostConfig(steps=10, rolls=2)) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        assert (a.mode, a.probability, a.predicted) == (b.mode, b.probability, b.predicted)
        np.testing.assert_array_equal(a.path_m, b.path_m)


def test_paths_come_first_and_predictions_follow_one_by_one(futures, plant) -> None:
    shown = list(unfolding(futures, undecided(), paused(plant)))
    assert [[ghost.predicted for ghost in ghosts] for ghosts in shown] == [[None, None], [1.0, None], [1.0, 0.0]]


def test_experts_that_go_the_same_way_are_one_ghost(futures, plant) -> None:
    policy = undecided((0.4, 0.35, 0.25), (-1.0, 1.0, 1.0))
    found = next(unfolding(futures, policy, paused(plant)))
    assert [(ghost.mode, round(ghost.probability, 2)) for ghost in found] == [(1, 0.6), (0, 0.4)]
    apart = next(unfolding(futures, policy, paused(plant), GhostConfig(same_way_m=0.0)))
    assert [ghost.mode for ghost in apart] == [0, 1, 2]


def test_unlikely_modes_have_no_ghost_and_there_are_never_too_many(futures, plant) -> None:
    policy = undecided((0.6, 0.36, 0.04), (1.0, -1.0, 0.0))
    for config, modes in (
        (GhostConfig(), [0, 1]),
        (GhostConfig(share=0.03), [0, 1, 2]),
        (GhostConfig(most=1), [0]),
        (GhostConfig(share=1.0), [0]),
    ):
        assert [ghost.mode for ghost in next(unfolding(futures, policy, paused(plant), config))] == modes


def test_a_policy_without_modes_has_one_ghost(futures, plant) -> None:
    (only,) = ghosts(futures, goal_keeper(), paused(plant))
    assert (only.mode, only.probability, only.predicted) == (0, 1.0, 1.0)


def test_a_prediction_is_for_the_time_that_is_left(futures, plant) -> None:
    (late,) = ghosts(futures, goal_keeper(), paused(plant, steps_left=3))
    assert (late.predicted, len(late.path_m)) == (0.0, 4)


def test_a_prediction_is_the_share_of_futures_that_succeed(futures, plant) -> None:
    start = paused(plant, steps_left=20)
    policy = undecided((0.65, 0.35), (1.0, -1.0), sticky="chunk")  # at every look a coin is thrown: like a drunkard
    first = ghosts(futures, policy, start, GhostConfig(steps=5, rolls=5, most=1))[0]
    shares = [futures.roll(policy, start.sim_state, SEED, seed=k, mode=first.mode, steps=20).success for k in range(5)]
    assert 0.0 < np.mean(shares) < 1.0
    assert first.predicted == pytest.approx(np.mean(shares))


def test_ways_are_the_same_however_fast_they_are_gone() -> None:
    slow, fast = (np.linspace([0, 0, 0], [0.2, 0, 0], n) for n in (40, 12))
    assert is_same_way(slow, fast, 0.02)
    assert not is_same_way(slow, slow[:10], 0.02)  # it stops on the way
    assert not is_same_way(slow, slow + [0, 0.03, 0], 0.02)
    assert not is_same_way(np.empty((0, 3)), np.empty((0, 3)), 0.02)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"most": 0}, {"rolls": 0}, {"share": 1.5}, {"same_way_m": -0.1}])
def test_ghosts_that_make_no_sense_are_refused(wrong) -> None:
    with pytest.raises(UserError, match="ghost futures"):
        GhostConfig(**wrong)


# -- turning points ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failure(plant):
    """Forty steps away from the ball; who turns back early enough still arrives."""
    return driven(plant, SEED, 40, lambda t, obs: policy_step(AWAY))


def test_the_turning_point_is_the_last_state_from_which_the_policy_still_recovers(futures, failure) -> None:
    config = SearchConfig(allowance_steps=0, stride=1)
    found = turning_point(futures, goal_keeper(), failure, config)
    states = failure.steps["sim_state"]
    recovers = [futures.roll(goal_keeper(), state, SEED, seed=0, steps=40 - t).success for t, state in enumerate(states)]
    assert found is not None
    assert (found.step, found.lost_step) == (recovers.index(False) - 1, recovers.index(False))
    assert (found.success_before, found.success_after, found.is_confirmed) == (1.0, 0.0, True)
    assert found.rollouts <= 2 + int(np.ceil(np.log2(41)))  # a policy that draws nothing needs one a state, and no second look


def test_a_coarse_search_is_as_right_and_quicker(futures, failure) -> None:
    fine, coarse = (turning_point(futures, goal_keeper(), failure, SearchConfig(allowance_steps=0, stride=n)) for n in (1, 8))
    assert fine is not None
    assert coarse is not None
    assert coarse.lost_step - coarse.step <= 8
    assert coarse.step <= fine.step < coarse.lost_step
    assert coarse.rollouts < fine.rollouts


def test_without_a_state_that_recovers_or_one_that_does_not_there_is_no_turning_point(futures, failure) -> None:
    assert turning_point(futures, goal_keeper(-1.0), failure) is None
    assert turning_point(futures, goal_keeper(), failure, SearchConfig(allowance_steps=100)) is None


def test_a_policy_that_draws_is_judged_on_seeds_that_did_not_choose(futures, failure) -> None:
    policy = undecided((0.2, 0.8))
    found = turning_point(futures, policy, failure, SearchConfig(rolls=6, allowance_steps=0, stride=8))
    assert found is not None

    def share(step, seeds):
        return np.mean([futures.roll(policy, failure.steps["sim_state"][step], SEED, seed=k, steps=40 - step).success for k in seeds])

    assert share(found.step, range(6)) >= 0.5 > share(found.lost_step, range(6))
    assert (found.success_before, found.success_after) == (share(found.step, range(6, 12)), share(found.lost_step, range(6, 12)))
    assert found.rollouts > 12


def test_shaken_a_policy_that_draws_nothing_has_a_turning_point_in_its_own_failure(futures, plant) -> None:
    policy = stops_short(0.022)
    own = driven(plant, SEED, 80, lambda t, obs: policy_step(policy.act(obs)[0]))
    assert not own.meta.success
    config = SearchConfig(rolls=12, allowance_steps=0, stride=27)
    assert turning_point(futures, policy, own, config) is None
    found = turning_point(futures, policy, own, replace(config, shake=0.1))
    assert found is not None
    assert found.is_confirmed

    def share(step, seeds):
        state, left = own.steps["sim_state"][step], 80 - step
        return np.mean([futures.roll(policy, state, SEED, seed=k, steps=left, shake=0.1).success for k in seeds])

    assert share(found.step, range(12)) >= 0.5 > share(found.lost_step, range(12))
    assert (found.success_before, found.success_after) == (share(found.step, range(12, 24)), share(found.lost_step, range(12, 24)))


def test_bisection_ends_between_a_yes_and_a_no_even_where_they_alternate() -> None:
    answers = [True, True, False, True, False, False, True, False]
    k = last_true(answers.__getitem__, len(answers))
    assert k is not None
    assert answers[k]
    assert not answers[k + 1]
    assert last_true([False, True].__getitem__, 2) is None
    assert last_true([True, True].__getitem__, 2) is None


def test_episodes_without_the_twin_s_states_are_refused(futures, plant, failure) -> None:
    steps = {**failure.steps, "sim_state": np.zeros((41, 0))}
    with pytest.raises(UserError, match="has no simulator states"):
        turning_point(futures, goal_keeper(), replace(failure, steps=steps))
    with pytest.raises(UserError, match="is of PandaLift-v0, this is PandaReach-v0"):
        turning_point(futures, goal_keeper(), replace(failure, meta=replace(failure.meta, env_id="PandaLift-v0")))
    with pytest.raises(UserError, match="turning point"):
        SearchConfig(stride=0)
    with pytest.raises(UserError, match="shake"):
        SearchConfig(shake=-0.1)
