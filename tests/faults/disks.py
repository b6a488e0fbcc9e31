"""Disks that are full, read-only or gone while somebody records: real ones, in a mount namespace of this process's own.

Needs Linux and the right to make one (`unshare --user --map-root-user --mount`).
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from test_data_support import META, tick

from data.check import problems_of
from data.errors import UserError
from data.session import Session
from data.takes import Begin, End, Finish
from teleop.scribe import InlineScribe, ScribeProcess

ROOT = Path(__file__).parent.parent.parent
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
SMALL_BYTES, LARGE_BYTES = 3_000_000, 40_000_000
EPISODES, STEPS = 12, 30
Meddle = Callable[[int], None]  # what happens in the midst of each episode
IMAGE = np.random.default_rng(0).integers(0, 256, (84, 84, 3), np.uint8)  # noise: nothing compresses it
KINDS = {"inline": InlineScribe, "process": ScribeProcess}


def can_mount() -> bool:
    """Whether this machine lets us have disks of our own."""
    try:
        return subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run_disk(name: str, *how: str) -> dict[str, object]:
    """One of `DISKS` with one kind of scribe, or `commands`, in a namespace of its own: what came of it."""
    command = [*NAMESPACE, sys.executable, "-m", "faults.disks", name, *how]
    done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def mount(folder: Path, *options: str) -> None:
    subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)


def tick_with_image(t: int) -> object:
    return tick(t, obs={"object": np.full(4, t, np.float32), "front_image": IMAGE})


def end() -> End:
    return End(tick_with_image(STEPS).obs, tick(STEPS).sim_state)  # type: ignore[attr-defined]


def record(session: Session, kind: str, meddle: Meddle) -> str:
    """Record EPISODES episodes, with `meddle(k)` in the midst of each; what the recorder said of it at the end."""
    scribe = KINDS[kind](session)
    complaint = ""
    for number in range(EPISODES):
        scribe.put(Begin(number, META))
        for t in range(STEPS):
            if t == STEPS // 2:
                meddle(number)
            scribe.put(tick_with_image(t))  # type: ignore[arg-type]
            time.sleep(0.002 if kind == "process" else 0.0)
        try:
            scribe.put(Finish(META, end()))
        except UserError:
            continue  # in the loop's own process it is known at once; all is tried again
    try:
        scribe.close()
    except UserError as error:
        complaint = str(error)
    return complaint


def count(session: Path) -> dict[int, int]:
    """Steps of each sound episode."""
    found = Session.open(session)
    for number in found.catalog().rows:
        assert not problems_of(found.episode_path(number)), number
    assert not found.catalog().damaged
    return {number: row.steps for number, row in found.catalog().rows.items()}


def refuge_of(complaint: str) -> Path:
    match = re.search(r"meanwhile what was left is in (\S+)", complaint)
    assert match, complaint
    assert "\n" not in complaint
    return Path(match[1])


def session_on(disk: Path, size_bytes: int) -> Session:
    mount(disk, "-t", "tmpfs", "-o", f"size={size_bytes}", "none")
    return Session.create(disk / "session")


def rescued(session: Session, kind: str, meddle: Meddle, seen_at: Path | None = None) -> dict[str, object]:
    """Record on a disk that refuses in the end: what is there (seen from elsewhere, if it has gone), and what was rescued."""
    refuge = refuge_of(record(session, kind, meddle))
    here, there = count(seen_at or session.path), count(refuge)
    return {"here": len(here), "elsewhere": len(there), "all": {**here, **there}}


def unharmed(session: Session, kind: str, meddle: Meddle) -> dict[str, object]:
    """Record on a disk that refuses for a while: everything is in its place at the end."""
    complaint = record(session, kind, meddle)
    assert not complaint, complaint
    here = count(session.path)
    return {"here": len(here), "elsewhere": 0, "all": here}


def full(disk: Path, kind: str) -> dict[str, object]:
    """The disk is too small and stays so: what does not fit is elsewhere, and one line says where."""
    return rescued(session_on(disk, SMALL_BYTES), kind, lambda k: None)


def full_for_a_while(disk: Path, kind: str) -> dict[str, object]:
    """Another program fills the disk and frees it again."""
    session, ballast = session_on(disk, LARGE_BYTES), disk / "ballast"

    def meddle(k: int) -> None:
        if k == 3:
            with contextlib.suppress(OSError), ballast.open("wb") as file:
                while True:
                    file.write(bytes(1 << 16))
        if k == 6:
            ballast.unlink()

    return unharmed(session, kind, meddle)


def twice_mounted(disk: Path) -> tuple[Session, Path]:
    """A session, and where its disk is mounted, too: so that it can go and still be looked at."""
    session, keep = session_on(disk, LARGE_BYTES), Path(tempfile.mkdtemp())
    mount(keep, "--bind", str(disk))
    return session, keep


def take_away(disk: Path) -> None:
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def read_only(disk: Path, kind: str) -> dict[str, object]:
    """The disk becomes read-only, as one does after an error, and stays so."""
    session, keep = twice_mounted(disk)

    def meddle(k: int) -> None:
        if k == 4:  # by a mount anew: files are open for writing
            take_away(disk)
            mount(disk, "-o", "bind", str(keep))
            mount(disk, "-o", "remount,bind,ro")

    return rescued(session, kind, meddle)


def vanished(disk: Path, kind: str) -> dict[str, object]:
    """The disk is gone in the midst of an episode, and does not come back."""
    session, keep = twice_mounted(disk)
    return rescued(session, kind, lambda k: take_away(disk) if k == 4 else None, seen_at=keep / "session")


def back_again(disk: Path, kind: str) -> dict[str, object]:
    """The disk is gone for some episodes and comes back."""
    session, keep = twice_mounted(disk)

    def meddle(k: int) -> None:
        if k == 4:
            take_away(disk)
        if k == 8:
            mount(disk, "--bind", str(keep))

    return unharmed(session, kind, meddle)


DISKS: dict[str, Callable[[Path, str], dict[str, object]]] = {
    "full": full,
    "full for a while": full_for_a_while,
    "read-only": read_only,
    "vanished": vanished,
    "gone and back": back_again,
}


# Command lines over a disk that refuses: {session}, {old} and {disk} are on it, {other} is a session elsewhere.
READING = ("data inspect {session}", "data check {session} --replay 0", "teleop replay {session} --verify --episode 0")
WRITING = (
    "data tag {session} --episodes 0 --mode zzz",
    "data trim {session} --start-margin 0 --end-margin 0",
    "data delete {session} --episodes 1",
    "data split {session} --valid 0.5",
    "data merge {session} {other}",
    "data merge {disk}/new {other}",
    "data pack {session} --out {disk}/x.hdf5",
    "data migrate {old}",
    "data report {session} --out {disk}/r.html --videos 0",
    "teleop replay {session} --video {disk}/w.mp4",
    "teleop record --device scripted --headless --episodes 1 --session {disk}/fresh --env PandaReach-v0",
    "learn train {session} --out {disk}/policy --steps 2",
)


def commands(disk: Path, state: str, base: str) -> dict[str, object]:
    """(exit code, lines of error, whether there is a traceback) of every command line on a disk that is full, or read-only."""
    mount(disk, "-t", "tmpfs", "-o", f"size={LARGE_BYTES}", "none")
    places = {"session": disk / "session", "old": disk / "old", "other": Path(tempfile.mkdtemp()) / "other", "disk": disk}
    shutil.copytree(base, places["session"])
    shutil.copytree(base, places["other"])
    shutil.copytree(ROOT / "tests" / "sessions" / "schema-1", places["old"])
    for name in ("session", "old", "other"):
        Session.open(places[name])
    if state == "full":
        with contextlib.suppress(OSError), (disk / "ballast").open("wb") as file:
            while True:
                file.write(bytes(4096))
    else:
        mount(disk, "-o", "remount,ro")
    came: dict[str, object] = {}
    for line in (*READING, *WRITING):
        words = line.format(**places).split()
        done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        said = [text for text in done.stderr.splitlines() if text.strip() and "━" not in text]
        came[line] = [done.returncode, len(said), "Traceback" in done.stderr + done.stdout]
    return {"came": came, "whole": len(count(places["session"]))}


def unlike(found: dict[str, object]) -> list[str]:
    """The command lines that did not read, or did not say in one line that they could not write."""
    came = found["came"]
    assert isinstance(came, dict)
    wished = {line: [0, 0, False] for line in READING} | {line: [2, 1, False] for line in WRITING}
    return [f"{line}: {came[line]}" for line in wished if came[line] != wished[line]]


def complete(came: dict[str, object]) -> bool:
    """Whether every episode is somewhere, with all its steps."""
    return came["all"] == {str(number): STEPS for number in range(EPISODES)}


if __name__ == "__main__":
    there = Path(tempfile.mkdtemp())
    try:
        name, how, *base = sys.argv[1:]
        print(json.dumps(commands(there, how, *base) if name == "commands" else DISKS[name](there, how)))
    finally:
        shutil.rmtree(there, ignore_errors=True)
        os.sync()
