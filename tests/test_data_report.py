"""Specification of `data report` and `data video`: one page that needs nothing else, and films, of real recordings."""

import base64
import html
import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import run
from data_tools import check_mistake, flip_a_bit, snapshot
from test_data_support import META, film_frames, made_episode, tick

from data.episode_file import change_meta
from data.films import film, replay_exactly
from data.report.gather import choose
from data.report.page import page
from data.schema import Outcome
from data.session import Session
from data.worth import WORTH_NAME, Correction, write_ledger

SMALL = ("--size", 160, 120, "--look", "hulls")
VOID = {"meta", "br", "img", "input", "hr", "link", "source"}


class Page(HTMLParser):
    """A page taken apart: every element closed, every address it names, its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "poster", "action", "data", "srcset")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += f" {data.strip()}"

    def section(self, name: str) -> str:
        return self.source.split(f'id="{name}"')[1].split("<section")[0]


@pytest.fixture(scope="module")
def eventful(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recorded episodes, one of them called a failure, and a damaged one."""
    path = Path(shutil.copytree(recorded, tmp_path_factory.mktemp("eventful") / "my <session> & more"))
    session = Session.open(path)
    session.append(session.read(0))
    change_meta(session.episode_path(1), session.episode_path(1), outcome=Outcome.FAILURE, operator='<script>alert("x")</script>')
    flip_a_bit(session.episode_path(3))
    Session.open(path)
    return path


