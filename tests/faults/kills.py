"""SIGKILL at random moments: what was said to be kept is there and sound, and of the running episode a second at most is lost."""

import json
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.check import problems_of
from data.episode import Step
from data.errors import UserError
from data.schema import LATE_S, Outcome, Phase, Source
from data.session import Session
from data.takes import End
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv
from teleop.recorder import Recorder
from teleop.scribe import InlineScribe, ScribeProcess

VICTIMS = ("inline", "loop", "writer", "both")
LONGEST_S = {"inline": 0.5, "loop": 1.6, "writer": 1.6, "both": 1.6}  # a writer's process needs most of a second to begin
END_S = 30.0


@dataclass(frozen=True)
class Pace:
    """How the killed one drives: at least so many steps an episode, one every `period_s` where a writer's process is beside it."""

    steps: int = 25
    period_s: float = 0.004


@dataclass
class Tally:
    """What the kills came to. `worst_loss_s` is of running episodes: from the first step that is missing to the kill."""

    kills: int = 0
    in_commits: int = 0
    completed: int = 0
    completed_lost: int = 0
    running: int = 0
    running_lost_s: list[float] = field(default_factory=list)
    recovered: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        return {
            "kills": self.kills,
            "of them in a commit": self.in_commits,
            "completed episodes": self.completed,
            "completed lost": self.completed_lost,
            "running episodes": self.running,
            "worst loss of running data, s": round(max(self.running_lost_s, default=0.0), 3),
            "failures": self.failures,
        }


