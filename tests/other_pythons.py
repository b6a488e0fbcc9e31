"""Environments that live in another Python, driven for real: `make other-pythons`.

Meta-World pins MuJoCo 3.3.0, gym-taskboard 0.1.0 needs MuJoCo 3: each gets an environment of its own in `.matrix/`. A hand
on the sticks drives, rewinds and drives on; the session is checked, and every episode replayed to the bit in a process of
its own. Prints a line per environment and exits 1 when one differs.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from test_teleop_support import REST, TableDevice, loop_of, push, tap

from data.cli import run_command
from data.commands import COMMANDS as DATA
from teleop.commands import COMMANDS
from teleop.envs import make_plant
from teleop.stick import Button

FOLDER = Path(__file__).parents[1] / ".matrix"
NEEDS = {"metaworld": ["metaworld==3.1.1", "packaging"], "taskboard": ["mujoco==3.3.7", "gym-taskboard==0.1.0", "imageio", "packaging"]}
WHO = (
    ("metaworld", "metaworld:Meta-World/MT1", {"env_name": "reach-v3"}),
    ("metaworld", "metaworld:Meta-World/MT1", {"env_name": "drawer-open-v3"}),
    ("taskboard", "gym_taskboard:TaskBoard1-Gears-Assembly-v0", {}),
    ("taskboard", "gym_taskboard:TaskBoard1-Nuts-Disassembly-v0", {}),
)


def python_with(name: str) -> Path:
    """The Python of the environment; made when it is missing or was not finished."""
    folder = FOLDER / name
    python, stamp = folder / "bin" / "python", folder / ".installed"
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *NEEDS[name]], check=True)
        stamp.touch()
    return python


def drive(env_id: str, kwargs: dict[str, str], folder: Path) -> bool:
    """Record with a rewind, check, replay; whether all of it was sound."""
    _, plant = make_plant(env_id, kwargs)
    back = push(lt=0.6)
    ahead = [*[push(left_x=0.8, right_y=-0.5)] * 12, *[push(left_y=-0.8, rt=1.0)] * 10]
    rows = [REST, tap(Button.START), *ahead, *[back] * 4, *[push(left_x=-0.9)] * 8, tap(Button.Y)]
    loop, session, _ = loop_of(folder, plant, plant, TableDevice(rows), env_id=env_id, env_kwargs=kwargs)
    loop.run()
    print(f"{env_id} {kwargs.get('env_name', '')}: MuJoCo {plant.facts['mujoco']} there, {len(session)} episodes", flush=True)
    plant.close()
    done = [run_command("teleop", COMMANDS, ["replay", str(folder), "--verify"]), run_command("data", DATA, ["check", str(folder)])]
    return done == [0, 0]


def main() -> int:
    sound = []
    with tempfile.TemporaryDirectory() as scratch:
        for i, (name, env_id, kwargs) in enumerate(WHO):
            sound.append(drive(env_id, {"python": str(python_with(name)), **kwargs}, Path(scratch) / str(i)))
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
