"""Specification of `learn.train`."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_learn_support import TOY, expert_session, make_toy, toy_obs, toy_policy
from torch.utils.tensorboard import SummaryWriter

from data.cli import INTERRUPTED, run_command
from data.errors import UserError
from data.session import Session
from learn.checkpoint import load_policy
from learn.commands import COMMANDS
from learn.dataset import load_frames, split_episodes
from learn.evaluate import evaluate
from learn.log import TENSORBOARD_NAME
from learn.policies import Policy
from learn.progress import PROGRESS_NAME, Report
from learn.selection import FIRST_CHECK_SEED, Judge, mean_of_last
from learn.train import CHECKPOINTS_NAME, TrainConfig, train

QUICK = TrainConfig(steps=20, batch_size=16, hidden=(8,))
NARROW = TrainConfig(batch_size=64, hidden=(16,), weight_decay=0.0)  # so narrow that the default decay hinders fitting


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return expert_session(tmp_path_factory.mktemp("session"), 20)


def weights(policy: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in policy.state_dict().items()}


def assert_same_weights(a: torch.nn.Module, b: torch.nn.Module) -> None:
    for name, value in weights(a).items():
        np.testing.assert_array_equal(value, weights(b)[name], err_msg=name)


def test_a_trained_policy_does_the_task(tmp_path: Path) -> None:
    result = train(expert_session(tmp_path / "session", 60), TrainConfig(steps=1000, batch_size=64, hidden=(32, 32)), tmp_path / "model")
    assert evaluate(result.policy, TOY, {}, 20, 1000, make=make_toy).success_rate >= 0.9
    assert evaluate(toy_policy(), TOY, {}, 20, 1000, make=make_toy).success_rate <= 0.3
    assert result.valid_loss is not None
    assert result.valid_loss < 0.1
    assert result.best_valid_loss is not None
    assert result.best_valid_loss <= result.valid_loss


@pytest.mark.parametrize("members", [1, 3])
def test_the_seed_decides_the_weights(session: Session, tmp_path: Path, members: int) -> None:
    config = TrainConfig(steps=20, batch_size=16, hidden=(8,), members=members, seed=5)
    first, again = (train(session, config, tmp_path / name).policy for name in "ab")
    assert_same_weights(first, again)
    other = train(session, TrainConfig(steps=20, batch_size=16, hidden=(8,), members=members, seed=6), tmp_path / "c").policy
    assert not np.array_equal(first.act(toy_obs()), other.act(toy_obs()))


def test_what_is_returned_is_what_is_saved(session: Session, tmp_path: Path) -> None:
    result = train(session, QUICK, tmp_path)
    loaded = load_policy(tmp_path)
    assert_same_weights(result.policy, loaded.policy)
    assert loaded.env_id == TOY
    assert loaded.fingerprint == load_frames(session).fingerprint
    assert loaded.summary["steps"] == 20
    assert loaded.summary["train"]["hidden"] == [8]


def test_the_normaliser_is_fitted_on_training_rows_only(session: Session, tmp_path: Path) -> None:
    policy = train(session, QUICK, tmp_path).policy
    frames = load_frames(session)
    train_rows, _ = split_episodes(frames, QUICK.valid_fraction, QUICK.seed)
    np.testing.assert_allclose(policy.encoder.normalizer.mean, frames.obs[train_rows].mean(axis=0), atol=1e-5)
    assert not np.allclose(policy.encoder.normalizer.mean, frames.obs.mean(axis=0), atol=1e-5)


def test_without_averaging_the_last_weights_are_kept(session: Session, tmp_path: Path) -> None:
    plain = train(session, TrainConfig(steps=20, batch_size=16, hidden=(8,), ema_decay=0.0), tmp_path / "plain").policy
    averaged = train(session, QUICK, tmp_path / "averaged").policy
    assert not np.array_equal(plain.act(toy_obs()), averaged.act(toy_obs()))


def test_members_disagree_more_away_from_the_data(session: Session, tmp_path: Path) -> None:
    policy = train(session, TrainConfig(steps=300, batch_size=64, hidden=(32,), members=4), tmp_path).policy
    known, unknown = ({"goal": np.array([x, 0.2]), "position": np.array([0.3, 0.0])} for x in (0.5, 8.0))
    assert policy.doubt(unknown) > 2.0 * policy.doubt(known)


def test_progress_rises_to_the_last_step_and_the_loss_falls(session: Session, tmp_path: Path) -> None:
    reports: list[Report] = []
    train(session, replace(NARROW, steps=200), tmp_path, progress=reports.append)
    steps = [r.step for r in reports]
    assert steps == sorted(set(steps))
    assert steps[-1] == 200
    assert reports[-1].train_loss < 0.5 * reports[0].train_loss


def test_losses_are_written_for_tensorboard(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, int]] = []
    keep = SummaryWriter.add_scalar
    monkeypatch.setattr(SummaryWriter, "add_scalar", lambda self, n, v, s: (written.append((n, s)), keep(self, n, v, s))[0])
    train(session, QUICK, tmp_path)
    assert {name for name, _ in written} == {"loss/train", "loss/valid"}
    assert max(step for _, step in written) == 20
    assert list((tmp_path / TENSORBOARD_NAME).glob("events.out.tfevents.*"))


def test_one_episode_trains_without_validation(tmp_path: Path) -> None:
    one = expert_session(tmp_path / "one", 1)
    with pytest.raises(UserError, match="there is one episode, of which nothing can be held out; record more, or give --valid-fraction 0"):
        train(one, QUICK, tmp_path / "model")
    result = train(one, replace(QUICK, valid_fraction=0.0), tmp_path / "model")
    assert result.valid_loss is None
    assert json.loads((tmp_path / "model" / "policy.json").read_text())["summary"]["valid_loss"] is None


def interrupt_at(step: int):
    """Ctrl-C pressed once, when `step` is reported."""
    pressed: list[int] = []

    def progress(report: Report) -> None:
        if report.step == step and not pressed:
            pressed.append(step)
            raise KeyboardInterrupt

    return progress


def test_an_interrupt_keeps_what_was_learned(session: Session, tmp_path: Path) -> None:
    result = train(session, QUICK, tmp_path, progress=interrupt_at(10))
    assert (result.interrupted, result.steps) == (True, 10)
    assert_same_weights(load_policy(tmp_path).policy, result.policy)
    assert load_policy(tmp_path).summary["interrupted"] is True


@pytest.mark.parametrize("policy", ["bc", "moe", "flow", "bc-rnn-gmm"])
def test_a_resumed_training_ends_exactly_where_an_uninterrupted_one_does(session: Session, tmp_path: Path, policy: str) -> None:
    config = replace(QUICK, policy=policy, members=2 if policy == "bc" else 1, hidden=(8, 8), chunk=3 if policy != "bc" else 1, steps=40)
    reports: list[Report] = []
    whole = train(session, config, tmp_path / "whole", progress=reports.append)
    stopped: list[Report] = []
    press = interrupt_at(18)
    part = train(session, config, tmp_path / "part", progress=lambda r: (stopped.append(r), press(r)))
    assert (part.interrupted, part.steps) == (True, 18)
    resumed = train(session, config, tmp_path / "part", progress=stopped.append, resume=True)
    assert_same_weights(resumed.policy, whole.policy)
    assert stopped == reports
    assert not (tmp_path / "part" / PROGRESS_NAME).exists()


@pytest.fixture
def begun(session: Session, tmp_path: Path) -> Path:
    train(session, replace(QUICK, steps=40), tmp_path / "model", progress=interrupt_at(18))
    return tmp_path / "model"


def test_there_must_be_something_to_resume(session: Session, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--resume: .* has no unfinished training; train without --resume"):
        train(session, QUICK, tmp_path, resume=True)


def test_a_training_is_resumed_with_its_own_settings_and_data_only(session: Session, begun: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was begun with --lr None; give the same"):
        train(session, replace(QUICK, steps=40, lr=0.1), begun, resume=True)
    with pytest.raises(UserError, match="was begun with other data"):
        train(expert_session(tmp_path / "other", 3), replace(QUICK, steps=40), begun, resume=True)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04pickle"])
def test_a_damaged_training_is_refused_in_one_line(session: Session, begun: Path, content: bytes) -> None:
    (begun / PROGRESS_NAME).write_bytes(content)
    with pytest.raises(UserError, match=r"training\.safetensors is damaged .*; train without --resume"):
        train(session, replace(QUICK, steps=40), begun, resume=True)


def test_ctrl_c_is_answered_between_two_steps(session: Session, tmp_path: Path) -> None:
    """The signal itself, in the middle of a step."""
    press = [lambda: signal.raise_signal(signal.SIGINT)]

    def progress(report: Report) -> None:
        if press:
            press.pop()()

    result = train(session, replace(QUICK, steps=200), tmp_path, progress=progress)
    assert result.interrupted
    assert result.steps < 200
    assert (tmp_path / PROGRESS_NAME).exists()


# -- rollouts ----------------------------------------------------------------------------------------------------------


class Scripted(Judge):
    """Finds as many successes as it is told, check after check."""

    def __init__(self, *successes: int) -> None:
        self.told = list(successes)

    def successes(self, policy: Policy, episodes: int) -> int:
        return self.told.pop(0)

    def close(self) -> None:
        pass


CHECKED = replace(QUICK, steps=40, rollouts=10, checks=4)


def with_judge(monkeypatch: pytest.MonkeyPatch, judge: Judge) -> None:
    monkeypatch.setattr("learn.train.open_judge", lambda *_: judge)


def test_the_checkpoint_with_most_successes_is_kept_the_later_of_equals(session: Session, tmp_path: Path, monkeypatch) -> None:
    with_judge(monkeypatch, Scripted(3, 9, 9, 5))
    result = train(session, CHECKED, tmp_path)
    assert (result.chosen_step, result.steps) == (30, 40)
    assert_same_weights(result.policy, load_policy(tmp_path / CHECKPOINTS_NAME / "000030").policy)
    assert_same_weights(result.policy, load_policy(tmp_path).policy)
    assert [check.success_rate for check in result.checks] == [0.3, 0.9, 0.9, 0.5]
    assert mean_of_last(result.checks) == pytest.approx(2.3 / 3)


def test_rollouts_do_not_change_the_weights(session: Session, tmp_path: Path, monkeypatch) -> None:
    with_judge(monkeypatch, Scripted(1, 2, 3, 4))
    checked = train(session, CHECKED, tmp_path / "a").policy
    assert_same_weights(checked, train(session, replace(QUICK, steps=40), tmp_path / "b").policy)


def test_training_stops_at_the_target(session: Session, tmp_path: Path, monkeypatch) -> None:
    with_judge(monkeypatch, Scripted(3, 9, 9, 5))
    result = train(session, replace(CHECKED, target_success=0.9), tmp_path)
    assert (result.steps, result.chosen_step, result.interrupted) == (20, 20, False)


def test_where_there_is_no_env_the_last_weights_are_kept_and_it_is_said(session: Session, tmp_path: Path, caplog) -> None:
    result = train(session, CHECKED, tmp_path)
    assert "Toy-v0" in result.no_rollouts
    assert (result.checks, result.chosen_step) == ((), 40)
    assert "no rollouts, the last weights are kept" in caplog.text


def test_a_judge_rolls_out_from_the_same_starts_each_time(session: Session) -> None:
    judge = Judge(make_toy(TOY))
    policy = toy_policy()
    assert judge.successes(policy, 5) == judge.successes(policy, 5)
    assert judge.env.unwrapped.np_random_seed == FIRST_CHECK_SEED + 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_without_a_device_is_refused(session: Session, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--device cuda: no CUDA device is usable here; give --device cpu"):
        train(session, TrainConfig(device="cuda"), tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"steps": 0}, "--steps 0: give at least 1"),
        ({"batch_size": 0}, "--batch-size 0"),
        ({"seed": -1}, "--seed -1"),
        ({"lr": 0.0}, "--lr 0.0"),
        ({"valid_fraction": 1.0}, "--valid-fraction 1.0"),
        ({"ema_decay": 1.0}, "--ema-decay 1.0"),
        ({"target_success": 0.9}, "--target-success 0.9: give a share from 0 to 1, and --rollouts"),
        ({"rollouts": -1}, "--rollouts -1"),
    ],
)
def test_impossible_settings_are_refused(change: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        TrainConfig(**change)


def test_the_command_trains_and_says_what_is_next(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"train {session.path} --policy bc --out {tmp_path / 'model'} --steps 20 --hidden 8 8 --seed 3 --device cpu"
    assert run_command("learn", COMMANDS, words.split()) == 0
    assert f"python -m learn evaluate {tmp_path / 'model'}" in capsys.readouterr().out
    assert load_policy(tmp_path / "model").policy.config.hidden == (8, 8)


def test_an_interrupted_command_says_so(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    press = interrupt_at(10)
    monkeypatch.setattr("learn.commands.train._losses", lambda report: press(report) or "")
    words = f"train {session.path} --out {tmp_path} --steps 20 --hidden 8"
    assert run_command("learn", COMMANDS, words.split()) == INTERRUPTED
    assert "interrupted; kept what was learned so far" in capsys.readouterr().out
    assert load_policy(tmp_path).summary["steps"] == 10


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("train {session} --out {out} --steps 0", "--steps 0: give at least 1"),
        ("train {session} --out {out} --policy oracle", "bc"),
        ("train {out} --out {out}", "there is no session at"),
        ("train {session} --out {out} --obs-keys nose", "it has: goal, position"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, complaint: str
) -> None:
    assert run_command("learn", COMMANDS, words.format(session=session.path, out=tmp_path / "out").split()) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert complaint in line
