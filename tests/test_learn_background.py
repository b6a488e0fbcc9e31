"""Specification of learning while somebody drives: who is promoted, how a job is done in this process and in another."""

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from test_learn_support import TOY, expert_session, make_toy, toy_policy

from data.errors import UserError
from data.session import Session
from learn.background import Job, Learner, LearnerInline, LearnerProcess, Lesson, learn
from learn.checkpoint import load_policy
from learn.compare import paired
from learn.policies import Policy
from learn.promotion import LOG_NAME, SCENES, Verdict, append_verdict, contest, judge, read_verdicts
from learn.train import TrainConfig, train

FEW = TrainConfig(steps=4, hidden=(8,), valid_fraction=0.0)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("good")
    return train(expert_session(folder / "session", 40), TrainConfig(steps=1000, hidden=(32, 32)), folder / "model").policy


def job(session: Path, out: Path, number: int = 0, **changes: object) -> Job:
    """A short training in the real Lift."""
    one = Job(number, session, FEW, out / str(number), "PandaLift-v0", {"max_episode_steps": 8}, episodes=2, scenes=2)
    return replace(one, **changes)


# -- who is promoted ---------------------------------------------------------------------------------------------------


def test_the_first_policy_takes_the_empty_place(good: Policy) -> None:
    verdict = contest(good, None, 0, None, TOY, {}, make=make_toy)
    assert verdict.promoted
    assert verdict.old_successes is None
    assert verdict.episodes == SCENES
    assert verdict.successes >= 18


def test_a_better_policy_is_promoted_at_the_first_look(good: Policy) -> None:
    verdict = contest(good, toy_policy(), 1, 0, TOY, {}, make=make_toy)
    assert verdict.promoted
    assert verdict.episodes == SCENES
    assert verdict.only_new > verdict.only_old
    assert verdict.p_value < 0.01


def test_a_worse_policy_gets_a_second_look_and_stays_out(good: Policy) -> None:
    verdict = contest(toy_policy(), good, 1, 0, TOY, {}, make=make_toy)
    assert not verdict.promoted
    assert verdict.episodes == 3 * SCENES
    assert verdict.only_old > verdict.only_new


def test_an_equal_policy_is_promoted_since_it_knows_more_data(good: Policy) -> None:
    verdict = contest(good, good, 1, 0, TOY, {}, make=make_toy)
    assert verdict.promoted
    assert (verdict.only_new, verdict.only_old) == (0, 0)


def test_no_two_contests_meet_the_same_scenes(good: Policy) -> None:
    met: list[list[int]] = []

    class Watched(type(make_toy(TOY))):  # type: ignore[misc]
        def reset(self, *, seed: int | None = None, options: object = None) -> object:
            met[-1].append(seed)
            return super().reset(seed=seed)

    for number in (3, 4):
        met.append([])
        contest(good, good, number, 0, TOY, {}, make=lambda env_id: Watched())
    assert [len(seeds) for seeds in met] == [2 * SCENES] * 2
    assert met[0][:SCENES] == met[0][SCENES:], "both met the same scenes"
    assert not set(met[0]) & set(met[1])


def test_the_verdict_counts_who_succeeded_alone() -> None:
    new, old = [True, True, False, False, True], [True, False, True, True, True]
    verdict = judge(paired(new, old), 2, 1, new)
    assert verdict == Verdict(2, 1, False, 5, 3, 4, 1, 2, 1.0)


def test_verdicts_are_kept_in_a_log(tmp_path: Path) -> None:
    assert read_verdicts(tmp_path) == []
    verdicts = [Verdict(0, None, True, 20, 11), Verdict(1, 0, False, 60, 30, 33, 5, 8, 0.58)]
    for verdict in verdicts:
        append_verdict(tmp_path, verdict)
    assert read_verdicts(tmp_path) == verdicts
    (tmp_path / LOG_NAME).write_text('{"number": 0}\n')
    with pytest.raises(UserError, match="is damaged"):
        read_verdicts(tmp_path)


# -- jobs --------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["inline", "process"])
def learner(request: pytest.FixtureRequest):
    one = LearnerInline() if request.param == "inline" else LearnerProcess()
    yield one
    one.close()


def test_a_job_becomes_a_policy_on_disk_and_a_verdict(learner: Learner[Lesson], copied: Path, tmp_path: Path) -> None:
    learner.submit(job(copied, tmp_path))
    first = learner.wait()
    assert first is not None
    assert not learner.busy
    assert first.verdict.promoted
    assert load_policy(first.out).fingerprint == first.fingerprint
    assert first.episodes == len(Session.open(copied))
    learner.submit(job(copied, tmp_path, 1, old=first.out, against=0))
    second = learner.wait()
    assert second is not None
    assert (second.verdict.number, second.verdict.against) == (1, 0)
    assert second.verdict.old_successes is not None
    assert learner.poll() is None


def test_a_job_that_cannot_be_done_is_one_line(copied: Path, tmp_path: Path) -> None:
    learner = LearnerProcess()
    learner.submit(job(copied, tmp_path, train=replace(FEW, obs_keys=("nothing",))))
    with pytest.raises(UserError, match="no such low-dimensional key"):
        learner.wait()
    learner.submit(job(copied, tmp_path, 1))
    assert learner.wait() is not None, "it goes on with the next"
    learner.close()


@dataclass(frozen=True)
class Refused:
    """A task that the disk refuses."""

    def do(self) -> Lesson:
        raise OSError(28, "No space left on device")

    def alone(self) -> "Refused":
        return self


def test_what_the_disk_refuses_is_one_line_too() -> None:
    learner = LearnerProcess()
    learner.submit(Refused())
    with pytest.raises(UserError, match=r"No space left on device.*the same command goes on"):
        learner.wait()
    learner.close()


def test_of_the_jobs_that_wait_the_newest_is_done(copied: Path, tmp_path: Path) -> None:
    learner = LearnerProcess()
    for number in range(3):
        learner.submit(job(copied, tmp_path, number))
    lesson = learner.wait()
    assert lesson is not None
    assert lesson.number == 2
    assert not (tmp_path / "1").exists()
    learner.close()


def test_a_learner_that_dies_loses_nothing_and_is_told_of(copied: Path, tmp_path: Path) -> None:
    learner = LearnerProcess()
    learner.submit(job(copied, tmp_path, train=replace(FEW, steps=10**6)))
    os.kill(learner._process.pid or 0, signal.SIGKILL)
    with pytest.raises(UserError, match="the same command goes on"):
        learner.wait()
    assert not learner.busy
    learner.close()


def test_in_simulated_time_a_lesson_is_heard_of_when_its_time_has_come(copied: Path, tmp_path: Path) -> None:
    learner = LearnerInline(takes_s=lambda lesson: 20.0)
    learner.submit(job(copied, tmp_path))
    learner.now_s = 19.9
    assert learner.poll() is None
    assert learner.busy
    learner.now_s = 20.0
    assert learner.poll() is not None
    assert not learner.busy


def test_a_training_that_was_cut_off_is_gone_on_with_or_begun_anew_where_there_is_more_data(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from learn.fit import Fit

    advance, steps = Fit.advance, []

    def press_ctrl_c(fit: Fit) -> None:
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        advance(fit)

    one = job(copied, tmp_path)
    monkeypatch.setattr(Fit, "advance", press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        learn(one)
    monkeypatch.setattr(Fit, "advance", advance)
    whole = learn(replace(one, out=tmp_path / "whole"))
    weights, expected = (load_policy(folder).policy.state_dict() for folder in (learn(one).out, whole.out))
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)
