"""The report's section about corrections: what each added, over the time that it took a person."""

from collections.abc import Collection, Sequence
from itertools import accumulate

from data.report.markup import Html, tag
from data.report.measures import MEASURES
from data.report.plots import Frame
from data.worth import Correction
from data.worth_table import HEADING, best_and_worst, ranked, signed, worth_line, worth_row

SHOWN = 5  # best, and as many worst
ROOM = 0.12  # of the range of worth, beyond ±1: dots there are whole


def worth_parts(corrections: Sequence[Correction], filmed: Collection[int]) -> list[Html]:
    """The line about all of them, two plots, and the best and the worst; each leads to its episode, `filmed` ones to their film."""
    line = worth_line(corrections)
    figures = [
        _figure(
            "Worth of each correction", "share of futures that succeed, with it less without it", worth_over_seconds(corrections, filmed)
        ),
        _figure("Worth of the time", _helping_time(corrections), worth_of_time(corrections)),
    ]
    note = "By what a second was worth: the best" + (", then the worst." if len(corrections) > SHOWN else ".")
    return [
        tag("p", line[0].upper() + line[1:] + "."),
        tag("div", *figures, class_="plots two"),
        tag("p", note, class_="note"),
        worth_rows(best_and_worst(corrections, SHOWN), filmed),
    ]


def worth_over_seconds(corrections: Sequence[Correction], filmed: Collection[int] = ()) -> Html:
    """A dot for each correction, a person's seconds across, what it added up; a click leads to its episode."""
    frame = Frame((0.0, 1.08 * max(c.human_s for c in corrections)), (-1.0 - ROOM, 1.0 + ROOM))
    dots = [tag("a", _dot(frame, c), href=place_of(c.episode, filmed)) for c in corrections]
    zero = tag("line", x1=frame.left, x2=frame.width - frame.right, y1=frame.y(0.0), y2=frame.y(0.0), class_="axis")
    return frame.svg("What each correction was worth, over the seconds it took", frame.axes("a person's time (s)", "worth"), zero, *dots)


def worth_of_time(corrections: Sequence[Correction]) -> Html:
    """What was added in all, over the seconds it took in all, when the best are counted first: level where time was spent in vain."""
    order = ranked(corrections)
    seconds = list(accumulate((c.human_s for c in order), initial=0.0))
    worth = list(accumulate((c.worth for c in order), initial=0.0))
    low, high = min(*worth, 0.0), max(*worth, 1.0)
    frame = Frame((0.0, 1.02 * seconds[-1]), (low, high + 0.08 * (high - low)))
    points = " ".join(f"{frame.x(s):.1f},{frame.y(w):.1f}" for s, w in zip(seconds, worth, strict=True))
    dots = [
        tag(
            "circle", tag("title", f"the best {k}: {signed(w)} in {s:.1f} s"), cx=frame.x(s), cy=frame.y(w), r=2.6, class_="dot o-discarded"
        )
        for k, (s, w) in enumerate(zip(seconds, worth, strict=True))
        if k
    ]
    axes = frame.axes("a person's time (s), the best first", "successes added")
    return frame.svg("What the corrections added in all, the best first", axes, tag("polyline", points=points, class_="trend"), *dots)


def worth_rows(corrections: Sequence[Correction], filmed: Collection[int]) -> Html:
    """A table of these, as `learn worth` prints it."""
    heads = (tag("th", name, class_="n", title=MEASURES["worth"]) for name in HEADING)
    rows = (_row(c, filmed) for c in corrections)
    return tag("div", tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows)), class_="scroll card")


def place_of(number: int, filmed: Collection[int]) -> str:
    """Where on the page an episode is: its film, else its row."""
    return f"#film{number}" if number in filmed else f"#e{number}"


def _row(c: Correction, filmed: Collection[int]) -> Html:
    episode, *others = worth_row(c)
    link = tag("a", episode, href=place_of(c.episode, filmed))
    return tag("tr", tag("td", link, class_="n"), *(tag("td", word, class_="n") for word in others))


def _dot(frame: Frame, c: Correction) -> Html:
    shares = f"{100 * c.before:.0f} % without, {100 * c.after:.0f} % with"
    title = tag("title", f"episode {c.episode}, steps {c.begin}–{c.end}, {c.human_s:.1f} s: {signed(c.worth)} ({shares})")
    kind = "success" if c.worth > 0 else "failure" if c.worth < 0 else "discarded"
    return tag("circle", title, cx=frame.x(c.human_s), cy=frame.y(c.worth), r=4.2, class_=f"dot o-{kind}")


def _helping_time(corrections: Sequence[Correction]) -> str:
    """In how much of the time all came that was added."""
    order = ranked(corrections)
    added, total_s = sum(c.worth for c in order if c.worth > 0), sum(c.human_s for c in order)
    if not added:
        return "none of it added anything"
    helping_s = sum(c.human_s for c in order if c.worth > 0)
    return f"all that was added came of {helping_s:.0f} of the {total_s:.0f} s"


def _figure(title: str, note: str, plot: Html) -> Html:
    heading = tag("h3", tag("abbr", title, title=MEASURES["worth"]))
    return tag("figure", tag("figcaption", heading, tag("span", note, class_="note")), plot, class_="plot card")
