"""Specification of `learn.evaluate`: seeded rollouts and their interval."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from test_learn_support import TOY, TOY_CONFIG, ToyReach, make_toy, toy_expert, toy_policy

from data.cli import run_command
from data.errors import UserError
from data.intervals import wilson
from learn.checkpoint import Checkpoint, save_policy
from learn.commands import COMMANDS
from learn.evaluate import Evaluation, Rollout, check_policy_fits, evaluate, rollout
from learn.modes import fraction_of_entropy
from learn.policies import PolicyConfig, build_policy


class Expert:
    def begin(self, seed: int) -> None:
        pass

    def act(self, obs: Any) -> np.ndarray:
        return toy_expert(obs)[None]


def recorded(env_id: str, made: list[dict[str, Any]]) -> Any:
    """A maker of toy environments that notes the options it was given."""

    def make(asked_id: str, **kwargs: Any) -> gymnasium.Env:
        assert asked_id == env_id
        made.append(kwargs)
        return ToyReach(**kwargs)

    return make


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_numbers_of_newcombe_1998_table_1(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=6e-5)
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=6e-5)


def test_wilson_stays_inside_and_around_the_share() -> None:
    for n in (1, 2, 7, 50, 1000):
        for successes in range(n + 1):
            low, high = wilson(successes, n)
            assert 0.0 <= low <= successes / n <= high <= 1.0
    assert wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson(3, 2)


def test_an_episode_ends_at_its_first_success() -> None:
    result = rollout(Expert(), ToyReach(), seed=3)
    assert result.success
    assert result.length < 30
    assert result.total_reward == 1.0


def test_an_episode_ends_when_it_is_truncated() -> None:
    class Still:
        def begin(self, seed: int) -> None:
            pass

        def act(self, obs: Any) -> np.ndarray:
            return np.zeros((1, 2), np.float32)

    assert rollout(Still(), ToyReach(), seed=3) == Rollout(3, success=False, length=30, total_reward=0.0)


def test_on_step_sees_every_step_with_the_observation_acted_on() -> None:
    seen: list[Any] = []
    result = rollout(Expert(), ToyReach(), 3, on_step=lambda obs, action, info: seen.append((obs, action, info)))
    assert len(seen) == result.length
    np.testing.assert_array_equal(seen[0][0]["position"], [0.0, 0.0])
    for obs, action, _ in seen:
        np.testing.assert_array_equal(action, toy_expert(obs))
    assert [info["success"] for _, _, info in seen] == [False] * (len(seen) - 1) + [True]


def test_episodes_start_from_consecutive_seeds_whatever_came_before() -> None:
    policy = toy_policy()
    whole = evaluate(policy, TOY, {}, 6, 10, make=make_toy).rollouts
    assert [r.seed for r in whole] == list(range(10, 16))
    assert evaluate(policy, TOY, {}, 3, 13, make=make_toy).rollouts == whole[3:]


def test_the_number_of_workers_changes_nothing() -> None:
    policy = toy_policy(members=2)
    alone = evaluate(policy, TOY, {}, 5, 10, workers=1, make=make_toy)
    done: list[Rollout] = []
    together = evaluate(policy, TOY, {}, 5, 10, workers=2, progress=done.append, make=make_toy)
    assert together.rollouts == alone.rollouts == tuple(done)


def test_the_summary_has_the_contracts_words() -> None:
    evaluation = evaluate(toy_policy(), TOY, {}, 4, 10, make=make_toy)
    summary = evaluation.summary()
    assert sorted(summary) == sorted(["success_rate", "ci_low", "ci_high", "episodes", "mean_return", "seconds", "policy", "env"])
    assert (summary["policy"], summary["env"], summary["episodes"]) == ("bc", TOY, 4)
    assert summary["success_rate"] == sum(r.success for r in evaluation.rollouts) / 4
    assert (summary["ci_low"], summary["ci_high"]) == wilson(evaluation.successes, 4)


def test_the_callers_torch_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        evaluate(toy_policy(), TOY, {}, 1, 0, make=make_toy)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_cameras_the_policy_does_not_look_through_are_not_drawn() -> None:
    made: list[dict[str, Any]] = []
    evaluate(toy_policy(), TOY, {"cameras": ["front"]}, 1, 0, make=recorded(TOY, made))
    assert made == [{"cameras": []}] * 2


@pytest.mark.parametrize(("episodes", "workers", "seed"), [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_impossible_numbers_are_refused(episodes: int, workers: int, seed: int) -> None:
    with pytest.raises(UserError, match=f"--episodes {episodes} --workers {workers} --seed {seed}"):
        evaluate(toy_policy(), TOY, {}, episodes, seed, workers, make=make_toy)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"obs_keys": ("goal", "nose")}, "the policy needs nose, which Toy-v0 does not observe; it has: goal, position"),
        ({"obs_dims": (2, 3)}, r"trained with position of width 3, Toy-v0 has shape \(2,\)"),
        ({"action_dim": 7}, "the policy gives 7 numbers per action, Toy-v0 takes Box"),
    ],
)
def test_an_env_that_does_not_fit_is_refused(change: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        check_policy_fits(build_policy(replace(TOY_CONFIG, **change)), ToyReach(), TOY)


def test_another_env_than_the_trained_one_is_refused_unless_chosen() -> None:
    check_policy_fits(toy_policy(), ToyReach(), "Other-v0")
    with pytest.raises(UserError, match="trained in Toy-v0, this is Other-v0"):
        check_policy_fits(toy_policy(), ToyReach(), "Other-v0", trained_env_id=TOY)


def test_an_env_without_named_observations_is_refused() -> None:
    env = ToyReach()
    env.observation_space = gymnasium.spaces.Box(-1, 1, (4,))
    with pytest.raises(UserError, match=r"Toy-v0 observes Box.*, the policy needs a Dict with goal, position"):
        check_policy_fits(toy_policy(), env, TOY)


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return save_policy(tmp_path, Checkpoint(toy_policy(), TOY, {}, "abc"))


@pytest.fixture
def registered_toy() -> Any:
    gymnasium.register(TOY, entry_point=ToyReach)
    yield
    del gymnasium.registry[TOY]


@pytest.mark.usefixtures("registered_toy")
def test_the_command_ends_with_one_json_object(model_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("learn", COMMANDS, ["evaluate", str(model_dir), "--episodes", "3", "--workers", "1", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["episodes"] == 3
    assert 0.0 <= summary["ci_low"] <= summary["success_rate"] <= summary["ci_high"] <= 1.0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [("evaluate nowhere", "there is no model at nowhere"), ("evaluate {model} --env Nothing-v0", "Nothing-v0")],
)
def test_a_mistake_is_one_line_and_exit_code_2(model_dir: Path, capsys: pytest.CaptureFixture[str], words: str, complaint: str) -> None:
    assert run_command("learn", COMMANDS, words.format(model=model_dir).split()) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert complaint in line


# -- behaviour modes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "fraction"),
    [([10, 0, 0], 0.0), ([0, 0, 0], 0.0), ([5], 0.0), ([500, 500], 1.0), ([1, 1], 1.0), ([900, 100], 0.4697)],
)
def test_the_entropy_of_modes_is_a_fraction_of_the_most_there_can_be(counts: list[int], fraction: float) -> None:
    assert fraction_of_entropy(counts) == pytest.approx(fraction, abs=1e-3)


def test_few_samples_are_not_taken_for_narrow_ones() -> None:
    """Miller and Madow's correction: of many samples of size 8 from four equal modes the mean is nearer to 1 than without it."""
    rng = np.random.default_rng(0)
    draws = [np.bincount(rng.integers(0, 4, 8), minlength=4).tolist() for _ in range(2000)]
    plain = [-sum(c / 8 * np.log(c / 8) for c in counts if c) / np.log(4) for counts in draws]
    assert abs(np.mean([fraction_of_entropy(c) for c in draws]) - 1.0) < 0.6 * abs(np.mean(plain) - 1.0)


def test_a_multimodal_task_is_evaluated_with_its_modes_the_same_for_any_number_of_workers() -> None:
    """A policy that flies straight at the ball, over or beside the boards, wherever that leads."""
    config = PolicyConfig(("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos", "object"), (3, 4, 2, 18), 7)
    policy = build_policy(config, seed=0)
    one, two = (evaluate(policy, "PandaDetour-v0", {}, 3, 0, workers) for workers in (1, 2))
    assert one.rollouts == two.rollouts
    assert set(one.summary()) >= {"mode_counts", "mode_entropy"}
    assert list(one.mode_use.counts) == list(one.modes)
    rollouts = tuple(Rollout(k, True, 5, 1.0, mode) for k, mode in enumerate(("left", "left", "over")))
    known = Evaluation("PandaDetour-v0", "bc", rollouts, 1.0, ("left", "right", "over"))
    assert known.mode_use.counts == {"left": 2, "right": 0, "over": 1}
    assert known.mode_use.entropy == pytest.approx(fraction_of_entropy([2, 0, 1]))
