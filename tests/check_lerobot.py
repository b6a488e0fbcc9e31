"""Whether LeRobot itself reads what we write, and we what it writes: `python tests/check_lerobot.py PYTHON [SESSION]`.

PYTHON is the interpreter of an environment with `pip install "lerobot[dataset]==0.6.1"`; where it also has what our environments
need (this package's dependencies without torch), a policy of LeRobot's is trained and tried out in ours. A line a check; exit
code 1 if one fails.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from data_tools import PLAIN
from test_data_support import made_episode, tick

from data.episode import Episode
from data.exchange.lerobot.aside import arrays_of
from data.exchange.lerobot.names import layout_of
from data.session import Session

ROOT = Path(__file__).parent.parent
PEER = Path(__file__).parent / "peers" / "lerobot_peer.py"
LEAST_DB, LEAST_DB_AGAIN = 30.0, 28.0  # a film's pictures against the recorded ones: once coded, and coded again by LeRobot's tools
LARGEST_STATS = 1e-3  # of a feature's range: LeRobot's quantiles are read off histograms of 5000 bins
LARGEST_STD = 1e-2  # LeRobot's is the difference of two squares in single precision
CODECS = ("libsvtav1", "h264", "hevc")
failed: list[str] = []


def check(what: str, is_right: bool, figures: str = "") -> None:
    """Print a line about it, and remember what failed."""
    print(f"{'ok    ' if is_right else 'FAILED'} {what}{': ' if figures else ''}{figures}", flush=True)
    if not is_right:
        failed.append(what)


def ours(*words: object) -> None:
    line = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(line)}: {done.stderr}")


class Peer:
    """LeRobot's interpreter, without the network."""

    def __init__(self, python: str, scratch: Path) -> None:
        self._python = python
        self._env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(scratch / "hf"), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self._env.setdefault("MUJOCO_GL", "egl")

    def __call__(self, *words: object) -> dict[str, Any]:
        """The facts that a command of `lerobot_peer.py` prints; raises RuntimeError with its last line where it fails."""
        line = [self._python, "-W", "ignore", str(PEER), *map(str, words)]
        done = subprocess.run(line, env=self._env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def has(self, module: str) -> bool:
        return not subprocess.run([self._python, "-c", f"import {module}"], capture_output=True, env=self._env, check=False).returncode

    def try_(self, what: str, *words: object) -> dict[str, Any] | None:
        try:
            return self(*words)
        except RuntimeError as error:
            check(what, False, str(error))
            return None


def expected(episodes: list[Episode], fps: int) -> dict[str, np.ndarray]:
    """What LeRobot should show of these episodes, frame after frame."""
    layout = layout_of(episodes[0])
    counts = [len(episode) for episode in episodes]
    tasks = list(dict.fromkeys(episode.meta.task for episode in episodes))

    def all_of(column: Callable[[Episode], Any]) -> np.ndarray:
        return np.concatenate([column(episode) for episode in episodes])

    ends = all_of(lambda e: np.arange(len(e)) == len(e) - 1)
    return {
        "action": all_of(lambda e: e.steps["actions"]),
        **{name: all_of(lambda e, k=keys: np.concatenate([e.obs[key] for key in k], axis=1)) for name, keys in layout.vectors.items()},
        **{name: all_of(lambda e, k=key: e.obs[k]) for name, key in layout.pictures.items()},
        "next.reward": all_of(lambda e: e.steps["rewards"]),
        "next.done": ends,
        "next.success": ends & all_of(lambda e: np.full(len(e), e.meta.success)),
        "intervention": all_of(lambda e: e.steps["interventions"]).astype(bool),
        "timestamp": np.concatenate([np.arange(count) / fps for count in counts]).astype(np.float32),
        "frame_index": np.concatenate([np.arange(count) for count in counts]),
        "episode_index": np.repeat(np.arange(len(counts)), counts),
        "index": np.arange(sum(counts)),
        "task": all_of(lambda e: np.full(len(e), e.meta.task)),
        "task_index": all_of(lambda e: np.full(len(e), tasks.index(e.meta.task))),
    }


def psnr_db(one: np.ndarray, other: np.ndarray) -> float:
    """Of the worst picture."""
    errors = ((one.astype(float) - other) ** 2).reshape(len(one), -1).mean(axis=1)
    return float(10 * np.log10(255**2 / max(errors.max(), 1e-12)))


def compare(what: str, wanted: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], least_db: float) -> None:
    """Every value; `least_db` inf: pictures, too, to the bit."""
    check(f"{what}: the same columns", set(wanted) == set(found), f"{len(found)} columns, {len(found['index'])} frames")
    pictures = [key for key, column in wanted.items() if column.ndim == 4]
    rest = [key for key in wanted if key not in pictures]
    differ = [key for key in rest if key not in found or not np.array_equal(wanted[key], found[key].reshape(wanted[key].shape))]
    values = sum(wanted[key].size for key in rest)
    check(f"{what}: numbers and texts", not differ, f"{values} values equal" if not differ else f"other: {', '.join(differ)}")
    for key in pictures:
        if np.isinf(least_db):
            check(f"{what}: {key}", np.array_equal(wanted[key], found[key]), f"{len(found[key])} pictures to the bit")
        else:
            worst, apart = psnr_db(wanted[key], found[key]), np.abs(wanted[key].astype(int) - found[key]).mean()
            check(f"{what}: {key}", worst >= least_db, f"worst picture {worst:.1f} dB, {apart:.2f} of 255 off in the mean")


