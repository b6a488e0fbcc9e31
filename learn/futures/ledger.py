"""The ledger of corrections: what each was worth, kept in a file from one call to the next."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.errors import UserError
from data.files import replace_file

WORTH_NAME, FORMAT = "worth.json", 1

Key = tuple[str, int, int, str, int]


@dataclass(frozen=True)
class Correction:
    """One stretch of an episode, and the share of `rolls` futures that succeed from its `begin` without it, from its `end` with it.

    `fingerprint` names the policy that was tried, `uid` the episode, `success` is how that ended.
    """

    uid: str
    episode: int
    dagger_round: int
    begin: int
    end: int
    human_s: float
    fingerprint: str
    rolls: int
    before: float
    after: float
    success: bool

    @property
    def worth(self) -> float:
        """What it added to the share of futures that succeed, −1 to 1."""
        return self.after - self.before

    @property
    def per_human_second(self) -> float:
        return self.worth / self.human_s

    @property
    def key(self) -> Key:
        return self.uid, self.begin, self.end, self.fingerprint, self.rolls


def net_worth(corrections: Sequence[Correction]) -> float:
    """Of all corrections of one episode: how it ended, less the share of futures that succeed from the first without any."""
    first = min(corrections, key=lambda c: c.begin)
    return float(first.success) - first.before


def read_ledger(path: Path) -> list[Correction]:
    """What a file of `write_ledger` holds; nothing where there is none. Raises UserError when it is damaged."""
    if not path.exists():
        return []
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format_version"] != FORMAT:
            raise ValueError(f"format {record['format_version']}, not {FORMAT}")
        return [_correction_of(row) for row in record["corrections"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no ledger of corrections ({' '.join(str(error).split())}); remove it, or give another") from error


def write_ledger(path: Path, corrections: Iterable[Correction]) -> None:
    record = {"format_version": FORMAT, "corrections": [asdict(correction) for correction in corrections]}
    try:
        replace_file(path, (json.dumps(record, indent=1) + "\n").encode())
    except OSError as error:
        raise UserError(f"{path} could not be written ({error.strerror}); free some space or give another") from error


def _correction_of(row: Mapping[str, Any]) -> Correction:
    return Correction(
        uid=str(row["uid"]),
        episode=int(row["episode"]),
        dagger_round=int(row["dagger_round"]),
        begin=int(row["begin"]),
        end=int(row["end"]),
        human_s=float(row["human_s"]),
        fingerprint=str(row["fingerprint"]),
        rolls=int(row["rolls"]),
        before=float(row["before"]),
        after=float(row["after"]),
        success=bool(row["success"]),
    )
