"""python -m learn: train, evaluate, compare, calibrate, dagger, pretrain, label, propagate, worth, export, study, demo."""

import sys

from data.cli import run_command
from learn.commands import commands_for
from learn.demo import Demo

if __name__ == "__main__":
    sys.exit(run_command("learn", {**commands_for(sys.argv[1:]), "demo": Demo}))
