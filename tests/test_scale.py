"""Specification of `make scale`: the page is what the kept figures come to, and its formulas say what they say."""

import json
import math
from pathlib import Path

import pytest
from scale import episodes, learning, runner, sessions
from scale.figures import Figure, Figures
from scale.needs import CAMERAS, Need, World, broken, collected, day
from scale.page import page, said

from data.session import Session
from learn.dataset import load_frames

DOCS = Path(__file__).parent.parent / "docs"
ONE = {"episode": 4.0, "episode bytes": 1e5, "merging": 0.01, "generating": 0.2, "journal": 1e4, "memory": 100.0, "loading": 1e-4}
ONE |= {"learning": 1e5, "gradients": 1e5, "batch": 64.0}
ALONE = {
    "keeping": 0.02,
    "rolling out": 0.1,
    "fsyncs of a commit": 2.0,
    "fsyncs while driving": 2.5,
    "disk writes": 1e8,
    "disk fsyncs": 100.0,
    "disk fsyncs at worst": 10.0,
}
ALONE |= {"listing anew": 0.01, "Ray hands out": 500.0}
GROWING = {"opening": 1e-4, "memory of opening": 3e3, "catalog": 600.0, "index": 200.0, "commit": 1e-6}  # an episode; and 1 for all


@pytest.fixture
def round_figures() -> Figures:
    """Made up, so that what follows from them can be computed in the head. Twice as much of everything with two cameras."""
    given = {**ONE, **{name + CAMERAS: 2.0 * value for name, value in ONE.items()}, **ALONE}
    grown = [Figure(name, 1.0 + each * size, "", "", size) for name, each in GROWING.items() for size in (10, 1_000, 100_000)]
    return Figures([*(Figure(name, value, "", "") for name, value in given.items()), *grown])


def by_name(needs: list[Need]) -> dict[str, float]:
    names = [need.what for need in needs]
    assert len(set(names)) == len(names)
    return {need.what: need.value for need in needs}


def test_the_page_is_what_the_kept_figures_come_to() -> None:
    found = json.loads((DOCS / "scale.json").read_text(encoding="utf-8"))
    assert (DOCS / "scale.md").read_text(encoding="utf-8") == page(found), "run: python tests/scale --page"


def test_a_day_of_the_operators(round_figures: Figures) -> None:
    of = by_name(day(round_figures, World()))
    assert of["time at the sticks"] == 8_000
    assert of["steps"] == 8_000 * 3_600 * 20
    assert of["episodes, a file each"] == 7_200_000
    assert of["episodes in an operator's own session"] == 7_200
    assert of["opening an operator's own session"] == pytest.approx(1.72)
    assert of["bytes without pictures"] == pytest.approx(720e9)
    assert of["bytes with two cameras"] == pytest.approx(1440e9)
    assert of["gathering them, two cameras"] == pytest.approx(1440e9 / 86_400)
    assert of["writing, two cameras, all onto one disk"] == pytest.approx(1_000 * (2e4 + 2e5 / 8.0 * 2))
    assert of["fsyncs, all onto one disk"] == pytest.approx(1_000 * (2.5 + 0.5))
    assert of["merging the day into one session"] == pytest.approx(72_000)
    assert of["memory to learn from the day"] == pytest.approx(2 * 576e6 * 100)
    assert of["cores to judge each operator's policy in a night"] == pytest.approx(10_000 / 28_800)
    assert of["cores to learn once from each step in a night"] == pytest.approx(5_760 / 28_800)
    assert of["telling gradients, two machines, two cameras"] == pytest.approx(2 * 2e5 * 2e5 / 128 * 32)


def test_ten_million_episodes(round_figures: Figures) -> None:
    of = by_name(collected(round_figures, World()))
    assert of["steps"] == 800e6
    assert of["disk with two cameras"] == pytest.approx(2e12)
    assert of["catalog.jsonl"] == pytest.approx(6e9, rel=1e-6)
    assert of["opening it"] == pytest.approx(1_001)
    assert of["keeping one more"] == pytest.approx(11.0)
    assert of["merging it"] == pytest.approx(1e5)
    assert of["memory to learn from it, two cameras"] == pytest.approx(800e6 * 200)
    assert of["handing it out over Ray"] == pytest.approx(20_000)
    assert of["episodes of the largest session that opens in 10 s"] == pytest.approx(90_000)


def test_what_breaks_is_ordered_by_how_many_times_over_its_limit_it_is(round_figures: Figures) -> None:
    needs = [
        Need("a", 1.0, "", "", 2.0),
        Need("b", 9.0, "", "", 3.0),
        Need("c", 8.0, "", "", 2.0),
        Need("d", 100.0, "", ""),
        Need("e", 2.0, "", "", 2.0),
    ]
    assert [(need.what, need.times) for need in broken(needs)] == [("c", 4.0), ("b", 3.0), ("e", 1.0)]
    for need in (*day(round_figures, World()), *collected(round_figures, World())):
        assert need.formula
        assert (need.limit is None) or (need.whose and need.instead), need.what


def test_what_grows_is_carried_along_the_line_through_the_two_largest(round_figures: Figures) -> None:
    assert round_figures.grown("opening", 1e7) == pytest.approx(1_001)
    assert round_figures.reached("opening", 1_001) == pytest.approx(1e7)
    bent = Figures([Figure("opening", value, "s", "", size) for size, value in ((1, 50.0), (10, 1.0), (100, 10.0))])
    assert bent.grown("opening", 1_000) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0564, "s", "56.4 ms"),
        (1.0, "s", "1 s"),
        (75.0, "s", "75 s"),
        (28_800.0, "s", "8 h"),
        (86_400.0, "s", "24 h"),
        (388_000.0, "s", "4.49 days"),
        (64e9, "B", "64 GB"),
        (40.0, "B", "40 B"),
        (125e6, "B/s", "125 MB/s"),
        (11_800_000.0, "", "11.8 million"),
        (10_000_000, "", "10 million"),
        (91.88, "/s", "91.9 /s"),
        (16, "", "16"),
        (8_000.0, "h", "8,000 h"),
    ],
)
def test_numbers_are_said_in_three_digits_and_a_unit_that_makes_them_short(value: float, unit: str, words: str) -> None:
    assert said(value, unit) == words


def test_the_measures_measure(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (sessions, "ROUNDS", 1),
        (sessions, "SYNC_ROUNDS", 1),
        (sessions, "COMMITS", 1),
        (sessions, "WITHOUT", 4),
        (learning, "ROUNDS", 1),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(learning, "STEPS", {"bc": 2})
    monkeypatch.setattr(sessions, "A_LINK", 2)
    session = Session.open(recorded)
    found = Figures(
        [*sessions.figures(tmp_path, (3, 5)), *episodes.weighed(session, ""), *episodes.driven(tmp_path / "driven", session, "")]
    )
    assert found.sizes("commit") == [3, 5]
    assert found("catalog", 5) > found("catalog", 3) > 0
    assert Session.open(tmp_path / "5").rows()[4].number == 4
    assert found("fsyncs of a commit") == 2, "the episode's file and its folder"
    assert found("journal") > 20 * session.read(0).steps["sim_state"][0].nbytes
    frames = load_frames(session)
    assert learning.held(frames) > len(frames) * 4 * (frames.obs.shape[1] + 7)
    rates = learning.stepped(tmp_path, frames, "bc", "")
    assert all(math.isfinite(one.value) and one.value > 0 for one in (*rates, *found.all))


def test_ctrl_c_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "measured", interrupted)
    assert runner.main(["--out", str(tmp_path)]) == 130
    assert list(tmp_path.iterdir()) == []
