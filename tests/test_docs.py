"""The examples of docs/python.md run, one after the other, as somebody who reads them would run them."""

import re
from pathlib import Path

import pytest
from command_lines import run

from data.session import Session

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_examples_run_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    said = []
    for number, example in enumerate(EXAMPLES):
        if "Policy.load" in example:
            assert run("learn", "train", "my-session", "--out", "my-model", "--steps", 20, "--hidden", 8, "--rollouts", 0) == 0
            example = example.replace("episodes=20", "episodes=1")
        capsys.readouterr()
        exec(compile(example, f"docs/python.md, example {number + 1}", "exec"), {"__name__": f"example_{number}"})
        said.append(capsys.readouterr().out)
    recording, own, session, commands, policy = said
    assert [line.split()[1] for line in recording.splitlines()[-3:]] == ["success"] * 3
    assert own.splitlines()[-1] == "failure"
    assert len(session.splitlines()) >= 4
    assert "packed.hdf5: 3 episodes" in commands
    assert float(policy) in (0.0, 1.0)
    assert Session.open("my-session").rows()[0].behaviour_mode == "left"


@pytest.mark.parametrize("way_in", ["from teleop import record", "from data import Session", "from learn import Policy"])
def test_each_way_in_has_an_example_of_ten_lines(way_in: str) -> None:
    shortest = min(len(example.splitlines()) for example in EXAMPLES if way_in in example)
    assert shortest <= 11
