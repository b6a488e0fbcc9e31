"""Specification of `learn.driver`: chunks in a receding horizon, modes that stay, noise that a seed decides."""

from dataclasses import replace

import numpy as np
import pytest
from test_learn_support import TOY_CONFIG, toy_obs

from learn.driver import Driver
from learn.policies import Policy, build_policy


def policy_of(kind: str, **changes) -> Policy:
    return build_policy(replace(TOY_CONFIG, kind=kind, **{"chunk": 6, "execute": 3, "experts": 4, "integration_steps": 2, **changes}))


class Counting(Driver):
    """Counts the looks."""

    looks = 0

    def _look(self, obs):
        self.looks += 1
        return super()._look(obs)


def test_of_a_chunk_so_many_actions_are_executed_as_the_policy_says() -> None:
    policy = policy_of("bc")
    driver = Counting(policy)
    driver.begin(0)
    actions = [driver.act(toy_obs(k))[0] for k in range(7)]
    assert driver.looks == 3
    for k in (0, 3):
        np.testing.assert_array_equal(actions[k : k + 3], policy.act(toy_obs(k))[:3])


def test_what_is_left_of_the_plan_is_shown() -> None:
    driver = Driver(policy_of("bc"))
    driver.begin(0)
    assert [len(driver.act(toy_obs())) for _ in range(4)] == [3, 2, 1, 3]


def test_who_is_interrupted_looks_again() -> None:
    driver = Counting(policy_of("bc"))
    driver.begin(0)
    driver.act(toy_obs())
    driver.replan()
    driver.act(toy_obs(1))
    assert driver.looks == 2


def test_overlapping_chunks_are_averaged_older_ones_counting_more() -> None:
    policy = policy_of("act", execute=1, hidden=(16,))
    driver = Driver(policy)
    driver.begin(0)
    chunks = [policy.act(toy_obs(k)) for k in range(3)]
    acted = [driver.act(toy_obs(k))[0] for k in range(3)]
    weights = np.exp(-0.01 * np.arange(3))
    expected = np.average([chunks[0][2], chunks[1][1], chunks[2][0]], axis=0, weights=weights)
    np.testing.assert_allclose(acted[2], expected, rtol=1e-5)
    np.testing.assert_allclose(acted[0], chunks[0][0], rtol=1e-6)


@pytest.mark.parametrize("kind", ["flow", "moe", "bc-rnn-gmm"])
def test_a_seed_decides_what_is_drawn(kind: str) -> None:
    driver = Driver(policy_of(kind, hidden=(16, 16)))

    def drive(seed: int) -> np.ndarray:
        driver.begin(seed)
        return np.array([driver.act(toy_obs(k))[0] for k in range(12)])

    first = drive(1)
    np.testing.assert_array_equal(drive(1), first)
    assert any(not np.array_equal(drive(seed), first) for seed in range(2, 8))


def test_an_episode_s_mode_stays_and_other_episodes_have_others() -> None:
    driver = Driver(policy_of("moe"))
    modes = []
    for seed in range(30):
        driver.begin(seed)
        used = set()
        for k in range(9):
            driver.act(toy_obs(k))
            used.add(driver.mode)
        assert len(used) == 1
        modes += used
    assert len(set(modes)) == 4
    assert driver.mode_switches == 0


def test_a_chunk_s_mode_changes_with_the_chunks_and_changes_are_counted() -> None:
    driver = Driver(policy_of("moe", sticky="chunk"))
    driver.begin(0)
    for k in range(60):
        driver.act(toy_obs(k))
    assert driver.mode_switches > 3


def test_a_wanted_mode_is_driven() -> None:
    policy = policy_of("moe")
    for mode in range(4):
        driver = Driver(policy, mode)
        driver.begin(0)
        np.testing.assert_array_equal(driver.act(toy_obs()), policy.act(toy_obs(), mode=mode)[:3])


def test_where_somebody_led_to_an_unlikely_mode_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_of("moe")
    driver = Driver(policy)
    driver.begin(0)
    driver.act(toy_obs())
    kept = driver.mode
    likely = [replace(mode, probability=0.0 if k == kept else 1 / 3) for k, mode in enumerate(policy.modes(toy_obs()))]
    monkeypatch.setattr(policy, "modes", lambda obs: tuple(likely))
    for _ in range(3):
        driver.act(toy_obs())
    assert driver.mode == kept
    driver.replan()
    driver.act(toy_obs())
    assert driver.mode != kept
    assert driver.mode_switches == 1
