"""make sitting: human time to 95 % success, in one sitting and by plain recording, with the simulated person.

For each task and seed one sitting from nothing, then as many minutes of plain recording by the same person and the same
`bc` from that, both evaluated in the same new scenes. Every piece has a folder of its own, so the study resumes where it
stopped and pieces run side by side. Writes docs/sitting.md. An hour on two cores.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from data.effort import effort_of_episode  # noqa: E402
from data.files import replace_file  # noqa: E402
from data.intervals import wilson  # noqa: E402
from data.session import Session  # noqa: E402
from learn.plots import plot_sittings  # noqa: E402
from learn.sitting.log import read_log  # noqa: E402

PAGE, PICTURE = ROOT / "docs" / "sitting.md", ROOT / "docs" / "sitting.png"
BEGIN, END = "<!-- sitting:begin -->", "<!-- sitting:end -->"
SCENES_A_SEED = 1000  # between the first scenes of two seeds
BATCH = 10
MOST_MINUTES = 20
SCRIPTED = ("--device", "scripted", "--headless")


@dataclass(frozen=True)
class Piece:
    """One task and seed; `folder` holds its sitting and its recording."""

    task: str
    seed: int
    folder: Path
    target: float
    episodes: int

    def result(self) -> dict[str, Any]:
        """Run what is missing of it."""
        path = self.folder / "result.json"
        if not path.exists():
            sitting = self._sit()
            recording = self._record_for(sitting["minutes"])
            replace_file(path, json.dumps({"task": self.task, "seed": self.seed, "sitting": sitting, "recording": recording}).encode())
        result: dict[str, Any] = json.loads(path.read_text())
        return result

    def _sit(self) -> dict[str, Any]:
        session, model = self.folder / "session", self.folder / "model"
        log = read_log(model)
        if log is None or log.successes is None:
            words = [
                "--env",
                f"Panda{self.task}-v0",
                "--target",
                self.target,
                "--minutes",
                MOST_MINUTES,
                "--device",
                "scripted",
                "--headless",
            ]
            more = ["--seed", SCENES_A_SEED * self.seed, "--evaluation-episodes", self.episodes, "--workers", 1]
            _run("learn", "dagger", session, "--out", model, *words, *more)
            log = read_log(model)
        assert log is not None
        efforts = [effort_of_episode(Session.open(session).read(row.number, ())) for row in Session.open(session).rows()]
        curve = [(f.minutes, f.successes, f.rollouts) for f in log.findings]
        return {
            "minutes": sum(e.total_s for e in efforts) / 60.0,
            "driving": sum(e.driving_s for e in efforts) / 60.0,
            "watching": sum(e.watching_s for e in efforts) / 60.0,
            "resting": log.rested_s / 60.0,
            "episodes": len(efforts),
            "reached": log.reached,
            "successes": log.successes,
            "rollouts": log.rollouts,
            "curve": curve,
        }

    def _record_for(self, minutes: float) -> dict[str, Any]:
        """Plain recording until as many minutes are over, `bc` as in the sitting from all of it."""
        session, model = self.folder / "recorded", self.folder / "bc"
        seed = SCENES_A_SEED * self.seed
        while _minutes_of(session) < minutes:
            record = ["--env", f"Panda{self.task}-v0", "--session", session, *SCRIPTED, "--seed", seed]
            _run("teleop", "record", *record, "--episodes", BATCH, "--workers", 1)
        rows = Session.open(session).rows()
        each = [effort_of_episode(Session.open(session).read(row.number, ())).total_s / 60.0 for row in rows]
        over = [row.number for row, before in zip(rows, np.cumsum([0.0, *each])[:-1], strict=True) if before >= minutes]
        if over:
            _run("data", "delete", session, "--episodes", f"{over[0]}-{over[-1]}")
            each = each[: len(each) - len(over)]
        recipe = ["--steps", 2000, "--chunk", 8, "--execute", 8, "--valid-fraction", 0, "--rollouts", 0, "--seed", seed]
        _run("learn", "train", session, "--policy", "bc", "--out", model, *recipe)
        said = _run("learn", "evaluate", model, "--episodes", self.episodes, "--workers", 1, "--json")
        judged = json.loads(said.splitlines()[-1])
        successes = round(judged["success_rate"] * judged["episodes"])
        return {"minutes": sum(each), "episodes": len(each), "successes": successes, "rollouts": judged["episodes"]}


@dataclass(frozen=True)
class Study:
    """Sit and record, resuming; then print the table and write it into docs/sitting.md."""

    out: Path = ROOT / "study-sitting"
    tasks: tuple[str, ...] = ("Lift", "PickPlace")
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    target: float = 0.95
    episodes: int = 100
    """in which each policy is evaluated"""
    jobs: Annotated[int, tyro.conf.arg(aliases=["-j"])] = 2
    docs: bool = True
    """write docs/sitting.md"""

    def run(self) -> int:
        pieces = [Piece(task, seed, self.out / f"{task}-{seed}", self.target, self.episodes) for seed in self.seeds for task in self.tasks]
        with ThreadPoolExecutor(self.jobs) as pool:
            results = list(pool.map(Piece.result, pieces))
        table = "\n".join(table_of(results, self.tasks, self.target))
        print(table)
        if self.docs:
            text = PAGE.read_text(encoding="utf-8")
            head, rest = text.split(BEGIN)[0], text.split(END)[1]
            replace_file(PAGE, f"{head}{BEGIN}\n{table}\n{END}{rest}".encode())
            plot_sittings({task: [r for r in results if r["task"] == task] for task in self.tasks}, self.target, PICTURE)
        print(json.dumps({task: _median(results, task, "minutes") for task in self.tasks}))
        return 0


def table_of(results: Sequence[dict[str, Any]], tasks: Sequence[str], target: float) -> Iterator[str]:
    """One row a task and seed, one for each task together."""
    yield f"| task | seed | your time (s) | resting (s) | to {100 * target:.0f} % | sitting | plain recording | episodes |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for task in tasks:
        mine = [r for r in results if r["task"] == task]
        for r in mine:
            sat, recorded = r["sitting"], r["recording"]
            reached = "reached" if sat["reached"] else "not reached"
            shares = f"{_share(sat)} | {_share(recorded)} | {sat['episodes']} / {recorded['episodes']}"
            yield f"| {task} | {r['seed']} | {60 * sat['minutes']:.1f} | {60 * sat['resting']:.0f} | {reached} | {shares} |"
        seconds = [60 * r["sitting"]["minutes"] for r in mine]
        middle = f"{np.median(seconds):.1f} ({min(seconds):.1f} … {max(seconds):.1f})"
        reached = f"{sum(r['sitting']['reached'] for r in mine)} of {len(mine)}"
        shares = " | ".join(_share(_pooled([r[how] for r in mine])) for how in ("sitting", "recording"))
        rested = f"{np.median([60 * r['sitting']['resting'] for r in mine]):.0f}"
        yield f"| **{task}** | all | {middle} | {rested} | {reached} | {shares} | |"


def _pooled(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: sum(run[name] for run in runs) for name in ("successes", "rollouts")}


def _share(run: dict[str, Any]) -> str:
    low, high = wilson(run["successes"], run["rollouts"])
    return f"{100 * run['successes'] / run['rollouts']:.0f} % ({100 * low:.0f} … {100 * high:.0f})"


def _median(results: Sequence[dict[str, Any]], task: str, name: str) -> float:
    return round(float(np.median([r["sitting"][name] for r in results if r["task"] == task])), 2)


def _minutes_of(session: Path) -> float:
    if not session.exists():
        return 0.0
    opened = Session.open(session)
    return sum(effort_of_episode(opened.read(row.number, ())).total_s for row in opened.rows()) / 60.0


def _run(*words: object) -> str:
    """One of our commands; its standard output."""
    line = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(line)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(tyro.cli(Study).run())
