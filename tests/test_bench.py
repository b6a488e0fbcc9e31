"""Specification of `make bench`: its arithmetic, tables and files, how it talks to a peer, that its sides do what they say."""

import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from bench import commits, driving, inference, lateness, loading, runner, stepping, table, turns
from bench.peer import ALL, LEROBOT, SIDES, Peer, PeerError, Tool
from bench.row import FLOOR, Row, Thing, figure
from bench.stage import Stage

from data.errors import UserError
from data.session import Session
from learn.dataset import load_frames

TICK, RATE = Thing("step", "a step", "ms"), Thing("windows", "windows", "a second", "more")
GONE = Thing("sigkill", "episodes gone", "%")

# What a peer's side is, with a peer that can only double, fail, chatter and die.
FAKE = f"""
import os, sys, time
sys.path.insert(0, {str(SIDES)!r})
import bench_server

def fail(): raise ValueError("two\\nlines")
def chatter(): print("a library prints"); os.system("echo so does its process"); return 1.0
def die(): print("out of memory", file=sys.stderr); sys.stderr.flush(); os._exit(3)
def record(tell, folder):
    for episode in range(10**6):
        for step in range(3):
            with open(f"{{folder}}/{{episode}}", "a") as file: file.write("x")
            tell(episode=episode, step=step)
        if episode % 2: os.remove(f"{{folder}}/{{episode}}")
        tell(kept=episode)
        time.sleep(0.01)
def left(folder): return {{int(name): os.path.getsize(f"{{folder}}/{{name}}") for name in os.listdir(folder)}}
def kill(folders): return bench_server.killed(record, left, folders, [0.05, 0.1])

bench_server.serve({{"double": lambda n: 2 * n, "fail": fail, "chatter": chatter, "die": die, "kill": kill}}, {{"fake": "1.0"}})
"""


@dataclasses.dataclass(frozen=True)
class FakeTool(Tool):
    script: Path = Path()

    @property
    def side(self) -> Path:
        return self.script


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    (tmp_path / "fake.py").write_text(FAKE)
    tool = FakeTool("LeRobot", "pytest", "FAKE_PYTHON", "pip install pytest", tmp_path / "fake.py")
    peer = Peer(tool, sys.executable, tmp_path)
    yield peer
    peer.close()


# -- a row -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thing", "ours", "theirs", "ratio", "interval"),
    [
        (TICK, (1.0, 2.0, 4.0), (4.0, 4.0, 4.0), 2.0, (1.0, 4.0)),
        (RATE, (1.0, 2.0, 4.0), (4.0, 4.0, 4.0), 0.5, (0.25, 1.0)),
        (GONE, (0.0,), (100.0,), None, None),
        (GONE, (50.0,), (0.0,), None, None),
    ],
    ids=["less is better", "more is better", "nothing here", "nothing there"],
)
def test_above_1_ours_is_the_better_whichever_way_round_the_thing_is(
    thing: Thing, ours: tuple[float, ...], theirs: tuple[float, ...], ratio: float | None, interval: tuple[float, float] | None
) -> None:
    row = Row(thing, "LeRobot", "LeRobot", ours, theirs)
    assert (row.ratio, row.interval) == (ratio, interval)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tool": "another"}, "another is not one of"),
        ({"theirs": (1.0,)}, "2 rounds here, 1 of"),
        ({"theirs": ()}, "not said why"),
    ],
)
def test_a_row_is_complete(changes: dict[str, object], message: str) -> None:
    row = Row(TICK, FLOOR, "nothing", (1.0, 2.0), (1.0, 2.0))
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(row, **changes)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
        (0.0, "0"),
        (0.01234, "0.0123"),
        (1.0, "1.00"),
        (12.34, "12.3"),
        (99.96, "100"),
        (1234.5, "1,230"),
        (9_876_543, "9,880,000"),
    ],
)
def test_figures_have_three_digits(value: float | None, said: str) -> None:
    assert figure(value) == said


def test_a_row_comes_back_from_json() -> None:
    row = Row(TICK, "robosuite", "robosuite, plain", (1.0, 3.0), (2.0, 2.0), "how")
    values = json.loads(json.dumps(row.to_json()))
    assert Row.from_json(values) == row
    assert values["times as good"] == 1.0
    assert values["interval"] == [2 / 3, 2.0]


# -- turns -------------------------------------------------------------------------------------------------------------


def test_sides_take_turns_and_warm_up_first() -> None:
    asked: list[str] = []

    def side(name: str, value: float) -> Callable[[], float]:
        return lambda: asked.append(name) or value  # type: ignore[func-returns-value]

    rows = turns.compared(TICK, side("ours", 1.0), [turns.Side(FLOOR, "bare", side("bare", 0.5))], rounds=2)
    assert asked == ["ours", "bare"] * 3
    assert rows == [Row(TICK, FLOOR, "bare", (1.0, 1.0), (0.5, 0.5))]


