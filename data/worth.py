"""Worth: the ledger of what each correction of a session was worth, found by `python -m learn worth`, kept beside the episodes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from data.errors import UserError
from data.files import replace_file

WORTH_NAME, FORMAT = "worth.json", 1

Key = tuple[str, int, int, str, int, float]


@dataclass(frozen=True)
class Correction:
    """One stretch of an episode, and the share of `rolls` futures that succeed from its `begin` without it, from its `end` with it.

    `fingerprint` names the policy that was tried, `shake` is the noise on its motion, `uid` names the episode, `success` is how
    that ended.
    """

    uid: str
    episode: int
    dagger_round: int
    begin: int
    end: int
    human_s: float
    fingerprint: str
    rolls: int
    shake: float
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
        return self.uid, self.begin, self.end, self.fingerprint, self.rolls, self.shake


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
        reason = f"{path} is no ledger of corrections ({' '.join(str(error).split())})"
        raise UserError(f"{reason}; remove it: python -m learn worth makes it anew") from error


def write_ledger(path: Path, corrections: Iterable[Correction]) -> None:
    record = {"format_version": FORMAT, "corrections": [asdict(correction) for correction in corrections]}
    try:
        replace_file(path, (json.dumps(record, indent=1) + "\n").encode())
    except OSError as error:
        raise UserError(f"{path} could not be written ({error.strerror}); free some space and give the same command again") from error


def latest_worth(corrections: Iterable[Correction], numbers: Mapping[str, int]) -> list[Correction]:
    """Each correction once, as the last call of `learn worth` found it, of the episodes in `numbers` (by uid), in their order.

    What is no longer in the session, deleted or merged elsewhere, is left out; `episode` is the number that it has now.
    """
    last = {(c.uid, c.begin, c.end): replace(c, episode=numbers[c.uid]) for c in corrections if c.uid in numbers}
    return sorted(last.values(), key=lambda c: (c.episode, c.begin))


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
        shake=float(row["shake"]),
        before=float(row["before"]),
        after=float(row["after"]),
        success=bool(row["success"]),
    )
