"""The pages of the documentation as something that runs: their blocks, and what becomes of each line in a test.

A line of bash is one of ours, and then run in the test's own process after `QUICKER` has made it small; or it is `ONLY_CHECKED`
as far as it can be, for the reason that stands there. What is neither is a mistake of the page. `tests/test_docs.py` does it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "api").glob("*.md")))
LANGUAGES = {"bash", "python", "console", "toml"}
AS_THEY_ARE = {"", "text", "xml", "math"}  # output, models and formulas: nothing to run, but a block with a title is that file

OURS = r"^(python -m teleop record(?!.*--env (?!Panda|UR5e|touch:)).*)$"

# What makes a line quick, or does without a person: pattern, what stands in its place, why.
QUICKER: tuple[tuple[str, str, str], ...] = (
    (r" --device gamepad\b", "", "nobody is here"),
    (r"^(python -m teleop record.*) --(target|plan) .*?(?=$| --)", r"\1", "as many as --episodes says"),
    (r"^(python -m teleop record.*) --episodes \d+", r"\1", "as many as --episodes says"),
    (OURS, r"\1 --skill 2", "the scripted operator, without slips"),
    (r"^(python -m teleop record(?!.*--device).* --skill 2)$", r"\1 --device scripted --headless", "nobody is at the sticks"),
    (r"^(python -m teleop record.*)$", r"\1 --episodes 2", "few episodes"),
    (r"^(python -m teleop devices) --calibrate .*$", r"\1", "nobody moves the sticks"),
    (r"^(python -m teleop devices)$", r"\1 --once", "the table once"),
    (r"^(python -m teleop replay .*--video .*)$", r"\1 --episode 0 --size 64 48 --look hulls --fps 2", "a small film"),
    (r"^(python -m data video .*)$", r"\1 --size 64 48 --look hulls", "small films"),
    (r"^(python -m data report .*)$", r"\1 --videos 0", "no films"),
    (r"^(python -m (?:data|learn) .*)--episodes 3 (?:5-9|7-9)", r"\1--episodes 0 1-2", "few episodes"),
    (r"^(python -m (?:data|learn) .*)--episodes [37]\b", r"\1--episodes 1", "few episodes"),
    (r"^(python -m data view(?!.*--save).*--episodes \d+ .*)$", r"\1 --save seen", "no viewer"),
    (r"^(python -m data view(?!.*--save).*)$", r"\1 --save seen.rrd", "no viewer"),
    (r"^(python -m data check .*)$", r"\1 --replay 1", "one replay"),
    (r"^(python -m learn (?:evaluate|compare) .*?)(?: --episodes \d+)?( --videos \w+)?$", r"\1 --episodes 1\2 --workers 1", "one rollout"),
    (r"(--videos [a-z]\w*)", r"\1 --most-videos 0", "no films: a picture takes half a second without a GPU"),
    (r"^(python -m learn train(?!.*inverse)(?!.*--policy (?:flow|act)).*)$", r"\1 --hidden 8", "a small network"),
    (r"^(python -m learn train .*--policy flow.*)$", r"\1 --hidden 16 --integration-steps 2", "a small network"),
    (r"^(python -m learn train(?!.*inverse)(?!.*--rollouts).*)$", r"\1 --rollouts 0", "no rollouts on the way"),
    (r"^(python -m learn (?:train|pretrain)(?!.*--resume) .*?)(?: --steps \d+)?$", r"\1 --steps 6", "few minibatches"),
    (r"^(python -m learn dagger .*?)(?: --device scripted --headless)?$", r"\1 --device scripted --headless", "nobody is at the sticks"),
    (r"^(python -m learn dagger .*?) --labels \d+", r"\1", "few answers"),
    (
        r"^(python -m learn dagger .*)$",
        r"\1 --labels 6 --rounds 1 --episodes 1 --steps 6 --members 2 --scenes 1 --evaluation-episodes 1 --workers 1",
        "one short round",
    ),
    (r"--propagate \d+", "--propagate 1", "one scene"),
    (r"^(python -m learn propagate .*) --scenes \d+", r"\1 --scenes 1 --workers 1", "one scene"),
    (r"^(python -m learn worth .*)$", r"\1 --rolls 1 --workers 1", "one future"),
    (r"^(python examples/play.py \S+) \d+", r"\1 1", "one episode"),
)

# What no test can run here; our own words in it are parsed, files named in it exist, and the rest is for the reason given.
ONLY_CHECKED: tuple[tuple[str, str], ...] = (
    (r"^make ", "a target of the Makefile: the test asks whether it exists"),
    (r"_PYTHON=\S+ make bench", "the same beside other tools; each needs an environment of its own"),
    (r"tests/bench --rows", "minutes of measuring; tests/test_bench.py runs families of it"),
    (r"^python3\.1\d -m venv \w+ && ", "an environment of another tool"),
    (r"^source \.venv/bin/activate$", "makes `python` ours, which it is"),
    (r"^pip install ", "an extra of pyproject.toml: the test asks whether it exists"),
    (r"--cluster ray", "starts Ray; tests/test_data_cluster.py does it"),
    (r"^(export RAY_|RAY_AUTH_MODE=\S+ ray |ray )", "Ray's own, on several machines"),
    (r"^torchrun ", "starts processes of torch's own; tests/test_learn_distributed.py does it"),
    (r"^lerobot-train ", "LeRobot's own; make check-lerobot runs it in its environment"),
    (r"^python -m teleop\.envs\.robomimic ", "robomimic's own scripts; make check-robomimic runs them in its environment"),
    (r"--env-python ", "needs another Python with other packages; tests/test_teleop_guests.py makes one"),
    (r"--robot kuka_iiwa_14", "downloads the arm; tests/test_teleop_robots.py has Menagerie's folder"),
    (r"--from d4rl", "D4RL's file is not here; tests/test_data_exchange.py imports one like it"),
    (r"learn dagger first-session|--target 0\.95", "a sitting ends at 95 %; tests/test_learn_sitting.py has short ones"),
    (r"learn dagger detour ", "a minute's work; the page's other session has the same command"),
    (r"^python -m learn study ", "an hour's work; tests/test_learn_studies_*.py do the quick ones"),
    (r"--resume$", "of a training that was interrupted; tests/test_learn_train.py interrupts some"),
)
CODE_ONLY_COMPILED: tuple[tuple[str, str], ...] = (
    ("from lerobot.", "needs LeRobot; make check-lerobot runs it in its environment"),
    ("config.train.data", "robomimic's configuration; make check-robomimic trains with it"),
    ("for seed in range(100_000", "a part of examples/play.py, which tests/test_learn_export.py runs"),
)
CODE_QUICKER: tuple[tuple[str, str], ...] = (
    ("episodes=20", "episodes=1"),
    ("steps=2000", "steps=6, hidden=(8,)"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `title` is the file that it is, "" for none."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The lines of a bash block without their comments."""
        lines = (re.split(r"(?:^|\s\s+)#", line)[0].strip() for line in self.text.splitlines())
        return [line for line in lines if line]


def blocks_of(page: Path) -> list[Block]:
    """Every fenced block, in order."""
    text = page.read_text(encoding="utf-8")
    fences = re.finditer(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', text, re.DOTALL | re.MULTILINE)
    return [Block(page, text[: f.start()].count("\n") + 1, f[1], f[2] or "", f[3]) for f in fences]


def quicker(line: str) -> str:
    """The line as a test runs it."""
    for pattern, instead, _ in QUICKER:
        line = re.sub(pattern, instead, line)
    return line


def only_checked(line: str) -> str:
    """Why this line is not run; "" where it is."""
    return next((why for pattern, why in ONLY_CHECKED if re.search(pattern, line)), "")


def only_compiled(code: str) -> str:
    """Why this Python is not run; "" where it is."""
    return next((why for piece, why in CODE_ONLY_COMPILED if piece in code), "")
