"""Arms of MuJoCo Menagerie by name, through its own package `mujoco-menagerie`: downloaded once, then out of its cache."""

import difflib
import importlib.util
import os
from pathlib import Path
from typing import Any

from data.errors import UserError, one_of
from teleop.envs.robots.derive import Request, derive_robot
from teleop.envs.robots.robot import ModelFile, Robot

INSTALL = "pip install 'gamepad-dagger[menagerie]'"


def arm_names() -> tuple[str, ...]:
    """Menagerie's names of arms; () where its package is not installed."""
    if importlib.util.find_spec("mujoco_menagerie") is None:
        return ()
    import mujoco_menagerie

    return tuple(robot.name for robot in mujoco_menagerie.robots("arm"))


def find_arm(name: str, others: tuple[str, ...] = ()) -> Robot:
    """The arm called `name`, everything about it found out from its model; `others` are named where there is none."""
    names = arm_names()
    if not names:
        raise UserError(f"there is no robot {name!r}; allowed: {one_of(others)}, a file (.xml, .toml), or an arm of Menagerie: {INSTALL}")
    if name not in names:
        near = difflib.get_close_matches(name, (*others, *names), n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UserError(f"there is no robot {name!r}; {hint}allowed: {one_of(others)}, a file (.xml, .toml), Menagerie's {one_of(names)}")
    import mujoco_menagerie

    return derive_robot(Request(name=name, model=ModelFile(str(_model_path(mujoco_menagerie.get(name)))), chooses_base=True))


def _model_path(arm: Any) -> Path:
    """The arm's default MJCF, downloaded where it is not there yet."""
    from mujoco_menagerie import Cache, MenagerieError

    cache = Cache()
    try:
        path: Path = arm.xml(arm.default_model, cache)
    except (MenagerieError, OSError) as error:
        here = ", ".join(n for n in arm_names() if _is_here(cache, n)) or "none"
        where = f"in MENAGERIE_ROOT {cache.root}" if cache.root else f"in {cache.dir} (MENAGERIE_CACHE_DIR)"
        raise UserError(
            f"the model of {arm.name} could not be had ({error}); it needs the network once, or MENAGERIE_ROOT, a folder with Menagerie's "
            f"models; arms {where}: {here}"
        ) from error
    if not path.is_file():
        raise UserError(f"{path} is missing; {os.path.dirname(path)} is not Menagerie's folder of that name")
    return path


def _is_here(cache: Any, name: str) -> bool:
    import mujoco_menagerie

    return bool((cache.root / name).is_dir() if cache.root else cache.is_cached(mujoco_menagerie.get(name)))
