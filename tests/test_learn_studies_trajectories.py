"""Specification of the study of trajectories: its experts, what is learned from, how many are enough, and that it goes on."""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import train_experts

from data.errors import UserError
from data.session import Session
from learn.dataset import Frames
from learn.driver import Driver
from learn.studies.expert import CARD_NAME, expert_names, experts_folder, load_expert
from learn.studies.expert_hand import check_says_all, held_for
from learn.studies.returns import at_random, returns_of
from learn.studies.study import run_study
from learn.studies.trajectories.demonstrations import Demonstrate, chosen_rows
from learn.studies.trajectories.enough import Enough, Point, answers, enough_of, needed
from learn.studies.trajectories.learning import score
from learn.studies.trajectories.reported import REPORTED
from learn.studies.trajectories.study import TrajectoriesStudy
from teleop.mapping import MappingConfig
from teleop.stick import Axis, Button, make_stick
from teleop.stick_map import Wanted, default_map

ROOT = Path(__file__).parent.parent
ENVS = TrajectoriesStudy().envs
SMALL = replace(TrajectoriesStudy.quick(), counts=(2,))


# -- experts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", ENVS)
def test_an_expert_scores_what_its_card_says(env_id: str) -> None:
    checkpoint = load_expert(env_id)
    said = checkpoint.summary["expert"]
    seeds = range(said["first_seed"], said["first_seed"] + 3)
    assert returns_of(Driver(checkpoint.policy), env_id, seeds) == pytest.approx(said["returns"][:3], abs=0.05)
    assert np.mean(said["returns"]) == pytest.approx(said["mean"])
    card = (experts_folder() / env_id / CARD_NAME).read_text(encoding="utf-8")
    assert f"{said['mean']:.2f} ± {said['sd']:.2f}" in card
    assert f"{said['random_mean']:.2f} ± {said['random_sd']:.2f}" in card
    assert all(f"{name} {version}" in card for name, version in checkpoint.versions.items())
    assert said["largest_difference"] <= train_experts.SAME


def test_acting_at_random_is_as_bad_as_the_card_says() -> None:
    said = load_expert("CartPole-v1").summary["expert"]
    returns = returns_of(at_random("CartPole-v1"), "CartPole-v1", range(said["first_seed"], said["first_seed"] + said["episodes"]))
    assert np.mean(returns) == pytest.approx(said["random_mean"])


def test_experts_are_those_of_the_study_and_another_is_refused() -> None:
    assert expert_names() == tuple(sorted(ENVS))
    with pytest.raises(UserError, match=r"no expert for Ant-v5; there is one for .*CartPole-v1.*Reacher-v5"):
        load_expert("Ant-v5")


def test_training_experts_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(UserError, match=r'pip install "gamepad-dagger\[experts\]"'):
        train_experts.Train().run()


# -- demonstrations ------------------------------------------------------------------------------------------------------


def test_a_box_is_said_with_sticks_and_a_choice_with_the_d_pad() -> None:
    sticks = default_map(Wanted("Reacher-v5", 2))
    axes, held = held_for(np.array([0.5, -1.0], np.float32), sticks, MappingConfig())
    assert set(axes) == {Axis.LEFT_X, Axis.LEFT_Y}
    assert axes[Axis.LEFT_Y] == 1.0  # down is less
    assert held == ()
    assert held_for(np.array([-1.0, 1.0], np.float32), default_map(Wanted("CartPole-v1", 2, (2,))), MappingConfig()) == (
        {},
        (Button.RIGHT,),
    )
    assert make_stick(axes).axis(Axis.LEFT_X) > 0.5  # the curve undone


@pytest.mark.parametrize(
    "wanted",
    [Wanted("Ant-v5", 8), Wanted("MountainCar-v0", 3, (3,)), Wanted("two at a time", 4, (2, 2))],
    ids=["more numbers than sticks", "a choice that is no button", "two choices"],
)
def test_what_one_bank_cannot_say_is_refused(wanted: Wanted) -> None:
    with pytest.raises(UserError, match=f"no expert can move the sticks of {wanted.env_id}"):
        check_says_all(default_map(wanted), wanted.env_id)


@pytest.mark.parametrize(("env_id", "steps", "apart"), [("CartPole-v1", 500, 0.0), ("Reacher-v5", 50, 1e-6)])
def test_demonstrations_are_the_experts_episodes_to_the_environments_own_end(env_id: str, steps: int, apart: float, tmp_path: Path) -> None:
    job = Demonstrate(env_id, 3, SMALL.recipe)
    Session.create(job.folder(tmp_path))  # what an interrupted call left
    result = job.do(tmp_path)
    assert result["scenes"] == [3000, 3001]
    assert result["steps"] == [steps, steps]
    expert = Driver(load_expert(env_id).policy)
    assert result["returns"] == pytest.approx(returns_of(expert, env_id, result["scenes"]), abs=1e-3)
    frames = job.frames(tmp_path)
    assert len(frames) == 2 * steps  # whether or not they count as successes
    meant = np.stack([expert.act({"state": state})[0] for state in frames.obs])
    if env_id == "CartPole-v1":
        assert (frames.target.argmax(axis=1) == meant.argmax(axis=1)).all()
        assert set(np.unique(frames.target)) == {-1.0, 1.0}
    else:
        np.testing.assert_allclose(frames.target, meant, atol=apart)


def shown(lengths: tuple[int, ...] = (500, 500, 43, 500)) -> Frames:
    episode = np.repeat(np.arange(len(lengths)), lengths)
    values = np.zeros((len(episode), 1), np.float32)
    return Frames(values, values, episode, np.append(np.diff(episode) == 0, False), ("state",), (1,), "CartPole-v1", {}, "f")


