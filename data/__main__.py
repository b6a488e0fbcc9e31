"""python -m data: inspect, check and the other tools for a session."""

import sys

from data.cli import run_command
from data.commands import COMMANDS

if __name__ == "__main__":
    sys.exit(run_command("data", COMMANDS))