def test_a_side_that_fails_leaves_an_empty_cell_that_says_why_and_the_others_go_on() -> None:
    def broken() -> float:
        raise PeerError("it has no pictures")

    sides = [turns.Side("robosuite", "robosuite", broken), turns.Side(FLOOR, "bare", lambda: 0.5)]
    broken_row, bare, cannot = turns.compared(TICK, lambda: 1.0, sides, rounds=2, cannot={"robomimic": "it drives nothing"})
    assert (broken_row.theirs, broken_row.note) == ((), "could not be timed: it has no pictures")
    assert bare.ratio == 0.5
    assert (cannot.tool, cannot.theirs, cannot.note) == ("robomimic", (), "it drives nothing")


# -- tables ------------------------------------------------------------------------------------------------------------

ROWS = [
    Row(TICK, FLOOR, "bare", (1.0,), (0.5,), "the same scene"),
    Row(GONE, "LeRobot", "LeRobot", (0.0,), (100.0,)),
    Row(TICK, "robosuite", "robosuite", (1.0,), (31.0,)),
    Row(TICK, "robomimic", "robomimic", (1.0,), (), "it drives nothing"),
]


def test_the_readme_has_a_line_for_each_headline() -> None:
    lines = table.compact(ROWS).splitlines()
    assert lines[2:] == ["| a step | 1.00 ms | bare 0.500× · robosuite 31.0× |", "| episodes gone | 0 % | LeRobot (100 %) |"]


def test_the_page_has_every_comparison_with_its_notes_below() -> None:
    text = table.whole(ROWS)
    assert text.splitlines()[2:6] == [
        "| a step | 1.00 ms | bare [1] | 0.500 ms | 0.500× | 0.500 … 0.500 | 1 |",
        "|  |  | robosuite | 31.0 ms | 31.0× | 31.0 … 31.0 | 1 |",
        "|  |  | robomimic [2] | | | | |",
        "| episodes gone | 0 % | LeRobot | 100 % |  |  | 1 |",
    ]
    assert text.endswith("\n1. the same scene\n2. it drives nothing")


# -- the run -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def family(monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ALL:
        monkeypatch.delenv(tool.variable, raising=False)

    def rows(stage: Stage) -> list[Row]:
        return stage.compare(TICK, lambda: 2.0, [turns.Side(FLOOR, "bare", lambda: 1.0)], 3, robomimic="it drives nothing")

    monkeypatch.setattr(runner, "FAMILIES", {"step": rows})


