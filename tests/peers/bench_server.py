"""What the peers' sides of `make bench` share: do what a line asks, answer with a line. The standard library only.

A request is {"do": name, **words}; the answer {"result": …}, or {"error": one line}. What libraries print goes to standard error.
Imported first, before the peer's own packages.
"""

import contextlib
import functools
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Tell = Callable[..., None]

_answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def serve(commands: Mapping[str, Callable[..., Any]], versions: Mapping[str, str]) -> None:
    """Say which versions answer here, then answer until nobody asks any more."""
    _answer(ready=dict(versions))
    for line in sys.stdin:
        request = json.loads(line)
        name = request.pop("do")
        try:
            if name not in commands:
                raise ValueError(f"{name} is not one of {', '.join(commands)}")
            _answer(result=commands[name](**request))
        except Exception as error:  # noqa: BLE001 (whatever it is, the cell stays empty and says why)
            _answer(error=" ".join(f"{type(error).__name__}: {error}".split()))


def _answer(**words: Any) -> None:
    _answers.write(json.dumps(words) + "\n")
    _answers.flush()


def seconds_of(call: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    call()
    return time.perf_counter() - began_s


class Victim:
    """A child that records until SIGKILL: `record(tell)` calls tell(episode=, step=) after each step and tell(kept=) after each episode."""

    def __init__(self, record: Callable[[Tell], object], after_s: float) -> None:
        self._read, write = os.pipe()
        self.told, self.after_s, self.first_s, self.killed_s = b"", after_s, 0.0, 0.0
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)

            def tell(**words: Any) -> None:
                os.write(write, (json.dumps(words) + "\n").encode())

            try:
                record(tell)
            except BaseException as error:  # noqa: BLE001
                tell(died=repr(error))
            os._exit(1)
        os.close(write)

    def listen(self, wait_s: float) -> None:
        while select.select([self._read], [], [], wait_s)[0] and (heard := os.read(self._read, 1 << 16)):
            self.told, wait_s = self.told + heard, 0.0
            self.first_s = self.first_s or time.monotonic()

    def kill_in_time(self) -> bool:
        """Whether it has been killed: so long after the first thing it told."""
        if not self.killed_s and self.first_s and time.monotonic() >= self.first_s + self.after_s:
            os.kill(self.pid, signal.SIGKILL)
            self.killed_s = time.monotonic()
            os.waitpid(self.pid, 0)
            self.listen(0.0)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)  # what it had started
            os.close(self._read)
        return bool(self.killed_s)

    def words(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.told.splitlines() if line.endswith(b"}")]


def killed(
    record: Callable[[Tell, str], object],
    left: Callable[[str], Mapping[int, int]],
    folders: Sequence[str],
    after_s: Sequence[float],
) -> dict[str, Any]:
    """Record into each of the folders at once, each killed after so long; `left(folder)` says how many steps of which episodes are left.

    Of episodes that were kept before: how many, and how many are gone; of each running one the steps that are missing.
    """
    victims = [Victim(functools.partial(_into, record, folder), s) for folder, s in zip(folders, after_s, strict=True)]
    while alive := [victim for victim in victims if not victim.kill_in_time()]:
        for victim in alive:
            victim.listen(0.005)
    found: dict[str, Any] = {"kills": len(victims), "kept": 0, "lost": 0, "missing": []}
    for victim, folder in zip(victims, folders, strict=True):
        words, there = victim.words(), left(folder)
        died = [word["died"] for word in words if "died" in word]
        if died:
            raise RuntimeError(f"a recorder ended by itself: {died[0]}")
        kept = {word["kept"] for word in words if "kept" in word}
        steps = [word for word in words if "step" in word and word["episode"] not in kept]
        found["kept"] += len(kept)
        found["lost"] += len([episode for episode in kept if not there.get(episode)])
        found["missing"].append(len([word for word in steps if word["step"] >= there.get(word["episode"], 0)]))
    return found


def _into(record: Callable[[Tell, str], object], folder: str, tell: Tell) -> None:
    record(tell, folder)
