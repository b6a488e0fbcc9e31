"""End to end: a hand on a (virtual) gamepad answers a queue of stored states, the real command, the real clock, and what is left."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from test_teleop_record import TESTS, python
from test_teleop_support import REACH, scripted_session

from data.cli import INTERRUPTED
from data.effort import effort_of_episode
from data.episode import Episode
from data.schema import Source
from data.session import Session
from learn.later.queue import Queue

pytestmark = pytest.mark.real_time


@dataclass(frozen=True)
class Sitting:
    folder: Path
    episode: Episode
    queue: Queue
    seen: dict[str, object]


@pytest.fixture(scope="module")
def sitting(tmp_path_factory: pytest.TempPathFactory) -> Sitting:
    folder = tmp_path_factory.mktemp("later")
    session = scripted_session(folder / "session", REACH, 2, max_steps=150).path
    done = python(str(TESTS / "answer_later_with_gamepad.py"), str(session), str(folder / "model"), str(folder / "seen.json"))
    assert done.returncode == INTERRUPTED, done.stdout + done.stderr
    opened = Session.open(session)
    (driven,) = [opened.read(row.number) for row in opened.rows() if row.dagger_round == 1]
    return Sitting(session, driven, Queue(folder / "model" / "rounds" / "1"), json.loads((folder / "seen.json").read_text()))


def test_each_way_to_answer_is_in_the_episode(sitting: Sitting) -> None:
    steps, asked = sitting.episode.steps, [a.step for a in sitting.queue.asked]
    labels, proposals = steps["labels"][asked], steps["policy_actions"][asked]
    np.testing.assert_array_equal(labels[[0, 3]], proposals[[0, 3]])
    assert np.isnan(labels[1]).all(), "either was fine"
    assert np.isnan(labels[4:]).all(), "nobody has answered yet"
    assert np.isfinite(steps["decision_latency_s"][asked[:4]]).all()
    assert np.isnan(steps["decision_latency_s"][asked[4:]]).all()
    assert (steps["source"] == Source.POLICY).all()


def test_a_question_that_was_answered_anew_has_the_later_answer(sitting: Sitting) -> None:
    steps, asked = sitting.episode.steps, [a.step for a in sitting.queue.asked]
    still = steps["labels"][asked[2]]
    assert not still[:6].any(), "RB with the sticks at rest"
    replies = (sitting.queue.folder / "answers.jsonl").read_text().splitlines()
    assert len(replies) == 5
    first, second = (json.loads(line) for line in replies if json.loads(line)["step"] == asked[2])
    assert np.abs(first["label"][:3]).max() > 0.05
    assert steps["decision_latency_s"][asked[2]] == pytest.approx(first["latency_s"] + second["latency_s"])


def test_the_hand_saw_how_far_it_was_and_the_ghosts(sitting: Sitting) -> None:
    assert sitting.seen == {"labels": 3, "left": 2, "ghosts": True}
    assert sitting.queue.left == 2


def test_answering_was_all_it_cost(sitting: Sitting) -> None:
    effort = effort_of_episode(sitting.episode)
    assert effort.driving_s == 0.0
    assert effort.labels == 3
    assert effort.deciding_s > 0.0
    assert 2.0 <= effort.watching_s <= 5.0, "what led to five questions, one of them twice"


def test_every_state_replays_to_the_bit(sitting: Sitting) -> None:
    done = python("-m", "teleop", "replay", str(sitting.folder), "--verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["exact"] == len(Session.open(sitting.folder))
