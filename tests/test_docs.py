"""Specification of the documentation: every block of every page runs, one after the other, as a reader would run it.

`tests/pages.py` has the tables of what is made quick or headless for that, and of what cannot run here and why.
"""

import re
import runpy
import shlex
import shutil
import sys
import tomllib
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import commands_of, run
from pages import (
    AS_THEY_ARE,
    CODE_ONLY_COMPILED,
    CODE_QUICKER,
    LANGUAGES,
    ONLY_CHECKED,
    PAGES,
    QUICKER,
    ROOT,
    Block,
    blocks_of,
    only_checked,
    only_compiled,
    quicker,
)
from reference import command_reference
from tables import COMMANDS, TABLES

import teleop
from data.cli import _parse
from data.schema import Phase, Source
from data.session import Session
from teleop.commands import Record
from teleop.envs.robots.own import KEYS
from teleop.stick import Axis, Button, Stick
from teleop.stick_map import Wanted, read_stick_map

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
LINES = [line for block in BLOCKS if block.language == "bash" for line in block.commands]
PYTHON_PAGE = ROOT / "docs" / "python.md"  # whose blocks run in a test of their own, which also asks what they print
MADE: dict[str, list[Path]] = {}  # what a line has made, wherever it was run first: on other pages it is not run again
IN_PLACE = {"tag", "trim", "delete", "split", "recover", "migrate"}  # but these, which change a page's own session


class SomebodysHands:
    """At the sticks of an environment that no scripted operator knows: starts, pushes for half a second, keeps it."""

    name, source, profile = "somebody's hands", Source.SCRIPTED, "xbox"

    def __init__(self, plant: Any) -> None:
        self._ticks = 0

    def poll(self, events: Any, view: Any) -> Stick:
        self._ticks = 0 if view.phase is Phase.READY else self._ticks + 1
        pressed = {0: frozenset({Button.START}), 10: frozenset({Button.Y})}.get(self._ticks, frozenset())
        return Stick(np.array([0.5 * (axis is Axis.LEFT_X) for axis in Axis], np.float32), pressed, pressed)

    def rumble(self, pulse: Any) -> None: ...

    def close(self) -> None: ...


# -- what a page takes for granted -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What pages speak of without making it, by its name."""
    root = tmp_path_factory.mktemp("shop")
    for name in ("my-session", "tuesday", "play", "few-labelled", "no-actions", "touches"):
        shutil.copytree(recorded, root / name)
    assert run("data", "pack", recorded, "--out", root / "demos.hdf5") == 0
    (arm,) = (block for block in BLOCKS if block.title == "arm.xml")
    (root / arm.title).write_text(arm.text, encoding="utf-8")
    assert run("data", "delete", root / "no-actions", "--episodes", "1-2") == 0
    for name in ("my-policy", "my-other", "my-model"):
        assert run("learn", "train", recorded, "--out", root / name, "--steps", 6, "--hidden", 8, "--rollouts", 0) == 0
    return {path.name: path for path in root.iterdir()}


def bring(words: list[str], shop: dict[str, Path]) -> None:
    """What a line reads and nobody has made yet on this page."""
    for word in words:
        if word in shop and not Path(word).exists():
            (shutil.copytree if shop[word].is_dir() else shutil.copy)(shop[word], word)


# -- one block ---------------------------------------------------------------------------------------------------------


def run_line(line: str, shop: dict[str, Path]) -> None:
    """A line of bash, made quick; one that was run already on another page brings what it made there."""
    line = quicker(line)
    command, _, into = (part.strip() for part in line.partition(" > "))
    words = [str(Path(word).expanduser()) if word.startswith("~") else word for word in shlex.split(command)]
    if words[0] == "mkdir":
        Path(words[-1]).mkdir(parents=True)
        return
    made = [word for flag, word in pairwise(words) if flag in ("--out", "--session")]
    if line in MADE and words[3] not in IN_PLACE:
        for path in MADE[line]:
            if path != Path(path.name).absolute():
                shutil.copytree(path, path.name, dirs_exist_ok=True) if path.is_dir() else shutil.copy(path, path.name)
        return
    bring([word for word in words if word not in made], shop)
    if words[1] == "examples/play.py":
        runpy.run_path(str(ROOT / words[1]), run_name="__main__")
        return
    assert words[:2] == ["python", "-m"], f"how is this line run? tests/pages.py should say: {line}"
    with redirect_stdout(StringIO()) if into else redirect_stdout(sys.stdout):
        assert do(words[2], words[3:]) == 0, line
        if into:
            Path(into).write_text(sys.stdout.getvalue(), encoding="utf-8")  # type: ignore[attr-defined]
    added_to = words[4:5] if words[3] in ("dagger", "merge") else []
    MADE[line] = [Path(word).absolute() for word in [*made, *added_to, *filter(None, [into])] if Path(word).exists()]


def do(package: str, words: list[str]) -> int:
    """One of our commands, in this process."""
    if words[0] == "record" and "scripted" not in words:
        command = _parse(package, commands_of(package, words), words)
        assert isinstance(command, Record)
        replace(command, headless=True).drive(SomebodysHands)
        return 0
    return run(package, *words)


def check_line(line: str) -> None:
    """As far as a line can be checked that is not run."""
    words = shlex.split(line)
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert all(re.search(rf"^[\w -]*\b{word}\b[\w -]*:", makefile, re.MULTILINE) for word in words[1:] if "=" not in word), line
    if words[0] == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
        assert all(extra in extras for asked in re.findall(r"gamepad-dagger\[([\w,]+)\]", line) for extra in asked.split(",")), line
    package, *rest = words[words.index("-m") + 1 :] if "-m" in words else [""]
    if package in ("teleop", "data", "learn"):
        assert type(_parse(package, commands_of(package, rest), rest)) is commands_of(package, rest)[rest[0]]


