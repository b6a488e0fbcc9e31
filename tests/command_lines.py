"""Every command line of this repository, to be run in the test's own process."""

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
