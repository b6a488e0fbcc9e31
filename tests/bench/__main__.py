"""`python tests/bench [--rows NAME …] [--out DIR]`."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    for name, value in {"OMP_NUM_THREADS": "1", "MUJOCO_GL": "egl" if sys.platform == "linux" else ""}.items():
        if value:
            os.environ.setdefault(name, value)
    tests = Path(__file__).resolve().parents[1]
    sys.path[:1] = [str(tests.parent), str(tests)]
    from bench.runner import main

    sys.exit(main())
