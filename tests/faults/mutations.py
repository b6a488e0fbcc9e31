"""Files that are truncated, bit-flipped or made to harm: nothing crashes or hangs, nothing damaged is trained on, the rest stays."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np
from test_data_support import META, tick

from data.cli import run_command
from data.commands import COMMANDS
from data.episode_file import read_episode, write_episode
from data.errors import UserError
from data.journal import Journal
from data.masks import Masks, write_masks
from data.schema import Outcome
from data.session import Session
from data.takes import Begin
from learn.dataset import Frames, load_frames
from teleop.commands import COMMANDS as TELEOP

ROOT = Path(__file__).parent.parent.parent
ENV_ID = "PandaReach-v0"
LONGEST_S = 30.0  # for one mutated session, all commands together; more is a hang
BATCH = 100
VICTIM = 1  # of the episodes 0, 1, 2
Rng = np.random.Generator


# -- what is done to bytes -----------------------------------------------------------------------------------------


def truncate(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(0, len(content)))]


def flip_bits(content: bytes, rng: Rng) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        changed[int(rng.integers(0, len(changed)))] ^= 1 << int(rng.integers(0, 8))
    return bytes(changed)


def flip_bits_of_structure(content: bytes, rng: Rng) -> bytes:
    """Where the trees, headers and attributes lie."""
    at = int(rng.integers(0, max(1, min(len(content), 60_000) - 64)))
    return content[:at] + flip_bits(content[at : at + 64], rng) + content[at + 64 :]


def overwrite(content: bytes, rng: Rng) -> bytes:
    size = int(rng.choice([1, 2, 4, 8, 64, 512, 4096]))
    at = int(rng.integers(0, max(1, len(content) - size)))
    filling = [bytes(size), b"\xff" * size, rng.bytes(size)][int(rng.integers(0, 3))]
    return (content[:at] + filling + content[at + size :])[: len(content)]


def move_a_block(content: bytes, rng: Rng) -> bytes:
    size = int(rng.choice([8, 512, 4096]))
    one, other = (int(n) for n in rng.integers(0, max(1, len(content) - size), 2))
    return content[:one] + content[other : other + size] + content[one + size :]


def append_bytes(content: bytes, rng: Rng) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 5000)))


BYTES: tuple[Callable[[bytes, Rng], bytes], ...] = (
    truncate, flip_bits, flip_bits_of_structure, overwrite, move_a_block, append_bytes, lambda content, rng: b"",
    lambda content, rng: rng.bytes(len(content)),
)  # fmt: skip


# -- what is made to harm ------------------------------------------------------------------------------------------


def _in_file(change: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return harm


def _replace(name: str, **kwargs: object) -> Callable[[Path], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **kwargs)

    return _in_file(change)


def _link(name: str, link: object) -> Callable[[Path], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return _in_file(change)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    _link("obs", h5py.ExternalLink(str(path.with_name("pipe")), "/"))(path)


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(10,), dtype="f8")
    layout[:] = h5py.VirtualSource("/dev/zero", "x", shape=(10,))
    del file["rewards"]
    file.create_virtual_dataset("rewards", layout)


def _outside(file: h5py.File) -> None:
    del file["rewards"]
    file.create_dataset("rewards", shape=(100,), dtype="f4", external=[("/dev/zero", 0, 400)])


def _deep(file: h5py.File) -> None:
    group = file["obs"]
    for _ in range(500):
        group = group.create_group("obs")


def _loop(file: h5py.File) -> None:
    file["obs/again"] = file["/"]
    file["idle"] = file["/"]


def _resealed(name: str, value: object) -> Callable[[Path], None]:
    """Whoever knows the checksum can lie with it; then the values themselves are looked at."""

    def harm(path: Path) -> None:
        episode = read_episode(path)
        column = np.array(episode.steps[name])
        column[len(column) // 2] = value
        write_episode(path, replace(episode, steps={**episode.steps, name: column}))

    return harm


HOSTILE: dict[str, Callable[[Path], None]] = {
    "is a pipe": _pipe,
    "is a folder": lambda path: (path.unlink(), path.mkdir()),
    "is a link to itself": lambda path: (path.unlink(), path.symlink_to(path)),
    "is a link to nowhere": lambda path: (path.unlink(), path.symlink_to("/nowhere/at/all")),
    "is a device": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    "is another's HDF5": lambda path: h5py.File(path, "w").close(),
    "is a text": lambda path: path.write_text("steps: 3\n"),
    "claims a petabyte": _replace("actions", shape=(10**12, 150), dtype="f8", chunks=(1024, 150)),
    "is a bomb of zeros": _replace("rewards", data=np.zeros(50_000_000), compression="gzip", chunks=(1_000_000,)),
    "has objects for numbers": _replace("actions", data=["a", "b"], dtype=h5py.string_dtype()),
    "has a scalar for actions": _replace("actions", data=1.0),
    "has an empty dataset": _replace("actions", data=h5py.Empty("f4")),
    "has another width": _replace("actions", data=np.zeros((49, 3), "f4")),
    "has no steps": _replace("actions", data=np.zeros((0, 7), "f4")),
    "has a group for a dataset": _in_file(lambda file: (file.pop("actions"), file.create_group("actions"))[0] and None),
    "has a dataset for a group": _in_file(lambda file: (file.pop("obs"), file.create_dataset("obs", data=1))[0] and None),
    "links to a pipe": _to_pipe,
    "links to itself": _link("obs", h5py.SoftLink("/obs")),
    "links to its root": _link("obs", h5py.SoftLink("/")),
    "links outside": _link("obs", h5py.ExternalLink("/etc/passwd", "/")),
    "is virtual": _in_file(_virtual),
    "lies in a device": _in_file(_outside),
    "is deep": _in_file(_deep),
    "is a loop": _in_file(_loop),
    "says schema 99": _in_file(lambda file: file.attrs.__setitem__("schema_version", 99)),
    "says schema 1": _in_file(lambda file: file.attrs.__setitem__("schema_version", 1)),
    "says schema 1 and has no labels": _in_file(lambda file: (file.attrs.__setitem__("schema_version", 1), file.pop("labels"))[0]),
    "says a schema of text": _in_file(lambda file: file.attrs.__setitem__("schema_version", "new")),
    "has no checksum": _in_file(lambda file: file.attrs.__delitem__("checksum")),
    "has digests of nothing": _in_file(lambda file: file.attrs.__setitem__("digests", "{}")),
    "has a list for digests": _in_file(lambda file: file.attrs.__setitem__("digests", "[1]")),
    "has a long attribute": _in_file(lambda file: file.attrs.__setitem__("operator", "x" * 10_000_000)),
    "has an array for an attribute": _in_file(lambda file: file.attrs.__setitem__("seed", np.zeros(50))),
    "has lines in an attribute": _in_file(lambda file: file.attrs.__setitem__("operator", "a\nb\x1b[2J")),
    "acts beyond one, sealed": _resealed("actions", 7.0),
    "acts NaN, sealed": _resealed("actions", np.nan),
    "goes back in time, sealed": _resealed("time_s", -1.0),
    "is driven by nobody, sealed": _resealed("source", 77),
}  # fmt: skip


# -- one mutation --------------------------------------------------------------------------------------------------

TARGETS = ("episode",) * 12 + ("session.hdf5", "catalog.jsonl", "masks.json", "journal")


def mutate(session: Path, seed: int) -> str:
    """Do one thing to one file of the session; says what."""
    rng = np.random.default_rng(seed)
    if seed < len(HOSTILE):
        name, harm = list(HOSTILE.items())[seed]
        harm(session / "episodes" / f"{VICTIM:06d}.hdf5")
        return f"an episode that {name}"
    target = TARGETS[seed % len(TARGETS)]
    files = {"episode": session / "episodes" / f"{VICTIM:06d}.hdf5", "journal": session / "running" / "000003.journal"}
    path = files.get(target, session / target)
    kind = BYTES[int(rng.integers(0, len(BYTES)))]
    path.write_bytes(kind(path.read_bytes(), rng))
    return f"{getattr(kind, '__name__', 'kind')} of {target}"


def judge(session: Path, whole: dict[int, str], fingerprint: str) -> Counter[str]:
    """Run the commands over a mutated session; what came of it. Raises AssertionError where a promise is broken."""
    seen: Counter[str] = Counter()
    for words in (["inspect", "--json"], ["check", "--replay", "0", "--leave", "--json"], ["recover"]):
        code, _, _ = quiet(words[0], str(session), *words[1:])
        seen[f"{words[0]}: {code}"] += 1
    learn(session, fingerprint, seen)
    code, out, _ = quiet("check", str(session), "--replay", "0", "--json")
    answer = json.loads(out.splitlines()[-1]) if out.strip() else {}
    left = Session.at(session)
    for number, checksum in whole.items():
        if number != VICTIM:
            assert left.catalog().rows[number].checksum == checksum, f"episode {number} is another"
    assert code in (0, 1), code
    if code == 1 and not answer["newer"]:
        assert answer["quarantined"] == [VICTIM], answer
        assert (session / "quarantine" / f"{VICTIM:06d}.hdf5.json").exists()
        assert quiet("check", str(session), "--replay", "0")[0] == 0, "still damaged after the quarantine"
        before = seen["trained"]
        learn(session, "", seen)
        assert seen["trained"] > before, "what is left cannot be trained on"
    seen["harmless" if code == 0 else "found"] += 1
    return seen


def learn(session: Path, fingerprint: str, seen: Counter[str]) -> None:
    """What is trained on is what was recorded, or nothing is."""
    try:
        frames = load_frames(Session.open(session))
    except UserError as error:
        seen["training refused" if "\n" not in str(error) else "training refused in many lines"] += 1
    else:
        assert not fingerprint or content_of(frames) == fingerprint, "training took what was not recorded"
        seen["trained"] += 1


def content_of(frames: Frames) -> str:
    return str((float(frames.obs.sum()), float(frames.target.sum()), len(frames)))


def quiet(command: str, *words: str) -> tuple[int, str, str]:
    """Exit code and what was printed; at most one line of error."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run_command("data", COMMANDS, [command, *words])
    errors = [line for line in err.getvalue().splitlines() if line.startswith("error")]
    assert code in (0, 1, 2), code
    assert len(errors) == (code == 2), errors
    assert "Traceback" not in err.getvalue() + out.getvalue()
    return code, out.getvalue(), err.getvalue()


