"""The command reference: every command and option as the command lines themselves say them."""

import argparse
import re
import warnings
from collections.abc import Iterator

import tyro
from command_lines import PACKAGES, commands_of

CONFIG = (tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff)
HEAD = """# Commands

Every command and every option, as `--help` says them (`make tables` writes this page). The same options are the fields and
arguments of the [Python side](python.md). Exit codes: 0 done; 1 the answer is no (not exact, damaged); 2 the words or the input
are wrong, said in one line; 130 interrupted. With `--json` the last line of standard output is one JSON object.
"""
INTROS = {
    "teleop": "How a person drives: record, replay, look at devices and environments.",
    "data": "What a demonstration is and how it is kept: every tool for a session.",
    "learn": "Policies: train, evaluate, ask for help, export.",
}
THIS_MACHINE = {"--workers": "every core", "--session": "data/recordings/ and the time"}


def command_reference() -> str:
    """docs/commands.md."""
    return "\n".join([HEAD, *(line for package, commands in PACKAGES.items() for line in _package(package, list(commands)))]) + "\n"


def _package(package: str, names: list[str]) -> Iterator[str]:
    yield f"## python -m {package}\n\n{INTROS[package]}\n"
    for name in names:
        yield from _command(package, name, commands_of(package, [name])[name])
        if (package, name) == ("learn", "train"):
            words = ["train", "--policy", "inverse"]
            yield from _command(package, " ".join(words), commands_of(package, words)["train"])


def _command(package: str, name: str, command: type) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parser = tyro.extras.get_parser(command, config=CONFIG)
    actions = [action for action in parser._actions if action.dest != "help"]
    words = " ".join(str(action.metavar) for action in actions if not action.option_strings)
    yield f"### {package} {name}\n\n{_inline(parser.description or '')}\n"
    yield f"```text\npython -m {package} {name} {words}".rstrip() + " [OPTIONS]\n```\n"
    if actions:
        yield "| option | value | what |\n| --- | --- | --- |"
        yield from (_row(action) for action in actions)
        yield ""


def _row(action: argparse.Action) -> str:
    name = action.option_strings[0] if action.option_strings else str(action.metavar)
    value = str(action.metavar or "") if action.option_strings else ""
    value = re.sub(r"\[(\w+) \[\1 …\]\]", r"\1 …", value.replace("{None}|", "").replace(" ...", " …")).strip("{}").replace(",", ", ")
    return f"| `{name}` | {_cell(value)} | {_cell(_help(name, action.help or ''))} |"


def _help(name: str, text: str) -> str:
    """One line, with its default last, and nothing in it of the machine that wrote it."""
    text = re.sub(r" ?\(default: (|None|False|True|'')\)$", "", " ".join(text.split()))
    if name in THIS_MACHINE:
        text = re.sub(r"\(default: [^()]*\)$", f"(default: {THIS_MACHINE[name]})", text)
    return _inline(text)


def _inline(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("[", "\\[")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
