"""The tasks, measured: robot × task × success of the scripted operator, modes as asked and as found, steps a second.

`make task-table` writes docs/tasks.md. The operator moves sticks; what it does goes through the same mapping and hands as
a person's. An episode succeeds when success has held for 10 ticks within 60 s, as in the recorder. `--env ID` measures
some only and writes nothing; `--modes` every behaviour mode.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

sys.path.insert(0, str(Path(__file__).parents[1]))

import teleop
from data.intervals import wilson
from data.schema import Phase
from teleop.devices.device import View
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.grip import GripStyle
from teleop.guest_hands import hands_of
from teleop.mapping import Directions, MappingConfig
from teleop.stick import Button

HOLD_TICKS, LONGEST_S = 10, 60.0
TIMED_STEPS = 300
PAGE = Path(__file__).parents[1] / "docs" / "tasks.md"


@dataclass(frozen=True)
class Run:
    """`spans_m`: the path's extent sideways and up and down; `reward`: of the last step; `stages`: ticks in each of the expert's."""

    env_id: str
    seed: int
    wished: str
    found: str
    success: bool
    steps: int
    reward: float
    stages: str
    spans_m: tuple[float, float]


def run(env_id: str, seed: int, mode: str = "", skill: float = 1.0, kwargs: dict[str, Any] | None = None) -> Run:
    """One scripted episode from `reset(seed=seed)`."""
    env, arm = make_plant(env_id, {**(kwargs or {}), "max_episode_steps": -1})
    config, info, reward = MappingConfig(), {}, 0.0
    hands = hands_of(arm, config, GripStyle.HOLD, Directions.CAMERA)
    operator = ScriptedOperator(arm, config, OperatorConfig(skill=skill), 0)
    env.reset(seed=seed)
    ready = View(Phase.READY, mode=mode, seed=seed, heading_deg=arm.heading_deg("front"))
    while Button.START not in operator.poll((), ready).pressed:
        pass
    hands.begin(latched=False)
    held, steps, stages, path = 0, 0, Counter(), [arm.tcp_pos_m]
    driving = View(Phase.HUMAN, mode=mode, seed=seed, heading_deg=ready.heading_deg)
    while held < HOLD_TICKS and steps < LONGEST_S * arm.control_hz:
        action = hands.action(operator.poll((), driving), driving.heading_deg)
        stages[operator.stage] += 1
        _, reward, _, _, info = env.step(action)
        path.append(arm.tcp_pos_m)
        held, steps = (held + 1 if info["success"] else 0), steps + 1
    env.close()
    _, lateral_m, vertical_m = np.ptp(path, axis=0)
    spans_m = (float(lateral_m), float(vertical_m))
    return Run(env_id, seed, mode, str(info.get("mode", "")), held >= HOLD_TICKS, steps, float(reward), str(dict(stages)), spans_m)


def runs(jobs: list[tuple[Any, ...]], workers: int) -> Iterable[Run]:
    """All jobs (arguments of `run`), in order, over so many processes."""
    if workers == 1:
        yield from (run(*job) for job in jobs)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        yield from pool.map(run, *zip(*jobs, strict=True))


def modes_of(env_id: str) -> tuple[str, ...]:
    """The behaviour modes the task tells apart."""
    env, arm = make_plant(env_id, {})
    env.close()
    return arm.modes


def steps_per_second(env_id: str, cameras: tuple[str, ...]) -> float:
    """Of `env.step` with small random actions, the best of three: other work on the machine only makes it slower."""
    env, _ = make_plant(env_id, {"cameras": cameras, "max_episode_steps": -1})
    actions = np.random.default_rng(0).uniform(-0.2, 0.2, (TIMED_STEPS, 7)).astype(np.float32)
    best = 0.0
    for _ in range(3):
        env.reset(seed=0)
        start_s = time.perf_counter()
        for action in actions:
            env.step(action)
        best = max(best, TIMED_STEPS / (time.perf_counter() - start_s))
    env.close()
    return best


# -- lines and tables --------------------------------------------------------------------------------------------------


def median_s(done: list[Run]) -> float:
    steps = sorted(r.steps for r in done if r.success)
    return steps[len(steps) // 2] / 20 if steps else float("nan")


def env_line(env_id: str, done: list[Run]) -> str:
    good = sum(r.success for r in done)
    return f"{env_id}: {good} of {len(done)}; median {median_s(done):.1f} s; modes {dict(Counter(r.found for r in done))}"


def mode_line(env_id: str, mode: str, done: list[Run]) -> str:
    """Success, agreement with the mode asked for, and mean ± standard deviation of the successes' time and extent."""
    cells = [cell.strip() for cell in mode_row(env_id, mode, done).strip("|").split("|")]
    return "{} {:15} success {}; as asked {}; {} s; sideways {} m; up and down {} m".format(*cells)


