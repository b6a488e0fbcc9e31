"""Specification of `learn.futures.service`: ghosts from a process of their own, the newest request first."""

import os
import signal
from contextlib import closing

import numpy as np
import pytest
from test_learn_futures_support import LONGEST, REACH, arm_of, goal_keeper, undecided

from data.errors import UserError
from learn.futures.future import Futures
from learn.futures.ghosts import Paused, ghosts
from learn.futures.service import GhostService
from learn.policies import PolicyConfig, build_policy

pytestmark = pytest.mark.real_time

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def plant():
    plant = arm_of()
    yield plant
    plant.close()


@pytest.fixture(scope="module")
def service():
    service = GhostService(undecided(), REACH, {})
    yield service
    service.close()


def paused(plant, seed=3, steps_left=LONGEST):
    obs, _ = plant.reset(seed=seed)
    return Paused(plant.sim_state(), obs, seed, steps_left)


def everything(service):
    """What the service says, up to the complete answer."""
    told = []
    while not (told and told[-1].complete):
        news = service.poll(PATIENCE_S)
        assert news is not None
        told.append(news)
    return told


def test_the_service_finds_what_would_be_found_here_and_is_deaf_to_an_interrupt(service, plant) -> None:
    start = paused(plant)
    os.kill(service._process.pid, signal.SIGINT)  # while it starts
    number = service.request(start)
    told = everything(service)
    assert {news.number for news in told} == {number}
    with closing(Futures(undecided(), REACH, {})) as futures:
        expected = ghosts(futures, undecided(), start)
    for ghost, wanted in zip(told[-1].ghosts, expected, strict=True):
        assert (ghost.mode, ghost.probability, ghost.predicted) == (wanted.mode, wanted.probability, wanted.predicted)
        np.testing.assert_array_equal(ghost.path_m, wanted.path_m)
    assert service.poll() is None  # nothing is told twice


def test_paths_come_before_predictions(service, plant) -> None:
    service.request(paused(plant))
    first = service.poll(PATIENCE_S)
    assert first is not None
    assert len(first.ghosts) == 2
    assert all(len(ghost.path_m) for ghost in first.ghosts)


def test_only_the_newest_request_is_answered(service, plant) -> None:
    starts = [paused(plant, seed) for seed in (3, 4, 5)]
    numbers = [service.request(start) for start in starts]
    told = everything(service)
    assert {news.number for news in told} == {numbers[-1]}
    np.testing.assert_array_equal(told[-1].ghosts[0].path_m[0], plant.tcp_pos_m)


def test_another_policy_takes_the_place_of_the_one_before(service, plant) -> None:
    start, policy = paused(plant), goal_keeper(-1.0)
    service.request(start)
    service.swap(policy)
    number = service.request(start)
    told = everything(service)
    assert {news.number for news in told} == {number}
    (only,) = told[-1].ghosts
    assert (only.probability, only.predicted) == (1.0, 0.0)


def test_what_cannot_be_done_is_said_once() -> None:
    policy = build_policy(PolicyConfig(("state",), (4,), 2))
    with closing(GhostService(policy, "CartPole-v1", {})) as service:
        with pytest.raises(UserError, match="CartPole-v1 cannot be put back into a state"):
            service.poll(PATIENCE_S)
        assert service.poll() is None
        assert service.request(Paused(np.zeros(4), {"state": np.zeros(4, np.float32)}, 0, 10)) == 1


def test_a_service_ends_when_it_is_closed_whatever_it_is_doing(plant) -> None:
    service = GhostService(goal_keeper(-1.0), REACH, {})
    service.request(paused(plant, steps_left=100_000))
    assert service.poll(PATIENCE_S) is not None  # its path; now it is at the prediction
    service.close()
    assert not service._process.is_alive()
    assert service._process.exitcode == 0  # by itself


def test_a_process_that_died_is_told_of(plant) -> None:
    with closing(GhostService(goal_keeper(), REACH, {})) as service:
        service._process.kill()
        with pytest.raises(UserError, match="the process of the ghost futures has died"):
            service.poll(PATIENCE_S)
        assert service.poll() is None
