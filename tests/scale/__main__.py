"""`python tests/scale`: measure, and write docs/scale.json and docs/scale.md. `--page`: only the page, of the figures there."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    for name, value in {"OMP_NUM_THREADS": "1", "MUJOCO_GL": "egl" if sys.platform == "linux" else ""}.items():
        if value:
            os.environ.setdefault(name, value)
    tests = Path(__file__).resolve().parents[1]
    sys.path[:1] = [str(tests.parent), str(tests)]
    from scale.runner import main

    sys.exit(main(sys.argv[1:]))
