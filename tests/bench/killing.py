"""SIGKILL while recording at 20 Hz: which episodes that were kept are gone, and how much of the running one."""

import multiprocessing
import random
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from faults.kills import Child, Pace, Tally, judge

from bench.peer import Peer, PeerError
from bench.row import FAILED, Row, Thing
from bench.stage import Stage
from data.session import Session
from teleop.envs import make_plant

KILLS, STEPS = 8, 120
PACE = Pace(STEPS, 0.05)
FIRST_S, LAST_S = 2.0, 20.0
GONE = Thing("sigkill", "kept episodes that are gone after a SIGKILL", "%")
LOST = Thing("sigkill", "driving of the running episode lost by a SIGKILL, worst", "s")
SIDES: Mapping[str, str] = {
    "robosuite": "its script of collecting demonstrations, by the steps that its raw files hold",
    "LeRobot": "add_frame and save_episode, as lerobot-record does; its finalize comes at the end, also after Ctrl-C or an error; "
    "what LeRobot itself reads afterwards",
}


@dataclass
class Outcome:
    """Of so many episodes that were kept how many are gone; of each running one how many of its steps are missing."""

    kept: int
    lost: int
    missing: list[int]
    why: str = ""

    @property
    def gone(self) -> tuple[float, ...]:
        return (100.0 * self.lost / self.kept,) if self.kept else ()

    @property
    def worst_s(self) -> float:
        return max(self.missing) * PACE.period_s


def rows(stage: Stage) -> list[Row]:
    rng = random.Random(0)
    after_s = [rng.uniform(FIRST_S, LAST_S) for _ in range(KILLS)]
    stage.say(f"SIGKILL: ours, {KILLS} recorders and their writers")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        here = pool.submit(killed, stage.folder / "killed", after_s).result()
    found = _pair("floor", "nothing lost", here, Outcome(1, 0, [0]), f"{KILLS} kills; {here.lost} of {here.kept} episodes{here.why}")
    for tool in stage.peers:
        stage.say(f"SIGKILL: {tool}, {KILLS} recorders")
        if tool not in SIDES:
            found += _pair(tool, tool, here, None, "it records nothing")
            continue
        try:
            there = _of_peer(stage.peers[tool], after_s)
        except PeerError as error:
            found += _pair(tool, tool, here, None, f"{FAILED}{error}")
        else:
            why = f"; {there.why}" if there.why else ""
            found += _pair(tool, tool, here, there, f"{SIDES[tool]}; {KILLS} kills; {there.lost} of {there.kept} episodes{why}")
    return found


def _pair(tool: str, against: str, here: Outcome, there: Outcome | None, note: str) -> list[Row]:
    gone, worst_s = ((), ()) if there is None else (there.gone, (there.worst_s,))
    return [Row(GONE, tool, against, here.gone, gone, note), Row(LOST, tool, against, (here.worst_s,), worst_s, note)]


def _of_peer(peer: Peer, after_s: list[float]) -> Outcome:
    """By a process of its own that has done nothing else: it forks."""
    fresh = Peer(peer.tool, peer.python, peer.scratch)
    try:
        said = fresh.ask("kill", steps=STEPS, after_s=after_s)
    finally:
        fresh.close()
    return Outcome(said["kept"], said["lost"], said["missing"], said.get("why", ""))


@dataclass
class Doomed:
    """One of our recorders, to be killed with its writer's process so long after its first step."""

    child: Child
    after_s: float
    first_s: float = 0.0
    killed_s: float = 0.0

    def is_killed(self) -> bool:
        if not self.killed_s:
            self.child.listen(0.002)
            now_s = time.monotonic()
            if not self.first_s and b"episode" in self.child.told:
                self.first_s = now_s
            if self.first_s and now_s >= self.first_s + self.after_s:
                self.killed_s = self.child.kill()
                self.child.bury()
        return bool(self.killed_s)


def killed(folder: Path, after_s: list[float]) -> Outcome:
    """All at once, each so long after its first step; in a process that has done nothing else, since it forks."""
    env, arm = make_plant("PandaReach-v0", {})
    env.reset(seed=0)
    folder.mkdir()
    doomed = [Doomed(Child(folder / str(k), arm, "both", 3 * k + 1, PACE), s) for k, s in enumerate(after_s)]
    while not all([each.is_killed() for each in doomed]):  # noqa: C419 (each of them is asked)
        pass
    tally, missing, wrong = Tally(), list[int](), list[str]()
    for each in doomed:
        try:
            judge(each.child.folder, each.child, each.killed_s, tally)
        except AssertionError as error:
            wrong.append(str(error))
        missing.append(missing_of(each.child))
    env.close()
    return Outcome(tally.completed, tally.completed_lost, missing, f"; {'; '.join(wrong)}" if wrong else "")


def missing_of(child: Child) -> int:
    """How many steps that the child has told of are in none of its session's episodes: of one that was cut short also the last."""
    rows = Session.at(child.folder).catalog().rows
    steps = [(word["episode"], word["step"]) for word in child.words() if "step" in word]
    return len([step for episode, step in steps if step >= (rows[episode].steps if episode in rows else 0)])
