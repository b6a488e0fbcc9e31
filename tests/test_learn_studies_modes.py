"""Specification of exercise 6.3: several ways of solving Detour, shown, learned, rolled out, drawn and told of."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import run

from data.session import Session
from learn.studies.jobs import run_jobs
from learn.studies.modes.answers import answers
from learn.studies.modes.colours import LOST, LOST_COLOUR, UNSEEN, UNSEEN_COLOUR, colour_of, legend_entries
from learn.studies.modes.film import palette
from learn.studies.modes.jobs import Demonstrations
from learn.studies.modes.measures import measured, over_seeds
from learn.studies.modes.pictures import View, extent_of, shares_of, view_from_above, views_from_above
from learn.studies.modes.study import ModesStudy
from learn.studies.modes.subject import DISTILLED, Subject
from learn.studies.modes.walks import boards_of, kept_ways
from learn.studies.plots import COLOURS
from learn.studies.ranges import Range, ranges

SHOWN = ("left", "right", "left-right", "right-left")
QUICK = ModesStudy.quick()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a quick study, done through the command."""
    out = tmp_path_factory.mktemp("modes") / "quick"
    assert run("learn", "study", "modes", "--quick", "--workers", 1, "--out", out) == 0
    return out


def facts_of(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "modes.json").read_text(encoding="utf-8")))


def stamps(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "results").glob("*.json")}


# -- a quick run -------------------------------------------------------------------------------------------------------


def test_every_policy_learns_from_ways_that_were_shown_through_the_sticks(done: Path) -> None:
    facts = facts_of(done)
    shown = facts["demonstrations"]
    assert shown["found"] == {mode: {mode: QUICK.each} for mode in QUICK.modes}
    assert shown["seeds"] == list(range(QUICK.each * len(QUICK.modes)))
    assert {row.operator for row in Session.open(done / "session").rows()} == {"scripted operator"}
    assert list(facts["policies"]) == ["bc", "moe", "flow", DISTILLED]
    for policy in facts["policies"].values():
        assert policy["success"]["of"] == QUICK.scenes
        for measure in ("success", "entropy", "coverage"):
            assert 0.0 <= policy[measure]["low"] <= policy[measure]["value"] <= policy[measure]["high"] <= 1.0
    assert facts["policies"]["bc"]["switches"] is None
    assert facts["distillation"]["episodes"] == QUICK.scenes
    assert len(facts["answers"]) in (1, 2)


def test_from_one_start_a_policy_without_noise_goes_one_way(done: Path) -> None:
    first, *others = kept_ways(done, "one-start-bc-0")
    assert len(others) == QUICK.rollouts - 1
    assert all(np.array_equal(first, other) for other in others)
    first, *others = kept_ways(done, "one-start-flow-0")
    assert all(np.array_equal(first[0], other[0]) and not np.array_equal(first[:9], other[:9]) for other in others)


def test_the_page_needs_nothing_else_and_shows_every_policy_s_ways_and_films(done: Path) -> None:
    html = (done / "modes.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)
    for name in ("demonstrations", *QUICK.policies):
        assert f"{name}, seen from above" in html
    assert html.count("obstacle") - 1 == 2 * (1 + 2 * len(QUICK.policies))  # two boards in each picture; once in the style sheet
    assert html.count("data:video/mp4") == len(QUICK.policies)
    assert html.count('class="goal"') == len(QUICK.policies)


def test_the_same_command_finds_out_what_is_missing_and_nothing_else(done: Path) -> None:
    (done / "results" / "sideways-bc-0.json").unlink()
    before, was = stamps(done), facts_of(done)
    assert run("learn", "study", "modes", "--quick", "--workers", 1, "--out", done) == 0
    after = stamps(done)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"sideways-bc-0.json"}
    assert facts_of(done)["policies"] == was["policies"]


def test_a_session_that_was_cut_off_is_begun_anew_so_that_seeds_are_the_episodes_numbers(tmp_path: Path) -> None:
    words = ("--env", "PandaDetour-v0", "--device", "scripted", "--headless", "--mode", "right", "--episodes", 1, "--seed", 7)
    assert run("teleop", "record", "--session", tmp_path / "session", *words) == 0
    found = run_jobs([Demonstrations(("left",), 1)], tmp_path, 1)["demonstrations"]
    assert [(e["seed"], e["asked"], e["found"]) for e in found["episodes"]] == [(0, "left", "left")]


def test_stages_train_a_teacher_before_its_pupil_and_measure_time_alone() -> None:
    stages = [[job.name for job in stage] for stage in ModesStudy().stages()]
    at = {name: k for k, stage in enumerate(stages) for name in stage}
    assert len(at) == sum(map(len, stages))
    assert at["demonstrations"] < at["train-flow-1"] < at["train-moe-from-flow-1"] < at["scenes-moe-from-flow-1"]
    assert at["train-bc-0"] < at["one-start-bc-0"]
    assert stages[-1] == ["latency"]
    assert Subject(DISTILLED, 1).teacher == Subject("flow", 1)


