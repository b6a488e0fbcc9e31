"""Specification of `from learn import Policy`: a policy in a program of one's own."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_learn_support import TOY, expert_session, make_toy, toy_obs, toy_policy

from data.errors import UserError
from data.session import Session
from learn import Policy
from learn.checkpoint import Checkpoint, load_policy, save_policy
from learn.driver import Driver
from learn.evaluate import evaluate, rollout
from learn.progress import Report

ROOT = Path(__file__).parent.parent
QUICK = {"steps": 20, "batch_size": 16, "hidden": (8,), "rollouts": 0}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return expert_session(tmp_path_factory.mktemp("session"), 6)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_policy(tmp_path / "model", Checkpoint(toy_policy(members=2), TOY, {"cameras": ("front",)}, "abc", {"steps": 7}))


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, learn; print('torch' in sys.modules, hasattr(learn, 'Policies')); learn.Policy; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.split() == ["False", "False", "True"]


def test_a_policy_knows_what_it_is(model: Path) -> None:
    policy = Policy.load(str(model))
    assert (policy.kind, policy.env_id, policy.env_kwargs) == ("bc", TOY, {"cameras": []})
    assert policy.obs_keys == ("goal", "position")
    assert policy.summary == {"steps": 7}
    assert repr(policy) == f"<Policy bc for {TOY}>"
    assert policy.doubt(toy_obs()) == policy.network.doubt(toy_obs()) > 0.0
    assert [mode.probability for mode in policy.modes(toy_obs())] == [1.0]


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no model at"):
        Policy.load(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["bc", "moe", "flow"])
def test_it_acts_as_it_is_evaluated(kind: str, session: Session, tmp_path: Path) -> None:
    policy = Policy.train(session, kind, out=tmp_path / "model", **{**QUICK, "hidden": (8, 8), "chunk": 4})
    env = make_toy(TOY)
    for seed in (3, 4):
        obs, _ = env.reset(seed=seed)
        policy.begin(seed)
        total, over = 0, False
        while not over:
            action = policy.act(obs)
            assert action.shape == (2,)
            obs, _, terminated, truncated, info = env.step(action)
            total, over = total + 1, terminated or truncated or info["success"]
        expected = rollout(Driver(load_policy(tmp_path / "model").policy), make_toy(TOY), seed)
        assert (total, bool(info["success"])) == (expected.length, expected.success)


def test_after_something_else_was_executed_it_looks_again(session: Session, tmp_path: Path) -> None:
    policy = Policy.train(session, out=tmp_path / "model", **{**QUICK, "chunk": 4, "execute": 4})
    policy.act(toy_obs(0))
    policy.replan()
    np.testing.assert_array_equal(policy.act(toy_obs(1)), policy.network.act(toy_obs(1))[0])


def test_it_is_trained_as_on_the_command_line(session: Session, tmp_path: Path) -> None:
    reports: list[Report] = []
    policy = Policy.train(session.path, "moe", out=tmp_path / "model", on_report=reports.append, **{**QUICK, "seed": 3})
    assert policy.kind == "moe"
    assert policy.summary["train"]["seed"] == 3
    assert reports[-1].step == 20
    assert load_policy(tmp_path / "model").fingerprint


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        ({"steps": 0}, UserError, "--steps 0: give at least 1"),
        ({"kind": "magic"}, (UserError, KeyError), "magic"),
        ({"stepz": 3}, TypeError, "stepz"),
    ],
)
def test_settings_that_are_none_are_refused(words: dict, error: type[Exception], says: str, session: Session, tmp_path: Path) -> None:
    with pytest.raises(error, match=says):
        Policy.train(session, out=tmp_path / "model", **words)


def test_ctrl_c_keeps_what_was_learned_and_is_raised(session: Session, tmp_path: Path) -> None:
    def press(report: Report) -> None:
        if report.step == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="resume=True goes on"):
        Policy.train(session, out=tmp_path / "model", on_report=press, **QUICK)
    assert Policy.load(tmp_path / "model").summary["steps"] == 10
    assert Policy.train(session, out=tmp_path / "model", resume=True, **QUICK).summary["steps"] == 20


@pytest.fixture(scope="module")
def lifting(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy of short episodes on a real arm."""
    out = tmp_path_factory.mktemp("lifting") / "my-model"
    Policy.train(recorded, out=out, **{**QUICK, "valid_fraction": 0.0})
    trained = load_policy(out)
    return save_policy(out, replace(trained, env_kwargs={**trained.env_kwargs, "max_episode_steps": 5}))


def test_it_is_evaluated_in_its_own_environment_and_goes_on_undisturbed(lifting: Path) -> None:
    policy, trained = Policy.load(lifting), load_policy(lifting)
    env = policy.make_env()
    obs, _ = env.reset(seed=0)
    policy.begin(0)
    policy.act(obs)
    judged = policy.evaluate(episodes=3)
    expected = evaluate(trained.policy, trained.env_id, trained.env_kwargs, 3, 100_000)
    assert judged.rollouts == expected.rollouts
    assert policy.evaluate(episodes=2, env_kwargs={"max_episode_steps": 3}).rollouts[0].length == 3
    assert policy.make_env(max_episode_steps=9).spec.max_episode_steps == 9
    with pytest.raises(UserError, match="was trained with object of width 10"):
        policy.evaluate(episodes=1, env_id="PandaReach-v0")


def test_it_is_saved_and_exported(model: Path, tmp_path: Path) -> None:
    policy = Policy.load(model)
    again = Policy.load(policy.save(tmp_path / "copy"))
    np.testing.assert_array_equal(again.act(toy_obs()), policy.act(toy_obs()))
    exported = policy.export(tmp_path / "policy.onnx")
    assert exported.path == tmp_path / "policy.onnx"
    assert exported.agreement.difference < 1e-5
