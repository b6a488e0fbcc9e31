"""Arenas: the environments in which DAgger and behaviour cloning are compared, and who the expert is in each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from learn.driver import Driver
from learn.policies import Observation
from learn.studies.dagger.contest import Contest
from learn.studies.dagger.shift import Advice, Floats
from learn.studies.expert import load_expert
from learn.studies.expert_hand import ExpertHand
from learn.studies.scenes import slug_of
from teleop.cockpit import CockpitConfig
from teleop.devices.habits import OperatorConfig
from teleop.devices.hand import wanted_action
from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Plant
from teleop.experts import expert_for
from teleop.experts.aim import Wish
from teleop.mapping import MappingConfig
from teleop.screen import Orbit

Action = NDArray[np.float32]
Score = Literal["success", "return"]

# No noise, no slips, and never content with what is nearly what it would do itself: the textbook's expert, whose answer is its action.
# At its own pace it slows down before every turn, to speeds that a network tells apart from 0 only barely; brisk it does not.
GENTLE_OPERATOR = OperatorConfig(skill=2.0, tolerance=1e-6, patience=None)
BRISK_OPERATOR = replace(GENTLE_OPERATOR, approach_per_s=10.0)


@dataclass(frozen=True)
class Arena:
    """An environment and an expert, `temper` says which where there are several. `score` is what a policy is judged by.

    `state` are the columns of each observation in which distances are measured, `state_note` says which and why. `labeller` says who
    demonstrates and answers, `advise` gives what that expert would do (A,) in the state in which its environment stands, which the
    observation is of. `sits` are the fields of its cockpit. In films it is looked at from `view`, in every `film_every`-th step.
    """

    env_id: str
    score: Score
    state: Mapping[str, tuple[int, ...]]
    state_note: str
    labeller: str
    advise: Callable[[Plant], Advice]
    sits: Mapping[str, Any] = field(default_factory=dict)
    view: Orbit | None = None
    film_every: int = 1
    temper: str = ""

    @property
    def name(self) -> str:
        return f"{self.env_id}, {self.temper} expert" if self.temper else self.env_id

    @property
    def slug(self) -> str:
        """The name in files and anchors."""
        return f"{slug_of(self.env_id)}-{self.temper}" if self.temper else slug_of(self.env_id)

    def env_kwargs(self, most_steps: int | None) -> dict[str, Any]:
        return {} if most_steps is None else {"max_episode_steps": most_steps}

    def cockpit(self, contest: Contest, first_scene: int) -> CockpitConfig:
        """The expert at the sticks, in simulated time; episode n is driven in scene `first_scene` + n. Every step and answer is kept."""
        most_s = None if contest.most_steps is None else contest.most_steps / Plant.control_hz
        return CockpitConfig(self.env_id, headless=True, seed=first_scene, max_seconds=most_s, trims=False, **self.sits)

    def state_of(self, obs: Observation) -> Floats:
        """(…, D) of an observation, or of an episode of them (T, n)."""
        parts = [np.asarray(obs[key], np.float64)[..., list(columns)] for key, columns in self.state.items()]
        return np.concatenate(parts, axis=-1)


def _operators_advice(operator: OperatorConfig, plant: Plant) -> Advice:
    env, mapping = cast(ArmEnv, plant), MappingConfig()
    expert = expert_for(env)

    def advice(obs: Observation) -> Action:
        action = wanted_action(env, expert(env, Wish()), operator, mapping)
        fastest = np.repeat([mapping.translate, mapping.rotate, 1.0], (3, 3, 1)).astype(np.float32)
        return np.clip(action, -fastest, fastest)

    return advice


BRISK_PUSH = Arena(
    env_id="PandaPush-v0",
    score="success",
    state={"robot0_eef_pos": (0, 1, 2), "object": (0, 1, 6, 7)},
    state_note=(
        "Where the hand is (x, y, z), where the puck is and how far it still has to go (x, y each): 7 numbers, which everything else "
        "that the policy sees follows from. The hand's direction and the fingers are left out, since the expert never moves them and "
        "a deviation in units of its own would be without measure."
    ),
    labeller=(
        "The scripted operator, without noise, slips and overshoot (skill 2), which answers every question with its own action and "
        "never just agrees; it demonstrates and answers for both methods. It is brisk: it goes at full speed and slows down over the last "
        "centimetres only."
    ),
    advise=partial(_operators_advice, BRISK_OPERATOR),
    sits={"device": "scripted", "operator": BRISK_OPERATOR},
    film_every=2,
    temper="brisk",
)
GENTLE_PUSH = replace(
    BRISK_PUSH,
    labeller=(
        "The same operator at a person's pace: it wants 3 instead of 10 cm/s for each centimetre that is left, so it slows down well "
        "before every turn, to actions about as small as the network's errors."
    ),
    advise=partial(_operators_advice, GENTLE_OPERATOR),
    sits={"device": "scripted", "operator": GENTLE_OPERATOR},
    temper="gentle",
)


def _experts_hand(plant: Plant) -> ExpertHand:
    return ExpertHand(plant, load_expert("Reacher-v5").policy, MappingConfig())


def _experts_advice(plant: Plant) -> Advice:
    driver = Driver(load_expert("Reacher-v5").policy)

    def advice(obs: Observation) -> Action:
        action: Action = np.clip(driver.act(obs)[0], -1.0, 1.0)
        return action

    return advice


REACHER = Arena(
    env_id="Reacher-v5",
    score="return",
    state={"state": tuple(range(10))},
    state_note=(
        "The whole observation: cosines and sines of both joints, where the target is, how fast the joints turn, and how far the "
        "fingertip is from the target: 10 numbers."
    ),
    labeller=(
        "A policy from reinforcement learning, kept in this package with its card; it moves the sticks and answers every question with "
        "its own action."
    ),
    advise=_experts_advice,
    sits={"own_device": _experts_hand},
    view=Orbit(elevation_deg=35.0, zoom=0.46),
)
ARENAS = {arena.name: arena for arena in (REACHER, BRISK_PUSH, GENTLE_PUSH)}
