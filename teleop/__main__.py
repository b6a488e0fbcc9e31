"""python -m teleop: record, replay, devices, envs."""

import sys

from data.cli import run_command
from teleop.commands import COMMANDS

if __name__ == "__main__":
    sys.exit(run_command("teleop", COMMANDS))
