"""make labels: success over a person's labels, for every way of asking, with the simulated person.

From the same few demonstrations each method asks in its own way, round after round: behaviour cloning for as many more
demonstrated steps, DAgger in every step, HG-DAgger, an ensemble's, LazyDAgger's and ThriftyDAgger's gate, `foresight`, and ours:
`foresight` with what was shown carried over to other scenes (`--propagate`). All learn the same small network, all are evaluated
in the same new scenes. A label is a step for which the person said what to do, at the wheel or asked. Every run has a folder of
its own, and goes on where it stopped; runs stand side by side. Writes docs/labels.md.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from data.files import replace_file  # noqa: E402
from data.intervals import wilson  # noqa: E402
from data.session import Session  # noqa: E402
from learn.plots import plot_methods  # noqa: E402

PAGE, PICTURE = ROOT / "docs" / "labels.md", ROOT / "docs" / "labels.png"
TEXT = """# Ways of asking, measured

How many labels of a person each way of asking takes: from the same {demonstrations} demonstrations round after round, the same small
network (an ensemble of {members} `bc`, chunks of 8, {steps} minibatches), the same simulated person, the same {episodes} scenes to be
judged in, which had no part in anything. A label is a step for which the person said what to do, at the wheel or asked. `make labels`
runs it and writes this page.

{tables}

![Success over labels](labels.png)

A round ends after {labels} labels or {rollouts} rollouts (HG-DAgger's and the gates' rollouts that need no help are rollouts, too).
"foresight, propagated" is ours: it carries what was shown over to {propagate} other scenes before it learns, and to those in which the
policy fails when it is tried out without the person, keeps what the simulator shows to succeed, and asks the person only where nothing
does, at most in {rollouts} scenes a round. That costs no label, but simulated time, which a real robot does not have, and a task that
says where the hand has to go next.
"""
METHODS = ("bc", "human", "thrifty", "ours", "every-step", "lazy", "ensemble")  # "foresight", too
NAMES = {
    "bc": "more demonstrations",
    "human": "HG-DAgger",
    "lazy": "LazyDAgger",
    "thrifty": "ThriftyDAgger",
    "ensemble": "EnsembleDAgger",
    "ours": "foresight, propagated",
}
SCENES_A_SEED, TAKEN_UP = 1000, 500  # first scenes of a seed's demonstrations, and of what is done after them
SCRIPTED = ("--device", "scripted", "--headless")
BEST_SHARE = 0.95


@dataclass(frozen=True)
class Setting:
    """What is the same for all methods."""

    demonstrations: int = 10
    propagate: int = 100
    """scenes into which `ours` carries over what was shown"""
    rounds: int = 2
    labels: int = 400
    """most of a round"""
    rollouts: int = 16
    """most of a round"""
    members: int = 3
    steps: int = 1500
    episodes: int = 60
    """in which each policy is evaluated"""


@dataclass(frozen=True)
class Run:
    """One method on one task with one seed; `folder` is that of the task and seed."""

    task: str
    seed: int
    method: str
    folder: Path
    setting: Setting

    def result(self) -> dict[str, Any] | None:
        """Points of (labels, successes, episodes), running what is missing; None where it failed."""
        path = self.folder / f"{self.method}.json"
        if not path.exists():
            try:
                points = self._demonstrate() if self.method == "bc" else self._ask()
            except subprocess.CalledProcessError as error:
                print(f"{self.task} {self.seed} {self.method}: {error.stderr.strip()[-400:]}", file=sys.stderr, flush=True)
                return None
            facts = {"task": self.task, "seed": self.seed, "method": self.method, "points": points}
            replace_file(path, json.dumps(facts).encode())
            print(f"{self.task} {self.seed} {self.method}: " + ", ".join(f"{n} labels {s}/{of}" for n, s, of in points), flush=True)
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def _ask(self) -> list[tuple[int, int, int]]:
        """Rounds of `learn dagger`, on a copy of the demonstrations."""
        session, model, s = self.folder / f"{self.method}-session", self.folder / self.method, self.setting
        if not session.exists():
            _run("data", "merge", session, self.folder / "demonstrations")
        gate = [
            "--gate",
            *(("foresight", "--propagate", s.propagate) if self.method == "ours" else (self.method,)),
            "--rounds",
            s.rounds,
            "--episodes",
            s.rollouts,
            "--labels",
            s.labels,
        ]
        recipe = ["--policy", "bc", "--chunk", 8, "--execute", 8, "--steps", s.steps, "--members", s.members, "--seed", self._first]
        judge = ["--evaluation-episodes", s.episodes, "--workers", 1]
        _run("learn", "dagger", session, "--out", model, *SCRIPTED, *gate, *recipe, *judge)
        rounds = json.loads((model / "dagger.json").read_text(encoding="utf-8"))["rounds"]
        return [(r["total_labels"], round(r["success_rate"] * r["evaluation_episodes"]), r["evaluation_episodes"]) for r in rounds]

    def _demonstrate(self) -> list[tuple[int, int, int]]:
        """As many more demonstrated steps as the others' rounds may have labels, in whole episodes."""
        s, session, points = self.setting, self.folder / "bc-session", list[tuple[int, int, int]]()
        if not session.exists():
            _run("data", "merge", session, self.folder / "demonstrations")
        for number in range(s.rounds + 1):
            while (labels := _steps(session, s.demonstrations)) < number * s.labels:
                env = ["--env", f"Panda{self.task}-v0", "--session", session]
                _run("teleop", "record", *env, *SCRIPTED, "--episodes", 1, "--workers", 1, "--seed", self._first)
            model = self.folder / "bc" / str(number)
            recipe = ["--policy", "bc", "--chunk", 8, "--execute", 8, "--steps", s.steps, "--members", s.members, "--rollouts", 0]
            _run("learn", "train", session, "--out", model, *recipe, "--seed", self._first)
            judged = json.loads(_run("learn", "evaluate", model, "--episodes", s.episodes, "--workers", 1, "--json").splitlines()[-1])
            points.append((labels, round(judged["success_rate"] * judged["episodes"]), judged["episodes"]))
        return points

    @property
    def _first(self) -> int:
        return SCENES_A_SEED * self.seed + TAKEN_UP


