"""Sections of the page of exercise 6.3."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from data.report.markup import Html
from learn.modes import COVERAGE_AT
from learn.studies.modes.answers import KEPT
from learn.studies.modes.pictures import demonstration_view, measure_rows, mode_bars, scene_view, shares_of, start_view, views_from_above
from learn.studies.modes.subject import ENV, Subject
from learn.studies.page import Film, Section, figure, films, paragraph, side_by_side, table
from learn.studies.reel import kept_film

Found = Mapping[str, Any]


class Settings(Protocol):
    """What of the study's settings is told."""

    @property
    def policies(self) -> tuple[str, ...]: ...
    @property
    def seeds(self) -> tuple[int, ...]: ...
    @property
    def scenes(self) -> int: ...
    @property
    def starts(self) -> int: ...
    @property
    def rollouts(self) -> int: ...
    @property
    def sideways_starts(self) -> int: ...
    @property
    def filmed(self) -> int: ...


def sections(study: Settings, found: Found, out: Path) -> Sequence[Section]:
    drawn = [Subject(policy, study.seeds[0]) for policy in study.policies]
    shown = list(found["demonstrations"]["shown"])
    return [
        Section("which", "Which ways they go", _which(study, found, shown)),
        Section("above", "The ways, from above", _from_above(drawn, shown, out)),
        Section("start", "One start, many rollouts", _one_start(study, found, drawn, shown, out)),
        Section("average", "Where the demonstrations part", _averaging(study, found)),
        Section("each", "Every training", _each(found)),
        Section("shown", "What was shown", _demonstrations(found["demonstrations"])),
    ]


def _which(study: Settings, found: Found, shown: Sequence[str]) -> list[str]:
    policies, demonstrations = found["policies"], found["demonstrations"]
    episodes = study.scenes * len(study.seeds)
    rows = {"demonstrations": shares_of(demonstrations["shown"], demonstrations["episodes"])}
    rows |= {name: shares_of(policy["counts"], episodes) for name, policy in policies.items()}
    heads = ("policy", "success", "entropy", f"coverage@{COVERAGE_AT}", "KL to demonstrations", "ways nobody showed", "mode switches")
    lines = [
        (
            name,
            _percent(policy["success"]),
            _numbers(policy["entropy"]),
            _numbers(policy["coverage"]),
            f"{policy['divergence']['value']:.2f}",
            _percent(policy["invented"]),
            "–" if policy["switches"] is None else f"{policy['switches']:.2f}",
        )
        for name, policy in policies.items()
    ]
    bars = mode_bars("Modes of each policy", rows, shown, "share of the episodes")
    plots = [
        figure("What became of the episodes", f"all {episodes} rollouts of each policy", bars),
        figure("Success", _trainings(study), measure_rows(policies, "success", "share of the held-out scenes")),
        figure(
            "Entropy of the ways", "1: all as often", measure_rows(policies, "entropy", "of the most there could be", 1.0, ("kept", KEPT))
        ),
        figure("Coverage", f"by {COVERAGE_AT} arrivals", measure_rows(policies, "coverage", "share of the shown ways")),
    ]
    return [side_by_side(*plots), table(heads, lines), paragraph(_methods(len(study.seeds)), note=True)]


def _trainings(study: Settings) -> str:
    return "circles: single trainings" if len(study.seeds) > 1 else "one training"


def _methods(seeds: int) -> str:
    over = (
        f"of entropy and coverage Student's over the {seeds} trainings, the whole process being repeated with each"
        if seeds > 1
        else "of entropy and coverage from resampled rollouts of the one training"
    )
    return (
        "In brackets 95 % intervals: of shares Wilson's over all episodes (scenes are the same for all trainings), "
        f"{over}. Entropy is of the arrivals over the ways that were shown, with Miller and Madow's correction of its bias, as a share "
        f"of the most there could be; ways are kept where all of its interval is above {KEPT}. Coverage@{COVERAGE_AT}: the share of the "
        f"shown ways that {COVERAGE_AT} arrivals are expected to show (Hurlbert's rarefaction). KL in nats over all nine ways, half a "
        "count added to each. Mode switches: how often in an episode a mixture gave up its expert; the others have none to give up."
    )


def _from_above(drawn: Sequence[Subject], shown: Sequence[str], out: Path) -> list[str]:
    views = [demonstration_view(out), *(scene_view(out, subject) for subject in drawn)]
    words = (
        "Seen as the operator sees it who sits opposite the robot: the arm comes from above, left is left. Colours are what the "
        f"environment found from geometry. Trainings with seed {drawn[0].seed}; scenes differ, so the boards (grey) are drawn at their "
        "mean places, and a policy that always does the same in one scene can still go several ways here."
    )
    return [paragraph(words), views_from_above(views, shown)]


