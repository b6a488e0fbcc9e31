"""make human-data FILE=adroit_door_human.hdf5: what bc, moe and flow learn from real human demonstrations.

Imports 25 human demonstrations of the Adroit hand opening a door, trains on all of them and evaluates in gymnasium-robotics'
AdroitHandDoor-v1 (the extra `robotics`). The table stands in docs/policies.md. Resumes where it stopped.
"""

import subprocess
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import tyro

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from policy_study import measured, table_of, write_between_marks  # noqa: E402

ENV = "gymnasium_robotics:AdroitHandDoor-v1"
TASK = "AdroitHandDoor"


@dataclass(frozen=True)
class HumanDataStudy:
    """Import, train and evaluate, resuming; then print the table and write it into docs/policies.md."""

    file: tyro.conf.Positional[Path]
    """adroit_door_human.hdf5: a group for each demonstration, with `observations` and `actions`"""
    out: Path = ROOT / "study-policies"
    seeds: tuple[int, ...] = (0, 1, 2)
    policies: tuple[str, ...] = ("bc", "moe", "flow")
    docs: bool = True
    """write the table into docs/policies.md"""

    def run(self) -> int:
        session = self.out / "sessions" / TASK
        words = ["data", "import", str(self.file), "--from", "d4rl", "--session", str(session), "--env", ENV]
        subprocess.run([sys.executable, "-m", *words], cwd=ROOT, check=True)
        results = []
        for policy, seed in product(self.policies, self.seeds):
            facts = {"task": TASK, "policy": policy, "seed": seed}
            results.append(measured(self.out, f"{TASK}-{policy}-{seed}", session, [policy, "--seed", str(seed)], facts))
        text = "\n".join(table_of([result for result in results if result]))
        print(text)
        if self.docs:
            write_between_marks("human", text)
        return 0 if all(results) else 1


if __name__ == "__main__":
    study = tyro.cli(HumanDataStudy)
    if not study.file.is_file():  # not part of the repository
        sys.exit(f"error: there is no file at {study.file}; give adroit_door_human.hdf5")
    sys.exit(study.run())
