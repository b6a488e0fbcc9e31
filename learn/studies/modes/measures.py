"""Measures: what the jobs' results say of each policy, with intervals, as plain data for the page and the JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from data.intervals import wilson
from learn.compare import paired
from learn.modes import ModeUse
from learn.studies.intervals import mean_interval
from learn.studies.jobs import Result
from learn.studies.modes.subject import DISTILLED, TEACHER, Subject
from teleop.envs.tasks.detour import Detour

Results = Mapping[str, Result]
Measure = dict[str, float]


def measured(results: Results, policies: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """All that is found out: `demonstrations`, `policies` by name, `distillation` (None where the two are not there)."""
    shown = shown_modes(results["demonstrations"])
    each = {policy: _policy(results, [Subject(policy, seed) for seed in seeds], shown) for policy in policies}
    both = DISTILLED in each and TEACHER in each
    return {
        "demonstrations": _demonstrations(results["demonstrations"]),
        "policies": each,
        "distillation": _pairs(each[DISTILLED], each[TEACHER]) if both else None,
    }


def shown_modes(demonstrations: Result) -> dict[str, int]:
    """How many successes there are of each mode, by what the environment found."""
    found = Counter(e["found"] for e in demonstrations["episodes"] if e["outcome"] == "success")
    return {mode: found[mode] for mode in Detour.modes if found[mode]}


def _demonstrations(result: Result) -> dict[str, Any]:
    episodes = result["episodes"]
    asked = list(dict.fromkeys(e["asked"] for e in episodes))
    return {
        "episodes": len(episodes),
        "successes": sum(e["outcome"] == "success" for e in episodes),
        "seeds": [e["seed"] for e in episodes],
        "found": {mode: dict(Counter(e["found"] for e in episodes if e["asked"] == mode)) for mode in asked},
        "agreeing": sum(e["found"] == e["asked"] for e in episodes),
        "shown": shown_modes(result),
        "sideways": result["sideways"],
    }


def _policy(results: Results, subjects: Sequence[Subject], shown: Mapping[str, int]) -> dict[str, Any]:
    seeds = [_seed(results, subject, shown) for subject in subjects]
    all_counts = {mode: sum(s["counts"][mode] for s in seeds) for mode in Detour.modes}
    successes, episodes = sum(sum(s["arrived"]) for s in seeds), sum(len(s["arrived"]) for s in seeds)
    invented = successes - sum(all_counts[mode] for mode in shown)
    latency = results["latency"][subjects[0].policy]
    return {
        "success": _share(successes, episodes),
        "entropy": over_seeds(seeds, "entropy"),
        "coverage": over_seeds(seeds, "coverage"),
        "divergence": over_seeds(seeds, "divergence", most=float("inf")),
        "invented": _share(invented, successes),
        "ways_from_one_start": over_seeds(seeds, "ways_from_one_start", most=float(len(shown))),
        "sideways": over_seeds(seeds, "sideways"),
        "switches": sum(s["switches"] for s in seeds) / len(seeds) if seeds[0]["keeps_modes"] else None,
        "latency": latency,
        "counts": all_counts,
        "seeds": seeds,
    }


def _seed(results: Results, subject: Subject, shown: Mapping[str, int]) -> dict[str, Any]:
    """One training's."""
    scenes, training = results[f"scenes-{subject.name}"], results[f"train-{subject.name}"]
    rollouts, starts = scenes["rollouts"], results[f"one-start-{subject.name}"]["starts"]
    arrived = [bool(r["success"]) for r in rollouts]
    found = Counter(r["mode"] for r in rollouts if r["success"])
    use = ModeUse({mode: found[mode] for mode in Detour.modes}, shown)
    ways = [float(len({mode for mode in start["rollouts"] if mode in shown})) for start in starts]
    return {
        "seed": subject.seed,
        "arrived": arrived,
        "success": _share(sum(arrived), len(arrived)),
        "counts": dict(use.counts),
        "entropy": _with(use.entropy, use.entropy_interval()),
        "coverage": _with(use.coverage(), use.coverage_interval()),
        "divergence": _with(use.divergence() or 0.0),
        "invented": use.invented,
        "ways_from_one_start": _with(*_mean(ways, len(shown))),
        "one_start": [dict(Counter(start["rollouts"])) for start in starts],
        "sideways": _with(results[f"sideways-{subject.name}"]["sideways"]),
        "switches": sum(r["mode_switches"] for r in rollouts) / len(rollouts),
        "keeps_modes": scenes["keeps_modes"],
        "steps": training["steps"],
        "chosen_step": training["chosen_step"],
    }


def over_seeds(seeds: Sequence[Mapping[str, Any]], name: str, most: float = 1.0) -> Measure:
    """Mean over trainings with Student's interval, within [0, `most`]; of one training its own interval."""
    if len(seeds) == 1:
        return dict(seeds[0][name])
    return _with(*_mean([s[name]["value"] for s in seeds], most))


def _mean(values: Sequence[float], most: float) -> tuple[float, tuple[float, float]]:
    mean, low, high = mean_interval(values)
    return mean, (max(0.0, low), min(most, high))


def _with(value: float, interval: tuple[float, float] | None = None) -> Measure:
    low, high = interval or (value, value)
    return {"value": value, "low": low, "high": high}


def _share(count: int, of: int) -> Measure:
    """A proportion with Wilson's interval; of nothing it is 0."""
    low, high = wilson(count, of)
    return {"value": count / of if of else 0.0, "low": low, "high": high, "count": count, "of": of}


def _pairs(pupil: Mapping[str, Any], teacher: Mapping[str, Any]) -> dict[str, Any]:
    """The pupil and its teacher in the same scenes, all seeds together."""
    return paired(_arrivals(pupil), _arrivals(teacher)).summary()


def _arrivals(policy: Mapping[str, Any]) -> list[bool]:
    return [arrived for seed in policy["seeds"] for arrived in seed["arrived"]]
