"""The README's film: a pad drives the recorder through one episode. `make gif` draws docs/recorder.gif; needs no display.

The loop, the painter and SDL's gamepad are the real ones. The pad is virtual; the scripted operator's hands are on it.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import imageio_ffmpeg
import numpy as np
import pygame

sys.path.insert(0, str(Path(__file__).parent.parent))

from virtual_gamepad import XBOX, VirtualGamepad

from data.schema import Phase
from data.session import Session
from teleop.bindings import MODE_TAGS
from teleop.clock import SimulatedClock
from teleop.devices.device import View
from teleop.devices.events import drain_events
from teleop.devices.gamepad import Gamepad
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.envs.render import PRETTY
from teleop.loop import Loop, LoopConfig
from teleop.mapping import MappingConfig
from teleop.painter import Painter
from teleop.recorder import Recorder
from teleop.screen import Headless, Status
from teleop.scribe import InlineScribe
from teleop.stick import Axis, Button, Stick
from teleop.window import start_pygame

ENV_ID, SEED, SKILL = "PandaPickPlace-v0", 3, 1.0
SIZE_PX, FILM_PX = (960, 720), (720, 540)
AFTER = 12  # pictures of the next scene
COLOURS, HZ, LAST_S = 96, 20.0, 1.0


class Hands(Gamepad):
    """The pad, on which the scripted operator's hands lie: what they mean to do is done to it first."""

    def __init__(self, pad: VirtualGamepad, operator: ScriptedOperator) -> None:
        super().__init__()
        self._virtual, self._operator, self._held = pad, operator, frozenset[Button]()

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        meant = self._operator.poll(events, view)
        for axis in Axis:
            self._virtual.move(axis, meant.axis(axis))
        held = meant.held | meant.pressed
        for button in held ^ self._held:
            self._virtual.press(button, button in held)
        self._held = held
        return super().poll([*events, *drain_events()], view)


class Camera(Headless):
    """A screen whose every picture is kept: `frames` (720, 960, 3)."""

    def __init__(self, arm: Any, twin: Any) -> None:
        super().__init__(pump=True)
        self._arm, self._twin = arm, twin
        self._painter = Painter(pygame.display.set_mode(SIZE_PX), twin, keyboard=False, look=PRETTY)
        self.frames: list[np.ndarray] = []
        self._next_scene = 0

    def wants_to_quit(self) -> bool:
        return self._next_scene > AFTER

    def show(self, status: Status) -> None:
        self._next_scene += status.episodes > 0 and status.phase is Phase.READY
        self._twin.stand_as(self._arm.sim_state())
        self._painter.paint(replace(status, redraw_hz=HZ))
        self.frames.append(np.swapaxes(pygame.surfarray.array3d(self._painter.surface), 0, 1))


def film() -> list[np.ndarray]:
    """Pictures of one episode, from a little before its start into the next scene, 20 a second."""
    start_pygame(display=False)
    pad = VirtualGamepad(XBOX)
    (env, arm), (_, twin) = make_plant(ENV_ID, {"max_episode_steps": -1}), make_plant(ENV_ID, {})
    camera = Camera(arm, twin)
    operator = ScriptedOperator(arm, MappingConfig(), OperatorConfig(skill=SKILL), SEED)
    with TemporaryDirectory() as folder:
        session = Session.create(Path(folder) / "film")
        facts = {"env_id": ENV_ID, "env_kwargs": {}, "operator": "film", "clock": "simulated"}
        recorder = Recorder(session, arm, facts, InlineScribe(session))
        config = LoopConfig(episodes=20, seed=SEED, mode_names=MODE_TAGS)
        Loop(env, arm, Hands(pad, operator), camera, SimulatedClock(0.05), recorder, config).run()
    return camera.frames[:-1]  # the last is of quitting


def write_gif(path: Path, frames: list[np.ndarray], every: int) -> None:
    """Every so many of the pictures, in one palette made for them."""
    palette = f"split[a][b];[a]palettegen=max_colors={COLOURS}:stats_mode=full[p];[b][p]paletteuse=dither=none:diff_mode=rectangle"
    line = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    line += ["-s", f"{SIZE_PX[0]}x{SIZE_PX[1]}", "-r", str(HZ / every), "-i", "-"]
    line += [
        "-filter_complex",
        f"tpad=stop_mode=clone:stop_duration={LAST_S},scale={FILM_PX[0]}:{FILM_PX[1]}:flags=area,{palette}",
        str(path),
    ]
    subprocess.run(line, input=b"".join(np.ascontiguousarray(frame).tobytes() for frame in frames[::every]), check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--every", type=int, default=1, help="which of 20 pictures a second are taken")
    parser.add_argument("--stills", type=Path, help="a folder for some of the pictures, to be looked at")
    words = parser.parse_args()
    frames = film()
    write_gif(words.out, frames, words.every)
    if words.stills:
        words.stills.mkdir(parents=True, exist_ok=True)
        for k in range(0, len(frames), 10):
            surface = pygame.image.frombuffer(np.ascontiguousarray(frames[k]).tobytes(), SIZE_PX, "RGB")
            pygame.image.save(surface, str(words.stills / f"{k:03d}.png"))
    print(f"wrote {words.out}: {len(frames) / HZ + LAST_S:.1f} s, {words.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
