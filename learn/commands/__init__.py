"""The commands of `python -m learn`, a file for each thing one does with a policy."""

from collections.abc import Sequence
from itertools import pairwise

from learn.commands.calibrate import Calibrate
from learn.commands.dagger import Dagger
from learn.commands.evaluate import Compare, Evaluate
from learn.commands.export import Export
from learn.commands.inverse import Label, Pretrain, TrainInverse
from learn.commands.propagate import Propagate
from learn.commands.study import StudyCommand
from learn.commands.train import Train
from learn.commands.worth import Worth

__all__ = [
    "COMMANDS",
    "Calibrate",
    "Compare",
    "Dagger",
    "Evaluate",
    "Export",
    "Label",
    "Pretrain",
    "Propagate",
    "StudyCommand",
    "Train",
    "TrainInverse",
    "Worth",
    "commands_for",
]

# `python -m learn NAME`; a new command is one more line here.
COMMANDS: dict[str, type] = {
    "train": Train,
    "evaluate": Evaluate,
    "compare": Compare,
    "calibrate": Calibrate,
    "dagger": Dagger,
    "pretrain": Pretrain,
    "label": Label,
    "propagate": Propagate,
    "worth": Worth,
    "export": Export,
    "study": StudyCommand,
}


def commands_for(words: Sequence[str]) -> dict[str, type]:
    """`COMMANDS`, but `train --policy inverse` has options and a help of its own."""
    inverse = ("--policy", "inverse") in pairwise(words) or "--policy=inverse" in words
    return {**COMMANDS, "train": TrainInverse} if inverse else COMMANDS
