"""Remote: a simulator in another Python, with the same methods as one here."""

import contextlib
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from .spaces import GuestError
from .wire import receive, send

START = "import sys; sys.path.insert(0, {folder!r}); import guest.serve as s; sys.path.pop(0); s.main()"
Vector = NDArray[np.float64]
Obs = dict[str, NDArray[Any]]


class RemoteSimulator:
    """Owns the other process. `python`: the interpreter in whose environment the env is installed."""

    mujoco = None  # not in this process

    def __init__(self, python: str, env_id: str, kwargs: Mapping[str, Any]) -> None:
        if not Path(python).is_file():
            raise GuestError(f"--env-python {python} does not exist; give the Python in whose environment {env_id} is installed")
        self.success = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        code = START.format(folder=str(Path(__file__).parents[1]))
        self._process = subprocess.Popen([python, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        try:
            self._facts: dict[str, Any] = self._ask("make", env_id, dict(kwargs))
        except GuestError:
            self.close()
            raise

    def _ask(self, name: str, *words: Any) -> Any:
        try:
            send(cast(BinaryIO, self._process.stdin), [name, list(words)])
            answer = receive(cast(BinaryIO, self._process.stdout))
        except (EOFError, OSError) as error:
            raise GuestError(f"the environment's process has ended ({self._last_words()})") from error
        if "ok" in answer:
            return answer["ok"]
        raise GuestError(answer.get("refused") or answer["failed"])

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def facts(self) -> dict[str, Any]:
        return self._facts

    def xml(self) -> str:
        return str(self._ask("xml"))

    def reset(self, seed: int | None) -> Obs:
        obs: Obs = self._ask("reset", seed)
        self.success = False
        return obs

    def step(self, vector: NDArray[np.float32]) -> tuple[Obs, float, bool, bool, bool]:
        obs, reward, terminated, truncated, self.success = self._ask("step", vector)
        return obs, reward, terminated, truncated, self.success

    def state(self) -> Vector:
        return cast(Vector, self._ask("state"))

    def flat_state(self) -> Vector:
        return cast(Vector, self._ask("flat_state"))

    def keep(self) -> None:
        self._ask("keep")

    def restore(self, state: Vector) -> Obs:
        return cast(Obs, self._ask("restore", state))

    def stand_as(self, state: Vector) -> None:
        self._ask("stand_as", state)

    def draw(self, camera: str, width: int, height: int, orbit: list[float] | None) -> NDArray[np.uint8]:
        return cast(NDArray[np.uint8], self._ask("draw", camera, width, height, orbit))

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # it may have gone already, with something on its way to it
                cast(BinaryIO, stream).close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