def drive(report: int, folder: Path, arm: ArmEnv, victim: str, seed: int, pace: Pace) -> None:
    """The child: record without end, and tell the pipe `report` of every step and of every episode that was kept."""
    session = Session.create(folder)
    with session.claim():
        scribe = InlineScribe(session) if victim == "inline" else ScribeProcess(session)
        writer = 0 if isinstance(scribe, InlineScribe) else scribe._process.pid
        facts = {"env_id": "PandaReach-v0", "env_kwargs": {}, "operator": "killed", "clock": "simulated", "settings": {}}
        recorder = Recorder(session, arm, facts, scribe)
        tell = lambda **words: os.write(report, (json.dumps(words) + "\n").encode())  # noqa: E731
        tell(writer=writer)
        rng, obs = np.random.default_rng(seed), arm.restore(arm.sim_state())
        image = rng.integers(0, 256, (84, 84, 3), np.uint8) if seed % 2 else None
        for _ in range(10_000):
            recorder.begin("left", seed=seed)
            for t in range(pace.steps + seed % 7):
                recorder.add(_step(arm, dict(obs) if image is None else {**obs, "front_image": image}, t))
                tell(episode=recorder.number, step=t, at_s=time.monotonic())
                _hear(scribe, tell)
                if victim != "inline":
                    time.sleep(pace.period_s)
            if seed % 3 == 0:  # a branch
                recorder.rewind_to(pace.steps // 2, _end(arm, obs, image))
                recorder.add(_step(arm, dict(obs) if image is None else {**obs, "front_image": image}, pace.steps))
            recorder.finish(Outcome.SUCCESS, "left", _end(arm, obs, image))
            _hear(scribe, tell)


def _hear(scribe: InlineScribe | ScribeProcess, tell: Callable[..., int]) -> None:
    for line in scribe.news():
        tell(news=line)


def _end(arm: ArmEnv, obs: dict, image: np.ndarray | None) -> End:
    return End(dict(obs) if image is None else {**obs, "front_image": image}, arm.sim_state())


def _step(arm: ArmEnv, obs: dict, t: int) -> Step:
    return Step(
        obs=obs,
        sim_state=arm.sim_state(),
        state=arm.flat_state(),
        action=np.full(7, 0.1, np.float32),
        reward=0.0,
        source=Source.SCRIPTED,
        phase=Phase.HUMAN,
        stick=np.zeros(21, np.float32),
        time_s=0.05 * t,
        lateness_s=2 * LATE_S if t == 3 else 0.0,
    )


class Child:
    """One recorder to be killed."""

    def __init__(self, folder: Path, arm: ArmEnv, victim: str, seed: int, pace: Pace = Pace()) -> None:
        self.folder, self.victim, self.told = folder, victim, b""
        self._read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: numpy's threads may be there, but hold nothing
            self.pid = os.fork()
        if self.pid == 0:
            os.close(self._read)
            os.setpgid(0, 0)
            try:
                drive(write, folder, arm, victim, seed, pace)
            except BaseException as error:  # noqa: BLE001
                os.write(write, (json.dumps({"died": repr(error)}) + "\n").encode())
            os._exit(1)
        os.close(write)

    def listen(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Take in what it tells for so long, or until something is so (asked all the time); whether it became so."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            if until():
                return True
            if select.select([self._read], [], [], min(left_s, 0.0002))[0]:
                self.told += os.read(self._read, 1 << 16)
        return until()

    def words(self) -> list[dict]:
        return [json.loads(line) for line in self.told.splitlines() if line.endswith(b"}")]

    def kill(self) -> float:
        """Returns when."""
        writer = next((word["writer"] for word in self.words() if "writer" in word), 0)
        victims = {"inline": [self.pid], "loop": [self.pid], "writer": [writer], "both": [self.pid, writer]}[self.victim]
        at_s = time.monotonic()
        for pid in victims:
            if pid:
                os.kill(pid, signal.SIGKILL)
        return at_s

    def bury(self) -> None:
        """Without its writer a recorder goes on; it is killed too, later."""
        if self.victim == "writer":
            self.listen(0.1)
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        while chunk := os.read(self._read, 1 << 16):
            self.told += chunk
        os.close(self._read)


def one_kill(arm: ArmEnv, root: Path, victim: str, seed: int, tally: Tally) -> None:
    rng = random.Random(seed)
    folder = root / f"{victim}-{seed}"
    child = Child(folder, arm, victim, seed)
    assert child.listen(END_S, until=lambda: b"episode" in child.told), "it never began"
    child.listen(rng.uniform(0.0, LONGEST_S[victim]))
    commit = seed % 3 == 1 and child.listen(1.0, until=lambda: any((folder / "episodes").glob("*.tmp")))
    killed_s = child.kill()
    child.bury()
    tally.kills += 1
    tally.in_commits += commit
    try:
        judge(folder, child, killed_s if victim != "writer" else time.monotonic(), tally)
    except (UserError, AssertionError) as error:
        tally.failures.append(f"{victim} {seed}: {error!r}")
    else:
        shutil.rmtree(folder)


def judge(folder: Path, child: Child, killed_s: float, tally: Tally) -> None:
    words = child.words()
    died = [word["died"] for word in words if "died" in word]
    assert not died, died
    with Session.at(folder).claim() as lines:  # also waits for a writer that finishes
        tally.recovered.update(line.split(": ")[-1].split(",")[0] for line in lines)
    session = Session.at(folder)
    catalog = session.catalog()
    assert not catalog.damaged, catalog.damaged
    said = [int(word["news"].split()[1]) for word in words if "kept" in word.get("news", "")]
    tally.completed += len(said)
    lost = [number for number in said if number not in catalog.rows]
    tally.completed_lost += len(lost)
    assert not lost, f"episodes {lost} were said to be kept"
    for number in catalog.rows:
        problems = problems_of(session.episode_path(number))
        assert not problems, f"episode {number}: {problems}"
    assert not session.running(), "a journal is left"
    assert sorted(catalog.rows) == _indexed(folder), "the index says something else"
    steps = [(word["episode"], word["step"], word["at_s"]) for word in words if "step" in word]
    number, _, _ = steps[-1]
    if number in said:
        return
    tally.running += 1
    kept = catalog.rows[number].steps if number in catalog.rows else 0
    # Of a recovered episode the last step is left out: nobody knows what came of it.
    missing = [at_s for episode, step, at_s in steps if episode == number and step > kept]
    tally.running_lost_s.append(killed_s - missing[0] if missing else 0.0)
    assert tally.running_lost_s[-1] <= 1.0, f"episode {number} lost {tally.running_lost_s[-1]:.2f} s"


def _indexed(folder: Path) -> list[int]:
    import h5py

    with h5py.File(folder / "session.hdf5", "r") as index:
        return sorted(int(name[5:]) for name in index["data"])


def run_kills(kills: int, first_seed: int = 0, progress: Callable[[int], None] = lambda done: None) -> Tally:
    """So many kills, in turn of each kind of victim."""
    env, arm = make_plant("PandaReach-v0", {})
    env.reset(seed=0)
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        for k in range(kills):
            one_kill(arm, Path(name), VICTIMS[k % len(VICTIMS)], first_seed + k, tally)
            progress(k + 1)
        if tally.failures:
            print("left for a look:", shutil.copytree(name, tempfile.mkdtemp(), dirs_exist_ok=True), file=sys.stderr)
    env.close()
    return tally