@dataclass(frozen=True)
class Study:
    """Run what is missing, then print the tables and write them into docs/labels.md."""

    out: Path = ROOT / "study-labels"
    tasks: tuple[str, ...] = ("PickPlace", "Detour")
    seeds: tuple[int, ...] = (0, 1, 2)
    methods: tuple[str, ...] = METHODS
    setting: Annotated[Setting, tyro.conf.arg(name="")] = Setting()
    jobs: Annotated[int, tyro.conf.arg(aliases=["-j"])] = 2
    docs: bool = True
    """write docs/labels.md"""

    def run(self) -> int:
        each = [(task, seed) for seed in self.seeds for task in self.tasks]
        for task, seed in each:
            self._demonstrations(task, seed)
        runs = [Run(task, seed, method, self.out / f"{task}-{seed}", self.setting) for task, seed in each for method in self.methods]
        with ThreadPoolExecutor(self.jobs) as pool:
            done = list(pool.map(Run.result, runs))
        results = [result for result in done if result]
        text = "\n".join(line for task in self.tasks for line in table_of([r for r in results if r["task"] == task], task))
        print(text)
        if self.docs:
            replace_file(PAGE, TEXT.format(tables=text, **asdict(self.setting)).encode())
            plot_methods({task: _curves([r for r in results if r["task"] == task]) for task in self.tasks}, NAMES["ours"], PICTURE)
        return 0 if all(done) else 1

    def _demonstrations(self, task: str, seed: int) -> None:
        session = self.out / f"{task}-{seed}" / "demonstrations"
        missing = self.setting.demonstrations - (len(Session.open(session)) if session.exists() else 0)
        if missing > 0:
            env = ["--env", f"Panda{task}-v0", "--session", session, "--seed", SCENES_A_SEED * seed]
            _run("teleop", "record", *env, *SCRIPTED, "--episodes", missing)


def _curves(results: Sequence[dict[str, Any]]) -> dict[str, list[tuple[float, int, int]]]:
    """Of each method the points of all seeds, pooled round by round: (mean labels, successes, episodes)."""
    curves = {}
    for method in dict.fromkeys(r["method"] for r in results):
        rounds = zip(*(r["points"] for r in results if r["method"] == method), strict=False)
        pooled = [np.array(points) for points in rounds]
        curves[NAMES.get(method, method)] = [(float(p[:, 0].mean()), int(p[:, 1].sum()), int(p[:, 2].sum())) for p in pooled]
    return curves


def labels_to(points: Sequence[tuple[float, int, int]], wanted: float) -> float | None:
    """The fewest labels, between two rounds on a straight line, with which the success rate is `wanted`; None where it never is."""
    before: tuple[float, float] | None = None
    for labels, successes, episodes in points:
        rate = successes / episodes
        if rate >= wanted:
            if before is None or rate == before[1]:
                return labels
            return before[0] + (labels - before[0]) * (wanted - before[1]) / (rate - before[1])
        before = labels, rate
    return None


def table_of(results: Sequence[dict[str, Any]], task: str) -> Iterator[str]:
    """One row a method: where each round came to, and how many labels it took to 95 % of what the best method reached."""
    curves: Mapping[str, list[tuple[float, int, int]]] = _curves(results)
    best = max(s / n for points in curves.values() for _, s, n in points)
    seeds = len({r["seed"] for r in results})
    wanted = f"{100 * BEST_SHARE * best:.0f} %"
    together = f"{seeds} seed{'s' * (seeds > 1)} together"
    yield f"\n**{task}**, {together}; the best is {100 * best:.0f} %, {100 * BEST_SHARE:.0f} % of that {wanted}.\n"
    yield f"| method | labels: success after each round | the last, 95 % interval | of scenes | labels to {wanted} |"
    yield "| --- | --- | --- | --- | --- |"
    for name, points in curves.items():
        low, high = wilson(*points[-1][1:])
        each = ", ".join(f"{labels:.0f}: {100 * s / n:.0f} %" for labels, s, n in points)
        needed = labels_to(points, BEST_SHARE * best)
        reached = "not reached" if needed is None else f"{needed:.0f}"
        yield f"| {name} | {each} | {100 * low:.0f} … {100 * high:.0f} % | {points[-1][2]} | {reached} |"


def _steps(session: Path, first: int) -> int:
    """Demonstrated from episode `first` on."""
    return sum(row.steps for row in Session.open(session).rows()[first:])


def _run(*words: object) -> str:
    """One of our commands; its standard output."""
    line = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(tyro.cli(Study).run())