@pytest.mark.parametrize("step", [1, 10])
def test_fewer_trajectories_are_among_more(step: int) -> None:
    parts = [set(chosen_rows(shown(), count, step, seed=2).tolist()) for count in (1, 2, 3, 4)]
    assert all(few < many for few, many in pairwise(parts))


def test_subsampled_trajectories_keep_every_tenth_step_from_a_start_of_their_own() -> None:
    frames = shown()
    rows = chosen_rows(frames, 4, 10, seed=0)
    assert set(rows) < set(chosen_rows(frames, 4, 1, seed=0))
    starts = []
    for number in range(4):
        own = rows[frames.episode[rows] == number] - np.flatnonzero(frames.episode == number)[0]
        starts.append(int(own[0]))
        assert (np.diff(own) == 10).all()
    assert all(0 <= start < 10 for start in starts)
    assert len(set(starts)) > 1
    assert rows.tolist() != chosen_rows(frames, 4, 10, seed=1).tolist()


def test_more_trajectories_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match="5 trajectories are asked for, 4 were shown"):
        chosen_rows(shown(), 5, 1, seed=0)


# -- how many are enough -------------------------------------------------------------------------------------------------


def points(*intervals: tuple[int, float, float]) -> list[Point]:
    return [Point(n, 0.0, 0.0, (low + high) / 2, low, high, ()) for n, low, high in intervals]


ENOUGH = {
    "at once": ([(1, 0.96, 1.0), (2, 0.97, 1.0)], Enough(1, 1, (), 2), "1 is enough"),
    "at the border": ([(1, 0.2, 0.9499), (2, 0.95, 0.95)], Enough(2, 2, (), 2), "2 are enough"),
    "perhaps before surely": ([(1, -0.5, 0.96), (5, 0.94, 1.0), (10, 0.951, 1.0)], Enough(1, 10, (), 10), "1 may be enough, 10 surely are"),
    "perhaps only": ([(1, 0.1, 0.3), (50, 0.9, 0.97)], Enough(50, None, (), 50), "50 may be enough, but not even with 50"),
    "never": ([(1, 0.1, 0.3), (50, 0.9, 0.94)], Enough(None, None, (), 50), "not even 50 are enough"),
    "and then not": (
        [(1, 0.96, 1.0), (2, 0.5, 1.2), (5, 0.9, 0.94), (10, 0.96, 1.0)],
        Enough(1, 1, (2, 5), 10),
        "1 is enough (though with 2 and 5 it is not wholly there)",
    ),
    "in any order": ([(10, 0.96, 1.0), (1, 0.0, 0.1)], Enough(10, 10, (), 10), "10 are enough"),
}


@pytest.mark.parametrize(("intervals", "found", "words"), ENOUGH.values(), ids=ENOUGH.keys())
def test_enough_are_the_fewest_whose_interval_is_there(intervals: list[tuple[int, float, float]], found: Enough, words: str) -> None:
    assert enough_of(points(*intervals)) == found
    assert needed(found).startswith(words)


def test_the_answer_is_two_sentences_about_both_variants() -> None:
    whole, thinned = (
        {"CartPole-v1": Enough(1, 1, (), 50), "Reacher-v5": Enough(10, 20, (), 50)},
        {"CartPole-v1": Enough(None, None, (), 50)},
    )
    first, second = answers({"whole": whole, "subsampled": thinned}, every=10, seeds=5)
    assert "on CartPole-v1 1 is enough; on Reacher-v5 10 may be enough, 20 surely are (95 % intervals over 5 seeds)." in first
    assert "every 10th pair of state and action is kept: on CartPole-v1 not even 50 are enough." in second


def test_a_score_is_0_at_random_and_1_for_the_expert() -> None:
    ends = {"expert": [-3.0, -5.0], "random": [-40.0, -48.0]}
    assert [score(returns, ends) for returns in ([-44.0], [-4.0], [-24.0, -24.0])] == [0.0, 1.0, 0.5]
    assert REPORTED["CartPole-v1"].score(1) == pytest.approx((72.02 - 18.64) / (200.0 - 18.64))


# -- the study -----------------------------------------------------------------------------------------------------------


def test_a_killed_study_goes_on_and_its_page_needs_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "s"
    words = ["-m", "learn", "study", "trajectories", "--quick", "--workers", "1", "--out", str(out)]
    study = subprocess.Popen([sys.executable, *words], cwd=ROOT, stderr=subprocess.DEVNULL)
    while len(done := list((out / "results").glob("*.json"))) < 2 and study.poll() is None:
        time.sleep(0.02)
    study.send_signal(signal.SIGKILL)
    study.wait()
    assert done
    before = {path: path.read_bytes() for path in done}
    told: list[int] = []
    written = run_study(TrajectoriesStudy.quick(), out, 1, quick=True, advance=lambda count, _: told.append(count))
    assert told[0] > len(before)
    assert {path: path.read_bytes() for path in before} == before
    html = written.page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href|poster)=\"(?!data:|#)", html)
    assert html.count("data:video/mp4") == 4 * len(ENVS)
    assert "A quick run" in html
    facts = json.loads(written.json.read_text(encoding="utf-8"))
    assert len(facts["answers"]) == 2
    for env_id in ENVS:
        found = facts["environments"][env_id]
        assert [[p["trajectories"] for p in found["points"][variant]] for variant in ("whole", "subsampled")] == [[1, 3], [1, 3]]
        assert found["demonstrated_return"] == pytest.approx(found["expert_return"], abs=3.0)
        assert found["expert_return"] > found["random_return"]
