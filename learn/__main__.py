"""python -m learn: train, evaluate, dagger, demo."""

import sys

from data.cli import run_command
from learn.commands import COMMANDS
from learn.demo import Demo

if __name__ == "__main__":
    sys.exit(run_command("learn", {**COMMANDS, "demo": Demo}))
