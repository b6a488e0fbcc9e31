"""The Python side of `python -m teleop record`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from data.errors import UserError, one_of
from data.session import Session
from teleop.cockpit import MakeDevice
from teleop.commands import Record
from teleop.devices import DeviceName


def record(
    session: Path | str,
    env: str = "PandaLift-v0",
    *,
    device: DeviceName | MakeDevice = "auto",
    env_args: Mapping[str, Any] | None = None,
    **options: Any,
) -> Session:
    """Drive and keep what you did; returns the session, which is made where there is none and gone on with otherwise.

    `device`: a name as on the command line, or a function that is given the `Plant` and makes a `Device` of your own.
    `env_args`: arguments of the environment. `options`: every other option of `python -m teleop record`, by its name with _
    for - and with the same meaning, for instance `episodes=5, cameras=("front", "wrist"), seed=7, headless=True`.

    Raises UserError for what the command would refuse, TypeError for an option that there is not.
    """
    if isinstance(device, str) and device not in get_args(DeviceName):
        raise UserError(f"device {device!r} is none; allowed: {one_of(get_args(DeviceName))}, or a function that makes one")
    if isinstance(options.get("cameras"), str):
        options["cameras"] = (options["cameras"],)
    words = tuple(f"{name}={json.dumps(value)}" for name, value in (env_args or {}).items())
    own = None if isinstance(device, str) else device
    name: DeviceName = device if isinstance(device, str) else "auto"
    Record(env=env, session=Path(session), device=name, env_args=words, **options).drive(own)
    return Session.open(session)
