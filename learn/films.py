"""Films: rollouts of a policy as pictures; of one that sees, with what it looks at beside them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from data.errors import UserError
from data.video import write_video
from learn.driver import Driver
from learn.evaluate import OnStep, rollout, without_unused_cameras
from learn.policies import Observation, Policy
from learn.saliency import overlay, saliency
from teleop.envs import make_plant
from teleop.envs.plant import Plant
from teleop.envs.render import PRETTY, Image

SIZE_PX = (640, 480)
RESULT_HOLD_FRAMES = 10
CAMERA = "front"
WIDEST_EYE_PX = 240
BACKGROUND = 24  # grey level


def rollout_frames(policy: Policy, env_id: str, env_kwargs: Mapping[str, Any], seeds: Iterable[int]) -> Iterator[Image]:
    """Pictures (480, 640, 3) of the rollouts from these seeds, one after the other; how each ended stands for half a second.

    Of a policy that sees they are wider: beside the scene stand its cameras' pictures, glowing where `saliency` is.
    """
    driver = Driver(policy)
    env, plant = make_plant(env_id, without_unused_cameras(policy, env_kwargs))
    with closing(env):
        for seed in seeds:
            frames: list[Image] = []
            rollout(driver, env, seed, _photographer(policy, plant, frames))
            yield from frames
            yield from [frames[-1]] * RESULT_HOLD_FRAMES


def film_each(policy: Policy, env_id: str, env_kwargs: Mapping[str, Any], seeds: Iterable[int], folder: Path) -> list[Path]:
    """A film of each rollout, `seed-<n>.mp4` in `folder`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--videos {folder} cannot be made ({error.strerror}); give a folder you can write to") from error
    paths = []
    for seed in seeds:
        paths.append(folder / f"seed-{seed}.mp4")
        write_video(paths[-1], rollout_frames(policy, env_id, env_kwargs, [seed]), round(Plant.control_hz), option="--videos")
    return paths


def _photographer(policy: Policy, plant: Plant, frames: list[Image]) -> OnStep:
    """Adds a picture of every step to `frames`; what a policy sees changes when it looks."""
    eyes = np.empty((SIZE_PX[1], 0, 3), np.uint8)

    def on_step(obs: Observation, *_: Any) -> None:
        nonlocal eyes
        if policy.config.image_keys and len(frames) % policy.config.execute == 0:
            eyes = eyes_column(policy, obs)
        frames.append(np.hstack([plant.draw(_camera(plant), *SIZE_PX, PRETTY), eyes]))

    return on_step


def eyes_column(policy: Policy, obs: Observation) -> Image:
    """(480, width, 3) what a policy sees, one camera above the other, with its saliency."""
    found = saliency(policy, obs)
    side = min(WIDEST_EYE_PX, SIZE_PX[1] // len(found)) // 2 * 2
    column = np.full((SIZE_PX[1], side, 3), BACKGROUND, np.uint8)
    for k, (key, heat) in enumerate(found.items()):
        column[k * side : (k + 1) * side] = _resized(overlay(np.asarray(obs[key]), heat), side)
    return column


def _resized(picture: Image, side: int) -> Image:
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    return interpolate(pixels, (side, side), mode="bilinear", align_corners=False)[0].permute(1, 2, 0).byte().numpy()


def _camera(plant: Plant) -> str:
    names = plant.camera_names
    return CAMERA if CAMERA in names else names[0]