# -- many ----------------------------------------------------------------------------------------------------------


def prepare(root: Path) -> Path:
    """Three small recorded episodes, a split, and a fourth that is running in a killed recorder's journal."""
    session = root / "base"
    words = ["record", "--env", ENV_ID, "--session", str(session), "--device", "scripted", "--headless", "--episodes", "3"]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        assert run_command("teleop", TELEOP, [*words, "--skill", "2"]) == 0
    write_masks(session, Masks(train=(0, 1), valid=(2,), valid_fraction=0.3))
    Session.open(session)
    journal = Journal(session / "running")
    journal.add(Begin(3, replace(META, env_id=ENV_ID, outcome=Outcome.PARTIAL)))
    for t in range(20):
        journal.add(tick(t))
    journal.close()
    return session


def work(base: Path, seeds: range) -> None:
    """A worker: a line before and after each mutation, so that the parent sees where it died or hangs."""
    session = base.with_name(f"mutated-{seeds.start}")
    fresh(base, session)
    whole = {number: row.checksum for number, row in Session.at(session).catalog().rows.items()}
    content = content_of(load_frames(Session.open(session)))
    for seed in seeds:
        fresh(base, session)
        print(json.dumps({"begins": seed}), flush=True)
        began_s = time.monotonic()
        what, seen, failure = mutate(session, seed), Counter[str](), ""
        try:
            seen = judge(session, whole, content)
        except BaseException as error:  # noqa: BLE001
            failure = f"{type(error).__name__}: {error}"[:400]
        seconds = time.monotonic() - began_s
        if seconds > LONGEST_S:
            failure = failure or f"took {seconds:.0f} s"
        print(json.dumps({"seed": seed, "what": what, "seen": seen, "failure": failure, "seconds": seconds}), flush=True)


