"""The commands of `python -m learn`, a file for each thing one does with a policy."""

from learn.commands.dagger import Dagger
from learn.commands.evaluate import Compare, Evaluate
from learn.commands.train import Train

# `python -m learn NAME`; a new command (export, study) is one more line here.
__all__ = ["COMMANDS", "Compare", "Dagger", "Evaluate", "Train"]

COMMANDS: dict[str, type] = {"train": Train, "evaluate": Evaluate, "compare": Compare, "dagger": Dagger}