# -- what is measured --------------------------------------------------------------------------------------------------


def results_of(policy: str, arrivals: Mapping[int, list[str]]) -> dict[str, Any]:
    """As the jobs leave them, of trainings by seed: the mode of each scene, "" where it did not arrive."""
    shown = [{"seed": k, "asked": mode, "found": mode, "outcome": "success"} for k, mode in enumerate(SHOWN)]
    found: dict[str, Any] = {"demonstrations": {"episodes": shown, "sideways": 0.2}, "latency": {policy: {"median_ms": 1.0}}}
    for seed, modes in arrivals.items():
        rollouts = [{"success": bool(mode), "mode": mode or "left", "mode_switches": 0} for mode in modes]
        found[f"scenes-{policy}-{seed}"] = {"rollouts": rollouts, "keeps_modes": True}
        found[f"one-start-{policy}-{seed}"] = {"starts": [{"rollouts": modes}, {"rollouts": ["left", "left", ""]}]}
        found[f"sideways-{policy}-{seed}"] = {"sideways": 0.1}
        found[f"train-{policy}-{seed}"] = {"steps": 10, "chosen_step": 10}
    return found


def test_trainings_are_told_alone_and_together() -> None:
    even, lost = [*SHOWN] * 5, ["over"] * 5 + [""] * 5 + ["left"] * 10
    found = measured(results_of("moe", {0: even, 1: lost}), ["moe"], [0, 1])
    moe = found["policies"]["moe"]
    assert found["distillation"] is None
    assert (moe["success"]["count"], moe["success"]["of"]) == (35, 40)
    assert [seed["success"]["count"] for seed in moe["seeds"]] == [20, 15]
    assert (moe["invented"]["count"], moe["invented"]["of"]) == (5, 35)
    assert [seed["entropy"]["value"] for seed in moe["seeds"]] == [1.0, 0.0]
    assert moe["entropy"]["value"] == pytest.approx(0.5)
    assert (moe["entropy"]["low"], moe["entropy"]["high"]) == (0.0, 1.0)  # Student's, of two trainings, within what there can be
    assert [seed["ways_from_one_start"]["value"] for seed in moe["seeds"]] == [2.5, 1.0]  # over was not shown
    assert moe["counts"]["over"] == 5


def test_of_one_training_the_interval_is_its_own() -> None:
    assert over_seeds([{"entropy": {"value": 0.7, "low": 0.6, "high": 0.8}}], "entropy") == {"value": 0.7, "low": 0.6, "high": 0.8}


# -- what is said ------------------------------------------------------------------------------------------------------


def policy(
    entropy: tuple[float, float, float], success: float = 0.9, invented: int = 0, ways: float = 1.0, ms: float = 1.0
) -> dict[str, Any]:
    count = round(100 * success)
    return {
        "success": {"value": success, "low": success - 0.05, "high": min(1.0, success + 0.05), "count": count, "of": 100},
        "entropy": dict(zip(("value", "low", "high"), entropy, strict=True)),
        "invented": {"value": invented / max(count, 1), "count": invented, "of": count},
        "ways_from_one_start": {"value": ways},
        "latency": {"median_ms": ms},
    }


KEEPS, LOSES, UNSURE = (0.98, 0.95, 1.0), (0.7, 0.65, 0.75), (0.9, 0.8, 1.0)
ONCE = {"difference": -0.02, "ci_low": -0.05, "ci_high": 0.01, "p_value": 0.3}


def said(policies: Mapping[str, Any], distillation: Mapping[str, float] | None = None) -> list[str]:
    return answers({"demonstrations": {"shown": dict.fromkeys(SHOWN, 25)}, "policies": policies, "distillation": distillation}, 50)


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"bc": policy(LOSES), "moe": policy(KEEPS, ways=3.8)}, "moe (entropy 0.98, 0.95 … 1.00) keeps all 4 ways that were shown"),
        ({"bc": policy(LOSES), "moe": policy(KEEPS, ways=3.8)}, "; bc (entropy 0.70, 0.65 … 0.75) does not."),
        ({"bc": policy(LOSES), "moe": policy(KEEPS, ways=3.8)}, "50 rollouts of one and the same start show on average: bc 1.0, moe 3.8."),
        ({"moe": policy(KEEPS), "flow": policy(KEEPS)}, "moe (entropy 0.98, 0.95 … 1.00) and flow (entropy 0.98, 0.95 … 1.00) keep all 4"),
        ({"bc": policy(LOSES), "moe": policy(LOSES)}, "No policy surely keeps all 4 ways that were shown: bc"),
        ({"bc": policy(LOSES), "flow": policy(UNSURE)}, "of flow (entropy 0.90, 0.80 … 1.00) these trainings do not tell"),
        ({"bc": policy(KEEPS), "flow": policy(LOSES)}, "bc (entropy 0.98, 0.95 … 1.00) keeps all 4"),
    ],
)
def test_the_first_answer_says_who_keeps_the_ways(policies: Mapping[str, Any], words: str) -> None:
    assert words in said(policies)[0]


