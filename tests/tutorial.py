"""The tutorial, done: runs docs/tutorial.md's own lines, takes its pictures and writes its numbers: `make tutorial`.

Lines that need hands are left to the line with the scripted operator that follows them. What was done already, in
tutorial-output/, is not done again. The report's picture needs chromium.
"""

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import imageio_ffmpeg
import numpy as np
import pygame
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from screenshot import SCENES, SIZES, Actor, Photographer, Scene, photograph, record_some, taken, tapping

from data.schema import Phase
from data.session import Session
from learn.checkpoint import load_policy
from learn.driver import Driver
from learn.futures.seer import GhostSeer
from learn.gates import GateConfig, build_gate
from teleop.clock import SimulatedClock
from teleop.devices.device import View
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.envs.render import PRETTY
from teleop.loop import Loop, LoopConfig
from teleop.mapping import MappingConfig
from teleop.painter import Painter
from teleop.pilot import Pilot
from teleop.recorder import Recorder
from teleop.screen import Status
from teleop.scribe import InlineScribe
from teleop.stick import Button, Stick
from teleop.window import start_pygame

ROOT = Path(__file__).parent.parent
PAGE, PICTURES, OUT = ROOT / "docs" / "tutorial.md", ROOT / "docs" / "pictures", ROOT / "tutorial-output"
BY_HAND = re.compile(r"make |source |python -m teleop devices|python -m (teleop record|learn dagger)(?!.*--device scripted)")
VISUAL = "python -m learn train lift --policy visual --steps 1500 --rollouts 0 --out lift-visual"
WIDTH_PX = 960


