"""The DAgger study's page: learning curves, how far each strays along an episode, every number, both at work."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.report.markup import Html
from learn.studies.dagger.arenas import ARENAS
from learn.studies.dagger.contest import METHODS, Contest, Method
from learn.studies.dagger.film import FilmBoth
from learn.studies.dagger.shift import STILL
from learn.studies.dagger.verdicts import NAMES, Interval, decided, rounded, score_digits, who_stands_still
from learn.studies.page import Film, Section, figure, films, paragraph, side_by_side, table
from learn.studies.plots import GREY, Axes, Dot, Series, curves
from learn.studies.reel import kept_film

COLOURS: Mapping[Method, int] = {"bc": 1, "dagger": 0}
EXPERT_COLOUR = GREY
Found = Mapping[str, Any]

METHOD_TEXT = (
    "Both begin with the same demonstrations, and with the policy learned from them. In each round behaviour cloning is shown further "
    "demonstrations, and DAgger (Ross, Gordon and Bagnell 2011) lets its newest policy drive and is told by the expert in every state "
    "what it would do there, until it has exactly as many answers as the other was shown steps; a step shown and an answer are one label "
    "each. After each round both learn from all their labels, from scratch: the same network, the same number of minibatches, one action "
    "at a time. Both are judged in the same scenes, which nobody was shown."
)
TEMPER_TEXT = (
    "The two experts on PandaPush-v0 differ in nothing but how they slow down, so what differs between their curves comes from that. "
    "DAgger's guarantee holds as far as its policies can learn what the expert says in the states that they come to; where answers are "
    "as small as a network's errors, they presumably cannot, and come to rest where nothing says clearly enough to go on."
)
SHIFT_TEXT = (
    "The distance of a state is that to the nearest of the expert's own states, which are from many episodes in scenes of their own; "
    "each number of a state is measured in its standard deviation over these. The grey curve is the floor: the expert itself in the "
    "scenes in which the policies are judged. Episodes that have ended no longer count, and a curve ends where fewer than a fifth of "
    "them run: towards its end it is made of those that take long. Bands are 95 % intervals over seeds."
)
GROWTH_TEXT = (
    "How wrong an action is: the length of its difference from what the expert would do in the same state. Ross and Bagnell (2010, "
    "theorem 2.1) bound what behaviour cloning loses in T steps by T² times how wrong it is in the expert's states; Ross, Gordon and "
    "Bagnell (2011, theorems 2.2 and 3.2) what DAgger loses by T times how wrong it is in its own, where the expert can mend a mistake. "
    "These are bounds; measured here is how errors add up along an episode. Its growth is the p of T^p, the slope of the logarithms from a "
    "tenth of an expert's episode on, as long as nine of ten episodes run: 1 where no step is worse than the one before, above 1 where "
    "errors lead to errors. A policy stands still where no more than "
    f"{STILL:g} standard deviations of the expert's states change in a step."
)


def sections_of(contests: Sequence[Contest], found: Sequence[Found], out: Path) -> Sequence[Section]:
    both = list(zip(contests, found, strict=True))
    learning = [_learning(contest, one) for contest, one in both]
    text = [paragraph(METHOD_TEXT), side_by_side(*learning), paragraph(TEMPER_TEXT)]
    sections = [Section("curves", "Learning curves", [*text, *(_terms(*pair) for pair in both)])]
    for contest, one in both:
        notes = [paragraph(SHIFT_TEXT), paragraph(one["state"], note=True)]
        sections.append(Section(f"shift-{ARENAS[one['arena']].slug}", f"Where they drive: {one['arena']}", [*notes, *_shift(contest, one)]))
    errors = [paragraph(GROWTH_TEXT), side_by_side(*(_errors(one) for one in found)), *(paragraph(who_stands_still(one)) for one in found)]
    sections.append(Section("errors", "Errors along the episode", errors))
    sections.append(Section("numbers", "Every number", [part for contest, one in both for part in _numbers(contest, one)]))
    sections.append(Section("films", "Both at work", [_films(contest, one, out) for contest, one in both]))
    return sections


# -- pictures ----------------------------------------------------------------------------------------------------------


def _learning(contest: Contest, one: Found) -> Html:
    series = []
    for method in METHODS:
        dots = [_dot(point["labels"], point["score"][method], _dot_title(point, method)) for point in one["points"]]
        series.append(Series(NAMES[method], dots, COLOURS[method]))
    label = "success (%)" if one["score"] == "success" else "normalised return (%)"
    axes = Axes("labels", label, (0.0, 105.0) if one["score"] == "success" else None, lines={"expert": _expert_score(one)})
    bands = f"means and 95 % intervals over {contest.seeds} seeds" if contest.seeds > 1 else "one seed"
    return figure(one["arena"], f"{contest.scenes} scenes; {bands}", curves(f"{one['arena']}: {label} over labels", series, axes))


def _dot(x: float, interval: Interval, title: str = "") -> Dot:
    mean, low, high = interval
    return Dot(x, mean, low, high, title)


def _expert_score(one: Found) -> float:
    successes = one["expert"]["successes"]
    return 100.0 * sum(successes) / len(successes) if one["score"] == "success" else 100.0


def _dot_title(point: Found, method: Method) -> str:
    return f"{NAMES[method]}, {point['labels']:,.0f} labels: {words(point['score'][method], 1)} %"


def _terms(contest: Contest, one: Found) -> Html:
    """Who the expert is and what the score means."""
    expert, beta = one["expert"], [contest.beta.beta(k) for k in range(1, contest.rounds + 1)]
    shares = ", ".join(f"{share:g}" for share in beta)
    executed = f"carried out in a share β of the steps, {shares} in the rounds" if any(beta) else "never carried out, β = 0"
    if one["score"] == "success":
        score = f"Score: successes within {contest.most_steps} steps; the expert's are {_expert_score(one):.0f} %."
    else:
        best, worst = (sum(expert[name]) / len(expert[name]) for name in ("returns", "random_returns"))
        score = (
            f"Score: mean return of whole episodes in the same scenes, 0 % what acting at random comes to ({rounded(worst, 1)}), 100 % "
            f"what the expert does ({rounded(best, 1)})."
        )
    return paragraph(f"{one['arena']}. {one['labeller']} DAgger's answers are {executed} (1 in the demonstrations). {score}", note=True)


def _shift(contest: Contest, one: Found) -> list[Html]:
    """The distances with the fewest labels with which the methods differ, a middle number and the most."""
    chosen = sorted({1, (contest.rounds + 1) // 2, contest.rounds})
    plots = [_distances(one, one["points"][k]) for k in chosen]
    dots = {m: [_dot(point["labels"], point["distance"][m]) for point in one["points"]] for m in METHODS}
    series = [Series(NAMES[m], dots[m], COLOURS[m]) for m in METHODS]
    axes = Axes("labels", "mean distance (sd)", _from_zero(series), lines={"expert": one["expert"]["distance"][0]})
    plots.append(figure("Over labels", "mean over an episode", curves("mean distance over labels", series, axes)))
    return [side_by_side(*plots[k : k + 2]) for k in range(0, len(plots), 2)]


def _distances(one: Found, point: Found) -> Html:
    curve = {m: [_dot(place[0], place[1:]) for place in point["distances"][m]] for m in METHODS}
    floor = Series("expert", [_dot(place[0], place[1:]) for place in one["expert"]["curve"]], EXPERT_COLOUR, dashed=True)
    series = [floor, *(Series(NAMES[m], curve[m], COLOURS[m]) for m in METHODS)]
    plot = curves(
        f"distance along the episode, {point['labels']:.0f} labels", series, Axes("step", "distance (sd)", _from_zero(series)), dots=False
    )
    return figure(f"{point['labels']:,.0f} labels", "distance to the nearest expert state", plot)


def _from_zero(series: Sequence[Series]) -> tuple[float, float]:
    """A distance is never below 0, though the interval of few seeds may be; nor need that be seen whole."""
    return 0.0, 1.5 * max(dot.y for one in series for dot in one.dots)


def _errors(one: Found) -> Html:
    """Summed up along the episode, with the fewest labels with which the methods differ and with the most."""
    series = []
    for k, dashed in ((1, True), (len(one["points"]) - 1, False)):
        for method in METHODS:
            places = one["points"][k]["errors"][method]
            width, total, dots = 2.0 * places[0][0] if places else 1.0, 0.0, []
            for step, mean, *_ in places:
                total += width * mean
                dots.append(Dot(step + width / 2, total, total, total))
            series.append(Series(f"{NAMES[method]}, {one['points'][k]['labels']:,.0f} labels", dots, COLOURS[method], dashed))
        if len(one["points"]) == 2:
            break
    plot = curves(f"{one['arena']}: errors summed up", series, Axes("step", "errors so far"), dots=False)
    return figure(one["arena"], "mean error in each step, summed up; dashed: few labels", plot)


# -- numbers -----------------------------------------------------------------------------------------------------------

MEASURED = ("distance (sd)", "error, own states", "error, expert's", "growth p", "still (%)")
HEADS = ("labels", "method", "score (%)", "difference", *MEASURED)


def _numbers(contest: Contest, one: Found) -> list[Html]:
    rows, digits = [], score_digits(one)
    for point in one["points"]:
        for method in METHODS:
            measured = [words(point[name][method], places) for name, places in DIGITS]
            gap = _gap(point["score"]["difference"], contest.seeds, digits) if method == "dagger" else ""
            rows.append((f"{point['labels']:,.0f}", METHOD_WORDS[method], words(point["score"][method], digits), gap, *measured))
    expert = one["expert"]
    seeds = f"{contest.seeds} seed{'s' * (contest.seeds > 1)}"
    note = (
        f"{one['arena']}: mean and 95 % interval over {seeds}; labels are the mean over seeds, in each the same for both. Differences are "
        "DAgger − behaviour cloning (BC), paired by seed; ● where the interval leaves 0 out. The expert's distance is "
        f"{words(expert['distance'], 2)} ({len(expert['lengths'])} episodes held against {expert['states']:,} states)."
    )
    return [paragraph(note), table(HEADS, rows, numbers=(0, *range(2, len(HEADS))))]


METHOD_WORDS: Mapping[Method, str] = {"bc": "BC", "dagger": "DAgger"}  # the table is wide
DIGITS = (("distance", 2), ("error", 2), ("error_there", 2), ("growth", 2), ("still", 0))


def _gap(interval: Interval, seeds: int, digits: int) -> str:
    return f"{'● ' if decided(interval, seeds) else ''}{words(interval, digits, sign=True)}"


def words(interval: Interval | None, digits: int, *, sign: bool = False) -> str:
    """ "12 (8 … 16)"; of one value it alone."""
    if interval is None:
        return "–"
    mean, low, high = (rounded(v, digits, sign=sign) for v in interval)
    return mean if interval[1] == interval[2] else f"{mean} ({low} … {high})"


# -- films -------------------------------------------------------------------------------------------------------------


def _films(contest: Contest, one: Found, out: Path) -> Html:
    shown = []
    for method in METHODS:
        title = f"{one['arena']}: {NAMES[method]}, {one['films']['labels']:,} labels"
        shown.append(Film(title, _film_text(one, method), *kept_film(out, FilmBoth(contest).film_name(method))))
    return films(shown)


def _film_text(one: Found, method: Method) -> str:
    """How the scenes came to be chosen, and what came of them."""
    made, scenes = one["films"]["shown"][method], one["films"]["scenes"]
    if one["score"] == "success":
        ended = "success" if made["successes"][0] else "failure"
        chosen = f"First seed, scene {scenes[0]}, the first in which one of both succeeds alone, if there is one"
        return f"{chosen}: {ended} after {made['lengths'][0]} steps."
    returns = ", ".join(rounded(v, 1) for v in made["returns"])
    return f"First seed, scenes {scenes[0]} to {scenes[-1]}, the first ones, slowed down: returns {returns}."