def out(peer: Peer, session: Session, scratch: Path) -> None:
    episodes = [session.read(row.number) for row in session.rows()]
    backends = ["pyav", *(["torchcodec"] if peer.has("torchcodec.decoders") else [])]
    for images in ("png", "video"):
        root, seen = scratch / images, scratch / f"{images}.npz"
        ours("data", "export", session.path, "--to", "lerobot", "--out", root, "--images", images, "--all")
        for backend in backends if images == "video" else backends[:1]:
            what = f"export {images}" + (f" ({backend})" if images == "video" else "")
            if facts := peer.try_(what, "dump", root, seen, backend):
                wanted = expected(episodes, facts["fps"])
                compare(what, wanted, np.load(seen), np.inf if images == "png" else LEAST_DB)
        check_windows(peer, images, root, scratch, expected(episodes, 20))
        if worst := peer.try_(f"statistics of {images}", "stats", root, ""):
            figures = ", ".join(f"{name} {value:.1e}" for name, value in worst.items())
            near = all(value <= (LARGEST_STD if name == "std" else LARGEST_STATS) for name, value in worst.items())
            check(f"statistics of {images} as LeRobot's own", near, f"apart by {figures} of the range")
        back(images, root, session, scratch)
        edited(peer, images, root, episodes, scratch)