def lines_of(page: Path) -> list[str]:
    """What a reader without hands would type."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not BY_HAND.match(line)]


def say(line: str) -> str:
    """What the line prints; it is run once, in OUT."""
    kept = OUT / "said" / f"{re.sub(r'[^a-z0-9]+', '-', line.lower())}.txt"
    if not kept.exists():
        print(line, flush=True)
        done = subprocess.run([sys.executable, *shlex.split(line)[1:]], cwd=OUT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{line}\n{done.stdout}{done.stderr}")
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(done.stdout, encoding="utf-8")
    return kept.read_text(encoding="utf-8")


# -- pictures ----------------------------------------------------------------------------------------------------------


def keep(name: str, picture: Image.Image) -> None:
    """As a small WebP in docs/pictures."""
    PICTURES.mkdir(exist_ok=True)
    if picture.width > WIDTH_PX:
        picture = picture.resize((WIDTH_PX, round(picture.height * WIDTH_PX / picture.width)), Image.Resampling.LANCZOS)
    picture.convert("RGB").save(PICTURES / f"{name}.webp", quality=82, method=6)
    print(f"wrote {PICTURES / name}.webp, {(PICTURES / f'{name}.webp').stat().st_size / 1000:.0f} kB")


def keep_painted(name: str, painter: Painter) -> None:
    keep(name, Image.fromarray(np.swapaxes(pygame.surfarray.array3d(painter.surface), 0, 1)))


class Thoughtful(Actor):
    """Hands that answer nothing: the question is to be looked at."""

    def poll(self, events: Any, view: View) -> Stick:
        return Stick() if view.phase is Phase.ASKING else super().poll(events, view)


class Patient(Photographer):
    """Waits for ghosts, which another process finds in real time."""

    def show(self, status: Status) -> None:
        super().show(status)
        if status.phase is Phase.ASKING:
            time.sleep(0.05)


def question(name: str, model: Path, session: Session, gate: GateConfig, scene: Scene, seed: int) -> None:
    """What a person sees when this policy asks, its ghosts found in the simulator."""
    loaded = load_policy(model)
    env, arm = make_plant(loaded.env_id, {})
    operator = ScriptedOperator(arm, MappingConfig(), OperatorConfig(), seed)
    photographer, seer = Patient(arm, scene.when), GhostSeer(loaded.policy, loaded.env_id, {})
    with TemporaryDirectory() as folder:
        empty = Session.create(Path(folder) / "questions")
        facts = {"env_id": loaded.env_id, "env_kwargs": {}, "operator": "nobody", "clock": "simulated"}
        recorder = Recorder(empty, arm, facts, InlineScribe(empty))
        pilot = Pilot(Driver(loaded.policy), build_gate(gate, loaded.policy, session), label_budget=100)
        config, clock = LoopConfig(episodes=5, seed=seed), SimulatedClock(0.05)
        try:
            Loop(env, arm, Thoughtful(operator, scene), photographer, clock, recorder, config, pilot, seer=seer).run()
        finally:
            seer.close()
        status, state = taken(photographer, scene)
    arm.stand_as(state)
    painter = Painter(pygame.display.set_mode(SIZES[0]), arm, keyboard=False, look=PRETTY)
    painter.paint(status)
    keep_painted(name, painter)
    env.close()


def is_foreseen(ghosts: int, steps: int) -> Callable[[Status], bool]:
    """It asks, and knows of so many ways how they would end."""

    def when(status: Status) -> bool:
        known = [ghost for ghost in status.ghosts if ghost.predicted is not None]
        return status.phase is Phase.ASKING and status.steps >= steps and ghosts <= len(known) == len(status.ghosts)

    return when


def undecided(model: Path) -> int:
    """The seed of a scene in which the policy finds two ways about equally likely."""
    loaded = load_policy(model)
    env, _ = make_plant(loaded.env_id, {})
    driver = Driver(loaded.policy)
    for seed in range(200, 300):
        obs, _ = env.reset(seed=seed)
        driver.begin(seed)
        driver.act(obs)
        if 0.35 < driver.ways(obs)[0].probability < 0.65:
            return seed
    raise SystemExit(f"{model} is of one mind everywhere")


def stills(name: str, film: Path, at: tuple[float, ...]) -> None:
    """Pictures of a film beside each other."""
    reader = imageio_ffmpeg.read_frames(str(film))
    width, height = next(reader)["size"]
    frames = [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
    keep(name, Image.fromarray(np.hstack([frames[round(share * (len(frames) - 1))] for share in at])))


def page_picture(name: str, page: Path, size: tuple[int, int]) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print(f"no chromium here: {name} stays as it was")
        return
    with TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        line = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        line += [f"--window-size={size[0]},{size[1]}", f"--screenshot={shot}", page.as_uri()]
        subprocess.run(line, check=True, capture_output=True)
        keep(name, Image.open(shot))


def take_pictures() -> None:
    start_pygame(display=False, joysticks=False)
    with TemporaryDirectory() as work:
        record_some(Path(work) / "PandaLift-v0")
        keep_painted("driving", photograph(Path(work) / "PandaLift-v0", SCENES["recording"], SIZES[0], PRETTY))
    lift, detour = Session.open(OUT / "lift"), Session.open(OUT / "detour")
    question("asking", OUT / "lift-dagger" / "rounds" / "1", lift, GateConfig("ensemble"), Scene(is_foreseen(1, 10)), seed=205)
    tap = Scene(is_foreseen(2, 2), tapping(Button.RB, 3))
    question("question", OUT / "detour-moe", detour, GateConfig("human"), tap, undecided(OUT / "detour-moe"))
    page_picture("report", OUT / "report.html", (1280, 1500))
    stills("film-episode", sorted((OUT / "films").glob("*.mp4"))[0], (0.15, 0.5, 0.97))
    keep("curve", Image.open(OUT / "lift-dagger" / "dagger.png"))
    say(VISUAL)
    say("python -m learn evaluate lift-visual --episodes 20 --videos seen --most-videos 1")
    stills("film", sorted((OUT / "seen").glob("*.mp4"))[0], (0.05,))


# -- numbers -----------------------------------------------------------------------------------------------------------


TOLD = re.compile(r" in PandaLift| succeeds alone|^round |^ +\d+ .*%")


def with_numbers(text: str, lines: list[str]) -> str:
    """The page with what its lines printed."""
    for name, words in (("bc", "learn evaluate lift-bc"), ("rounds", "learn dagger lift"), ("compare", "learn compare")):
        (line,) = (line for line in lines if words in line)
        said = "\n".join(row.rstrip() for row in say(line).splitlines() if TOLD.search(row))
        begin, end = f"<!-- tutorial-{name}:begin -->", f"<!-- tutorial-{name}:end -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n```text\n{said}\n```\n{end}{rest.split(end)[1]}"
    return text


def main() -> None:
    OUT.mkdir(exist_ok=True)
    lines = lines_of(PAGE)
    for line in lines:
        say(line)
    PAGE.write_text(with_numbers(PAGE.read_text(encoding="utf-8"), lines), encoding="utf-8")
    take_pictures()


if __name__ == "__main__":
    main()
