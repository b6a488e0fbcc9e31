"""DAgger's rounds and the demo when Ctrl-C comes in the middle of a training."""

from pathlib import Path

import pytest
from command_lines import run

from data.cli import INTERRUPTED
from learn.checkpoint import load_policy
from learn.dagger import read_rounds
from learn.fit import Fit


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
    few = ["--rounds", 1, "--episodes", 1, "--labels", 3, "--steps", 5, "--members", 2, "--evaluation-episodes", 1]
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


@pytest.mark.parametrize("policy", ["moe", "flow"])
def test_any_policy_drives_and_asks(copied: Path, tmp_path: Path, policy: str) -> None:
    few = ["--rounds", 1, "--episodes", 1, "--labels", 3, "--steps", 5, "--members", 2, "--evaluation-episodes", 1]
    words = ["learn", "dagger", copied, "--policy", policy, "--out", tmp_path / "out", "--device", "scripted", "--headless", *few]
    assert run(*words) == 0
    rounds = read_rounds(tmp_path / "out")
    assert rounds[1].labels == 3
    assert load_policy(tmp_path / "out").policy.config.kind == policy
