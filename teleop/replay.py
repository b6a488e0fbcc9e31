"""Replay: an episode's actions again from its first state, compared to the bit, or its states as pictures."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from data.episode import Episode
from data.errors import UserError
from data.session import Session
from data.video import QUALITY, film_name, is_folder, make_folder, make_room, write_video
from teleop.envs import make_plant
from teleop.envs.plant import Plant
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

    def __str__(self) -> str:
        return "the same to the bit" if self.exact else f"differs from step {self.first_difference} on, by up to {self.worst:.3g}"


@dataclass(frozen=True)
class Verdicts:
    """What became of each episode, by its number; `unreadable` says why."""

    replayed: dict[int, Verdict] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)

    @property
    def differing(self) -> list[int]:
        return [number for number, verdict in self.replayed.items() if not verdict.exact]

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "episodes": len(self.replayed) + len(self.unreadable),
            "exact": len(self.replayed) - len(self.differing),
            "differing": self.differing,
            "unreadable": {str(number): why for number, why in self.unreadable.items()},
        }


@dataclass(frozen=True)
class FilmStyle:
    """`size_px` is width and height, `fps` pictures a second at most; `quality` 1 (small) to 10."""

    camera: str
    size_px: tuple[int, int]
    fps: int
    look: Look
    quality: int = QUALITY

    def __post_init__(self) -> None:
        if self.fps < 1:
            raise UserError(f"--fps {self.fps} is no number of pictures a second; give 1 or more")
        if not 1 <= self.quality <= 10:
            raise UserError(f"--quality {self.quality} is outside 1 (small files) … 10 (no loss one can see)")

    def every(self, control_hz: float) -> int:
        """Which states are drawn, one of so many: as many as make at most `fps` pictures a second."""
        return max(1, ceil(control_hz / self.fps - 1e-9))


def verify(plant: Plant, episode: Episode) -> Verdict:
    """Step the stored actions from the stored first state and compare every `sim_state` bit for bit."""
    states = episode.steps["sim_state"]
    plant.begin_again(episode.meta.seed, states[0])
    worst, first = 0.0, None
    for t, action in enumerate(episode.steps["actions"]):
        plant.step(action)
        now = plant.sim_state()
        if now.tobytes() != states[t + 1].tobytes():
            first = t if first is None else first
            worst = max(worst, float(np.abs(now - states[t + 1]).max()))
    return Verdict(len(episode), first, worst)


def verify_each(session: Session, numbers: Sequence[int]) -> Iterator[tuple[int, Verdict | UserError]]:
    """`verify` one episode after the other, in one env; an error for one that cannot be read."""
    with contextlib.ExitStack() as stack:
        plant = None
        for number in numbers:
            try:
                episode = session.read(number, keys=())
            except UserError as error:
                yield number, error
                continue
            plant = plant or stack.enter_context(contextlib.closing(plant_of(session, episode)))
            _check_fits(plant, episode, number)
            yield number, verify(plant, episode)


def frames(plant: Plant, episode: Episode, camera: str, width: int, height: int, look: Look, every: int = 1) -> Iterator[Image]:
    """The episode's stored states, each `every`-th and the last, as pictures (height, width, 3) uint8."""
    for t in stand_through(plant, episode):
        if t % every == 0 or t == len(episode):
            yield plant.draw(camera or plant.camera_names[0], width, height, look)


def stand_through(plant: Plant, episode: Episode) -> Iterator[int]:
    """Stand in one stored state after the other, and give its number; where that cannot be, act again from the seed."""
    states = episode.steps["sim_state"]
    if not plant.can_restore:
        plant.begin_again(episode.meta.seed, states[0])
        yield 0
        for t, action in enumerate(episode.steps["actions"]):
            plant.step(action)
            yield t + 1
        return
    plant.set_scene(episode.meta.seed)
    for t, state in enumerate(states):
        plant.stand_as(state)
        yield t


def film_each(session: Session, numbers: Sequence[int], path: Path, style: FilmStyle) -> Iterator[tuple[int, int, Path]]:
    """Write the film of each episode, drawn in one env: (number, frames, path). `path` is an .mp4, or a folder for several."""
    folder = is_folder(path)
    if not folder and len(numbers) > 1:
        raise UserError(f"--video {path} is one film and {len(numbers)} episodes are asked for; give a folder, or one --episode")
    if folder:
        make_folder(path, "--video", path)
    else:
        make_room(path, "--video")
    with contextlib.ExitStack() as stack:
        plant = None
        for number in numbers:
            episode = session.read(number, keys=())
            plant = plant or stack.enter_context(contextlib.closing(plant_of(session, episode)))
            _check_fits(plant, episode, number)
            target = path / film_name(number) if folder else path
            every = style.every(episode.meta.control_hz)
            pictures = frames(plant, episode, style.camera, *style.size_px, style.look, every)
            yield number, write_video(target, pictures, episode.meta.control_hz / every, quality=style.quality), target


def plant_of(session: Session, episode: Episode) -> Plant:
    """The env an episode was recorded in, without its cameras (states do not need them)."""
    kwargs = {k: v for k, v in episode.meta.env_kwargs.items() if k not in ("cameras", "image_size")}
    env, plant = make_plant(episode.meta.env_id, kwargs)
    env.reset(seed=0)
    return plant


def _check_fits(plant: Plant, episode: Episode, number: int) -> None:
    stored, here = episode.steps["sim_state"].shape[1:], plant.sim_state().shape
    if stored != here:
        raise UserError(
            f"episode {number} has simulator states of {stored} numbers and {episode.meta.env_id} here has {here}; "
            "it was recorded with another version of the environment or of MuJoCo"
        )
