"""make policies: what each policy reaches on each task, from 100 scripted demonstrations each, over several seeds.

Detour, with its several ways to the end, is a study of its own: `python -m learn study modes`.

Every training and evaluation is one job with a file of its own under the output folder, so the study resumes where it
stopped and jobs run side by side. The table stands in docs/policies.md. Hours on two cores, all of it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from data.files import replace_file  # noqa: E402
from data.intervals import wilson  # noqa: E402
from learn.checkpoint import load_policy  # noqa: E402
from learn.threads import torch_threads  # noqa: E402

DEMONSTRATIONS, EPISODES = 100, 100
STATE_TASKS = ("Lift", "PickPlace", "Stack", "PegInsert")
SEEING_TASKS = ("Lift", "PickPlace")
DISTILLED = "moe from flow"
DISTILLED_TASK = "PegInsert"


@dataclass(frozen=True)
class Job:
    """One training and its evaluation."""

    task: str
    policy: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.task}-{self.policy.replace(' ', '-')}-{self.seed}"

    @property
    def session(self) -> str:
        return f"{self.task}-seen" if self.policy.startswith("visual") else self.task


@dataclass(frozen=True)
class Study:
    """Train and evaluate, resuming; then print the table and write it into docs/policies.md."""

    out: Path = ROOT / "study-policies"
    seeds: tuple[int, ...] = (0, 1, 2)
    policies: tuple[str, ...] = ("flow", "bc")
    """on the four state tasks"""
    seeing: tuple[str, ...] = ("visual",)
    """on Lift and PickPlace, from two cameras"""
    baselines: tuple[str, ...] = ()
    """bc-rnn-gmm and act, on the state tasks"""
    jobs: Annotated[int, tyro.conf.arg(aliases=["-j"])] = 2
    docs: bool = True
    """write the tables into docs/policies.md"""

    def run(self) -> int:
        jobs = list(self._jobs())
        for session in dict.fromkeys((job.session, job.task) for job in jobs):
            self.record(*session)
        with ThreadPoolExecutor(self.jobs) as pool:
            done = list(pool.map(self._do, jobs))
            distilled = list(pool.map(self._do, self._distilled()))
        results = [result for result in done if result]
        taught = [{**r, "acting_ms": self._acting_ms(r)} for r in distilled if r]
        tables = {"policies": table_of(results), "distilled": _distilled_table(taught)}
        for name, lines in tables.items():
            table = "\n".join(lines)
            print(table)
            if self.docs:
                write_between_marks(name, table)
        return 0 if all(done) and all(distilled) else 1

    def _jobs(self) -> Iterator[Job]:
        for seed in self.seeds:
            yield from (Job(task, self.policies[0], seed) for task in STATE_TASKS)
        for policy in (*self.policies[1:], *self.baselines):
            yield from (Job(task, policy, seed) for task in STATE_TASKS for seed in self.seeds)
        yield from (Job(task, policy, seed) for seed in self.seeds for policy in self.seeing for task in SEEING_TASKS)

    def _distilled(self) -> Iterator[Job]:
        """After the flows, what they teach, beside them and what a mixture learns without."""
        for policy in ("flow", "moe", DISTILLED) if "flow" in self.policies else ():
            yield from (Job(DISTILLED_TASK, policy, seed) for seed in self.seeds)

    def _acting_ms(self, result: Mapping[str, Any]) -> float:
        """Median time to a chunk, on one core, all policies in this one run."""
        policy = load_policy(self.out / "models" / Job(result["task"], result["policy"], result["seed"]).name).policy
        obs = {key: np.zeros(width, np.float32) for key, width in zip(policy.config.obs_keys, policy.config.obs_dims, strict=True)}
        times = []
        with torch_threads(1):
            for _ in range(60):
                began_s = time.perf_counter()
                policy.act(obs)
                times.append(time.perf_counter() - began_s)
        return 1e3 * float(np.median(times[10:]))

    def record(self, name: str, task: str) -> None:
        """100 episodes, or as many as are missing."""
        session = self.out / "sessions" / name
        words = ["teleop", "record", "--env", f"Panda{task}-v0", "--session", str(session), "--device", "scripted", "--headless"]
        if name.endswith("-seen"):
            words += ["--cameras", "front", "wrist"]
        missing = DEMONSTRATIONS - len(list((session / "episodes").glob("*.hdf5")))
        if missing > 0:
            _call([*words, "--episodes", str(missing)])

    def _do(self, job: Job) -> dict[str, object] | None:
        words = ["--teacher", str(self.out / "models" / f"{job.task}-flow-{job.seed}")] if job.policy == DISTILLED else []
        kind = "moe" if job.policy == DISTILLED else job.policy
        facts = {"task": job.task, "policy": job.policy, "seed": job.seed}
        return measured(self.out, job.name, self.out / "sessions" / job.session, [kind, "--seed", str(job.seed), *words], facts)


def measured(out: Path, name: str, session: Path, words: Sequence[str], facts: Mapping[str, object]) -> dict[str, Any] | None:
    """Train `--policy WORDS` on a session and evaluate it, unless the result lies there; `facts` go with it. None: it failed."""
    path, model = out / "results" / f"{name}.json", out / "models" / name
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    train = ["learn", "train", str(session), "--policy", *words, "--out", str(model), "--checks", "4", "--valid-fraction", "0"]
    began = (model / "training.safetensors").exists()
    if _call([*train, "--resume"] if began else train) is None:
        return None
    said = _call(["learn", "evaluate", str(model), "--episodes", str(EPISODES), "--workers", "1", "--json"])
    if said is None:
        return None
    summary = json.loads((model / "policy.json").read_text(encoding="utf-8"))["summary"]
    result = {**json.loads(said.splitlines()[-1]), **facts}
    result |= {"checks": summary["checks"], "chosen_step": summary["chosen_step"], "training_seconds": summary["seconds"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(result, indent=2).encode())
    print(f"{name}: {result['success_rate']:.2f}", flush=True)
    return result


def write_between_marks(name: str, body: str) -> None:
    """Put a table into docs/policies.md in place of the one that stands there."""
    page, begin, end = ROOT / "docs" / "policies.md", f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text(f"{before}{begin}\n{body}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def _call(words: Sequence[str]) -> str | None:
    """Standard output of `python -m WORDS`; None where it failed, which is said."""
    run = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        print(f"{' '.join(words)}: exit {run.returncode}: {run.stderr.strip()[-300:]}", file=sys.stderr, flush=True)
        return None
    return run.stdout


def _distilled_table(results: Sequence[dict]) -> Iterator[str]:
    yield "| task | policy | success, each seed | a chunk takes |"
    yield "| --- | --- | --- | --- |"
    for (task, policy), runs in _grouped(results):
        each = ", ".join(f"{100 * r['success_rate']:.0f}" for r in runs)
        fastest = f"{min(r['acting_ms'] for r in runs):.2f} ms"
        yield f"| {task} | {'`moe --teacher flow`' if policy == DISTILLED else f'`{policy}`'} | {each} | {fastest} |"


def _grouped(results: Sequence[dict]) -> Iterator[tuple[tuple[str, str], list[dict]]]:
    """The seeds of each task and policy together."""
    for task, policy in dict.fromkeys((r["task"], r["policy"]) for r in results):
        yield (task, policy), sorted((r for r in results if (r["task"], r["policy"]) == (task, policy)), key=lambda r: r["seed"])


def table_of(results: Sequence[dict]) -> Iterator[str]:
    """A line for each task and policy, over all its seeds."""
    yield "| task | policy | success, each seed | in all | 95 % interval | training |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for (task, policy), runs in _grouped(results):
        total, successes = sum(r["episodes"] for r in runs), round(sum(r["success_rate"] * r["episodes"] for r in runs))
        low, high = wilson(successes, total)
        minutes = sum(r["training_seconds"] for r in runs) / len(runs) / 60
        each = ", ".join(f"{100 * r['success_rate']:.0f}" for r in runs)
        rate = f"{100 * successes / total:.1f} % of {total} | {100 * low:.0f} … {100 * high:.0f} %"
        yield f"| {task} | `{policy}` | {each} | {rate} | {minutes:.1f} min |"


if __name__ == "__main__":
    sys.exit(tyro.cli(Study).run())
