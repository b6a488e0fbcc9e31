"""Calibration: one pad's dead zone, curve and speed, measured, kept in the user's settings, turned into a mapping.

What is recorded stays raw; a calibration only changes what the sticks mean.
"""

import json
import logging
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from data.files import replace_file
from teleop.devices.pads import model_of
from teleop.devices.profiles import label
from teleop.mapping import MappingConfig
from teleop.stick import STICK_AXES, Axis

SMALLEST, LARGEST = 0.04, 0.30  # of a dead zone
MARGIN, SPARE = 1.5, 0.02
TOUCHED, TURNED = 0.35, 0.5
EXPO, SPEED = (1.0, 4.0), (0.1, 2.5)
DEFAULT = MappingConfig()
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """`dead_zone`, `expo`, `translate` and `rotate` as in `MappingConfig`; `drift` is how far the sticks stood from the
    middle at rest, `reach` how far the worst of them goes, both in 0 … 1."""

    dead_zone: float = DEFAULT.dead_zone
    expo: float = DEFAULT.expo
    translate: float = DEFAULT.translate
    rotate: float = DEFAULT.rotate
    drift: float = 0.0
    reach: float = 1.0

    def __post_init__(self) -> None:
        self.applied_to(DEFAULT)  # which refuses what no mapping can have
        if not (0.0 <= self.drift <= 1.0 and 0.0 <= self.reach <= 1.0):
            raise ValueError("drift and reach must be in [0, 1]")

    def applied_to(self, mapping: MappingConfig) -> MappingConfig:
        return replace(mapping, dead_zone=self.dead_zone, expo=self.expo, translate=self.translate, rotate=self.rotate)


def dead_zone_for(drift: float) -> float:
    """A dead zone that hides the drift with room to spare; 0.04 … 0.30."""
    return round(float(np.clip(MARGIN * drift + SPARE, SMALLEST, LARGEST)), 3)


def measure(rest: NDArray[np.float32], swing: NDArray[np.float32], profile: str) -> tuple[float, dict[Axis, float]]:
    """(drift, reach per axis) from samples (N, 4) of the sticks at rest and (M, 4) turned all the way round.

    A UserError when the sticks were held while they should rest, or not turned while they should be.
    """
    drifts = np.abs(rest).max(axis=0)
    worst = STICK_AXES[int(drifts.argmax())]
    if drifts.max() > TOUCHED:
        raise UserError(
            f"{label(profile, worst)} stood at {100 * drifts.max():.0f} % while it should rest; let go of the sticks and calibrate again"
        )
    reaches = {axis: float(min(1.0, -swing[:, i].min(), swing[:, i].max())) for i, axis in enumerate(STICK_AXES)}
    least = min(reaches, key=lambda axis: reaches[axis])
    if reaches[least] < TURNED:
        went = f"{label(profile, least)} went to {100 * max(0.0, reaches[least]):.0f} % only"
        raise UserError(f"{went}; turn both sticks all the way round and calibrate again")
    return float(drifts.max()), reaches


def calibration_from(drift: float, reach: float, base: Calibration, expo: float | None, speed: float | None) -> Calibration:
    """What was measured, with the wished curve and speed (1 = as it comes, 0.35 m/s); what is not wished stays as in `base`."""
    if expo is not None and not EXPO[0] <= expo <= EXPO[1]:
        raise UserError(
            f"--expo {expo} is outside {EXPO[0]:.0f} (straight) … {EXPO[1]:.0f} (gentle in the middle); give a number in between"
        )
    if speed is not None and not SPEED[0] <= speed <= SPEED[1]:
        raise UserError(f"--speed {speed} is outside {SPEED[0]} … {SPEED[1]}; give how fast a full stick is, 1 is 0.35 m/s")
    found = replace(base, dead_zone=dead_zone_for(drift), drift=round(drift, 4), reach=round(reach, 4))
    if expo is not None:
        found = replace(found, expo=expo)
    if speed is not None:
        found = replace(found, translate=DEFAULT.translate * speed, rotate=DEFAULT.rotate * speed)
    return found


# -- on disk -----------------------------------------------------------------------------------------------------------


def config_folder(environ: Mapping[str, str] = os.environ, system: str | None = None) -> Path:
    """Where settings are kept: $GAMEPAD_DAGGER_CONFIG, else the platform's place for them."""
    if environ.get("GAMEPAD_DAGGER_CONFIG"):
        return Path(environ["GAMEPAD_DAGGER_CONFIG"])
    system = platform.system() if system is None else system
    places = {"Windows": environ.get("APPDATA"), "Darwin": str(Path.home() / "Library" / "Application Support")}
    place = places.get(system) or environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(place) / "gamepad-dagger"


def path_for(guid: str) -> Path:
    return config_folder() / "pads" / f"{model_of(guid)}.json"


def calibration_for(guid: str) -> Calibration | None:
    """What was kept for pads of this model; None without, or with one warning when the file is damaged."""
    path = path_for(guid)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return Calibration(**{field.name: float(facts[field.name]) for field in fields(Calibration)})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        LOG.warning("%s is damaged (%s) and is left out; calibrate the pad again: python -m teleop devices --calibrate", path, why)
        return None


def mapping_for(guid: str, mapping: MappingConfig = DEFAULT) -> MappingConfig:
    """`mapping` with what was kept for pads of this model, where anything was."""
    found = calibration_for(guid)
    return mapping if found is None else found.applied_to(mapping)


def keep(guid: str, name: str, calibration: Calibration) -> Path:
    """Write it, whole or not at all; the path."""
    path = path_for(guid)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps({"name": name, **asdict(calibration)}, indent=1) + "\n").encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); set GAMEPAD_DAGGER_CONFIG to a folder that can be") from error
    return path
