"""DAgger's rounds and the demo when Ctrl-C comes in the middle of a training."""

import signal
from pathlib import Path

import pytest
from command_lines import run, run_killed
from test_learn_support import curves

from data.cli import INTERRUPTED
from data.effort import NO_ROUND, efforts_by_round
from data.session import Session
from learn.checkpoint import load_policy
from learn.dagger import DaggerConfig
from learn.dataset import load_frames
from learn.fit import Fit
from learn.gates import BetaSchedule, GateConfig
from learn.promotion import read_verdicts
from learn.rounds import read_rounds


@pytest.fixture
def press_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at the third step of the first training, once."""
    advance, steps = Fit.advance, []

    def interrupted(fit: Fit) -> None:
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        advance(fit)

    monkeypatch.setattr(Fit, "advance", interrupted)


@pytest.mark.usefixtures("press_ctrl_c")
def test_half_a_training_is_no_round_and_a_later_call_does_it_again(copied: Path, tmp_path: Path) -> None:
    few = ["--rounds", 1, "--episodes", 1, "--labels", 3, "--steps", 5, "--members", 2, "--evaluation-episodes", 1, "--scenes", 1]
    words = ["learn", "dagger", copied, "--out", tmp_path / "out", "--device", "scripted", "--headless", *few]
    assert run(*words) == INTERRUPTED
    assert read_rounds(tmp_path / "out") == []
    assert run(*words) == 0
    assert [r.number for r in read_rounds(tmp_path / "out")] == [0, 1]
    assert load_policy(tmp_path / "out").summary["interrupted"] is False


@pytest.mark.usefixtures("press_ctrl_c")
def test_the_demo_stops_where_its_training_is_interrupted(tmp_path: Path) -> None:
    assert run("learn", "demo", "--no-window", "--out", tmp_path, "--episodes", 2, "--steps", 5) == INTERRUPTED
    assert load_policy(tmp_path / "bc").summary["interrupted"] is True
    assert not (tmp_path / "dagger").exists()


def test_a_round_that_was_killed_is_gone_on_with_and_no_label_is_lost(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["--rounds", 1, "--episodes", 2, "--labels", 30, "--steps", 5, "--members", 2, "--evaluation-episodes", 1, "--scenes", 1]
    words = ["dagger", copied, "--out", tmp_path / "out", "--gate", "every-step", "--device", "scripted", "--headless", *few]
    killed = run_killed(17, "teleop.recorder Recorder landed", *words)
    assert killed.returncode == -signal.SIGKILL
    assert [r.number for r in read_rounds(tmp_path / "out")] == [0]
    assert sum(row.labels for row in Session.open(copied).rows()) == 17, "the running episode's are in a partial one now"
    capsys.readouterr()
    assert run("learn", *words, "--status") == 0
    assert "round 1 is next: 0 of 2 episodes recorded" in capsys.readouterr().out
    assert run("learn", *words, "--resume") == 0
    zeroth, first = read_rounds(tmp_path / "out")
    assert (zeroth.labels, first.labels, first.total_labels) == (0, 30, 30), "the budget counts what was given before"
    assert first.fingerprint == load_frames(Session.open(copied)).fingerprint
    assert first.asked_share == 1.0
    assert len(read_verdicts(tmp_path / "out")) == 2


def test_rounds_keep_what_they_cost_and_who_was_promoted(copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--rounds", 1, "--episodes", 1, "--labels", 5, "--steps", 5, "--members", 2, "--evaluation-episodes", 1, "--scenes", 1]
    words = ["dagger", copied, "--out", tmp_path / "out", "--gate", "every-step", "--device", "scripted", "--headless", *few]
    assert run("learn", *words) == 0
    zeroth, first = read_rounds(tmp_path / "out")
    (driven,) = [row.number for row in Session.open(copied).rows() if row.dagger_round == 1]
    named = {"round": 0, "kind": "bc", "fingerprint": zeroth.fingerprint}
    assert Session.open(copied).read(driven).meta.settings["policy"] == named, "which policy drove is in the episode"
    efforts = efforts_by_round(Session.open(copied))
    assert zeroth.human_s == pytest.approx(efforts[NO_ROUND].hands_on_s)
    assert first.human_s == pytest.approx(efforts[1].hands_on_s)
    assert first.watching_s > 0.0
    assert first.interventions == efforts[1].interventions
    assert (first.gate, first.wished_share) == ("every-step", 1.0)
    assert curves(tmp_path / "out")["rounds/labels"] == {0: 0, 1: first.total_labels}, "TensorBoard has the rounds"
    assert all("loss/train" in curves(tmp_path / "out" / "rounds" / number) for number in "01"), "and each one's training"
    promoted = tmp_path / "out" / "rounds" / ("1" if first.promoted else "0")
    assert load_policy(tmp_path / "out").fingerprint == load_policy(promoted).fingerprint
    capsys.readouterr()
    assert run("learn", *words, "--status") == 0
    said = capsys.readouterr().out
    assert f"data {first.fingerprint[:12]}" in said
    assert "policy 1: " in said


def test_another_run_on_the_same_session_drives_its_own_rounds(copied: Path, tmp_path: Path) -> None:
    few = ["--rounds", 1, "--episodes", 1, "--steps", 5, "--members", 2, "--evaluation-episodes", 1, "--scenes", 1]
    for name, labels in (("one", 4), ("other", 3)):
        words = ["dagger", copied, "--out", tmp_path / name, "--gate", "every-step", "--device", "scripted", "--headless", *few]
        assert run("learn", *words, "--labels", labels) == 0
    driven = [row.number for row in Session.open(copied).rows() if row.dagger_round == 1]
    assert len(driven) == 2
    one, other = (read_rounds(tmp_path / name) for name in ("one", "other"))
    assert (one[1].labels, one[1].total_labels) == (4, 4)
    assert [r.total_labels for r in other] == [4, 7], "what an earlier run asked for is learned from, too"
    assert other[1].labels == 3
    assert other[1].human_s == pytest.approx(efforts_by_round(Session.open(copied), since=driven[1])[1].hands_on_s)


def test_the_share_of_answers_that_are_executed_falls_round_by_round() -> None:
    beta = BetaSchedule("exponential", start=0.5, decay=0.5)
    config = DaggerConfig(gate=GateConfig("every-step"), beta=beta)
    assert [config.executed_share(number) for number in (1, 2, 3)] == [0.5, 0.25, 0.125]
    assert DaggerConfig(gate=GateConfig("ensemble"), beta=beta).executed_share(1) == 1.0, "what is asked for is done"


@pytest.mark.parametrize("policy", ["moe", "flow"])
def test_any_policy_drives_and_asks(copied: Path, tmp_path: Path, policy: str) -> None:
    few = ["--rounds", 1, "--episodes", 1, "--labels", 3, "--steps", 5, "--members", 2, "--evaluation-episodes", 1, "--scenes", 1]
    words = ["learn", "dagger", copied, "--policy", policy, "--out", tmp_path / "out", "--device", "scripted", "--headless", *few]
    assert run(*words) == 0
    rounds = read_rounds(tmp_path / "out")
    assert rounds[1].labels == 3
    assert load_policy(tmp_path / "out").policy.config.kind == policy
