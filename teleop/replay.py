"""Replay: an episode's actions again from its first state, compared to the bit, or its states as pictures."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.episode import Episode
from data.session import Session
from teleop.envs import make_panda
from teleop.envs.panda import PandaEnv
from teleop.envs.render import Image, Look


@dataclass(frozen=True)
class Verdict:
    """`first_difference` is the first step whose state differs, None when every bit is the same; then `worst` is 0."""

    steps: int
    first_difference: int | None
    worst: float

    @property
    def exact(self) -> bool:
        return self.first_difference is None


def verify(arm: PandaEnv, episode: Episode) -> Verdict:
    """Step the stored actions from the stored first state and compare every `sim_state` bit for bit."""
    states = episode.steps["sim_state"]
    arm.restore(states[0])
    worst, first = 0.0, None
    for t, action in enumerate(episode.steps["actions"]):
        arm.step(action)
        now = arm.sim_state()
        if now.tobytes() != states[t + 1].tobytes():
            first = t if first is None else first
            worst = max(worst, float(np.abs(now - states[t + 1]).max()))
    return Verdict(len(episode), first, worst)


def frames(arm: PandaEnv, episode: Episode, camera: str, width: int, height: int, look: Look) -> Iterator[Image]:
    """The episode's stored states as pictures (height, width, 3) uint8."""
    for state in episode.steps["sim_state"]:
        arm.restore(state)
        yield arm.draw(camera, width, height, look)


def arm_of(session: Session, episode: Episode) -> PandaEnv:
    """The env an episode was recorded in, without its cameras (states do not need them)."""
    kwargs = {k: v for k, v in episode.meta.env_kwargs.items() if k not in ("cameras", "image_size")}
    env, arm = make_panda(episode.meta.env_id, kwargs)
    env.reset(seed=0)
    return arm