def run_code(block: Block, shop: dict[str, Path]) -> None:
    """Python, made quick, as a program of its own."""
    code = block.text
    for piece, instead in CODE_QUICKER:
        code = code.replace(piece, instead)
    made = re.findall(r'(?:record\(|out=)"([^"]+)"', re.sub(r"#.*", "", code))
    bring([word.split("/")[0] for word in re.findall(r'"([\w./-]+)"', code) if word not in made], shop)
    exec(compile(code, block.where, "exec"), {"__name__": "__main__"})


def check_toml(block: Block) -> None:
    """By the reader that it is for."""
    said = tomllib.loads(block.text)
    if "model" in said:
        assert all(KEYS[key].accepts(value) for key, value in said.items()), block.where
        assert set(re.findall(r"^#? ?(\w+) =", block.text, re.MULTILINE)) <= set(KEYS), block.where
    else:
        width = 1 + max(rule["action"] for rule in said["axis"] + said.get("button", []))
        Path("map.toml").write_text(block.text, encoding="utf-8")
        assert read_stick_map(Path("map.toml"), Wanted("Anything-v0", width))


def run_block(block: Block, later: list[Block], shop: dict[str, Path]) -> None:
    if block.title:
        Path(block.title).write_text(block.text, encoding="utf-8")
    if block.language == "bash":
        for line in block.commands:
            check_line(line) if only_checked(line) else run_line(line, shop)
    elif block.language == "python":
        is_module = block.title and any(f"{Path(block.title).stem}:" in other.text for other in later)
        if only_compiled(block.text) or is_module:
            compile(block.text, block.where, "exec")
        else:
            run_code(block, shop)
    elif block.language == "toml":
        check_toml(block)
    else:
        assert block.language in AS_THEY_ARE, f"{block.where}: how is a block of {block.language!r} run?"


# -- the specification -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks_of(page) and page != PYTHON_PAGE], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_block_of_a_page_runs(page: Path, shop: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as `python -m` has it
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / ".minari" / "datasets"))
    monkeypatch.setattr(sys, "argv", ["play.py", "policy.onnx", "1"])
    experts, heads = dict(teleop.experts.EXPERTS), dict(_heads())
    try:
        blocks = blocks_of(page)
        for number, block in enumerate(blocks):
            run_block(block, blocks[number + 1 :], shop)
    finally:  # what the cookbook adds is for its own page
        _restore(teleop.experts.EXPERTS, experts)
        _restore(_heads(), heads)


def _heads() -> Any:
    from learn.policies.policy import HEADS

    return HEADS


def _restore(table: Any, before: dict[Any, Any]) -> None:
    table.clear()
    table.update(before)


def test_the_pages_have_blocks_of_every_language_that_is_run() -> None:
    assert {block.language for block in BLOCKS} & LANGUAGES >= {"bash", "python", "toml"}


@pytest.mark.parametrize("pattern", [pattern for pattern, _, _ in QUICKER])
def test_no_substitution_is_left_over(pattern: str) -> None:
    seen = []
    for line in LINES:
        for known, instead, _ in QUICKER:
            seen += [known] if re.search(known, line) else []
            line = re.sub(known, instead, line)
    assert pattern in seen


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in ONLY_CHECKED])
def test_no_exception_is_left_over(pattern: str) -> None:
    assert any(re.search(pattern, line) for line in LINES)


@pytest.mark.parametrize("piece", [piece for piece, _ in (*CODE_ONLY_COMPILED, *CODE_QUICKER)])
def test_no_exception_for_code_is_left_over(piece: str) -> None:
    assert any(piece in block.text for block in BLOCKS if block.language == "python")


def test_a_line_that_nobody_knows_fails(shop: dict[str, Path]) -> None:
    with pytest.raises(AssertionError, match="how is this line run"):
        run_line("python train.py", shop)


GENERATED = [(page, name) for page in PAGES for name in TABLES if f"<!-- {name}:begin -->" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize(("page", "name"), GENERATED, ids=lambda value: getattr(value, "name", value))
def test_a_generated_table_is_up_to_date(page: Path, name: str) -> None:
    (written,) = re.findall(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", page.read_text(encoding="utf-8"), re.DOTALL)
    assert written == TABLES[name](), "run: make tables"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_somewhere(name: str) -> None:
    assert any(found == name for _, found in GENERATED)


def test_the_command_reference_is_up_to_date() -> None:
    assert COMMANDS.read_text(encoding="utf-8") == command_reference(), "run: make tables"


@pytest.mark.parametrize("way_in", ["from teleop import record", "from data import Session", "from learn import Policy"])
def test_each_way_in_has_an_example_of_ten_lines(way_in: str) -> None:
    page = [block for block in blocks_of(PYTHON_PAGE) if block.language == "python"]
    assert min(len(block.text.splitlines()) for block in page if way_in in block.text) <= 11


def test_the_examples_of_the_python_page_say_what_they_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shop: dict[str, Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    said: list[str] = []
    for block in blocks_of(PYTHON_PAGE):
        capsys.readouterr()
        run_code(block, shop)
        said.append(capsys.readouterr().out)
    recording, own, session, commands, policy = said
    assert [line.split()[1] for line in recording.splitlines()[-3:]] == ["success"] * 3
    assert own.splitlines()[-1] == "failure"
    assert len(session.splitlines()) >= 4
    assert "packed.hdf5: 3 episodes" in commands
    assert float(policy) in (0.0, 1.0)
    assert Session.open("my-session").rows()[0].behaviour_mode == "left"
