"""Labels given later: a real policy drives Reach alone, the scripted person answers about its states at the desk, real files."""

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_lines import run, run_killed
from test_teleop_support import REACH, scripted_session

from data.cli import INTERRUPTED
from data.effort import ALONE, ANSWERED_LATER, effort_of_episode, efforts_by_round
from data.episode import Episode
from data.errors import UserError
from data.schema import Phase, Source
from data.session import Session
from data.trash import delete
from learn.checkpoint import load_policy
from learn.dagger import DaggerConfig
from learn.dataset import load_frames
from learn.gates import BetaSchedule, GateConfig
from learn.later.batch import Batch, answer_batch, open_queue, ways_in
from learn.later.labels import with_answers, write_labels
from learn.later.queue import ANSWERS_NAME, QUEUE_NAME, Queue
from learn.rounds import read_rounds, round_dir
from teleop.cockpit import CockpitConfig, open_cockpit
from teleop.desk import Reply

BUDGET = 12
FEW = "--rounds 1 --episodes 2 --steps 5 --members 2 --evaluation-episodes 1 --scenes 1 --workers 1"


def words_for(folder: Path, *more: object) -> list[str]:
    """`dagger` on the session in `folder`."""
    given = ["--out", folder / "model", "--device", "scripted", "--headless", "--label-later", "--labels", BUDGET, *more]
    return ["dagger", str(folder / "session"), *FEW.split(" "), *map(str, given)]


