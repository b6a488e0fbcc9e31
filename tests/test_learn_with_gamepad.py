"""End to end: a hand on a (virtual) gamepad beside a policy that drives, the real command, the real clock, and what is left."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from test_teleop_record import TESTS, python

from data.episode import Episode
from data.schema import Outcome, Phase, Source
from data.session import Session
from learn.rounds import Round, read_rounds

pytestmark = pytest.mark.real_time


@dataclass(frozen=True)
class Sitting:
    folder: Path
    output: str
    episodes: dict[int, Episode]
    rounds: list[Round]
    seen: dict[str, list]


@pytest.fixture(scope="module")
def sitting(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Sitting:
    folder = tmp_path_factory.mktemp("dagger")
    session = Path(shutil.copytree(recorded, folder / "session"))
    before = len(Session.open(session))
    done = python(str(TESTS / "answer_with_gamepad.py"), str(session), str(folder / "model"), str(folder / "seen.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    opened = Session.open(session)
    driven = {row.number: opened.read(row.number) for row in opened.rows() if row.number >= before}
    return Sitting(session, done.stdout, driven, read_rounds(folder / "model"), json.loads((folder / "seen.json").read_text()))


def of(sitting: Sitting, outcome: Outcome) -> Episode:
    (episode,) = [e for e in sitting.episodes.values() if e.meta.outcome is outcome]
    return episode


def test_every_answer_is_in_the_branch_it_was_given_in(sitting: Sitting) -> None:
    left = of(sitting, Outcome.ABANDONED)
    asked = np.flatnonzero(left.steps["phase"] == Phase.ASKING)
    assert len(asked) == 3
    accepted, either, corrected = asked
    labels, proposals = left.steps["labels"], left.steps["policy_actions"]
    np.testing.assert_array_equal(labels[accepted], proposals[accepted])
    assert np.isnan(labels[either]).all()
    assert left.steps["source"][either] == Source.POLICY
    assert left.steps["source"][corrected] == Source.HUMAN
    assert np.abs(labels[corrected][:3] - proposals[corrected][:3]).max() > 0.05
    np.testing.assert_array_equal(left.steps["actions"][corrected], labels[corrected])
    assert np.isfinite(left.steps["decision_latency_s"][asked]).all()


def test_taking_over_makes_every_step_a_label(sitting: Sitting) -> None:
    left = of(sitting, Outcome.ABANDONED)
    driven = left.steps["phase"] == Phase.HUMAN
    assert driven.sum() >= 6
    np.testing.assert_array_equal(left.steps["labels"][driven], left.steps["actions"][driven])
    assert (left.steps["interventions"][driven] == 1).all()


def test_the_rewound_episode_goes_on_from_where_it_was_taken_back_to(sitting: Sitting) -> None:
    left, kept = of(sitting, Outcome.ABANDONED), of(sitting, Outcome.SUCCESS)
    shared = left.meta.branch_step
    assert 0 < shared < len(left)
    np.testing.assert_array_equal(kept.steps["sim_state"][: shared + 1], left.steps["sim_state"][: shared + 1])
    assert sitting.episodes[left.meta.parent].meta.uid == kept.meta.uid


def test_the_ghost_ahead_had_a_path_and_a_prediction(sitting: Sitting) -> None:
    ((points, predicted),) = sitting.seen["ghosts"]
    assert points > 10
    assert 0.0 <= predicted <= 1.0
    assert {"round", "success", "labels left"} <= set(sitting.seen["learning"])


def test_the_round_counts_what_the_person_did(sitting: Sitting) -> None:
    zeroth, first = sitting.rounds
    assert zeroth.labels == 0
    assert first.human_s > 0.0
    assert first.watching_s > 0.0
    assert first.undone == 1
    assert first.interventions >= 2


def test_every_state_replays_to_the_bit(sitting: Sitting) -> None:
    done = python("-m", "teleop", "replay", str(sitting.folder), "--verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["exact"] == len(Session.open(sitting.folder))
