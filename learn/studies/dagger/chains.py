"""Chains: one method from the first demonstrations to the last label, and the expert it is held against; jobs of the DAgger study."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import UserError
from data.files import replace_file
from data.session import Session
from learn.background import train_or_go_on
from learn.checkpoint import load_policy
from learn.driver import Driver
from learn.evaluate import FIRST_EVALUATION_SEED, Env
from learn.gates.every_step import EveryStepGate
from learn.policies import Policy
from learn.rounds import round_dir
from learn.studies.dagger.arenas import ARENAS, Arena
from learn.studies.dagger.contest import Contest, Method
from learn.studies.dagger.expertise import Expertise, demonstrate, read_expertise
from learn.studies.dagger.shift import Advice, along, errors_in, traces
from learn.studies.jobs import Result, kept_result
from learn.studies.scenes import SCENES_A_SEED
from teleop.cockpit import Cockpit, open_cockpit
from teleop.envs import make_plant
from teleop.loop import LoopConfig, Seat
from teleop.pilot import Pilot

CHAINS_NAME = "chains"


@dataclass(frozen=True)
class Chain:
    """A method with one seed: after each round its policy, and how that drives. Goes on at the round in which it was interrupted."""

    contest: Contest
    seed: int
    method: Method

    @property
    def name(self) -> str:
        return f"{self.arena.slug}-{self.seed}-{self.method}"

    @property
    def arena(self) -> Arena:
        return ARENAS[self.contest.arena]

    def folder(self, out: Path) -> Path:
        return out / CHAINS_NAME / self.name

    def do(self, out: Path) -> Result:
        expertise = read_expertise(self.contest, out)
        session = Session.create(self.folder(out) / "session")
        first_scene = SCENES_A_SEED * self.seed
        with session.claim(), open_cockpit(self.arena.cockpit(self.contest, first_scene)) as cockpit:
            points = [self._point(number, out, session, cockpit, expertise) for number in range(self.contest.rounds + 1)]
        return {"arena": self.contest.arena, "seed": self.seed, "method": self.method, "points": points}

    @property
    def _shown(self) -> "Chain":
        """The same with behaviour cloning, which DAgger begins with."""
        return replace(self, method="bc")

    def model(self, number: int, out: Path) -> Path:
        """The folder of a round's policy; with the demonstrations alone both methods have the same."""
        return round_dir(self._shown.folder(out) if number == 0 else self.folder(out), number)

    def _point(self, number: int, out: Path, session: Session, cockpit: Cockpit, expertise: Expertise) -> dict[str, Any]:
        path = self.folder(out) / "points" / f"{number}.json"
        if path.exists():
            return dict(json.loads(path.read_text(encoding="utf-8")))
        self._teach(number, out, session, cockpit)
        if self.method == "dagger" and number == 0:
            return self._points_shown(out)[0]
        result = train_or_go_on(session, self.contest.training(self.seed), self.model(number, out))
        point = {"labels": result.frames, **judged(result.policy, self.contest, expertise)}
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(point).encode())
        return point

    def _points_shown(self, out: Path) -> list[dict[str, Any]]:
        """What came of behaviour cloning."""
        found = kept_result(out, self._shown.name)
        if found is None:
            raise UserError(f"{self.name} needs what behaviour cloning was shown; do that first: the same command does")
        return list(found["points"])

    # -- labels --------------------------------------------------------------------------------------------------------

    def _teach(self, number: int, out: Path, session: Session, cockpit: Cockpit) -> None:
        """What is missing of a round's labels."""
        if self.method == "bc":
            wanted = self.contest.demonstrations + number * self.contest.more
            demonstrate(session, cockpit, wanted)
        elif number == 0:
            self._begin_with_the_same(session, out)
        else:
            self._ask(number, out, session, cockpit)

    def _begin_with_the_same(self, session: Session, out: Path) -> None:
        """The demonstrations that behaviour cloning began with."""
        shown = Session.open(self._shown.folder(out) / "session")
        for row in shown.rows()[len(session.rows()) : self.contest.demonstrations]:
            session.append(shown.read(row.number), row.number)

    def _ask(self, number: int, out: Path, session: Session, cockpit: Cockpit) -> None:
        """The policy drives, and the expert answers in every state, until there are as many answers as the other was shown steps."""
        answered = sum(row.labels for row in session.rows() if row.dagger_round == number)
        beta = self.contest.beta.beta(number)
        policy = load_policy(self.model(number - 1, out)).policy
        pilot = Pilot(Driver(policy), EveryStepGate(), self._budget(number, out) - answered, beta, about={"round": number - 1})
        cockpit.loop(
            session,
            LoopConfig(seed=cockpit.config.seed, dagger_round=number),
            pilot,
            next_seat=lambda: Seat(pilot, number, is_enough=lambda loop: pilot.left == 0),
            is_over=lambda: pilot.left == 0,
        ).run()

    def _budget(self, number: int, out: Path) -> int:
        """Labels of a round: what behaviour cloning was shown in it."""
        labels = [int(point["labels"]) for point in self._points_shown(out)]
        return labels[number] - labels[number - 1]


# -- judging -----------------------------------------------------------------------------------------------------------


def judged(policy: Policy, contest: Contest, expertise: Expertise) -> dict[str, Any]:
    """How a policy drives in the scenes of a contest: its score, how far it strays, how wrong it is there and where the expert drives."""
    arena = ARENAS[contest.arena]

    def make() -> tuple[Env, Advice]:
        env, plant = make_plant(arena.env_id, arena.env_kwargs(contest.most_steps))
        return env, arena.advise(plant)

    scenes = range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + contest.scenes)
    met = traces(policy, make, arena.state_of, scenes)
    strayed = [expertise.reference.distances(trace.states) for trace in met]
    return {
        "score": expertise.score_of([trace.rollout for trace in met]),
        "successes": [trace.rollout.success for trace in met],
        "returns": [trace.rollout.total_reward for trace in met],
        "lengths": [trace.rollout.length for trace in met],
        "distance": float(np.mean([d.mean() for d in strayed])),
        "distances": along(strayed, contest.every),
        "error": float(np.mean([trace.errors.mean() for trace in met])),
        "errors": along([trace.errors for trace in met], contest.every),
        "still": 100.0 * float(np.mean([expertise.reference.still(trace.states) for trace in met])),
        "error_there": float(errors_in(policy, expertise.seen, expertise.advice).mean()),
    }