@pytest.mark.parametrize(
    ("distilled_ms", "pairs", "words"),
    [
        (0.3, ONCE, "takes 0.30 ms instead of 8.00 ms a chunk and costs no success that could be shown (−2.0 points, −5.0 … +1.0)"),
        (0.3, {**ONCE, "p_value": 0.01}, "a chunk and costs success (−2.0 points"),
        (0.3, {**ONCE, "difference": 0.03, "p_value": 0.01}, "a chunk and gains success (+3.0 points"),
        (9.0, ONCE, "saves no time, it takes 9.00 ms instead of 8.00 ms"),
    ],
)
def test_the_second_answer_says_what_it_costs(distilled_ms: float, pairs: Mapping[str, float], words: str) -> None:
    policies = {"bc": policy(LOSES, 0.95, 19), "flow": policy(KEEPS, ms=8.0), DISTILLED: policy(KEEPS, ms=distilled_ms)}
    _, second = said(policies, pairs)
    assert words in second
    assert "bc 95.0 % (90 … 100)" in second
    assert "20 % of bc's arrivals went a way that nobody showed" in second


def test_where_nothing_arrived_nothing_is_said_of_ways() -> None:
    (only,) = said({"bc": policy(LOSES, 0.0), "moe": policy(LOSES, 0.0)})
    assert "No policy arrived once" in only


# -- what is drawn -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "colour"), [*zip(SHOWN, range(4), strict=True), ("over", UNSEEN_COLOUR), ("left-over", UNSEEN_COLOUR), ("", LOST_COLOUR)]
)
def test_a_mode_has_one_colour_everywhere(mode: str, colour: int) -> None:
    assert colour_of(mode, SHOWN) == colour
    assert len(palette()) == COLOURS
    assert len({colour_of(m, SHOWN) for m in (*SHOWN, "over", "")}) == 6


def test_a_legend_has_what_is_drawn() -> None:
    assert [name for name, _ in legend_entries(SHOWN, SHOWN)] == [*SHOWN]
    assert [name for name, _ in legend_entries(SHOWN, ["over", "left-over", ""])] == [*SHOWN, UNSEEN, LOST]


def test_a_picture_from_above_has_left_on_the_left_and_the_robot_above() -> None:
    boards = boards_of(np.array([0.67, 0.0, 0.1, 0.41, 0.0, 0.16, 0.59, 0.01, 0.16, *[0.0] * 9]))
    assert boards[0] == pytest.approx((-0.05, 0.40, 0.05, 0.42))
    t = np.linspace(0.0, 1.0, 40)
    left = np.stack([-0.2 * np.sin(np.pi * t), 0.32 + 0.35 * t], axis=1).astype(np.float32)
    view = View("bc", "", [left, left * [-1, 1], left], ["left", "over", ""], boards, (0.0, 0.67))
    drawn = view_from_above(view, SHOWN, extent_of(view.ways))
    ways = [(name, points) for points, name in re.findall(r'<polyline points="([^"]*)" class="way ([^"]*)"', drawn)]
    assert [name for name, _ in ways] == [f"c{LOST_COLOUR}", "c0", f"c{UNSEEN_COLOUR}"]
    across, down = np.array([[float(v) for v in point.split(",")] for point in ways[1][1].split()]).T
    assert across.min() < across[0] - 50 == pytest.approx(across[-1] - 50)
    assert (np.diff(down) > 0).all()  # it comes towards whoever looks
    assert drawn.count('class="obstacle"') == 2
    assert drawn.count('class="goal"') == 1
    assert UNSEEN in views_from_above([view], SHOWN)


def test_shares_are_of_all_episodes() -> None:
    assert shares_of({"left": 3, "over": 1, "": 1}, 5) == pytest.approx({"left": 0.6, "over": 0.2, "": 0.2})


def test_a_row_shows_its_value_its_interval_and_single_trainings() -> None:
    drawn = ranges("success", {"bc": Range(0.9, 0.8, 1.2, (0.85, 0.95))}, "share", (0.0, 1.0), ("kept", 0.9))
    assert "bc: 0.9 (0.8 … 1.2)" in drawn
    assert drawn.count('class="mark"') == 2
    assert "kept" in drawn