@pytest.mark.usefixtures("family")
def test_a_run_writes_json_and_a_page_and_keeps_what_the_page_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bench.md").write_text("# Ours\n\n<!-- bench:begin -->\nold\n<!-- bench:end -->\n\nWhat it means.\n")
    assert runner.main(["--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "bench.json").read_text())
    assert set(found) == {"machine", "peers", "seconds", "rows"}
    assert {"date", "cores", "processor", "drawn_by", "versions"} <= set(found["machine"])
    assert [row["times as good"] for row in found["rows"]] == [0.5]
    page = (tmp_path / "bench.md").read_text()
    assert page.startswith("# Ours\n")
    assert page.endswith("What it means.\n")
    assert "| a step | 2.00 ms | bare | 1.00 ms | 0.500× |" in page
    assert "old" not in page
    assert "a step" in capsys.readouterr().out


@pytest.mark.usefixtures("family")
def test_ctrl_c_leaves_the_last_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(stage: Stage) -> list[Row]:
        raise KeyboardInterrupt

    (tmp_path / "bench.json").write_text("{}")
    monkeypatch.setattr(runner, "FAMILIES", {"step": interrupted})
    assert runner.main(["--out", str(tmp_path)]) == 130
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("bench.json", "{}")]


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize(
    ("words", "variables", "message"),
    [
        (["--rows", "loops"], {}, "--rows loops: there are step"),
        (
            [],
            {"LEROBOT_PYTHON": "no/such/python"},
            "LEROBOT_PYTHON=no/such/python does not run (No such file or directory); name",
        ),
        ([], {"ROBOMIMIC_PYTHON": "false"}, "ROBOMIMIC_PYTHON=false does not run Python; name"),
        (
            [],
            {"ROBOSUITE_PYTHON": sys.executable},
            f"ROBOSUITE_PYTHON={sys.executable} has no robosuite; name the Python",
        ),
    ],
    ids=["rows", "no such program", "no Python", "without the package"],
)
def test_what_is_wrong_is_told_in_one_line_before_anything_is_measured(
    words: list[str], variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert runner.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {message}")


def test_a_run_of_some_rows_is_printed_and_not_kept(family: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(table, "DOCS", tmp_path)
    monkeypatch.setattr(runner, "FAMILIES", {**runner.FAMILIES, "loop": lambda stage: []})
    assert runner.main(["--rows", "step"]) == 0
    assert list(tmp_path.iterdir()) == []


# -- a peer ------------------------------------------------------------------------------------------------------------


def test_a_peer_answers_in_its_own_process_whatever_its_libraries_print(peer: Peer) -> None:
    assert peer.tool.version(sys.executable) == pytest.__version__
    assert peer.ask("double", n=21) == 42
    assert peer.versions == {"fake": "1.0"}
    assert peer.ask("chatter") == 1.0
    for name, message in (("fail", "ValueError: two lines"), ("fly", "ValueError: fly is not one of double, fail, chatter, die, kill")):
        with pytest.raises(PeerError, match=message):
            peer.ask(name)
    assert peer.ask("double", n=1) == 2, "it goes on"


def test_a_peer_that_dies_says_its_last_words_and_can_be_asked_again(peer: Peer) -> None:
    with pytest.raises(PeerError, match="its process ended: out of memory"):
        peer.ask("die")
    assert peer.ask("double", n=1) == 2


def test_a_peer_that_cannot_begin_is_an_empty_cell(peer: Peer) -> None:
    peer.tool.side.write_text("import no_such_module")
    side = turns.Side("LeRobot", "LeRobot", lambda: float(peer.ask("double", n=1)))
    (row,) = turns.compared(TICK, lambda: 1.0, [side], rounds=1)
    assert row.note == "could not be timed: its process ended: ModuleNotFoundError: No module named 'no_such_module'"


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_killed_recorders_are_judged_by_what_is_left(peer: Peer, tmp_path: Path) -> None:
    """The fake keeps every second episode only."""
    folders = [str(tmp_path / name) for name in "ab"]
    for folder in folders:
        Path(folder).mkdir()
    found = peer.ask("kill", folders=folders)
    there = [len(os.listdir(folder)) for folder in folders]
    assert found["kills"] == 2
    assert found["kept"] > found["lost"] > 0
    assert found["kept"] - found["lost"] <= sum(there)
    assert found["missing"] == [0, 0], "it writes each step before it tells"


@pytest.mark.parametrize("tool", ALL, ids=[tool.name for tool in ALL])
def test_each_peers_side_says_how_its_environment_is_made(tool: Tool) -> None:
    text = tool.side.read_text(encoding="utf-8")
    assert f"`{tool.install}`" in text
    assert "bench_server.serve(" in text


# -- the sides do what they say ----------------------------------------------------------------------------------------


def test_ours_and_the_floors_run(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, count in ((stepping, "TICKS", 3), (inference, "LOOKS", 2), (loading, "BATCHES", 2), (loading, "BATCH", 4)):
        monkeypatch.setattr(module, name, count)
    episode = Session.open(copied).read(0)
    with driving.driven(tmp_path / "ticks", ()) as ticks:
        ticks(3)
    (row,) = Session.open(tmp_path / "ticks").rows()
    assert (row.steps, row.recovered) == (4, False)
    frames = load_frames(Session.open(copied))
    policy = inference.untrained("moe")
    for measure in (
        stepping.bare(()),
        commits.plain_write(tmp_path, episode),
        loading.floor(frames, 8),
        loading.ours(frames, "moe", 8),
        partial(inference.median_ms, inference.alone(policy)),
        lambda: turns.seconds_of(lambda: None),
    ):
        assert 0.0 < measure() < math.inf
    session = commits.filled(tmp_path / "many", episode, 12)
    session.append(episode)
    assert [row.steps for row in Session.open(session.path).rows()] == 13 * [len(episode)]


def test_the_floor_draws_without_a_display() -> None:
    """In a process of its own, as in `make bench`: MuJoCo's renderer chooses its backend when it is imported."""
    measure = "from bench import stepping; stepping.TICKS = 3; print(stepping.bare(('front',))() > 0)"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "MUJOCO_GL": "egl" if sys.platform == "linux" else ""}
    ran = subprocess.run([sys.executable, "-c", measure], env=env, capture_output=True, text=True)
    assert ran.stdout == "True\n", ran.stderr


def test_ticks_are_held_against_their_schedule_and_against_each_other() -> None:
    """One that sleeps 50 ms after its work falls behind by its work every time."""
    even, drifting = np.arange(101) * 0.05, np.arange(101) * 0.052
    assert lateness.late_ms(even) == pytest.approx(0.0, abs=1e-6)
    assert lateness.late_ms(drifting) == pytest.approx(198.0)
    assert lateness.uneven_ms(drifting) == pytest.approx(2.0)


def test_a_peers_python_is_named_in_the_environment() -> None:
    assert LEROBOT.named({"LEROBOT_PYTHON": "x"}) == "x"
    assert LEROBOT.named({"LEROBOT_PYTHON": ""}) is None
    with pytest.raises(UserError, match="has no lerobot"):
        LEROBOT.version(sys.executable)
