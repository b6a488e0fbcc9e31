"""Drivers: the policies that drove a session's episodes, found again among the rounds of a DAgger run."""

from collections.abc import Sequence
from pathlib import Path

from data.errors import UserError, one_of
from learn.checkpoint import Checkpoint, load_policy
from learn.futures.corrections import Corrected, DriverName
from learn.model_folder import ROUNDS_NAME
from learn.policies import Policy

CURE = "give the --out of the learn dagger that drove it, or leave it out with --episodes"


def drivers_of(corrected: Sequence[Corrected], model_dir: Path) -> dict[int, Policy]:
    """The policy that drove, by the episode's number; of episodes that name one. One that several name is loaded once.

    Raises UserError where `model_dir` is of no run, or of another than that which drove.
    """
    there = _rounds_in(model_dir)
    loaded: dict[int, Checkpoint] = {}
    drivers = {}
    for one in corrected:
        if one.driver is None:
            continue
        number = one.driver.round
        if number not in there:
            rounds = one_of(there)
            raise UserError(f"episode {one.number} was driven by the policy of round {number}, {model_dir} has those of {rounds}; {CURE}")
        if number not in loaded:
            loaded[number] = load_policy(there[number])
        _check_same(one, one.driver, loaded[number], there[number])
        drivers[one.number] = loaded[number].policy
    return drivers


def _rounds_in(model_dir: Path) -> dict[int, Path]:
    """The folder of each round's policy."""
    if not model_dir.exists():
        raise UserError(f"there is no model at {model_dir}; give the folder that learn dagger made (its --out)")
    found = {int(path.name): path for path in (model_dir / ROUNDS_NAME).glob("*") if path.name.isdecimal()}
    if not found:
        raise UserError(f"{model_dir} holds no rounds of learn dagger (no {ROUNDS_NAME}/ in it); give the folder that it made (its --out)")
    return dict(sorted(found.items()))


def _check_same(one: Corrected, driver: DriverName, loaded: Checkpoint, folder: Path) -> None:
    kind, fingerprint = loaded.policy.config.kind, loaded.fingerprint
    if (kind, fingerprint) != (driver.kind, driver.fingerprint):
        was, there = f"{driver.kind} of data {driver.fingerprint[:12]}", f"{kind} of data {fingerprint[:12]}"
        raise UserError(f"episode {one.number} was driven by a {was}, in {folder} is a {there}; {CURE}")
