"""Sections: the page of the study, from its findings."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.report.plots import number
from learn.studies.intervals import mean_interval
from learn.studies.page import Film, Section, figure, films, paragraph, side_by_side, table
from learn.studies.plots import GREY, Axes, Dot, Series, curves
from learn.studies.reel import kept_film
from learn.studies.trajectories.enough import TARGET, in_table
from learn.studies.trajectories.film import FilmDriver
from learn.studies.trajectories.method import experts, method
from learn.studies.trajectories.recipe import VARIANTS, Recipe, Variant
from learn.studies.trajectories.reported import PAPER, REPORTED

Found = Mapping[str, Mapping[str, Any]]  # by environment, `TrajectoriesStudy._environment`
COLOURS: Mapping[Variant, int] = {"whole": 0, "subsampled": 1}
LOWEST, HIGHEST = -20.0, 125.0  # of the plots, in percent: what two seeds are unsure of may go far beyond
NEAR = 50.0  # scores above it are drawn without those of chance


def all_sections(found: Found, recipe: Recipe, seeds: int, drivers: Mapping[str, Mapping[str, FilmDriver]], out: Path) -> list[Section]:
    """In the order of the page."""
    return [
        _curves(found, recipe),
        _needed(found),
        _subsampled(found, recipe),
        _everything(found, seeds),
        Section("films", "What it looks like", [films(_films(found, drivers, out))]),
        experts(found),
        method(found, recipe, seeds),
    ]


def _curves(found: Found, recipe: Recipe) -> Section:
    plots = [figure(env_id, "score over trajectories", _over_trajectories(env_id, one, recipe)) for env_id, one in found.items()]
    text = (
        "The score is 100 % for the mean return of the expert and 0 % for that of acting at random, both over the same whole episodes as "
        "the policy's. Lines are means over seeds, bands 95 % intervals of these means. Grey is what "
        f"{PAPER} reported, on older versions of both environments, with another expert and network."
    )
    return Section("curves", "Learning curves", [side_by_side(*plots), paragraph(text, note=True)])


def _over_trajectories(env_id: str, one: Mapping[str, Any], recipe: Recipe) -> str:
    series = [_series(variant, one, "trajectories", recipe) for variant in VARIANTS]
    if env_id in REPORTED:
        then = REPORTED[env_id]
        dots = [Dot(n, y, y, y, f"{PAPER}, {then.env_id}: {n}, {y:.0f} %") for n in then.cloned for y in [100.0 * then.score(n)]]
        kept = "every step" if then.every == 1 else f"every {then.every}th step"
        series.append(Series(f"{PAPER}, {kept}", dots, GREY))
    return _plot(f"{env_id}: score over trajectories", series, "trajectories", [p["trajectories"] for p in one["points"]["whole"]])


def _series(variant: Variant, one: Mapping[str, Any], across: str, recipe: Recipe) -> Series:
    dots = [Dot(p[across], 100.0 * p["mean"], 100.0 * p["low"], 100.0 * p["high"], _title(variant, p)) for p in one["points"][variant]]
    name = "whole trajectories" if variant == "whole" else f"every {recipe.every}th step"
    return Series(name, dots, COLOURS[variant], dashed=variant != "whole")


def _title(variant: str, p: Mapping[str, Any]) -> str:
    return f"{variant}: {p['trajectories']} trajectories, {p['pairs']:.0f} pairs, {_interval(p)} %"


def _plot(name: str, series: Sequence[Series], across: str, ticks: Sequence[float]) -> str:
    ends = [y for one in series for dot in one.dots for y in (dot.low, dot.high)] + [105.0]
    least = min(ends) if min(ends) > NEAR else min(0.0, *ends)  # the whole way up from chance, where anybody is near it
    y_range = (max(least - 3.0, LOWEST), min(max(ends) + 3.0, HIGHEST))
    lines = {f"{100 * TARGET:.0f} % of the expert": 100.0 * TARGET}
    return curves(name, series, Axes(across, "score (%)", y_range, ticks, log=True, lines=lines))


def _needed(found: Found) -> Section:
    heads = ("environment", "trajectories", "interval reaches 95 %", "whole interval at or above 95 %", "pairs then")
    rows = []
    for env_id, one in found.items():
        for variant in VARIANTS:
            enough, points = one["enough"][variant], one["points"][variant]
            pairs = next((f"{p['pairs']:.0f}" for p in points if p["trajectories"] == enough["surely"]), "–")
            numbers = (in_table(enough[name], enough["most"]) for name in ("reached", "surely"))
            rows.append((env_id, variant, *numbers, pairs))
    text = (
        "The smallest number of trajectories whose 95 % interval reaches 95 % of the expert's score: that many may be enough, as far as "
        "the seeds can tell. And the smallest whose whole interval is there: that many are. Pairs are of state and action."
    )
    return Section("needed", "How many are needed", [table(heads, rows, numbers=(2, 3, 4)), paragraph(text, note=True)])


def _subsampled(found: Found, recipe: Recipe) -> Section:
    plots = [figure(env_id, "the same score over what is learned from", _over_pairs(env_id, one, recipe)) for env_id, one in found.items()]
    source = (
        f"{PAPER} (Generative Adversarial Imitation Learning, section 6) learned from trajectories of about 50 pairs of state and action: "
        f"of CartPole-v0 every 10th step, from a start drawn for each trajectory, and of Reacher-v1, whose episodes have 50 steps, every "
        f"one (by the code they published). Here every {recipe.every}th step is kept in both environments, so the whole trajectories of "
        "Reacher are the paper's way and its subsampled ones go further."
    )
    said = [paragraph(" ".join(_cost(env_id, one) for env_id, one in found.items()))]
    return Section("subsampled", "Subsampled trajectories", [*said, side_by_side(*plots), paragraph(source, note=True)])


def _over_pairs(env_id: str, one: Mapping[str, Any], recipe: Recipe) -> str:
    series = [_series(variant, one, "pairs", recipe) for variant in VARIANTS]
    shown = sorted({dot.x for s in series for dot in s.dots})
    ticks = [x for x in (1, 10, 100, 1000, 10000, 100000) if shown[0] / 1.12 <= x <= shown[-1] * 1.12]
    return _plot(f"{env_id}: score over pairs", series, "pairs of state and action", ticks)


def _cost(env_id: str, one: Mapping[str, Any]) -> str:
    """With how many trajectories subsampling makes a difference, as far as is shown."""
    said: dict[str, list[str]] = {"costs score": [], "gains score": [], "is not shown to make a difference": []}
    for thinned in one["points"]["subsampled"]:
        _, low, high = _difference(one, thinned)
        kind = "costs score" if high < 0.0 else "gains score" if low > 0.0 else "is not shown to make a difference"
        said[kind].append(str(thinned["trajectories"]))
    parts = [f"{kind} with {', '.join(counts)}" for kind, counts in said.items() if counts]
    return f"On {env_id} subsampling {' and '.join(parts)}."


def _difference(one: Mapping[str, Any], thinned: Mapping[str, Any]) -> tuple[float, float, float]:
    """Subsampled minus whole in points of the score, seed by seed with the same trajectories: the mean and its interval."""
    whole = next(p for p in one["points"]["whole"] if p["trajectories"] == thinned["trajectories"])
    return mean_interval([100.0 * (b - a) for a, b in zip(whole["scores"], thinned["scores"], strict=True)])


def _everything(found: Found, seeds: int) -> Section:
    heads = ("environment", "trajectories", "number", "pairs", "return", "score (%)", "95 % interval", f"each of {seeds} seeds (%)")
    rows = [_row(env_id, one, variant, p) for env_id, one in found.items() for variant in VARIANTS for p in one["points"][variant]]
    note = "The last column is the difference seed by seed, of as many of the same trajectories, and its 95 % interval."
    every = table((*heads, "subsampled − whole (points)"), rows, numbers=range(2, 9))
    return Section("everything", "Every number", [every, paragraph(note, note=True)])


def _row(env_id: str, one: Mapping[str, Any], variant: Variant, p: Mapping[str, Any]) -> list[str]:
    difference = ""
    if variant == "subsampled":
        mean, low, high = _difference(one, p)
        difference = f"{mean:+.1f} ({low:+.1f} … {high:+.1f})"
    words = [f"{p['pairs']:.0f}", f"{p['returned']:.2f}", f"{100 * p['mean']:.1f}", f"{100 * p['low']:.1f} … {100 * p['high']:.1f}"]
    words += [", ".join(f"{100 * score:.0f}" for score in p["scores"]), difference]
    return [env_id, variant, str(p["trajectories"]), *(word.replace("-", "−") for word in words)]


def _films(found: Found, drivers: Mapping[str, Mapping[str, FilmDriver]], out: Path) -> Iterator[Film]:
    for env_id, several in drivers.items():
        for words, driver in several.items():
            returns = found[env_id]["films"][words]["returns"]
            said = f"return{'s' if len(returns) > 1 else ''} {', '.join(number(round(r, 2)) for r in returns)}"
            yield Film(f"{env_id}: {words}", said, *kept_film(out, driver.name))


def _interval(p: Mapping[str, Any]) -> str:
    return f"{100 * p['mean']:.1f} ({100 * p['low']:.1f} … {100 * p['high']:.1f})"
