"""Verdicts: what the chains of the DAgger study say, with intervals over seeds, and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from learn.studies.dagger.arenas import ARENAS
from learn.studies.dagger.chains import Chain
from learn.studies.dagger.contest import METHODS, Contest, Method
from learn.studies.dagger.expertise import LearnFromExpert
from learn.studies.dagger.shift import growth
from learn.studies.intervals import mean_interval
from learn.studies.jobs import Result

Interval = Sequence[float]  # mean, low, high
MEASURES = ("score", "distance", "error", "error_there", "growth", "still")
RUNNING_SHARE = 0.2  # of the episodes, for a point of a curve along them
GROWTH_SHARE = 0.9  # of the episodes, for the growth of their errors: who ends early would bend it
GROWTH_FROM = 0.1  # of an expert's episode


def compared(contest: Contest, results: Mapping[str, Result]) -> dict[str, Any]:
    """Everything about one environment, as JSON takes it: a point for each number of labels, the curves along an episode, the expert."""
    expert = results[LearnFromExpert(contest).name]
    chains = {method: [results[Chain(contest, seed, method).name] for seed in range(contest.seeds)] for method in METHODS}
    arena = ARENAS[contest.arena]
    first_step = GROWTH_FROM * float(np.mean(expert["lengths"]))
    points = []
    for number in range(contest.rounds + 1):
        both = {method: [dict(chain["points"][number]) for chain in chains[method]] for method in METHODS}
        for point in (point for several in both.values() for point in several):
            point["growth"] = growth(point["errors"], GROWTH_SHARE * contest.scenes, first_step)
        points.append(_point(both, contest))
    return {
        "arena": contest.arena,
        "env": arena.env_id,
        "score": arena.score,
        "labeller": arena.labeller,
        "state": arena.state_note,
        "points": points,
        "expert": {**expert, "curve": _curve([expert["distances"]], contest)},
    }


def _point(both: Mapping[Method, Sequence[Mapping[str, Any]]], contest: Contest) -> dict[str, Any]:
    """One number of labels: each measure of each method and their paired difference, DAgger − behaviour cloning."""
    found: dict[str, Any] = {"labels": float(np.mean([point["labels"] for point in both["bc"]]))}
    found["labels_each"] = {method: [point["labels"] for point in both[method]] for method in METHODS}
    for measure in MEASURES:
        each = {method: [point[measure] for point in both[method]] for method in METHODS}
        pairs = [(a, b) for a, b in zip(each["bc"], each["dagger"], strict=True) if a is not None and b is not None]
        found[measure] = {"each": each, "difference": paired(pairs)}
        found[measure] |= {method: _mean([v for v in each[method] if v is not None]) for method in METHODS}
    for curve in ("distances", "errors"):
        found[curve] = {method: _curve([point[curve] for point in both[method]], contest) for method in METHODS}
    return found


def paired(pairs: Sequence[tuple[float, float]]) -> Interval | None:
    """Of the second minus the first, seed by seed; None where there is nothing to compare."""
    return _mean([second - first for first, second in pairs])


def _mean(values: Sequence[float]) -> Interval | None:
    return mean_interval(values) if values else None


def _curve(several: Sequence[Mapping[str, Sequence[float]]], contest: Contest) -> list[list[float]]:
    """Of each step, as long as a fifth of the episodes runs: the step, the mean over seeds and its interval."""
    least = RUNNING_SHARE * contest.scenes
    length = min(sum(running >= least for running in one["running"]) for one in several)
    return [[several[0]["steps"][k], *mean_interval([one["means"][k] for one in several])] for k in range(length)]


# -- in words ----------------------------------------------------------------------------------------------------------


def decided(interval: Interval | None, seeds: int) -> int:
    """1 or −1 where an interval over at least two seeds, which are not all the same, is above or below 0; else 0."""
    if interval is None or seeds < 2 or interval[1] == interval[2]:
        return 0
    return int(interval[1] > 0.0) - int(interval[2] < 0.0)


def answer(found: Mapping[str, Any], seeds: int) -> str:
    """Two sentences about one environment: who is better with as many labels, and who strays how far."""
    return f"{who_is_better(found, seeds)} {who_strays(found, seeds)}"


def who_is_better(found: Mapping[str, Any], seeds: int) -> str:
    """About the scores; of the numbers of labels the first is left out, with which both are the same policy."""
    points = found["points"][1:]
    signs = [decided(point["score"]["difference"], seeds) for point in points]
    better, worse, of = signs.count(1), signs.count(-1), len(points)
    if better and worse:
        said = f"DAgger is better than behaviour cloning at {better} and worse at {worse} of {of} label counts"
    elif better or worse:
        said = f"DAgger is {'better' if better else 'worse'} than behaviour cloning at {better + worse} of {of} label counts"
    else:
        said = f"DAgger is not shown to be better or worse than behaviour cloning at any of {of} label counts"
    last = points[-1]
    digits = score_digits(found)
    scores = " against ".join(f"{rounded(last['score'][method][0], digits)} %" for method in ("dagger", "bc"))
    gap = difference_words(last["score"]["difference"], seeds, digits, " points")
    return f"{found['arena']}, with as many labels: {said}; with {last['labels']:,.0f} labels, {scores} {UNITS[found['score']]} ({gap})."


def who_strays(found: Mapping[str, Any], seeds: int) -> str:
    """About the states they come to with the most labels."""
    away, own = found["points"][-1]["distance"], found["expert"]["distance"][0]
    sign = decided(away["difference"], seeds)
    verdict = {1: "it strays further", -1: "it strays less far", 0: "not shown to differ"}[sign]
    gap = difference_words(away["difference"], seeds, 2)
    wrong = times_as_wrong(found["points"][-1])
    return (
        f"With these DAgger's states are {away['dagger'][0]:.2f} standard deviations from the nearest of the expert's on average, "
        f"behaviour cloning's {away['bc'][0]:.2f} ({gap}: {verdict}) and the expert's own, in the same new scenes, {own:.2f}; in its own "
        f"states DAgger is {wrong['dagger']:.1f} times as wrong as in the expert's states, behaviour cloning {wrong['bc']:.1f} times."
    )


def times_as_wrong(point: Mapping[str, Any]) -> dict[Method, float]:
    """How wrong each method is in its own states, as a multiple of how wrong it is in the expert's."""
    return {method: point["error"][method][0] / max(point["error_there"][method][0], 1e-9) for method in METHODS}


