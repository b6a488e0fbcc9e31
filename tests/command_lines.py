"""Every command line of this repository, to be run in the test's own process."""

import subprocess
import sys
from pathlib import Path

from data.cli import run_command
from data.commands import COMMANDS as DATA
from learn.commands import COMMANDS as LEARN
from learn.commands import commands_for
from learn.demo import Demo
from teleop.commands import COMMANDS as TELEOP

PACKAGES: dict[str, dict[str, type]] = {"teleop": TELEOP, "data": DATA, "learn": {**LEARN, "demo": Demo}}
SUBCOMMANDS = [(package, name) for package, commands in PACKAGES.items() for name in commands]


def commands_of(package: str, words: list[str]) -> dict[str, type]:
    """What `python -m package words…` chooses from."""
    return {**PACKAGES[package], **(commands_for(words) if package == "learn" else {})}


def run(package: str, *words: object) -> int:
    """`python -m package words…`; its exit code."""
    said = [str(word) for word in words]
    return run_command(package, commands_of(package, said), said)


KILLED = """
import importlib, os, signal, sys
from data.cli import run_command
from learn.commands import COMMANDS

module, owner, method, after, *words = sys.argv[1:]
owner, calls = getattr(importlib.import_module(module), owner), []
do = getattr(owner, method)

def do_and_die(*arguments):
    done = do(*arguments)
    calls.append(1)
    if len(calls) == int(after):
        os.kill(os.getpid(), signal.SIGKILL)
    return done

setattr(owner, method, do_and_die)
run_command("learn", COMMANDS, words)
"""


def run_killed(after: int, call: str, *words: object) -> subprocess.CompletedProcess[str]:
    """`python -m learn words…`, which SIGKILL ends as `call` ("module Class method") has been done for that time."""
    line = [sys.executable, "-c", KILLED, *call.split(), str(after), *map(str, words)]
    return subprocess.run(line, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)
