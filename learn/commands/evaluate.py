"""`python -m learn evaluate` and `compare`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from data.cli import CLUSTER, WORKERS, print_json, progress_bar
from data.cores import held
from learn.checkpoint import Checkpoint, load_policy
from learn.compare import compare
from learn.evaluate import FIRST_EVALUATION_SEED, Evaluation, Rollout, evaluate
from learn.films import film_each

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Evaluate:
    """Roll a policy out and count its successes."""

    model: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]]
    """a folder that train made"""
    env: str | None = None
    """another environment than the one it was trained in"""
    episodes: int = 50
    seed: int = FIRST_EVALUATION_SEED
    """episode i starts from seed + i; the default keeps clear of recorded episodes' seeds"""
    workers: WORKERS = None
    cluster: CLUSTER = "local"
    videos: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """folder for films of the failures"""
    most_videos: int = 5
    """how many failures to film"""
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        evaluation = self.evaluation()
        print(evaluation_line(evaluation))
        if self.videos is not None:
            print(self._film(evaluation, self.videos))
        if self.json:
            print_json(evaluation.summary())
        return 0

    def evaluation(self) -> Evaluation:
        """Roll out with a progress bar."""
        loaded = load_policy(self.model)
        env_id, kwargs = self._env(loaded)
        shown = loaded.summary.get("modes", {}) if env_id == loaded.env_id else {}
        done: list[Rollout] = []
        with progress_bar("evaluating", self.episodes) as advance:

            def progress(rollout: Rollout) -> None:
                done.append(rollout)
                advance(len(done), f"{sum(r.success for r in done)} of {len(done)} succeed")

            about = (loaded.policy, env_id, kwargs, self.episodes, self.seed, self.workers)
            return evaluate(*about, cluster=self.cluster, progress=progress, modes_shown=shown)

    def _env(self, loaded: Checkpoint) -> tuple[str, Mapping[str, Any]]:
        env_id = self.env or loaded.env_id
        return env_id, loaded.env_kwargs if env_id == loaded.env_id else {}

    def _film(self, evaluation: Evaluation, folder: Path) -> str:
        seeds = [rollout.seed for rollout in evaluation.rollouts if not rollout.success][: self.most_videos]
        if not seeds:
            return "no failure to film"
        loaded = load_policy(self.model)
        films = film_each(loaded.policy, *self._env(loaded), seeds, folder)
        failures = evaluation.episodes - evaluation.successes
        return f"films of {len(films)} of {failures} failures in {folder}: {', '.join(path.name for path in films)}"


@dataclass(frozen=True)
class Compare:
    """Roll two policies out in the same scenes and tell whether one is better: the paired difference, and McNemar's test."""

    first: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="MODEL_A")]]
    """a folder that train made"""
    second: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="MODEL_B")]]
    """another one, of the same environment"""
    env: str | None = None
    """another environment than the one they were trained in"""
    episodes: int = 100
    seed: int = FIRST_EVALUATION_SEED
    """episode i starts from seed + i, for both"""
    workers: WORKERS = None
    cluster: CLUSTER = "local"
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        evaluations = []
        alike = Evaluate(self.first, self.env, self.episodes, self.seed, self.workers, self.cluster)
        with held(self.cluster):
            for model in (self.first, self.second):
                one = replace(alike, model=model).evaluation()
                print(evaluation_line(one))
                evaluations.append(one)
        compared = compare(*evaluations)
        low, high = (100 * end for end in compared.interval)
        verdict = "the difference is real" if compared.p_value < SIGNIFICANT else "no difference shown"
        print(
            f"{self.first} succeeds alone in {compared.only_first} of {compared.episodes} scenes, {self.second} in {compared.only_second}: "
            f"{100 * compared.difference:+.0f} points (95 % interval {low:+.0f} to {high:+.0f}), p = {compared.p_value:.3g}, {verdict}"
        )
        if self.json:
            print_json(compared.summary())
        return 0


def evaluation_line(evaluation: Evaluation) -> str:
    """One line for people; the numbers are those of `summary`."""
    return (
        f"{evaluation.policy} in {evaluation.env}: {evaluation.successes} of {evaluation.episodes} episodes succeed, "
        f"{100 * evaluation.success_rate:.0f} % (95 % interval {100 * evaluation.ci_low:.0f} to {100 * evaluation.ci_high:.0f} %), "
        f"mean return {evaluation.mean_return:.2f}, {_modes_words(evaluation)}{evaluation.seconds:.1f} s"
    )


def _modes_words(evaluation: Evaluation) -> str:
    if not evaluation.modes:
        return ""
    use = evaluation.mode_use
    used = ", ".join(f"{mode} {count}" for mode, count in use.counts.items() if count)
    low, high = use.entropy_interval()
    return f"modes {used or 'none'} (entropy {use.entropy:.2f}, {low:.2f} to {high:.2f}, of {len(use.demonstrated)} modes), "