@pytest.fixture(scope="module")
def written(eventful: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    out = tmp_path_factory.mktemp("page") / "below" / "report.html"
    assert run("data", "report", eventful, "--out", out, "--videos", 2) == 0
    assert not list(out.parent.glob("*.tmp"))
    return Page(out)


# -- the page ------------------------------------------------------------------------------------------------------


def test_the_page_asks_nothing_of_the_network(written: Page) -> None:
    assert all(address.startswith(("#", "data:")) for address in written.addresses), written.addresses
    assert not re.search(r"@import|url\(", written.source)
    assert "default-src 'none'" in html.unescape(written.source)
    assert {f"#{name}" for name in written.ids} >= {address for address in written.addresses if address.startswith("#")}


def test_flagged_episodes_come_first_the_damaged_one_before_all(written: Page) -> None:
    assert re.findall(r'<section id="(\w+)"', written.source)[:2] == ["flagged", "numbers"]
    flagged = written.section("flagged")
    assert flagged.index("does not match its checksum") < flagged.index("failed after")
    assert "2 episodes of 4, with the reasons." in written.text


def test_the_numbers_are_there_with_their_units(written: Page) -> None:
    for words in ("Success", "2 of 3; 95 % interval", "Median length", "SPARC", "Idle", "Late ticks", "Operator effort", "stick travel"):
        assert words in written.text, words
    for words in ("Workspace from above", "Workspace from the side", "x (m)", "y (m)", "Actions", "Outcomes by behaviour mode", "Length"):
        assert words in written.text, words
    assert "Balasubramanian" in written.text


def test_every_episode_has_its_row(written: Page) -> None:
    assert {"e0", "e1", "e2"} <= set(written.ids)
    assert written.count["svg"] >= 6


def test_names_from_files_are_text_and_never_markup(written: Page, eventful: Path) -> None:
    assert "&lt;script&gt;alert" in written.source
    assert "<script>alert" not in written.source
    assert written.count["script"] == 1
    assert eventful.name in written.text


def test_the_films_play(written: Page, tmp_path: Path) -> None:
    films = [base64.b64decode(a.split(",", 1)[1]) for a in written.addresses if a.startswith("data:video/mp4")]
    posters = [base64.b64decode(a.split(",", 1)[1]) for a in written.addresses if a.startswith("data:image/jpeg")]
    assert len(films) == len(posters) == written.count["video"] == 2
    assert all(poster.startswith(b"\xff\xd8\xff") for poster in posters)
    (tmp_path / "film.mp4").write_bytes(films[0])
    frames = film_frames(tmp_path / "film.mp4", 320, 240)
    assert len(frames) > 10
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1.0, "nothing moves"


def test_the_command_says_what_it_wrote(eventful: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(eventful)
    assert run("data", "report", eventful, "--out", tmp_path / "r.html", "--videos", 0, "--json") == 0
    line, last = capsys.readouterr().out.splitlines()
    found = json.loads(last)
    assert line.startswith(f"{tmp_path / 'r.html'}: 3 episodes, 2 flagged (1, 3), 0 films")
    assert (found["episodes"], found["success_rate"], found["films"]) == (3, pytest.approx(2 / 3), [])
    assert set(found["flagged"]) == {"1", "3"}
    assert Page(tmp_path / "r.html").count["video"] == 0
    assert snapshot(eventful) == before


def test_a_session_that_cannot_be_drawn_has_a_page_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = Session.create(tmp_path / "session")
    for t in range(3):
        session.append(made_episode(*(tick(t) for t in range(5 + t)), meta=replace(META, env_id="Elsewhere-v0")))
    assert run("data", "report", session.path, "--out", tmp_path / "r.html") == 0
    assert "The simulator could not draw them: there is no environment 'Elsewhere-v0'" in capsys.readouterr().out
    assert "there is no environment" in Page(tmp_path / "r.html").text


def test_films_are_of_flagged_episodes_then_of_an_even_sample(recorded: Path) -> None:
    from test_data_quality import SESSION, good

    from data.report.flags import flag

    qualities = [*SESSION, good(20, outcome=Outcome.FAILURE), good(21, outcome=Outcome.ABANDONED)]
    flagged = flag(qualities, {})
    assert choose(qualities, flagged, 0) == []
    assert choose(qualities, flagged, 1) == [20]
    assert choose(qualities, flagged, 4) == [20, 0, 10, 19]
    assert sorted(choose(qualities, flagged, 99)) == list(range(21)), "what was abandoned is not filmed"


def test_ctrl_c_leaves_no_half_page(eventful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("data.commands.report.page", interrupt)
    assert run("data", "report", eventful, "--out", tmp_path / "r.html", "--videos", 0) == 130
    assert list(tmp_path.iterdir()) == []
    assert page.__module__ == "data.report.page"


# -- what corrections were worth -----------------------------------------------------------------------------------


def correction(uid: str, number: int, before: float, after: float, begin: int = 0, human_s: float = 2.0) -> Correction:
    return Correction(uid, number, 1, begin, begin + 5, human_s, "policy", 8, 0.1, before, after, True)


@pytest.fixture
def judged(copied: Path) -> Session:
    """Five corrections, one of them tried twice, and one of an episode that is elsewhere now."""
    session = Session.open(copied)
    uids = {row.number: row.uid for row in session.rows()}
    some = [
        correction(uids[0], 7, 0.0, 0.125),
        correction(uids[0], 7, 0.0, 1.0),
        correction(uids[0], 7, 0.5, 0.5, 20),
        correction(uids[2], 2, 1.0, 0.25, 3, 4.0),
        correction(uids[2], 2, 0.0, 0.5, 30, 1.0),
        correction("elsewhere", 1, 0.0, 1.0),
    ]
    write_ledger(session.path / WORTH_NAME, some)
    return session


def test_what_corrections_were_worth_stands_on_the_page(judged: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data", "report", judged.path, "--out", tmp_path / "r.html", "--videos", 1, "--json") == 0
    page = Page(tmp_path / "r.html")
    section = page.section("worth")
    assert "4 corrections in 2 episodes, 9 s of a person&#x27;s time (8 futures each, shaken by 0.1): +0.75 successes" in section
    assert "2 helped, 1 harmed" in section
    assert section.count("<circle") == 2 * 4
    assert [section.count(f'class="dot o-{kind}"') for kind in ("success", "failure")] == [2, 1]
    rows = re.findall(r'<tr><td class="n"><a href="(#\w+)">(\d)</a></td><td class="n">([\d–]+)', section)
    (film,) = (name for name in page.ids if name.startswith("film") and name != "films")
    places = {0: "#e0", 2: "#e2"} | {int(film.removeprefix("film")): f"#{film}"}
    assert rows == [(places[0], "0", "0–5"), (places[2], "2", "30–35"), (places[0], "0", "20–25"), (places[2], "2", "3–8")]
    assert set(page.ids) >= {place.removeprefix("#") for place, *_ in rows}
    assert page.addresses.count("#worth") == 1
    said = json.loads(capsys.readouterr().out.splitlines()[-1])["worth"]
    assert (said["corrections"], said["worth"], said["human_s"]) == (4, 0.75, 9.0)


def test_without_a_ledger_nothing_is_said_of_worth(written: Page) -> None:
    assert "worth" not in written.ids
    assert "#worth" not in written.addresses


def test_corrections_that_added_nothing_have_their_plots_too(judged: Session, tmp_path: Path) -> None:
    uid = judged.rows()[0].uid
    for some in ([correction(uid, 0, 0.5, 0.5)], [correction(uid, 0, 1.0, 0.0)]):
        write_ledger(judged.path / WORTH_NAME, some)
        assert run("data", "report", judged.path, "--out", tmp_path / "r.html", "--videos", 0) == 0
        section = Page(tmp_path / "r.html").section("worth")
        assert "none of it added anything" in section
        assert "nan" not in section


def test_a_damaged_ledger_is_a_mistake_that_says_what_to_do(judged: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (judged.path / WORTH_NAME).write_text("{", encoding="utf-8")
    assert run("data", "report", judged.path, "--out", tmp_path / "r.html", "--videos", 0) == 2
    assert "remove it: python -m learn worth makes it anew" in capsys.readouterr().err


# -- films ---------------------------------------------------------------------------------------------------------


def test_a_film_of_one_episode_and_a_folder_of_films(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data", "video", recorded, "--out", tmp_path / "one.mp4", "--episodes", 1, *SMALL, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["films"] == {"1": str(tmp_path / "one.mp4")}
    assert len(film_frames(tmp_path / "one.mp4", 160, 120)) == len(Session.open(recorded).read(1)) + 1
    assert run("data", "video", recorded, "--out", tmp_path / "films", "--episodes", "0", "2", *SMALL) == 0
    assert sorted(path.name for path in (tmp_path / "films").iterdir()) == ["000000.mp4", "000002.mp4"]


def test_a_film_of_the_recorded_images_needs_no_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = np.zeros((65, 64, 3), np.uint8)
    image[:, :32] = 255
    ticks = [tick(t, obs={"front_image": np.roll(image, 2 * t, axis=1)}) for t in range(8)]
    Session.create(tmp_path / "session").append(made_episode(*ticks))
    monkeypatch.setattr("data.films._replay", None)
    assert run("data", "video", tmp_path / "session", "--out", tmp_path / "o.mp4", "--recorded", "front") == 0
    frames = film_frames(tmp_path / "o.mp4", 64, 64)  # of 65 rows: H.264 takes even sizes only
    assert len(frames) == 9
    assert frames[0, 32, 8, 0] > 200
    assert frames[0, 32, 56, 0] < 50
    assert run("data", "video", tmp_path / "session", "--out", tmp_path / "p.mp4", "--recorded", "nose") == 2
    assert "episode 0 has no images of it; recorded: front" in capsys.readouterr().err


def test_films_leave_with_the_command_that_asked_for_them(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while filming: the simulator's process does not go on alone."""
    children: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def popen(*arguments: Any, **options: Any) -> Any:
        children.append(start(*arguments, **options))
        return children[-1]

    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("data.simulator.subprocess.Popen", popen)
    monkeypatch.setattr("data.simulator._follow", interrupt)
    with pytest.raises(KeyboardInterrupt):
        film(recorded, [0], tmp_path, (160, 120), "front")
    (child,) = children
    assert child.poll() is not None
    assert child.stdout is not None
    child.stdout.close()


def test_exact_replays_are_asked_of_the_simulator(recorded: Path) -> None:
    assert replay_exactly(recorded, [0, 2]) == {"episodes": 2, "exact": 2, "differing": [], "unreadable": {}}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("report {session}", "--out"),
        ("report {session} --out {out}/r.txt", "is not a page; give a name that ends in .html"),
        ("report {session} --out {out}/r.html --videos -1", "--videos -1 is negative"),
        ("report {session} --out {file}/r.html", "its folder cannot be made"),
        ("report {empty} --out {out}/r.html", "is an empty session; record episodes first"),
        ("report {out} --out {out}/r.html", "is not a session"),
        ("video {session} --out {out}/x.avi", "is not an .mp4; give a name that ends in .mp4"),
        ("video {session} --out {out}/x.mp4 --episodes 0 1", "is one film and 2 episodes are named; give a folder"),
        ("video {session} --out {out}/x.mp4 --episodes 9", "--episodes '9' is not there; allowed: the numbers 0-2"),
        ("video {session} --out {out}/x.mp4 --episodes failure", "names no episode of"),
        ("video {session} --out {out}/x.mp4 --size 33 20", "--size 33 20 cannot be filmed; give an even width and height"),
        ("video {empty} --out {out}/x.mp4", "is an empty session; record episodes first"),
        ("video {session} --out {file}/x.mp4", "its folder cannot be made"),
    ],
)
def test_a_mistake_is_one_line(line: str, says: str, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = {"session": recorded, "empty": tmp_path / "empty", "out": tmp_path / "out", "file": tmp_path / "file"}
    Session.create(places["empty"])
    places["out"].mkdir()
    places["file"].write_text("")
    check_mistake(capsys, line, says, **places)


def test_a_camera_that_is_not_there_is_named_with_those_that_are(copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data", "report", copied, "--out", tmp_path / "r.html", "--camera", "top") == 2
    assert capsys.readouterr().err.splitlines()[-1] == "error: there is no camera 'top'; allowed: front, wrist"
    assert not (tmp_path / "r.html").exists()
