"""Answers: the two sentences at the top of the page, from what was found, also where it is unfavourable."""

from collections.abc import Mapping, Sequence
from typing import Any

from learn.studies.modes.subject import DISTILLED, TEACHER

KEPT = 0.9  # the modes are kept where the entropy is surely above, some are lost where it is surely below
SIGNIFICANT = 0.05
Policies = Mapping[str, Mapping[str, Any]]


def answers(found: Mapping[str, Any], rollouts: int) -> list[str]:
    """Which policies keep the modes; what that costs. `rollouts`: from each start of which ways were counted."""
    policies: Policies = found["policies"]
    if not any(policy["success"]["count"] for policy in policies.values()):
        return ["No policy arrived once, so nothing can be said of their ways: these trainings were too short."]
    return [_who_keeps(policies, len(found["demonstrations"]["shown"]), rollouts), _what_it_costs(policies, found["distillation"])]


def _who_keeps(policies: Policies, modes: int, rollouts: int) -> str:
    kept = [name for name, p in policies.items() if p["entropy"]["low"] >= KEPT]
    lost = [name for name, p in policies.items() if p["entropy"]["high"] < KEPT]
    open_ = [name for name in policies if name not in (*kept, *lost)]
    all_ways = f"all {modes} ways that were shown"
    parts = [f"{_with_entropies(kept, policies)} {_s('keep', kept)} {all_ways} as evenly as they were shown" if kept else ""]
    parts.append(f"{_with_entropies(lost, policies)} {_s('do', lost)} not{'' if kept else f' keep {all_ways}'}" if lost else "")
    parts.append(f"of {_with_entropies(open_, policies)} these trainings do not tell" if open_ else "")
    said = "; ".join(part for part in parts if part)
    if not kept:
        said = f"No policy surely keeps {all_ways}: {said.replace(f' keep {all_ways}', '')}"
    ways = ", ".join(f"{name} {p['ways_from_one_start']['value']:.1f}" for name, p in policies.items())
    return f"{said}. Of these {modes} ways {rollouts} rollouts of one and the same start show on average: {ways}."


def _what_it_costs(policies: Policies, distillation: Mapping[str, Any] | None) -> str:
    success = ", ".join(f"{name} {_percent(p['success'])}" for name, p in policies.items())
    worst = max(policies, key=lambda name: policies[name]["invented"]["value"])
    invented = policies[worst]["invented"]
    said = f"Success: {success}"
    if invented["count"]:
        said += f"; {100 * invented['value']:.0f} % of {worst}'s arrivals went a way that nobody showed"
    return f"{said}{_distilled(policies, distillation)}."


def _distilled(policies: Policies, pairs: Mapping[str, Any] | None) -> str:
    if pairs is None:
        return ""
    ms = [policies[name]["latency"]["median_ms"] for name in (DISTILLED, TEACHER)]
    times = f"{ms[0]:.2f} ms instead of {ms[1]:.2f} ms a chunk"
    points = f"{100 * pairs['difference']:+.1f} points, {100 * pairs['ci_low']:+.1f} … {100 * pairs['ci_high']:+.1f}".replace("-", "−")
    if pairs["p_value"] >= SIGNIFICANT:
        what = f"costs no success that could be shown ({points})"
    else:
        what = f"{'costs' if pairs['difference'] < 0 else 'gains'} success ({points})"
    gain = "takes" if ms[0] < ms[1] else "saves no time, it takes"
    return f"; {TEACHER} distilled into a mixture {gain} {times} and {what}"


def _with_entropies(names: Sequence[str], policies: Policies) -> str:
    return _listed([f"{name} (entropy {_numbers(policies[name]['entropy'])})" for name in names])


def _numbers(measure: Mapping[str, float]) -> str:
    return f"{measure['value']:.2f}, {measure['low']:.2f} … {measure['high']:.2f}"


def _percent(share: Mapping[str, float]) -> str:
    return f"{100 * share['value']:.1f} % ({100 * share['low']:.0f} … {100 * share['high']:.0f})"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def _s(verb: str, subjects: Sequence[str]) -> str:
    return verb if len(subjects) > 1 else {"do": "does"}.get(verb, f"{verb}s")
