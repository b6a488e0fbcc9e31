"""Peer: another tool at work in its own Python, asked in turns with us; `tests/peers/bench_*.py` are its side."""

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import UserError

SIDES = Path(__file__).parents[1] / "peers"
PROBE = "import importlib.metadata as m, importlib.util as u, sys; n = sys.argv[1]; print(m.version(n) if u.find_spec(n) else '')"
LONGEST_S = 240.0  # that one answer may take
ALONE = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


class PeerError(Exception):
    """What a peer could not do, in one line: its cell stays empty and says so."""


@dataclass(frozen=True)
class Tool:
    """A peer as the table names it, the package that is it, and the environment variable that names its Python."""

    name: str
    package: str
    variable: str
    install: str

    @property
    def side(self) -> Path:
        return SIDES / f"bench_{self.package}.py"

    def named(self, environ: Mapping[str, str]) -> str | None:
        return environ.get(self.variable) or None

    def version(self, python: str) -> str:
        """Its version there; raises UserError where that is no Python, or one without it."""
        asked = f"{self.variable}={python}"
        hint = f"name the Python of an environment made with: {self.install}"
        try:
            done = subprocess.run([python, "-c", PROBE, self.package], capture_output=True, text=True, check=False, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"{asked} does not run ({getattr(error, 'strerror', None) or 'no answer'}); {hint}") from error
        if done.returncode:
            raise UserError(f"{asked} does not run Python; {hint}")
        if not done.stdout.strip():
            raise UserError(f"{asked} has no {self.package}; {hint}")
        return done.stdout.strip()


ROBOSUITE = Tool("robosuite", "robosuite", "ROBOSUITE_PYTHON", "pip install robosuite==1.5.2 mujoco==3.3.7 h5py")
ROBOMIMIC = Tool("robomimic", "robomimic", "ROBOMIMIC_PYTHON", "pip install torch torchvision robomimic==0.3.0 six")
LEROBOT = Tool("LeRobot", "lerobot", "LEROBOT_PYTHON", 'pip install "lerobot[dataset]==0.6.1"')
ALL = (ROBOSUITE, ROBOMIMIC, LEROBOT)


class Peer:
    """A process that answers `ask`, started with the first question. `versions` are what it says of itself then."""

    def __init__(self, tool: Tool, python: str, scratch: Path) -> None:
        self.tool, self.python, self.scratch = tool, python, scratch
        self.versions: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None

    def ask(self, do: str, **words: Any) -> Any:
        """What it answers; raises PeerError where it cannot, or is gone."""
        if self._process is None:
            self._start()
        return self._tell({"do": do, **words})

    def close(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        with contextlib.suppress(OSError):
            os.killpg(process.pid, 9)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _start(self) -> None:
        home = Path(tempfile.mkdtemp(prefix=self.tool.package, dir=self.scratch))
        self._words = home / "words.txt"
        env = {**os.environ, **ALONE, "HF_HOME": str(home / "hf"), "TMPDIR": str(home)}
        with self._words.open("w") as words:
            self._process = subprocess.Popen(
                [self.python, "-W", "ignore", str(self.tool.side)],
                cwd=home,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                start_new_session=True,  # Ctrl-C is ours to answer
            )
        self.versions = self._heard()["ready"]

    def _tell(self, request: Mapping[str, Any]) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._gone() from error
        answer = self._heard()
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer["result"]

    def _heard(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(LONGEST_S):
                self.close()
                raise PeerError(f"no answer within {LONGEST_S:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise self._gone()
        return dict(json.loads(line))

    def _gone(self) -> PeerError:
        """Why its process ended, from the last thing it said."""
        self.close()
        said = [line.strip() for line in self._words.read_text(errors="replace").splitlines() if line.strip()]
        return PeerError(f"its process ended: {said[-1] if said else 'without a word'}")