def who_stands_still(found: Mapping[str, Any]) -> str:
    """With the most labels."""
    last = found["points"][-1]
    bc, dagger = (last["still"][method][0] for method in METHODS)
    return (
        f"{found['arena']}, with {last['labels']:,.0f} labels: behaviour cloning stands still in {bc:.0f} % of its steps, DAgger in "
        f"{dagger:.0f} %, the expert in {found['expert']['still']:.0f} %."
    )


def score_digits(found: Mapping[str, Any]) -> int:
    """Of a percentage: successes are counted, returns are finer."""
    return 0 if found["score"] == "success" else 1


def difference_words(interval: Interval, seeds: int, digits: int, unit: str = "") -> str:
    """ "difference +12 points, 95 % interval +3 … +21, 5 seeds"."""
    mean, low, high = (rounded(v, digits, sign=True) for v in interval)
    return f"difference {mean}{unit}, " + ("one seed, no interval" if seeds < 2 else f"95 % interval {low} … {high}, {seeds} seeds")


def rounded(value: float, digits: int, *, sign: bool = False) -> str:
    """With a real minus, and none before 0."""
    shown = round(value, digits) or 0.0
    return f"{shown:{'+' if sign and shown else ''}.{digits}f}".replace("-", "−")


NAMES: Mapping[Method, str] = {"bc": "behaviour cloning", "dagger": "DAgger"}
UNITS = {"success": "of the scenes", "return": "of the way from acting at random to the expert's return"}