def fresh(base: Path, session: Path) -> None:
    shutil.rmtree(session, ignore_errors=True)
    shutil.copytree(base, session)


@dataclass
class Tally:
    mutations: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    worst_s: float = 0.0
    failures: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        counts = {"found": self.seen["found"], "harmless": self.seen["harmless"], "slowest, s": round(self.worst_s, 1)}
        return {"mutations": self.mutations, **counts, "failures": self.failures}


def run_mutations(count: int, first_seed: int = 0, progress: Callable[[int], None] = lambda done: None) -> Tally:
    """So many mutations, in processes of their own: one that crashes or hangs there is a failure here."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        base = prepare(Path(name))
        for start in range(first_seed, first_seed + count, BATCH):
            _run_batch(base, range(start, min(start + BATCH, first_seed + count)), tally)
            progress(tally.mutations)
    return tally


def _run_batch(base: Path, seeds: range, tally: Tally) -> None:
    """A crash ends the worker: another one goes on after the mutation that did it."""
    at = seeds.start
    while at < seeds.stop:
        command = [sys.executable, "-m", "faults.mutations", str(base), str(at), str(seeds.stop)]
        limit_s = 30 + 2 * (seeds.stop - at)
        try:
            done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, timeout=limit_s)
            out, fate = done.stdout, f"exit code {done.returncode}: {done.stderr[-300:]}"
        except subprocess.TimeoutExpired as error:
            out, fate = (error.stdout or b"").decode(), f"hangs ({limit_s} s)"
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        for line in lines:
            if "seed" in line:
                tally.mutations += 1
                tally.seen.update(line["seen"])
                tally.worst_s = max(tally.worst_s, line["seconds"])
                if line["failure"]:
                    tally.failures.append(f"{line['seed']} ({line['what']}): {line['failure']}")
        last = max((line.get("begins", line.get("seed", -1)) for line in lines), default=at)
        if not any(line.get("seed") == last for line in lines):
            tally.mutations += 1
            tally.failures.append(f"{last}: {fate}")
        at = last + 1


if __name__ == "__main__":
    work(Path(sys.argv[1]), range(int(sys.argv[2]), int(sys.argv[3])))
