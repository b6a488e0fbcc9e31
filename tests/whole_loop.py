"""Show the two figures the project stands for: python tests/whole_loop.py (about 5 minutes on 2 cores; exit 1 when missed).

One session of 50 scripted PandaLift-v0 episodes: behaviour cloning reaches 90 % over 100 evaluation episodes, and DAgger
with at most 1,000 further labels reaches 95 %; every episode replays to the bit.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent.parent))

from data.cli import run_command
from learn.checkpoint import load_policy
from learn.commands import COMMANDS as LEARN
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate
from learn.rounds import read_rounds
from teleop.commands import COMMANDS as TELEOP

EPISODES, EVALUATION_EPISODES, WORKERS = 50, 100, 2
BC_WANTED, DAGGER_WANTED, MOST_LABELS = 0.90, 0.95, 1000


def success_of(model: Path) -> float:
    """Success rate over seeds that neither demonstrations nor rollouts had."""
    loaded = load_policy(model)
    return evaluate(loaded.policy, loaded.env_id, loaded.env_kwargs, EVALUATION_EPISODES, FIRST_EVALUATION_SEED, WORKERS).success_rate


def main(folder: Path) -> int:
    session, bc, dagger = (str(folder / name) for name in ("session", "bc", "dagger"))
    evaluation = ["--evaluation-episodes", str(EVALUATION_EPISODES), "--workers", str(WORKERS)]
    run_command("teleop", TELEOP, ["record", "--session", session, "--episodes", str(EPISODES), "--device", "scripted", "--headless"])
    run_command("learn", LEARN, ["train", session, "--policy", "bc", "--out", bc])
    run_command("learn", LEARN, ["dagger", session, "--out", dagger, "--rounds", "2", "--device", "scripted", "--headless", *evaluation])
    exact = run_command("teleop", TELEOP, ["replay", session, "--verify"]) == 0
    figures = {"bc": success_of(Path(bc)), "dagger": success_of(Path(dagger)), "labels": read_rounds(Path(dagger))[-1].total_labels}
    met = figures["bc"] >= BC_WANTED and figures["dagger"] >= DAGGER_WANTED and figures["labels"] <= MOST_LABELS and exact
    print(json.dumps({**figures, "episodes": EVALUATION_EPISODES, "exact": exact, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        sys.exit(main(Path(name)))