def _one_start(study: Settings, found: Found, drawn: Sequence[Subject], shown: Sequence[str], out: Path) -> list[str]:
    policies = found["policies"]
    words = (
        f"The same start before the middle of the first board, {study.rollouts} times, with other noise each time. What is left of the "
        "variety is the policy's own."
    )
    views = views_from_above([start_view(out, subject) for subject in drawn], shown, across=2)
    rows = {name: shares_of(policy["seeds"][0]["one_start"][0], study.rollouts) for name, policy in policies.items()}
    label = f"of the {len(shown)} ways, how many {study.rollouts} rollouts of one start show"
    ways = measure_rows(policies, "ways_from_one_start", label, float(len(shown)))
    plots = side_by_side(
        figure("The start above", f"{study.rollouts} rollouts of each policy", mode_bars("Modes from one start", rows, shown, "share")),
        figure("Ways from one start", f"mean of {study.starts} {'start' if study.starts == 1 else 'starts'}; {_trainings(study)}", ways),
    )
    return [paragraph(words), views, plots, _films(study, drawn, out)]


def _films(study: Settings, drawn: Sequence[Subject], out: Path) -> Html:
    words = f"{study.filmed} {'rollout' if study.filmed == 1 else 'rollouts'} from that start; each leaves its path behind."
    return films(Film(subject.policy, words, *kept_film(out, subject.name)) for subject in drawn)


def _averaging(study: Settings, found: Found) -> list[str]:
    shown = found["demonstrations"]["sideways"]
    line = None if shown is None else ("demonstrations", shown)
    values = [p["sideways"]["high"] for p in found["policies"].values()] + [shown or 0.0]
    plot = measure_rows(found["policies"], "sideways", "mean sideways command, of 1", 1.15 * max(0.1, *values), line)
    words = (
        "Before the middle of the first board the demonstrations part: left is as good as right. The mean of both is straight on, into the "
        "board: how much of their sideways command is left shows what a policy makes of two right answers. Mean size of the mean "
        f"command over the first 8 steps from {study.sideways_starts} held-out starts within 1.5 cm of the middle."
    )
    return [paragraph(words), side_by_side(figure("How decided they are", _trainings(study), plot), _latency(found))]


def _latency(found: Found) -> Html:
    rows = []
    for name, policy in found["policies"].items():
        ms = policy["latency"]
        each = f"{ms['median_ms'] / ms['executes']:.2f} ms"
        rows.append((name, f"{ms['median_ms']:.2f} ms", f"{ms['p95_ms']:.2f} ms", str(ms["executes"]), each))
    heads = ("policy", "a look takes", "95 % are below", "actions from it", "an action")
    return figure("What a look costs", "one core, in turns, nothing else running", table(heads, rows))


def _each(found: Found) -> list[str]:
    facts = ("success", "entropy", f"coverage@{COVERAGE_AT}", "KL", "nobody showed", "ways from one start", "sideways", "steps, kept")
    rows = []
    for name, policy in found["policies"].items():
        for one in policy["seeds"]:
            rows.append(
                (
                    name,
                    str(one["seed"]),
                    _percent(one["success"]),
                    _numbers(one["entropy"]),
                    _numbers(one["coverage"]),
                    f"{one['divergence']['value']:.2f}",
                    f"{100 * one['invented']:.0f} %",
                    f"{one['ways_from_one_start']['value']:.1f}",
                    f"{one['sideways']['value']:.2f}",
                    f"{one['steps']}, {one['chosen_step']}",
                )
            )
    note = "Intervals of entropy and coverage here are percentiles of resampled arrivals of the one training."
    return [table(("policy", "seed", *facts), rows), paragraph(note, note=True)]


def _demonstrations(shown: Found) -> list[str]:
    rows = []
    for asked, found in shown["found"].items():
        rows.append((asked, str(sum(found.values())), ", ".join(f"{mode or 'none'} {count}" for mode, count in found.items())))
    seeds = shown["seeds"]
    words = (
        f"{shown['episodes']} episodes of {ENV}, driven by the scripted operator through the sticks as a person drives (seeds "
        f"{min(seeds)} to {max(seeds)}); {shown['successes']} succeeded. What each turned out to be, from geometry, is "
        f"what was asked for in {shown['agreeing']} of {shown['episodes']}."
    )
    return [paragraph(words), table(("asked for", "episodes", "found"), rows, numbers=(1,))]


def _numbers(measure: Mapping[str, float]) -> str:
    return f"{measure['value']:.2f} ({measure['low']:.2f} … {measure['high']:.2f})"


def _percent(share: Mapping[str, float]) -> str:
    return f"{100 * share['value']:.0f} % ({100 * share['low']:.0f} … {100 * share['high']:.0f})"
