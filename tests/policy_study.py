"""make policies: what each policy reaches on each task, from 100 scripted demonstrations each, over several seeds.

Every training and evaluation is one job with a file of its own under the output folder, so the study resumes where it
stopped and jobs run side by side. The table stands in docs/policies.md. Hours on two cores, all of it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from data.files import replace_file  # noqa: E402
from data.intervals import wilson  # noqa: E402

DEMONSTRATIONS, EPISODES = 100, 100
STATE_TASKS = ("Lift", "PickPlace", "Stack", "PegInsert")
DETOUR_MODES = ("left", "right", "left-right", "right-left")
SEEING_TASKS = ("Lift", "PickPlace")
WANTED = {"Lift": 0.99, "PickPlace": 0.95, "Stack": 0.90, "PegInsert": 0.80}


@dataclass(frozen=True)
class Job:
    """One training and its evaluation."""

    task: str
    policy: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.task}-{self.policy}-{self.seed}"

    @property
    def session(self) -> str:
        return f"{self.task}-seen" if self.policy.startswith("visual") else self.task


@dataclass(frozen=True)
class Study:
    """Train and evaluate, resuming; then print the table and write it into docs/policies.md."""

    out: Path = ROOT / "study-policies"
    seeds: tuple[int, ...] = (0, 1, 2)
    policies: tuple[str, ...] = ("flow", "moe", "bc")
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
        table = list(_table([result for result in done if result]))
        print("\n".join(table))
        if self.docs:
            write_between_marks("policies", "\n".join(table))
        return 0 if all(done) else 1

    def _jobs(self) -> Iterator[Job]:
        for seed in self.seeds:
            yield from (Job("Detour", policy, seed) for policy in ("moe", "flow", "bc"))
            yield from (Job(task, self.policies[0], seed) for task in STATE_TASKS)
        for policy in (*self.policies[1:], *self.baselines):
            yield from (Job(task, policy, seed) for task in STATE_TASKS for seed in self.seeds)
        yield from (Job(task, policy, seed) for seed in self.seeds for policy in self.seeing for task in SEEING_TASKS)

    def record(self, name: str, task: str) -> None:
        """100 episodes, or as many as are missing; of Detour as many of each of four modes."""
        session = self.out / "sessions" / name
        words = ["teleop", "record", "--env", f"Panda{task}-v0", "--session", str(session), "--device", "scripted", "--headless"]
        if name.endswith("-seen"):
            words += ["--cameras", "front", "wrist"]
        parts = DETOUR_MODES if task == "Detour" else ("",)
        share = DEMONSTRATIONS // len(parts)
        have = len(list((session / "episodes").glob("*.hdf5")))
        for k, mode in enumerate(parts):
            missing = min(share, (k + 1) * share - have)
            if missing > 0:
                _call([*words, "--episodes", str(missing), *(["--mode", mode] if mode else [])])

    def _do(self, job: Job) -> dict[str, object] | None:
        path = self.out / "results" / f"{job.name}.json"
        if path.exists():
            return dict(json.loads(path.read_text(encoding="utf-8")))
        session, model = self.out / "sessions" / job.session, self.out / "models" / job.name
        train = [
            "learn",
            "train",
            str(session),
            "--policy",
            job.policy,
            "--out",
            str(model),
            "--seed",
            str(job.seed),
            "--checks",
            "4",
            "--valid-fraction",
            "0",
        ]
        began = (model / "training.safetensors").exists()
        if _call([*train, "--resume"] if began else train) is None:
            return None
        said = _call(["learn", "evaluate", str(model), "--episodes", str(EPISODES), "--workers", "1", "--json"])
        if said is None:
            return None
        summary = json.loads((model / "policy.json").read_text(encoding="utf-8"))["summary"]
        result = {"task": job.task, "policy": job.policy, "seed": job.seed, **json.loads(said.splitlines()[-1])}
        result |= {"checks": summary["checks"], "chosen_step": summary["chosen_step"], "training_seconds": summary["seconds"]}
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(result, indent=2).encode())
        print(f"{job.name}: {result['success_rate']:.2f}", flush=True)
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


def _table(results: Sequence[dict]) -> Iterator[str]:
    yield "| task | policy | success, each seed | in all | 95 % interval | modes (entropy) | training |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for task, policy in dict.fromkeys((r["task"], r["policy"]) for r in results):
        runs = sorted((r for r in results if (r["task"], r["policy"]) == (task, policy)), key=lambda r: r["seed"])
        total, successes = sum(r["episodes"] for r in runs), round(sum(r["success_rate"] * r["episodes"] for r in runs))
        low, high = wilson(successes, total)
        modes = ", ".join(f"{r['mode_entropy']:.2f}" for r in runs if "mode_entropy" in r)
        minutes = sum(r["training_seconds"] for r in runs) / len(runs) / 60
        each = ", ".join(f"{100 * r['success_rate']:.0f}" for r in runs)
        rate = f"{100 * successes / total:.1f} % of {total} | {100 * low:.0f} … {100 * high:.0f} %"
        yield f"| {task} | `{policy}` | {each} | {rate} | {modes} | {minutes:.1f} min |"


if __name__ == "__main__":
    sys.exit(tyro.cli(Study).run())
