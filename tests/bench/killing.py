"""SIGKILL while recording at 20 Hz: which episodes that were kept are gone, and how much of the running one."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from faults.kills import Child, Pace, Tally, judge

from bench.peer import Peer, PeerError
from bench.row import Row, Thing
from bench.stage import Stage
from teleop.envs import make_plant

KILLS, STEPS = 8, 120
PACE = Pace(STEPS, 0.05)
FIRST_S, LAST_S = 2.0, 20.0
GONE = Thing("sigkill", "kept episodes that are gone after a SIGKILL", "%")
LOST = Thing("sigkill", "driving of the running episode lost by a SIGKILL, worst", "s")
SIDES = {
    "robosuite": "its script of collecting demonstrations, by the steps that its raw files hold",
    "LeRobot": "add_frame and save_episode, as lerobot-record does; what LeRobot itself reads afterwards",
}


@dataclass
class Outcome:
    """Of so many episodes that were kept how many are gone; of each running one the seconds from the first missing step to the kill."""

    kept: int
    lost: int
    running_s: list[float] = field(default_factory=list)

    @property
    def gone(self) -> tuple[float, ...]:
        return (100.0 * self.lost / self.kept,) if self.kept else ()


def rows(stage: Stage) -> list[Row]:
    rng = random.Random(0)
    after_s = [rng.uniform(FIRST_S, LAST_S) for _ in range(KILLS)]
    stage.say(f"SIGKILL: ours, {KILLS} recorders and their writers")
    here, trouble = killed(stage.folder / "killed", after_s)
    found = []
    for tool in stage.peers:
        if tool not in SIDES:
            nothing = "it records nothing"
            found += [Row(GONE, tool, tool, here.gone, (), nothing), Row(LOST, tool, tool, (max(here.running_s),), (), nothing)]
            continue
        stage.say(f"SIGKILL: {tool}, {KILLS} recorders")
        try:
            there = _of_peer(stage.peers[tool], after_s)
        except PeerError as error:
            note = f"could not be timed: {error}"
            found += [Row(GONE, tool, tool, here.gone, (), note), Row(LOST, tool, tool, (max(here.running_s),), (), note)]
            continue
        note = f"{SIDES[tool]}; {KILLS} kills each; {here.lost} of {here.kept} here, {there.lost} of {there.kept} there{trouble}"
        found.append(Row(GONE, tool, tool, here.gone, there.gone, note))
        found.append(Row(LOST, tool, tool, (max(here.running_s),), (max(there.running_s),), note))
    if not stage.peers:
        found += [Row(GONE, "floor", "nothing", here.gone, (0.0,), f"{KILLS} kills{trouble}")]
        found += [Row(LOST, "floor", "nothing", (max(here.running_s),), (0.0,), f"{KILLS} kills{trouble}")]
    return found


def _of_peer(peer: Peer, after_s: list[float]) -> Outcome:
    """By a process of its own that has done nothing else: it forks."""
    fresh = Peer(peer.tool, peer.python, peer.scratch)
    try:
        said = fresh.ask("kill", steps=STEPS, after_s=after_s)
    finally:
        fresh.close()
    return Outcome(said["kept"], said["lost"], said["running_s"])


def killed(folder: Path, after_s: list[float]) -> tuple[Outcome, str]:
    """Recorders with their writers' processes, all at once, each killed so long after its first step; and what else was wrong."""
    env, arm = make_plant("PandaReach-v0", {})
    env.reset(seed=0)
    folder.mkdir()
    children = [Child(folder / str(k), arm, "both", 3 * k + 1, PACE) for k in range(len(after_s))]
    first_s: list[float | None] = [None] * len(children)
    killed_s: list[float | None] = [None] * len(children)
    while None in killed_s:
        for k, child in enumerate(children):
            if killed_s[k] is not None:
                continue
            began = child.listen(0.002, until=lambda child=child: b"episode" in child.told)
            now_s = time.monotonic()
            first_s[k] = first_s[k] or (now_s if began else None)
            start_s = first_s[k]
            if start_s is not None and now_s > start_s + after_s[k]:
                killed_s[k] = child.kill()
                child.bury()
            elif start_s is not None:
                child.listen(0.002)
    tally, wrong = Tally(), []
    for child, at_s in zip(children, killed_s, strict=True):
        assert at_s is not None
        try:
            judge(child.folder, child, at_s, tally)
        except AssertionError as error:
            wrong.append(str(error))
    env.close()
    trouble = f"; here also: {'; '.join(wrong)}" if wrong else ""
    return Outcome(tally.completed, tally.completed_lost, tally.running_lost_s or [0.0]), trouble
