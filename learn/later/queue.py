"""Queue: the states of a round that are asked about, and the answers so far, each durable once it is given.

`queue.jsonl` is written whole; `answers.jsonl` grows by a line with every answer, and the last line about a state counts.
"""

import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import UserError
from data.files import replace_file
from data.schema import Source
from teleop.desk import Reply

QUEUE_NAME, ANSWERS_NAME = "queue.jsonl", "answers.jsonl"
Key = tuple[str, int]


@dataclass(frozen=True)
class Asked:
    """A state to be asked about: `step` of the episode with this `uid`, which had this `number`; `score` is the gate's doubt."""

    uid: str
    number: int
    step: int
    score: float

    @property
    def key(self) -> Key:
        return self.uid, self.step


class Queue:
    """Owns the two files in `folder`. `asked` is in the order of asking; `replies` holds the last answer about each state, with
    the seconds of all that were given about it.
    """

    def __init__(self, folder: Path, uids: Collection[str] | None = None) -> None:
        """Of `uids` only, where these are given: an episode that was deleted is not asked about."""
        self.folder = folder
        self.asked = [asked for asked in _read_asked(folder / QUEUE_NAME) if uids is None or asked.uid in uids]
        self.replies = _read_replies(folder / ANSWERS_NAME)

    @property
    def left(self) -> int:
        return sum(asked.key not in self.replies for asked in self.asked)

    def resize(self, most: int, more: Sequence[Asked]) -> None:
        """Ask about `more` too; where there are more than `most` the least doubtful that are not answered yet are left out."""
        asked = [*self.asked, *more]
        worst = sorted((a for a in asked if a.key not in self.replies), key=lambda a: -np.inf if np.isnan(a.score) else a.score)
        left_out = {a.key for a in worst[: max(0, len(asked) - most)]}
        asked = [a for a in asked if a.key not in left_out]
        if asked != self.asked or not (self.folder / QUEUE_NAME).exists():
            self.asked = asked
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(self.folder / QUEUE_NAME, "".join(json.dumps(asdict(a)) + "\n" for a in asked).encode())

    def keep(self, number: int, reply: Reply) -> None:
        """The answer about the state `asked[number]`; on the disk when this returns."""
        asked, path = self.asked[number], self.folder / ANSWERS_NAME
        line = json.dumps({"uid": asked.uid, "step": asked.step, **_plain(reply)}) + "\n"
        try:
            if not path.exists():
                replace_file(path, b"")  # so that its name is durable, too
            with path.open("ab") as file:
                file.truncate(_whole(path.read_bytes()))
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UserError(
                f"{path} could not be written ({error}); free some space, the same command goes on with this question"
            ) from error
        self.replies[asked.key] = _with_earlier(self.replies.get(asked.key), reply)

    def by_episode(self) -> dict[str, dict[int, Reply]]:
        """The answers by uid and step."""
        found: dict[str, dict[int, Reply]] = defaultdict(dict)
        for (uid, step), reply in self.replies.items():
            found[uid][step] = reply
        return dict(found)


def waiting_lines(folder: Path) -> Iterator[str]:
    """How far the queue of a round is, where it has one."""
    queue = Queue(folder)
    if queue.left:
        yield f"{len(queue.asked) - queue.left} of {len(queue.asked)} stored states answered; the same command goes on"


def _read_asked(path: Path) -> list[Asked]:
    try:
        return [Asked(**json.loads(line)) for line in _lines(path)]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); remove it: states are chosen anew, answers are kept") from error


def _read_replies(path: Path) -> dict[Key, Reply]:
    """What a kill has torn ends the file: that answer was not given yet."""
    replies: dict[Key, Reply] = {}
    for number, line in enumerate(_lines(path), 1):
        try:
            facts = json.loads(line)
            key = (str(facts.pop("uid")), int(facts.pop("step")))
            replies[key] = _with_earlier(replies.get(key), _reply(facts))
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is damaged in line {number} ({error}); remove that line and give the same command again") from error
    return replies


def _lines(path: Path) -> list[bytes]:
    content = path.read_bytes() if path.exists() else b""
    return content[: _whole(content)].splitlines()


def _whole(content: bytes) -> int:
    """How many bytes whole lines take."""
    return content.rfind(b"\n") + 1


def _plain(reply: Reply) -> dict[str, Any]:
    arrays = {name: None if value is None else value.tolist() for name, value in (("label", reply.label), ("stick", reply.stick))}
    return {**vars(reply), **arrays, "source": int(reply.source)}


def _reply(facts: dict[str, Any]) -> Reply:
    label = None if facts["label"] is None else np.asarray(facts["label"], np.float32)
    return Reply(**{**facts, "label": label, "stick": np.asarray(facts["stick"], np.float32), "source": Source(facts["source"])})


def _with_earlier(earlier: Reply | None, reply: Reply) -> Reply:
    """An answer that was taken back has cost its time, too."""
    if earlier is None:
        return reply
    return replace(reply, latency_s=earlier.latency_s + reply.latency_s, shown_s=earlier.shown_s + reply.shown_s)
