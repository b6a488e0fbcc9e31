"""Specification of `learn study dagger`: as many labels for both, distances and errors along the episode, words that follow the numbers."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data.schema import Source
from data.session import Session
from learn.driver import Driver
from learn.policies import PolicyConfig, build_policy
from learn.studies.dagger.arenas import ARENAS
from learn.studies.dagger.chains import Chain
from learn.studies.dagger.contest import METHODS, Contest
from learn.studies.dagger.film import scene_that_tells
from learn.studies.dagger.shift import Reference, along, growth
from learn.studies.dagger.study import DaggerStudy
from learn.studies.dagger.verdicts import answer, decided, paired
from learn.studies.expert_hand import ExpertHand
from learn.studies.jobs import run_jobs
from learn.studies.study import Written, run_study
from teleop.cockpit import CockpitConfig, open_cockpit
from teleop.envs import make_plant
from teleop.loop import LoopConfig
from teleop.mapping import MappingConfig

STUDY = DaggerStudy.quick()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "dagger"


@pytest.fixture(scope="module")
def written(out: Path) -> Written:
    return run_study(STUDY, out, 1, quick=True)


def session_of(chain: Chain, out: Path) -> Session:
    return Session.open(chain.folder(out) / "session")


def pairs() -> list[tuple[Chain, Chain]]:
    return [(Chain(c, seed, "bc"), Chain(c, seed, "dagger")) for c in STUDY.contests for seed in range(c.seeds)]


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(("bc", "dagger"), pairs(), ids=lambda chain: chain.name)
def test_both_get_as_many_labels_and_begin_with_the_same(bc: Chain, dagger: Chain, out: Path) -> None:
    shown, asked = session_of(bc, out), session_of(dagger, out)
    contest = bc.contest
    first = contest.demonstrations
    for number in range(first):
        assert np.array_equal(shown.read(number).steps["actions"], asked.read(number).steps["actions"])
    demonstrated = [row.steps for row in shown.rows()]
    assert len(demonstrated) == first + contest.rounds * contest.more
    assert all(row.labels == 0 and row.dagger_round < 0 for row in asked.rows()[:first])
    for number in range(1, contest.rounds + 1):
        answers = sum(row.labels for row in asked.rows() if row.dagger_round == number)
        begun = first + (number - 1) * contest.more
        assert answers == sum(demonstrated[begun : begun + contest.more])


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("contest", STUDY.contests, ids=lambda contest: contest.arena)
def test_the_policy_drives_and_every_answer_is_the_experts(contest: Contest, out: Path) -> None:
    episode = session_of(Chain(contest, 0, "dagger"), out).read(contest.demonstrations)
    assert episode.meta.dagger_round == 1
    drove = episode.steps["source"] == Source.POLICY
    assert 0.2 < drove.mean() < 0.8  # β is a half in the first round
    assert np.array_equal(episode.steps["actions"][drove], episode.steps["policy_actions"][drove])
    assert np.array_equal(episode.steps["actions"][~drove], episode.steps["labels"][~drove])
    env, plant = make_plant(ARENAS[contest.arena].env_id, {})
    advice = ARENAS[contest.arena].advise(plant)
    plant.begin_again(episode.meta.seed, np.asarray(episode.steps["sim_state"][0], np.float64))
    for t, label in enumerate(episode.steps["labels"]):
        plant.restore(np.asarray(episode.steps["sim_state"][t], np.float64))
        assert np.abs(label - advice({key: values[t] for key, values in episode.obs.items()})).max() < 1e-5
    env.close()


def test_the_page_and_its_json_say_everything(written: Written, out: Path) -> None:
    html = written.page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href|poster)=\"(?!data:|#)", html)
    assert html.count("data:video/mp4") == len(METHODS) * len(STUDY.contests)
    for found, contest in zip(written.facts["environments"], STUDY.contests, strict=True):
        assert found["arena"] in html
        assert len(found["points"]) == contest.rounds + 1
        assert found["points"][0]["score"]["difference"][0] == 0.0  # the same policy
        for point in found["points"]:
            assert point["labels_each"]["bc"] == point["labels_each"]["dagger"]
            assert point["distances"]["dagger"]


def test_an_interrupted_chain_goes_on_at_its_round(written: Written, out: Path, tmp_path: Path) -> None:
    chain = Chain(STUDY.reacher, 1, "dagger")
    shutil.copytree(out, tmp_path / "again")
    again = tmp_path / "again"
    (again / "results" / f"{chain.name}.json").unlink()
    (chain.folder(again) / "points" / "1.json").unlink()
    session = session_of(chain, again)
    session.trash(session.rows()[-1].number)
    found = run_jobs([chain], again, 1)[chain.name]["points"]
    before = written.facts["environments"][0]["points"]
    assert [point["labels"] for point in found] == [point["labels_each"]["dagger"][1] for point in before]
    assert found[0]["score"] == before[0]["score"]["each"]["dagger"][1]
    assert len(session_of(chain, again)) == len(session_of(chain, out))


def test_an_expert_policy_drives_as_it_would_without_sticks(tmp_path: Path) -> None:
    policy = build_policy(PolicyConfig(("state",), (10,), 2, hidden=(16,)), 0).eval()
    with torch.no_grad():
        for weights in policy.parameters():
            weights.mul_(4.0)
    session = Session.create(tmp_path / "s")
    device = CockpitConfig("Reacher-v5", headless=True, own_device=lambda plant: ExpertHand(plant, policy, MappingConfig()))
    with open_cockpit(device) as cockpit:
        cockpit.loop(session, LoopConfig(episodes=1)).run()
    episode, driver = session.read(0), Driver(policy)
    wanted = np.array([np.clip(driver.act({"state": obs})[0], -1.0, 1.0) for obs in episode.obs["state"]])
    assert len(wanted) == 50
    assert np.abs(wanted).max() > 0.5
    assert np.abs(episode.steps["actions"] - wanted).max() < 1e-5
    assert (episode.steps["source"] == Source.SCRIPTED).all()


# -- the measures ------------------------------------------------------------------------------------------------------


def test_a_path_that_leaves_the_experts_is_as_far_as_it_has_gone() -> None:
    expert = np.stack([np.linspace(0.0, 10.0, 101), np.resize([1.0, -1.0], 101)], axis=1)
    reference = Reference(expert)
    spread = expert.std(axis=0)
    leaving = np.stack([np.full(5, 10.0), 1.0 + np.arange(5.0)], axis=1)
    assert reference.distances(leaving) == pytest.approx([np.hypot(*(([0.0, 0.0]) / spread)), *np.arange(1.0, 5.0) / spread[1]], abs=0.1)
    assert reference.distances(expert[:7]) == pytest.approx(0.0, abs=1e-6)


def test_a_number_that_never_changes_measures_nothing() -> None:
    with pytest.raises(ValueError, match=r"numbers \[1\] of the state are always the same"):
        Reference(np.array([[0.0, 1.0], [1.0, 1.0]])).distances(np.zeros((1, 2)))


def test_who_does_not_move_stands_still() -> None:
    reference = Reference(np.array([[0.0], [2.0]]))  # standard deviation 1
    assert reference.still(np.array([[0.0], [0.5], [0.5], [0.51], [1.0]])) == 0.5
    assert reference.still(np.zeros((1, 1))) == 0.0


def test_along_an_episode_only_those_that_run_count() -> None:
    found = along([np.array([1.0, 1.0, 3.0]), np.array([3.0])], 2)
    assert found == {"steps": [1.0, 3.0], "means": [2.0, 3.0], "running": [2.0, 1.0]}


@pytest.mark.parametrize(
    ("errors", "p"),
    [
        (np.ones(100), 1.0),  # each step is as wrong as the one before
        (np.arange(100.0), 2.0),  # each is more wrong by as much
        (np.arange(100.0) ** 2, 3.0),
        (np.zeros(100), None),
        (np.ones(2), None),
    ],
)
def test_growth_tells_a_line_from_a_square(errors: Any, p: float | None) -> None:
    found = growth(along([errors], 1), 1, first_step=10)
    assert found is None if p is None else found == pytest.approx(p, abs=0.06)


def test_the_scene_filmed_is_the_first_that_tells_them_apart() -> None:
    assert scene_that_tells([True, False, False], [True, False, True]) == 2
    assert scene_that_tells([False], [False]) == 0


# -- in words ----------------------------------------------------------------------------------------------------------


def test_differences_are_taken_seed_by_seed() -> None:
    assert paired([(10.0, 12.0), (50.0, 52.0)]) == pytest.approx((2.0, 2.0, 2.0))
    assert paired([]) is None


@pytest.mark.parametrize(
    ("interval", "seeds", "sign"),
    [
        ((2.0, 1.0, 3.0), 5, 1),
        ((-2.0, -3.0, -1.0), 5, -1),
        ((2.0, -1.0, 5.0), 5, 0),
        ((2.0, 2.0, 2.0), 1, 0),
        ((2.0, 2.0, 2.0), 2, 0),
        (None, 5, 0),
    ],
)
def test_only_an_interval_without_0_decides(interval: Sequence[float] | None, seeds: int, sign: int) -> None:
    assert decided(interval, seeds) == sign


UP, DOWN, OPEN = (20.0, 10.0, 30.0), (-20.0, -30.0, -10.0), (2.0, -4.0, 8.0)


@pytest.mark.parametrize(
    ("gaps", "distance", "seeds", "said"),
    [
        (
            (UP, UP),
            DOWN,
            5,
            ["better than behaviour cloning at 2 of 2", "difference +20.0 points, 95 % interval +10.0 … +30.0, 5 seeds", "less far"],
        ),
        ((OPEN, UP), OPEN, 5, ["better than behaviour cloning at 1 of 2", "not shown to differ"]),
        ((DOWN, DOWN), UP, 3, ["worse than behaviour cloning at 2 of 2", "difference −20.0 points", "strays further"]),
        ((UP, DOWN), OPEN, 5, ["better than behaviour cloning at 1 and worse at 1 of 2"]),
        (
            (OPEN, OPEN),
            OPEN,
            5,
            ["not shown to be better or worse than behaviour cloning at any of 2", "+2.0 points, 95 % interval −4.0 … +8.0"],
        ),
        ((UP, UP), DOWN, 1, ["not shown to be better or worse", "one seed, no interval"]),
    ],
)
def test_the_answer_follows_the_intervals(gaps: Sequence[Any], distance: Any, seeds: int, said: Sequence[str]) -> None:
    points = [
        {
            "labels": 100.0 * (k + 1),
            "score": {"bc": (60.0, 50.0, 70.0), "dagger": (62.0, 50.0, 70.0), "difference": gap},
            "distance": {"bc": (1.5, 1.0, 2.0), "dagger": (1.2, 1.0, 1.4), "difference": distance},
            "error": {"bc": (0.3, 0.2, 0.4), "dagger": (0.2, 0.1, 0.3)},
            "error_there": {"bc": (0.1, 0.0, 0.2), "dagger": (0.2, 0.1, 0.3)},
        }
        for k, gap in enumerate(((0.0, 0.0, 0.0), *gaps))
    ]
    words = answer({"arena": "Reacher-v5", "score": "return", "points": points, "expert": {"distance": (0.9, 0.8, 1.0)}}, seeds)
    assert all(word in words for word in said), words
    assert "with 300 labels, 62.0 % against 60.0 %" in words
    assert "and the expert's own, in the same new scenes, 0.90" in words
    assert "in its own states DAgger is 1.0 times as wrong as in the expert's states, behaviour cloning 3.0 times" in words
