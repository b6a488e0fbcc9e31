"""The page docs/scale.md, all of it from the figures."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from bench import machine
from bench.row import figure

from scale.figures import Figures
from scale.needs import Need, World, broken, collected, day

THOUSANDS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
TIMES = ((365.25 * 86400.0, "years"), (86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
SCALES = {  # from how much on, what that is of, what it is called
    "": ((1e9, 1e9, "billion"), (1e6, 1e6, "million")),
    "B": tuple((size, size, f"{letter}B") for size, letter in THOUSANDS),
    "B/s": tuple((size, size, f"{letter}B/s") for size, letter in THOUSANDS),
    "s": tuple((2.0 * size if size >= 60.0 else size, size, word) for size, word in TIMES),
}
GRANTED = {
    "operators": ("operators", ""),
    "hours": ("hours a day, all of them at the sticks", ""),
    "hz": ("steps a second", ""),
    "episodes": ("episodes, in the second question", ""),
    "judged": ("rollouts that judge a policy; each operator trains one a day", ""),
    "cores": ("cores of a machine", ""),
    "memory": ("memory of a machine", "B"),
    "disk": ("disk of a machine", "B"),
    "inode": ("disk for each file that it can hold (ext4's rule)", "B"),
    "network": ("network of a machine (one gigabit)", "B/s"),
    "commit_s": ("between two episodes", "s"),
    "open_s": ("somebody waits for a session to open", "s"),
    "night_s": ("a night", "s"),
    "day_s": ("a day", "s"),
}
GROWS = ("opening", "memory of opening", "catalog", "index", "commit")
ORDER = ("First", "second", "third")


def page(found: Mapping[str, Any]) -> str:
    """The whole of it."""
    figures, world = Figures.from_json(found["figures"]), World()
    a_day, many = day(figures, world), collected(figures, world)
    parts = [
        "# How far it scales, and what breaks first",
        f"What {world.operators:,} operators make in a day, and what {said(world.episodes, '')} episodes need, computed from what was "
        "measured on one small machine. `make scale` measures anew and writes this page and [scale.json](scale.json); "
        "`python tests/scale --page` only computes it from the figures there. A test holds the page against them.",
        "## What breaks first",
        f"**{world.operators:,} operators a day.** {_first(a_day)}",
        _breaks(a_day),
        f"**{said(world.episodes, '')} episodes in one session.** {_first(many)}",
        _breaks(many),
        f"## A day of {world.operators:,} operators",
        _needs(a_day),
        f"## {said(world.episodes, '')} episodes in one session",
        _needs(many),
        "## What was measured",
        f"{machine.line(found['machine'])}.",
        _measured(figures),
        "## What is taken for granted",
        _granted(world),
        "## How far this is carried",
        _carried(figures, world),
    ]
    return "\n\n".join(parts) + "\n"


def said(value: float, unit: str) -> str:
    """Three digits, in the size of the unit that makes them short."""
    for least, size, word in SCALES.get(unit, ()):
        if value >= least:
            return f"{_number(value / size)} {word}"
    return f"{_number(value)} {unit}".strip()


def _number(value: float) -> str:
    return f"{round(value):,}" if value == round(value) and value < 1e6 else figure(value)


def times(need: Need) -> str:
    return f"{figure(need.times)}×" if need.limit else ""


def _first(needs: Sequence[Need]) -> str:
    """The sentence of what breaks, the worst first."""
    worst = [f"{word} *{need.what}* ({times(need)})" for word, need in zip(ORDER, broken(needs), strict=False)]
    return f"{', '.join(worst)}." if worst else "Nothing breaks."


def _breaks(needs: Sequence[Need]) -> str:
    lines = ["| over the limit | what | needed | limit | what one would do |", "| --- | --- | --- | --- | --- |"]
    for need in broken(needs):
        limit = f"{said(need.limit or 0.0, need.unit)} ({need.whose})"
        lines.append(f"| {times(need)} | {need.what} | {said(need.value, need.unit)} | {limit} | {need.instead} |")
    holds = ", ".join(f"{need.what} ({times(need)})" for need in needs if need.limit and need.times < 1.0)
    return "\n".join(lines) + (f"\n\nWithin its limit: {holds}." if holds else "")


def _needs(needs: Sequence[Need]) -> str:
    lines = ["| what | needed | how it is computed | limit | times that |", "| --- | --- | --- | --- | --- |"]
    for need in needs:
        limit = f"{said(need.limit, need.unit)}, {need.whose}" if need.limit else ""
        lines.append(f"| {need.what} | {said(need.value, need.unit)} | {need.formula} | {limit} | {times(need)} |")
    return "\n".join(lines)


def _measured(figures: Figures) -> str:
    lines = ["| figure | value | how |", "| --- | --- | --- |"]
    for one in figures.all:
        name = f"{one.name}, {one.size:,} episodes" if one.size else one.name
        lines.append(f"| {name} | {said(one.value, one.unit)} | {one.how} |")
    return "\n".join(lines)


def _granted(world: World) -> str:
    values = {field.name: getattr(world, field.name) for field in dataclasses.fields(world)}
    lines = ["| what | taken as |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {words} | {said(values[name], unit)} |" for name, (words, unit) in GRANTED.items())])


def _carried(figures: Figures, world: World) -> str:
    largest = figures.sizes("commit")[-1]
    lines = [
        f"Sessions were measured up to {largest:,} episodes (links to a few small files, with a catalog and an index of that many) and are "
        f"carried {figure(world.episodes / largest)} times further along the line through the two largest. How well such a line does is "
        "seen one step earlier: that of the two smaller sessions foretells for the largest",
        "",
        "| | foretold | measured |",
        "| --- | --- | --- |",
    ]
    for name in GROWS:
        unit = next(one.unit for one in figures.all if one.name == name)
        lines.append(f"| {name} | {said(_foretold(figures, name), unit)} | {said(figures(name, largest), unit)} |")
    return "\n".join([*lines, "", *HONESTY])


def _foretold(figures: Figures, name: str) -> float:
    *_, below, above, largest = figures.sizes(name)
    return figures.line(name, below, above, largest)


HONESTY = (
    "What one episode or step costs is taken to stay the same for any number of them: caches that grow cold and disks that fill up are "
    "not in it. Opening a session reads every line of its catalog: faster code would move that limit by a factor, and only a session that "
    "is opened in parts would remove it; that is no small change and is not made. The scripted operator is quick; where people take "
    "longer for an episode there are fewer files, and as many steps and nearly as many bytes. Seconds of one core are counted by the "
    "operating system for the process, so that others at work on the machine count little; seconds of the clock are the best of several, "
    "and what a disk makes durable depends most on who else writes to it. "
    "Pictures are drawn by the processor where the machine has no graphics card, and learned from by it: a card changes both by more than "
    "anything else on this page. Ray and torchrun were tried on several nodes of one machine ([cluster.md](cluster.md)); what a real "
    "network adds was not measured.",
)