def leave_after(answers: int, patch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes once so many answers are given."""
    keep, given = Queue.keep, []

    def kept(queue: Queue, number: int, reply: Reply) -> None:
        if len(given) == answers:
            raise KeyboardInterrupt
        given.append(number)
        keep(queue, number, reply)

    patch.setattr(Queue, "keep", kept)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A round that was driven, whose first question was left unanswered."""
    folder = tmp_path_factory.mktemp("later")
    scripted_session(folder / "session", REACH, 4, max_steps=150)
    with pytest.MonkeyPatch.context() as patch:
        leave_after(0, patch)
        assert run("learn", *words_for(folder)) == INTERRUPTED
    return folder


@pytest.fixture
def folder(left: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(left, tmp_path / "copy"))


def driven_of(folder: Path) -> list[Episode]:
    session = Session.open(folder / "session")
    return [session.read(row.number) for row in session.rows() if row.dagger_round == 1]


def batch_of(folder: Path, **changes: object) -> Batch:
    session = Session.open(folder / "session")
    numbers = [row.number for row in session.rows() if row.dagger_round == 1]
    batch = Batch(session, numbers, load_policy(round_dir(folder / "model", 0)).policy, round_dir(folder / "model", 1), BUDGET, 10)
    return replace(batch, **changes)


def answer(folder: Path, skill: float = 1.0, **changes: object) -> Queue:
    """Sit down at the desk for all that is open."""
    batch = batch_of(folder, **changes)
    with open_cockpit(CockpitConfig(REACH, device="scripted", headless=True)) as cockpit, batch.session.claim():
        assert answer_batch(batch, cockpit)
    return Queue(batch.folder)


# -- driving alone -----------------------------------------------------------------------------------------------------


def test_the_policy_drives_alone_and_is_watched_by_nobody(left: Path) -> None:
    driven = driven_of(left)
    assert len(driven) == 2
    for episode in driven:
        steps = episode.steps
        assert (steps["phase"] == Phase.POLICY).all()
        assert (steps["source"] == Source.POLICY).all()
        assert np.isfinite(steps["gate_scores"]).all()
        np.testing.assert_array_equal(steps["policy_actions"], steps["actions"])
        assert np.isnan(steps["labels"]).all()
    effort = efforts_by_round(Session.open(left / "session"))[1]
    assert (effort.watching_s, effort.deciding_s, effort.labels) == (0.0, 0.0, 0)


def test_the_most_doubtful_states_wait(left: Path) -> None:
    queue, driven = Queue(round_dir(left / "model", 1)), driven_of(left)
    assert len(queue.asked) == BUDGET
    scores = {e.meta.uid: e.steps["gate_scores"] for e in driven}
    assert [a.score for a in queue.asked] == pytest.approx([scores[a.uid][a.step] for a in queue.asked])
    assert max(a.score for a in queue.asked) == pytest.approx(max(column.max() for column in scores.values()))


def test_the_ways_are_those_the_policy_saw_while_it_drove(left: Path) -> None:
    policy = load_policy(round_dir(left / "model", 0)).policy
    for episode in driven_of(left):
        for step, ways in ways_in(episode, policy, {0, 7, len(episode) - 1}).items():
            np.testing.assert_array_equal(ways[0].action, episode.steps["policy_actions"][step])
            assert sum(way.probability for way in ways) == pytest.approx(1.0)


# -- answers are kept ----------------------------------------------------------------------------------------------------


def test_who_leaves_has_every_answer_in_the_files_and_goes_on_with_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        leave_after(5, patch)
        assert run("learn", *words_for(folder)) == INTERRUPTED
    queue = Queue(round_dir(folder / "model", 1))
    assert [a.key in queue.replies for a in queue.asked] == [True] * 5 + [False] * 7
    labels = sum(reply.label is not None for reply in queue.replies.values())
    assert sum(row.labels for row in Session.open(folder / "session").rows()) == labels
    assert run("learn", *words_for(folder, "--status")) == 0
    assert "5 of 12 stored states answered" in capsys.readouterr().out
    before = (queue.folder / ANSWERS_NAME).read_bytes()
    assert run("learn", *words_for(folder, "--resume")) == 0
    after = (queue.folder / ANSWERS_NAME).read_bytes()
    assert after.startswith(before)
    assert len(after.splitlines()) == BUDGET, "nothing was asked twice"
    assert [r.number for r in read_rounds(folder / "model")] == [0, 1]


def test_a_kill_loses_no_answer(folder: Path) -> None:
    killed = run_killed(4, "learn.later.queue Queue keep", *words_for(folder))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = Queue(round_dir(folder / "model", 1)).replies
    assert len(before) == 4
    assert sum(row.labels for row in Session.open(folder / "session").rows()) == 0, "they are not in the episodes' files yet"
    after = answer(folder).replies
    assert len(after) == BUDGET
    assert {key: after[key].stick.tolist() for key in before} == {key: reply.stick.tolist() for key, reply in before.items()}
    labels = sum(reply.label is not None for reply in after.values())
    assert sum(row.labels for row in Session.open(folder / "session").rows()) == labels


def test_an_answer_that_a_kill_tore_was_not_given(folder: Path) -> None:
    queue = answer(folder)
    path = queue.folder / ANSWERS_NAME
    path.write_bytes(path.read_bytes()[:-9])
    torn = Queue(queue.folder)
    assert torn.left == 1
    (number,) = [k for k, a in enumerate(torn.asked) if a.key not in torn.replies]
    torn.keep(number, queue.replies[torn.asked[number].key])
    assert Queue(queue.folder).left == 0


def test_a_damaged_answer_is_said_and_not_passed_over(folder: Path) -> None:
    queue = answer(folder)
    lines = (queue.folder / ANSWERS_NAME).read_bytes().splitlines(keepends=True)
    (queue.folder / ANSWERS_NAME).write_bytes(lines[0] + b"{]\n" + lines[1])
    with pytest.raises(UserError, match=r"answers.jsonl is damaged in line 2"):
        Queue(queue.folder)


def test_an_answer_that_was_given_anew_counts_and_both_have_cost_their_time(folder: Path) -> None:
    queue = open_queue(batch_of(folder))
    reply = Reply(np.full(7, 0.1, np.float32), 0, np.zeros(21, np.float32), 180.0, 0, 1.5, 0.5, Source.HUMAN, "somebody")
    queue.keep(3, reply)
    queue.keep(3, replace(reply, label=None, latency_s=2.0))
    kept = Queue(queue.folder).replies[queue.asked[3].key]
    assert kept.label is None
    assert (kept.latency_s, kept.shown_s) == (3.5, 1.0)
    assert queue.replies[queue.asked[3].key].latency_s == 3.5


# -- in the files ----------------------------------------------------------------------------------------------------------


def test_labels_stand_where_they_were_asked_for_and_nothing_else_has_changed(folder: Path) -> None:
    before = {e.meta.uid: e for e in driven_of(folder)}
    queue = answer(folder)
    for episode in driven_of(folder):
        asked = sorted(step for uid, step in queue.replies if uid == episode.meta.uid)
        steps, old = episode.steps, before[episode.meta.uid].steps
        answered = np.flatnonzero(~np.isnan(steps["decision_latency_s"]))
        assert answered.tolist() == asked
        for step in asked:
            reply = queue.replies[episode.meta.uid, step]
            np.testing.assert_array_equal(steps["labels"][step], np.full(7, np.nan) if reply.label is None else reply.label)
            np.testing.assert_array_equal(steps["stick"][step], reply.stick)
        for name in set(steps) - {"labels", "decision_latency_s", "stick", "heading_deg", "control_mode"}:
            np.testing.assert_array_equal(steps[name], old[name])


def test_labelled_episodes_are_sound_and_replay_to_the_bit(folder: Path) -> None:
    answer(folder)
    assert run("data", "check", folder / "session") == 0
    assert run("teleop", "replay", folder / "session", "--verify") == 0
    assert run("data", "inspect", folder / "session") == 0


def test_writing_labels_again_changes_nothing(folder: Path) -> None:
    queue = answer(folder)
    session = Session.open(folder / "session")
    before = {path.name: path.stat().st_mtime_ns for path in session.episode_paths()}
    with session.claim():
        assert write_labels(session, queue) == []
    assert {path.name: path.stat().st_mtime_ns for path in session.episode_paths()} == before


def test_effort_counts_the_answering_and_what_was_shown_for_it(folder: Path) -> None:
    queue = answer(folder)
    effort = efforts_by_round(Session.open(folder / "session"))[1]
    assert effort.deciding_s == pytest.approx(sum(r.latency_s for r in queue.replies.values()), abs=1e-4)
    assert effort.watching_s == pytest.approx(0.5 * BUDGET), "half a second before each question, no rollout"
    assert effort.driving_s == 0.0
    assert effort.labels == sum(reply.label is not None for reply in queue.replies.values())
    assert driven_of(folder)[0].meta.settings[ANSWERED_LATER]["by"] == ["scripted operator"]


def test_answers_given_later_are_no_time_of_the_drive(left: Path) -> None:
    episode = driven_of(left)[0]
    watched = replace(episode, meta=replace(episode.meta, settings={k: v for k, v in episode.meta.settings.items() if k != ALONE}))
    reply = Reply(np.zeros(7, np.float32), 0, np.zeros(21, np.float32), 180.0, 0, 1.5, 0.5, Source.HUMAN, "somebody")
    before, after = effort_of_episode(watched), effort_of_episode(with_answers(watched, {3: reply, 4: reply}))
    assert after.watching_s == pytest.approx(before.watching_s + 1.0)
    assert after.deciding_s == pytest.approx(3.0)


# -- the round -------------------------------------------------------------------------------------------------------------


def test_a_round_is_learned_from_with_its_labels(folder: Path) -> None:
    assert run("learn", *words_for(folder)) == 0
    zeroth, first = read_rounds(folder / "model")
    queue = Queue(round_dir(folder / "model", 1))
    assert first.labels == sum(reply.label is not None for reply in queue.replies.values())
    assert first.asked_share == pytest.approx(first.wished_share), "the budget is met exactly"
    assert first.decision_s == pytest.approx(np.median([r.latency_s for r in queue.replies.values()]), abs=1e-4)
    frames = load_frames(Session.open(folder / "session"))
    assert first.fingerprint == frames.fingerprint != zeroth.fingerprint
    assert run("learn", *words_for(folder)) == 0, "and the same command has nothing left to do"
    assert len(read_rounds(folder / "model")) == 2


def test_a_larger_budget_asks_about_more_and_a_smaller_one_about_less(folder: Path) -> None:
    first = {a.key for a in open_queue(batch_of(folder)).asked}
    more = open_queue(batch_of(folder, budget=20))
    assert len(more.asked) == 20
    assert {a.key for a in more.asked[:BUDGET]} == first
    fewer = open_queue(batch_of(folder, budget=5))
    assert {a.score for a in fewer.asked} == set(sorted((a.score for a in more.asked), reverse=True)[:5])
    assert len(answer(folder, budget=3).replies) == 3
    assert len(open_queue(batch_of(folder, budget=1)).asked) == 3, "what is answered stays"


def test_an_episode_that_was_deleted_is_not_asked_about(folder: Path) -> None:
    batch = batch_of(folder)
    with batch.session.claim():
        delete(batch.session, batch.numbers[:1])
    queue = open_queue(batch_of(folder))
    assert {a.number for a in queue.asked} == {batch.numbers[1]}
    assert len(queue.asked) == BUDGET, "the other one's states take their place"


def test_without_a_score_questions_lie_evenly(tmp_path: Path) -> None:
    scripted_session(tmp_path / "session", REACH, 2, max_steps=150)
    assert run("learn", *words_for(tmp_path, "--gate", "every-step")) == 0
    queue = Queue(round_dir(tmp_path / "model", 1))
    assert len(queue.replies) == BUDGET
    assert all(np.isnan(a.score) for a in queue.asked)
    for episode in driven_of(tmp_path):
        asked = [a.step for a in queue.asked if a.uid == episode.meta.uid]
        wished = BUDGET * len(episode) / sum(len(e) for e in driven_of(tmp_path))
        assert abs(len(asked) - wished) <= 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gate": GateConfig("human")}, "--gate human --label-later"),
        ({"gate": GateConfig("every-step"), "beta": BetaSchedule(start=0.5)}, "--beta-start 0.5 --label-later"),
        ({"steps_apart": 0}, "--steps-apart 0"),
    ],
)
def test_what_cannot_be_labelled_later_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        DaggerConfig(label_later=True, **wrong)


def test_the_queue_is_two_files_that_can_be_read(left: Path) -> None:
    assert (round_dir(left / "model", 1) / QUEUE_NAME).read_text().count("\n") == BUDGET