def mode_row(env_id: str, mode: str, done: list[Run]) -> str:
    good = [r for r in done if r.success]
    agreed = sum(r.found == mode for r in done)
    measures = np.array([(r.steps / 20, *r.spans_m) for r in good] or [[np.nan] * 3])
    spread = [f"{m:.{d}f} ± {s:.{d}f}" for m, s, d in zip(measures.mean(axis=0), measures.std(axis=0), (1, 2, 2), strict=True)]
    return f"| {env_id} | {mode} | {len(good)} of {len(done)} | {agreed} of {len(done)} | {' | '.join(spread)} |"


def task_row(env_id: str, done: list[Run]) -> str:
    good = sum(r.success for r in done)
    low, high = wilson(good, len(done))
    plain, seeing = steps_per_second(env_id, ()), steps_per_second(env_id, ("front", "wrist"))
    robot, task = next((title, env_id[len(title) : -3]) for title in teleop.ROBOTS if env_id.startswith(title))
    shares = f"{good} of {len(done)} | {100 * low:.0f} … {100 * high:.0f} %"
    return f"| {task} | {robot} | {shares} | {median_s(done):.1f} s | {plain:.0f} | {seeing:.0f} |"


TASK_HEAD = "| task | robot | success | 95 % interval | median | steps/s | with two cameras |"
MODE_HEAD = "| environment | asked for | success | found as asked | seconds | sideways, m | up and down, m |"
RULE = "| --- | --- | --- | --- | --- | --- | --- |"


def page(task_rows: list[str], mode_rows: list[str]) -> str:
    """docs/tasks.md between its markers."""
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in (("tasks", [TASK_HEAD, RULE, *task_rows]), ("modes", [MODE_HEAD, RULE, *mode_rows])):
        before, rest = text.split(f"<!-- {name}:begin -->")
        _, after = rest.split(f"<!-- {name}:end -->")
        body = "\n".join(lines)
        text = f"{before}<!-- {name}:begin -->\n{body}\n<!-- {name}:end -->{after}"
    return text


def measured(env_id: str, words: argparse.Namespace, mode: str, episodes: int) -> list[Run]:
    jobs = [(env_id, words.seed + k, mode, words.skill) for k in range(episodes)]
    done = list(track(runs(jobs, words.workers), f"{env_id} {mode}", total=episodes, transient=True, disable=not sys.stderr.isatty()))
    if words.verbose:
        for r in done:
            if not r.success or (r.wished and r.wished != r.found):
                print("  ", r)
    return done


def write_page(words: argparse.Namespace) -> None:
    task_rows = []
    for env_id in teleop.ENV_IDS:
        task_rows.append(task_row(env_id, measured(env_id, words, words.mode, words.episodes)))
        print(task_rows[-1], flush=True)
    mode_rows = []
    for env_id in (env_id for env_id in teleop.ENV_IDS if env_id.startswith("Panda")):
        for mode in modes_of(env_id):
            mode_rows.append(mode_row(env_id, mode, measured(env_id, words, mode, words.mode_episodes)))
            print(mode_rows[-1], flush=True)
    PAGE.write_text(page(task_rows, mode_rows), encoding="utf-8")
    print(f"wrote {PAGE}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", nargs="*", default=[])
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--mode-episodes", type=int, default=34, help="of each mode")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mode", default="")
    parser.add_argument("--modes", action="store_true", help="every behaviour mode of the task, a line for each")
    parser.add_argument("--skill", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--verbose", action="store_true", help="a line for each failure")
    words = parser.parse_args()
    if not words.env:
        write_page(words)
    for env_id in words.env:
        for mode in modes_of(env_id) if words.modes else [words.mode]:
            done = measured(env_id, words, mode, words.episodes)
            print(mode_line(env_id, mode, done) if words.modes else env_line(env_id, done), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