def odd(peer: Peer, scratch: Path) -> None:
    """What no arm of ours gives: an odd picture, one number, an episode of one step, two tasks, somebody who took over."""
    session = Session.create(scratch / "odd")
    shown = np.random.default_rng(0).integers(0, 256, (33, 65, 3), np.uint8)
    for number, (length, task) in enumerate([(1, "balance"), (30, "fall"), (7, "balance")]):
        obs = [{"state": np.full(1, t, np.float32), "image": np.minimum(shown // 4 + 5 * t, 255).astype(np.uint8)} for t in range(length)]
        ticks = [tick(t, obs=seen, action=np.full(1, t / 50, np.float32), policy_action=np.zeros(1)) for t, seen in enumerate(obs)]
        meta = replace(PLAIN, env_id="CartPole-v1", task=task, uid=str(number), control_hz=50.0)
        session.append(made_episode(*ticks, meta=meta))
    episodes = [session.read(row.number) for row in session.rows()]
    for images in ("png", "video"):
        root, seen = scratch / f"odd-{images}", scratch / f"odd-{images}.npz"
        ours("data", "export", session.path, "--to", "lerobot", "--out", root, "--images", images)
        if facts := peer.try_(f"a guest's ({images})", "dump", root, seen, "pyav"):
            least_db = np.inf if images == "png" else LEAST_DB
            compare(f"a guest's ({images})", expected(episodes, facts["fps"]), np.load(seen), least_db)


def check_windows(peer: Peer, images: str, root: Path, scratch: Path, wanted: Mapping[str, np.ndarray]) -> None:
    what = f"windows through a DataLoader ({images})"
    if not (facts := peer.try_(what, "windows", root, scratch / "windows.npz")):
        return
    seen = np.load(scratch / "windows.npz")
    starts = np.searchsorted(wanted["episode_index"], wanted["episode_index"], "left")
    ends = np.searchsorted(wanted["episode_index"], wanted["episode_index"], "right")
    at = wanted["index"][:, None] + np.arange(seen["action"].shape[1])
    right = np.array_equal(seen["action"], wanted["action"][np.minimum(at, ends[:, None] - 1)])
    right &= np.array_equal(seen["action_is_pad"], at >= ends[:, None])
    before = np.maximum(wanted["index"][:, None] + np.array([-1, 0]), starts[:, None])
    right &= np.array_equal(seen["observation.state"], wanted["observation.state"][before])
    check(what, right, f"{facts['batches']} batches, {facts['shapes']}")


def back(images: str, root: Path, session: Session, scratch: Path) -> None:
    """Ours → theirs → ours."""
    ours("data", "import", root, "--from", "lerobot", "--session", scratch / f"back-{images}")
    again = Session.open(scratch / f"back-{images}")
    differ: set[str] = set()
    count = 0
    for old, new in zip(session.rows(), again.rows(), strict=True):
        one, other = session.read(old.number), again.read(new.number)
        arrays, found = dict(arrays_of(one)), dict(arrays_of(other))
        count += len(arrays)
        differ |= {name for name in {*arrays, *found} if name not in arrays or name not in found or not same(arrays[name], found[name])}
        told = {"origin", *(["settings"] if images == "video" else [])}
        differ |= {name for name, value in vars(one.meta).items() if name not in told and getattr(other.meta, name) != value}
    lossy = {f"obs/{key}" for key in layout_of(session.read(session.rows()[0].number)).cameras} if images == "video" else set()
    check(f"ours → LeRobot ({images}) → ours", differ == lossy, f"{count} arrays; other: {', '.join(sorted(differ)) or 'none'}")


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def edited(peer: Peer, images: str, root: Path, episodes: list[Episode], scratch: Path) -> None:
    """What LeRobot's tools make of it comes to us again."""
    folder = scratch / f"edited-{images}"
    if not peer.try_(f"LeRobot's tools ({images})", "edit", root, folder):
        return
    for name, left in (("deleted", [0, *range(2, len(episodes))]), ("merged", [1, 2, 0])):
        new = scratch / f"{name}-{images}"
        ours("data", "import", folder / name, "--from", "lerobot", "--session", new, "--env", episodes[0].meta.env_id)
        found = [Session.open(new).read(row.number) for row in Session.open(new).rows()]
        whole = [episodes[i] for i in left]
        right = [e.meta.outcome for e in found] == [e.meta.outcome for e in whole]
        worst = np.inf
        for one, other in zip(whole, found, strict=True):
            right &= all(same(one.steps[key], other.steps[key]) for key in ("actions", "rewards", "dones", "interventions"))
            right &= one.obs.keys() == other.obs.keys()
            for key, column in one.obs.items():
                if column.ndim != 4 or images == "png":
                    right &= same(column, other.obs[key])
                else:
                    worst = min(worst, psnr_db(column, other.obs[key]))
        pictures = "pictures to the bit" if images == "png" else f"worst picture {worst:.1f} dB"
        what = f"{name} by LeRobot ({images}), imported"
        check(what, right and worst >= LEAST_DB_AGAIN, f"episodes {left}, all values equal, {pictures}")


def into(peer: Peer, scratch: Path) -> None:
    """Theirs → ours, by each codec that LeRobot films with."""
    for codec in CODECS:
        root, seen, new = scratch / f"made-{codec}", scratch / f"made-{codec}.npz", scratch / f"from-{codec}"
        what = f"LeRobot's own ({codec}), imported"
        if not peer.try_(what, "make", root, codec) or not peer.try_(what, "dump", root, seen, "pyav"):
            continue
        ours("data", "import", root, "--from", "lerobot", "--session", new, "--env", "SO101-v0")
        wanted = np.load(seen)
        episodes = [Session.open(new).read(row.number) for row in Session.open(new).rows()]
        right = [len(e) for e in episodes] == np.bincount(wanted["episode_index"]).tolist()
        right &= [str(e.meta.outcome) for e in episodes] == ["success", "failure", "success"]
        right &= [e.meta.settings["imported"]["task"] for e in episodes] == ["do 0", "do 1", "do 0"]
        columns = {"action": "actions", "next.reward": "rewards"}
        right &= all(np.array_equal(wanted[k], np.concatenate([e.steps[name] for e in episodes])) for k, name in columns.items())
        keys = {"observation.state": "state", "observation.effort": "effort", "observation.images.side": "side_image"}
        right &= all(np.array_equal(wanted[k], np.concatenate([e.obs[key] for e in episodes])) for k, key in keys.items())
        film = np.concatenate([e.obs["top_image"] for e in episodes]).astype(int)
        apart = int(np.abs(film - wanted["observation.images.top"]).max())
        check(what, right and apart <= 3, f"{len(film)} frames, all values equal, its film at most {apart} of 255 off what LeRobot sees")


def trained(peer: Peer, scratch: Path) -> None:
    """A policy of LeRobot's, from what we export, in our environment."""
    if not peer.has("teleop.envs.tasks.lift"):
        print("       no policy is trained: what our environments need is not installed there (mujoco, gymnasium, the arms)")
        return
    session, root, model = scratch / "lift", scratch / "lift-set", scratch / "act"
    ours("teleop", "record", "--env", "PandaLift-v0", "--device", "scripted", "--headless", "--episodes", 40, "--session", session)
    ours("data", "export", session, "--to", "lerobot", "--out", root)
    model.mkdir()
    (model / "env_kwargs.json").write_text(json.dumps(dict(Session.open(session).rows()[0].env_kwargs)))
    if facts := peer.try_("ACT of LeRobot, trained and tried", "act", root, model, "teleop:PandaLift-v0", 1000):
        first, last = facts["loss"]
        figures = f"loss {first:.3f} → {last:.3f}, {facts['successes']} of {facts['episodes']} new scenes"
        check("ACT of LeRobot, trained from our export, drives in our environment", last < first / 3, figures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="the interpreter of an environment with lerobot[dataset]")
    parser.add_argument("session", nargs="?", help="a session of three or more episodes (default: one is recorded)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        session = Path(options.session) if options.session else scratch / "session"
        if not options.session:
            words = ["--device", "scripted", "--headless", "--episodes", 3, "--cameras", "front", "wrist"]
            ours("teleop", "record", "--env", "PandaLift-v0", "--session", session, *words)
        peer = Peer(options.python, scratch)
        out(peer, Session.open(session), scratch)
        odd(peer, scratch)
        into(peer, scratch)
        trained(peer, scratch)
    print(f"{len(failed)} failed" if failed else "all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
