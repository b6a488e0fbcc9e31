"""Films: rollouts of a policy as pictures."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from data.errors import UserError
from data.video import write_video
from learn.driver import Driver
from learn.evaluate import rollout, without_unused_cameras
from learn.policies import Policy
from teleop.envs import make_plant
from teleop.envs.plant import Plant
from teleop.envs.render import PRETTY, Image

SIZE_PX = (640, 480)
RESULT_HOLD_FRAMES = 10
CAMERA = "front"


def rollout_frames(policy: Policy, env_id: str, env_kwargs: Mapping[str, Any], seeds: Iterable[int]) -> Iterator[Image]:
    """Pictures (480, 640, 3) of the rollouts from these seeds, one after the other; how each ended stands for half a second."""
    driver = Driver(policy)
    env, plant = make_plant(env_id, without_unused_cameras(policy, env_kwargs))
    with closing(env):
        for seed in seeds:
            frames: list[Image] = []
            rollout(driver, env, seed, lambda *_, frames=frames: frames.append(plant.draw(_camera(plant), *SIZE_PX, PRETTY)))
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


def _camera(plant: Plant) -> str:
    names = plant.camera_names
    return CAMERA if CAMERA in names else names[0]
