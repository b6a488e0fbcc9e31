"""Masks: which episodes are for training and which for validation, as `data split` decided it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from data.errors import UserError
from data.files import replace_file

MASKS_NAME = "masks.json"


@dataclass(frozen=True)
class Masks:
    """The numbers of the episodes in each set, and what they were drawn with. Empty: nobody has split the session."""

    train: tuple[int, ...] = ()
    valid: tuple[int, ...] = ()
    seed: int = 0
    valid_fraction: float = 0.0

    def named(self) -> dict[str, tuple[int, ...]]:
        """The masks by their names in the index; none when nobody has split the session."""
        return {"train": self.train, "valid": self.valid} if self.train or self.valid else {}


def read_masks(session: Path) -> Masks:
    """The session's masks; empty where there are none, UserError where the file is not what `split` wrote."""
    path = session / MASKS_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Masks()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}); split again: python -m data split {session}") from error
    try:
        values = json.loads(text)
        sets = {name: tuple(int(number) for number in values[name]) for name in ("train", "valid")}
        return Masks(**sets, seed=int(values["seed"]), valid_fraction=float(values["valid_fraction"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not what split wrote ({error}); split again: python -m data split {session}") from error


def write_masks(session: Path, masks: Masks) -> None:
    replace_file(session / MASKS_NAME, (json.dumps(asdict(masks)) + "\n").encode())
