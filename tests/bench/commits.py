"""Keeping one more episode in a small and in a large session, to the disk: beside h5py's own write, robosuite and LeRobot."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bench.row import FLOOR, Row, Thing
from bench.stage import Stage
from bench.turns import Side, seconds_of
from data.episode import Episode
from data.session import Session

ROUNDS, FEW_ROUNDS = 9, 3
SIZES = (10, 1000)
PLAIN = "the same arrays: no compression, no checksums, no index, no rename"
FILMS = "save_episode with its usual films (AV1); the pictures have been written as PNGs meanwhile"
STREAMED = "save_episode with streaming_encoding, which is not its rule: the films have been coded meanwhile, but for their ends"
LENGTHENED = "; its films made as long as those of 990 episodes by its own concatenation, since it copies all of a film for each episode"
GATHERED = "gather_demonstrations_as_hdf5, which its script calls after each episode and which writes all of them anew; states and actions"


def rows(stage: Stage) -> list[Row]:
    seeing = stage.session.read(0)
    blind = replace(seeing, obs={k: v for k, v in seeing.obs.items() if v.ndim < 4}, final_obs={})
    found = []
    for size in SIZES:
        for name, episode in (("with two cameras", seeing), ("without pictures", blind)):
            session = filled(stage.folder / f"{name}-{size}", episode, size - 1)
            thing = Thing("commit", f"keep the {size:,}th episode, {name}", "ms", headline=size == max(SIZES))
            others = [Side(FLOOR, "h5py write + fsync", plain_write(stage.folder, episode), PLAIN)]
            found += _beside(stage, thing, size, episode is seeing, episode, others, session)
    return found


def _beside(stage: Stage, thing: Thing, size: int, sees: bool, episode: Episode, others: list[Side], session: Session) -> list[Row]:
    asked: Mapping[str, Any] = {"number": size, "steps": len(episode), "episode": str(stage.pictures) if sees else ""}
    cannot = {"robomimic": "it records nothing"}
    if sees:
        note = FILMS + (LENGTHENED if size > SIZES[0] else "")
        others.append(Side("LeRobot", "LeRobot, films", stage.asks("LeRobot", "commit", pictures="video", **asked), note))
        streamed = STREAMED + (LENGTHENED if size > SIZES[0] else "")
        others.append(Side("LeRobot", "LeRobot, films meanwhile", stage.asks("LeRobot", "commit", pictures="streaming", **asked), streamed))
        png = "save_episode, pictures embedded as PNGs" + (f"; {SIZES[0]} episodes before it" if size > SIZES[0] else "")
        others.append(Side("LeRobot", "LeRobot, PNGs", stage.asks("LeRobot", "commit", pictures="image", **asked), png))
        cannot["robosuite"] = "it keeps no pictures; they are drawn from the states afterwards"
    else:
        others.append(Side("LeRobot", "LeRobot", stage.asks("LeRobot", "commit", pictures=None, **asked), "save_episode"))
        gather = stage.asks("robosuite", "gather", episodes=size, steps=len(episode))
        others.append(Side("robosuite", "robosuite", gather, GATHERED))
    rounds = ROUNDS if size == SIZES[0] else FEW_ROUNDS
    return stage.compare(thing, lambda: 1e3 * seconds_of(lambda: session.append(episode)), others, rounds, **cannot)


def filled(folder: Path, episode: Episode, count: int, watch: Callable[[range], Iterable[int]] = iter) -> Session:
    """A session of so many copies of an episode; `watch` shows how far it is."""
    session = Session.create(folder)
    session.append(episode)
    source = session.episode_path(0)
    for number in watch(range(1, count)):
        shutil.copyfile(source, session.episode_path(number))
    session.tidy()
    return session


def plain_write(folder: Path, episode: Episode) -> Callable[[], float]:
    """Milliseconds of what nobody could go below."""
    path = folder / "plain.hdf5"

    def write() -> None:
        with h5py.File(path, "w") as file:
            for name, column in (*episode.steps.items(), *episode.obs.items(), *episode.final_obs.items()):
                file.create_dataset(f"{name}-{np.ndim(column)}", data=column)
        with path.open("rb+") as raw:
            os.fsync(raw.fileno())

    return lambda: 1e3 * seconds_of(write)
