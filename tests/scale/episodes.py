"""Measures of an episode: how long it is, what it weighs, what recording, generating, rolling out and merging it takes."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from bench.driving import recording
from bench.stage import quiet
from test_data_support import tick

from data.episode import Episode, Step
from data.journal import SYNC_S
from data.schema import Outcome
from data.session import Session
from data.takes import End
from learn.checkpoint import load_policy
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate
from scale.figures import Figure
from teleop.scribe import InlineScribe

ENV = "PandaLift-v0"
EPISODES, ROLLOUTS, ROUNDS = 30, 20, 3
CAMERAS = ("--cameras", "front", "wrist")
KINDS = {"": (), "with two cameras": CAMERAS}
CORE = "seconds of one core, not of the clock"


def figures(folder: Path) -> list[Figure]:
    found = []
    for kind, cameras in KINDS.items():
        session, core_s = generated(folder / f"session {kind}", cameras)
        found += weighed(session, kind)
        found.append(Figure(_named("generating", kind), core_s / EPISODES, "s", f"an episode by the scripted operator; {CORE}"))
        found += driven(folder / f"journal {kind}", session, kind)
        found += merged(folder / f"merged {kind}", session, kind)
    return [*found, kept(folder / "kept", session), rolled_out(folder / "model", folder / "session ")]


def _named(name: str, kind: str) -> str:
    return f"{name} {kind}".strip()


@contextmanager
def core_seconds(took: list[float]) -> Iterator[None]:
    """Of this process, so that others at work do not count."""
    began_s = time.process_time()
    yield
    took.append(time.process_time() - began_s)


def generated(folder: Path, cameras: tuple[str, ...]) -> tuple[Session, float]:
    took: list[float] = []
    words = ("record", "--env", ENV, "--device", "scripted", "--headless", "--workers", 1, "--session", folder, *cameras)
    with core_seconds(took):
        quiet("teleop", *words, "--episodes", EPISODES)
    return Session.open(folder), took[0]


def weighed(session: Session, kind: str) -> list[Figure]:
    rows = session.rows()
    how = f"mean of {len(rows)} of {ENV}, scripted operator"
    return [
        Figure(_named("episode", kind), float(np.mean([row.steps for row in rows])) / 20.0, "s", f"{how}, at 20 Hz"),
        Figure(_named("episode bytes", kind), float(np.mean([row.size for row in rows])), "B", f"{how}, its file"),
    ]


def driven(folder: Path, session: Session, kind: str) -> list[Figure]:
    """Bytes that the journal grows by in a second of driving, and what a commit makes durable."""
    episode = session.read(0)
    syncs: list[int] = []
    with recording(folder, InlineScribe) as recorder, counted(syncs):
        recorder.begin(seed=0)
        for step in steps_of(episode):
            recorder.add(step)
        (journal,) = recorder.session.running()
        size = journal.stat().st_size
        before = len(syncs)
        recorder.finish(Outcome.SUCCESS, "", End(episode.final_obs, np.asarray(episode.steps["sim_state"][-1])))
    a_second = size / (len(episode) / 20.0)
    found = [Figure(_named("journal", kind), a_second, "B/s", "of driving at 20 Hz, pictures as they are")]
    if not kind:
        found.append(Figure("fsyncs of a commit", len(syncs) - before, "", "counted while an episode becomes a file"))
        found.append(Figure("fsyncs while driving", 1.0 / SYNC_S, "/s", "of the journal, by its constant"))
    return found


def steps_of(episode: Episode) -> list[Step]:
    """As they were recorded."""
    names = {"sim_state": "sim_state", "states": "state", "actions": "action", "stick": "stick"}
    columns = {ours: np.asarray(episode.steps[column]) for column, ours in names.items()}
    return [tick(t, obs={k: v[t] for k, v in episode.obs.items()}, **{k: v[t] for k, v in columns.items()}) for t in range(len(episode))]


@contextmanager
def counted(calls: list[int]) -> Iterator[None]:
    fsync: Callable[[int], None] = os.fsync

    def counting(handle: int) -> None:
        calls.append(handle)
        fsync(handle)

    os.fsync = counting  # type: ignore[assignment]
    try:
        yield
    finally:
        os.fsync = fsync


def merged(folder: Path, session: Session, kind: str) -> list[Figure]:
    """Seconds of the clock, for the disk has its part in it."""
    took = []
    for number in range(ROUNDS):
        began_s = time.perf_counter()
        quiet("data", "merge", folder / str(number), session.path)
        took.append((time.perf_counter() - began_s) / len(session))
    how = f"an episode, checked and copied; {len(session)} into a new session, the best of {ROUNDS}"
    return [Figure(_named("merging", kind), min(took), "s", how)]


def kept(folder: Path, session: Session) -> Figure:
    """What the process that asks has to do for an episode that another one has driven, pictures included."""
    target, took = Session.create(folder), list[float]()
    for number in range(EPISODES):
        path = session.episode_path(number)
        with core_seconds(took):
            episode = session.read(int(path.stem))
            target.append(episode, number)
    return Figure("keeping", float(np.median(took)), "s", f"a generated episode with two cameras, by the process that asks; {CORE}")


def rolled_out(model: Path, session: Path) -> Figure:
    quiet("learn", "train", session, "--steps", 1500, "--rollouts", 0, "--out", model)
    loaded, took = load_policy(model), list[float]()
    with core_seconds(took):
        evaluation = evaluate(loaded.policy, loaded.env_id, loaded.env_kwargs, ROLLOUTS, FIRST_EVALUATION_SEED)
    steps = sum(rollout.length for rollout in evaluation.rollouts)
    how = f"a rollout of a bc in {ENV}, {steps / ROLLOUTS:.0f} steps on average; {CORE}"
    return Figure("rolling out", took[0] / ROLLOUTS, "s", how)
