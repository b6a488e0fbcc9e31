"""Specification of the README: its commands exist and are all of them, its links hold. Its tables and blocks: tests/test_docs.py."""

import re
import shlex
from pathlib import Path

import pytest
from bench.table import readme_table
from command_lines import SUBCOMMANDS, commands_of

from data.cli import _parse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL_LINES = [line.split("#")[0].strip() for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
COMMAND_LINES = [line for line in SHELL_LINES if line.startswith("python -m ")] + re.findall(r"`(python -m [^`]+)`", README)


def test_the_ratios_are_fifteen_lines_at_most() -> None:
    assert len(readme_table().splitlines()) + 2 <= 15


def test_the_readme_has_command_lines_to_check() -> None:
    assert len(COMMAND_LINES) >= 6


@pytest.mark.parametrize("line", sorted(set(COMMAND_LINES)))
def test_a_command_line_in_the_readme_is_understood(line: str) -> None:
    package, *words = shlex.split(line)[2:]
    command = _parse(package, commands_of(package, words), words)  # raises UserError for words that do not exist
    assert type(command) is commands_of(package, words)[words[0]]


@pytest.mark.parametrize(("package", "name"), SUBCOMMANDS)
def test_every_subcommand_is_in_the_readme(package: str, name: str) -> None:
    assert f"python -m {package} {name}" in README


@pytest.mark.parametrize("line", sorted({line for line in SHELL_LINES if line.startswith("make ")}))
def test_a_make_target_in_the_readme_exists(line: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in line.split()[1:]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))))
def test_a_local_link_in_the_readme_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((docs/[^)#]+#[^)]+)\)", README))))
def test_a_place_that_the_readme_links_to_is_there(link: str) -> None:
    page, _, place = link.partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert place in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
