"""The test suite on several versions of MuJoCo, each in an environment of its own: `make matrix`.

MuJoCo's wheels must not be exchanged inside an environment, so each version gets `.matrix/mujoco-VERSION`, made once and
used again. Prints a line per version and exits 1 when a suite fails. `--versions 3.3.7` takes one, `-- -k envs` is for pytest.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".matrix"
FREE = ("mujoco", "mujoco-core", "mujoco-studio", "mink")  # mink asks for a MuJoCo of its own time
VERSIONS = ("3.3.7", "4.0.0")


def environment(version: str) -> Path:
    """The Python of the environment with this MuJoCo; made when it is missing, was not finished, or other packages are wanted."""
    folder = FOLDER / f"mujoco-{version}"
    python, stamp = folder / "bin" / "python", folder / ".installed"
    wanted = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "constraints.txt"))
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.split("==")[0] not in FREE]
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join([*kept, f"mujoco=={version}", ""]), encoding="utf-8")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--constraint", constraints, "--editable", f"{ROOT}[dev]"], check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def suite(python: Path, words: list[str]) -> tuple[int, str]:
    """pytest's exit status and its last line."""
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([python, "-m", "pytest", "-p", "no:cacheprovider", *words], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    lines = done.stdout.strip().splitlines()
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            print(f"  {line}")
    return done.returncode, lines[-1] if lines else "pytest said nothing"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", nargs="+", default=list(VERSIONS))
    parser.add_argument("pytest", nargs="*", help="words for pytest, after --")
    words = parser.parse_args()
    failed = []
    for version in words.versions:
        python, start_s = environment(version), time.monotonic()
        ask = [python, "-c", "import mujoco, sys; print(mujoco.__version__, 'on Python', sys.version.split()[0])"]
        found = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
        code, line = suite(python, words.pytest)
        print(f"mujoco {found}: {line} (exit {code}, {time.monotonic() - start_s:.0f} s)", flush=True)
        if code:
            failed.append(version)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
