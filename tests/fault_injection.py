"""Everything that may go wrong with a disk or a process, many times over: python tests/fault_injection.py [--kills 300] [--mutations 1000].

SIGKILLs at random moments, commits included; disks that are full, read-only or gone; files that are truncated,
bit-flipped or made to harm. Exit code 1 where anything is lost, hangs or ends in a traceback. `tests/test_faults.py` is
the short version.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from faults.disks import DISKS, EPISODES, KINDS, READING, WRITING, can_mount, complete, run_disk, unlike
from faults.kills import run_kills
from faults.mutations import prepare, run_mutations

from data.cli import progress_bar


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--mutations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failures = []
    with progress_bar("killing", options.kills) as advance:
        kills = run_kills(options.kills, options.seed, lambda done: advance(done, ""))
    print(json.dumps(kills.summary()))
    failures += kills.failures
    for name in DISKS if can_mount() else ():
        for kind in KINDS:
            came = run_disk(name, kind)
            whole = complete(came)
            print(
                f"disk {name}, {kind}: {came['here']} there, {came['elsewhere']} elsewhere: {'all' if whole else 'NOT all'} of {EPISODES}"
            )
            failures += [] if whole else [f"disk {name}, {kind}: {came}"]
    with tempfile.TemporaryDirectory() as folder:
        base = str(prepare(Path(folder)))
        for state in ("full", "read-only") if can_mount() else ():
            wrong = unlike(run_disk("commands", state, base))
            print(f"commands on a disk that is {state}: {len(READING) + len(WRITING)}, {len(wrong)} not as they should be")
            failures += wrong
    if not can_mount():
        print("disks: not tried, this account cannot mount one")
    with progress_bar("mutating", options.mutations) as advance:
        mutations = run_mutations(options.mutations, options.seed, lambda done: advance(done, ""))
    print(json.dumps(mutations.summary()))
    failures += mutations.failures
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
