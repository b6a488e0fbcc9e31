"""Specification of the studies' frame: jobs are done once, a study goes on where it stopped, its page needs nothing else."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from data.errors import UserError
from learn.studies.intervals import mean_interval
from learn.studies.jobs import kept_result, run_jobs
from learn.studies.page import Section, paragraph, table
from learn.studies.plots import Axes, Dot, Series, curves, paths, stacked
from learn.studies.study import run_study

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Square:
    """A job: the square of a number; it notes that it was done. A number below 0 is a mistake."""

    number: int

    @property
    def name(self) -> str:
        return f"square-{self.number}"

    def do(self, out: Path) -> Mapping[str, Any]:
        if self.number < 0:
            raise UserError(f"{self.number} is below 0; give another")
        with (out / "done.txt").open("a") as note:
            note.write(f"{self.number}\n")
        return {"square": self.number**2}


@dataclass(frozen=True)
class Dying:
    """A job whose process ends in the middle."""

    name: str = "dying"

    def do(self, out: Path) -> Mapping[str, Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}


@dataclass(frozen=True)
class SquaresStudy:
    numbers: tuple[int, ...] = (1, 2, 3)

    name: ClassVar[str] = "squares"
    title: ClassVar[str] = "How large are squares?"
    exercise: ClassVar[str] = "Exercise 0"

    @classmethod
    def quick(cls) -> "SquaresStudy":
        return cls((1,))

    def stages(self) -> Sequence[Sequence[Square]]:
        return [[Square(n) for n in self.numbers[:1]], [Square(n) for n in self.numbers[1:]]]

    def findings(self, results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return {
            "answers": [f"The largest is {max(r['square'] for r in results.values())}."],
            "squares": [r["square"] for r in results.values()],
        }

    def sections(self, findings: Mapping[str, Any], out: Path) -> Sequence[Section]:
        dots = [Dot(n, s, s - 1, s + 1) for n, s in zip(self.numbers, findings["squares"], strict=True)]
        plot = curves("squares", [Series("square", dots, 0)], Axes("number", "square", log=True, lines={"four": 4.0}))
        return [Section("all", "All <of> them", [plot, table(("number", "square"), [("1", "1")]), paragraph("a & b")])]


def done(out: Path) -> list[str]:
    return (out / "done.txt").read_text().split() if (out / "done.txt").exists() else []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_is_done_once(workers: int, tmp_path: Path) -> None:
    told: list[tuple[int, str]] = []
    for _ in range(2):
        written = run_study(SquaresStudy(), tmp_path / "s", workers, quick=False, advance=lambda *said: told.append(said))
    assert sorted(done(tmp_path / "s")) == ["1", "2", "3"]
    assert [count for count, _ in told] == [1, 2, 3]
    facts = json.loads(written.json.read_text(encoding="utf-8"))
    assert facts["answers"] == ["The largest is 9."]
    assert facts["squares"] == [1, 4, 9]
    assert facts["settings"] == {"numbers": [1, 2, 3]}
    assert {"python", "torch", "mujoco", "gymnasium", "gamepad-dagger"} <= set(facts["versions"])


def test_what_another_call_has_found_out_is_not_found_out_again(tmp_path: Path) -> None:
    run_jobs([Square(1), Square(2)], tmp_path, 1)
    found = run_jobs([Square(1), Square(2), Square(3)], tmp_path, 1)
    assert done(tmp_path) == ["1", "2", "3"]
    assert [found[f"square-{n}"]["square"] for n in (1, 2, 3)] == [1, 4, 9]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_mistake_in_a_job_is_told_and_what_was_done_is_kept(workers: int, tmp_path: Path) -> None:
    run_jobs([Square(1)], tmp_path, 1)
    with pytest.raises(UserError, match=r"-1 is below 0; give another"):
        run_jobs([Square(1), Square(-1), Square(2)], tmp_path, workers)
    assert kept_result(tmp_path, "square-1") is not None


def test_a_job_whose_process_dies_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the process of dying has died"):
        run_jobs([Dying(), Square(5)], tmp_path, 2)


def test_a_folder_holds_one_study_with_its_settings(tmp_path: Path) -> None:
    run_study(SquaresStudy(), tmp_path / "s", 1, quick=False)
    with pytest.raises(UserError, match="this study with other settings; give another folder"):
        run_study(SquaresStudy.quick(), tmp_path / "s", 1, quick=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="something else than a study"):
        run_study(SquaresStudy(), tmp_path / "mine", 1, quick=False)


def test_a_page_needs_nothing_else_and_says_how_to_repeat_it(tmp_path: Path) -> None:
    html = run_study(SquaresStudy.quick(), tmp_path / "s", 1, quick=True).page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)
    assert "python -m learn study squares --out s --quick" in html
    assert "A quick run" in html
    assert "All &lt;of&gt; them" in html


@pytest.mark.parametrize(
    ("values", "interval"),
    [
        ((3.0,), (3.0, 3.0, 3.0)),
        ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
        ((0.0, 2.0), (1.0, 1.0 - 12.706, 1.0 + 12.706)),  # sd √2, half-width 12.706 · √2 / √2
        ((1.0, 2.0, 3.0, 4.0, 5.0), (3.0, 3.0 - 1.963, 3.0 + 1.963)),  # R: t.test(1:5)
    ],
)
def test_an_interval_of_a_mean_is_students(values: Sequence[float], interval: tuple[float, float, float]) -> None:
    assert mean_interval(values) == pytest.approx(interval, abs=1e-3)


def test_plots_name_what_they_show() -> None:
    ways = {"left": [np.array([[0.0, 0.0], [0.1, 0.2]])], "right": [np.array([[0.0, 0.0], [-0.1, 0.2]])]}
    drawn = paths("ways", ways, ("y (m)", "x (m)"), {"left": 0, "right": 1}, (0.2, -0.1, -0.2, 0.3), [(-0.05, 0.1, 0.05, 0.12)])
    assert drawn.count("<polyline") == 2
    bars = stacked("shares", {"bc": {"left": 0.25, "right": 0.75}}, {"left": 0, "right": 1}, "share")
    assert "bc: right 75 %" in bars


def test_ctrl_c_ends_a_study_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "learn", "study", "trajectories", "--out", str(tmp_path / "s"), "--workers", "2"]
    hears = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # also where these tests run behind a shell
    study = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=hears)
    while not (tmp_path / "s" / "study.json").exists():
        time.sleep(0.05)
    study.send_signal(signal.SIGINT)
    _, said = study.communicate(timeout=60)
    assert study.returncode == 130
    assert "Traceback" not in said
