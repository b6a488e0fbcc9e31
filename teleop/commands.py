"""The commands of `python -m teleop`."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

import teleop
from data.cli import progress_bar, terminal_width
from data.errors import UserError
from data.schema import Source
from data.session import Session
from teleop.cockpit import Cockpit, CockpitConfig, open_cockpit
from teleop.devices import DeviceName, has_display
from teleop.devices.panel import PanelOptions, show_devices
from teleop.devices.scripted import OperatorConfig
from teleop.grip import GripStyle
from teleop.loop import LoopConfig
from teleop.mapping import Directions
from teleop.modes import mode_names, wished_plan
from teleop.stick import Button
from teleop.tally import Tally
from teleop.window import SIZE_PX, LookName, start_pygame

SESSION = Annotated[Path, tyro.conf.arg(metavar="SESSION", help="a session folder")]
RECORDINGS = Path("data") / "recordings"
SCRIPTED_EPISODES = 10


def _new_session() -> Path:
    return RECORDINGS / datetime.now().strftime("%Y-%m-%d-%H%M%S")


@dataclass(frozen=True)
class Record:
    """Drive the arm and keep what you did. The window shows the keys; without a display the scripted operator drives."""

    env: str = "PandaLift-v0"
    """environment id; python -m teleop envs lists them"""
    session: Path = field(default_factory=_new_session)
    """session folder, made when missing, gone on with when not"""
    device: DeviceName = "auto"
    """auto: a gamepad, else the keyboard, else (no display) a raw gamepad or the scripted operator"""
    pad: str = ""
    """which gamepad: its number, a part of its name or its GUID (python -m teleop devices lists them)"""
    mappings: Path | None = None
    """a file of SDL mappings (gamecontrollerdb.txt) for gamepads that SDL does not know"""
    episodes: int | None = None
    """stop after this many kept episodes (default: until you quit; 10 for the scripted operator)"""
    mode: str = ""
    """behaviour mode to tag episodes with; the D-pad changes it"""
    cameras: tuple[str, ...] = ()
    """cameras to record, e.g. front wrist"""
    image_size: int = 84
    """pixels of the recorded square images"""
    headless: bool = False
    """no window"""
    seed: int = 0
    """first seed; episode k starts from seed + k"""
    target: int | None = None
    """stop when the session holds this many successes"""
    auto_stop: bool = True
    """without it an episode ends when success has held for 10 ticks"""
    max_seconds: float = 60.0
    """longest episode"""
    countdown: float = 0.0
    """seconds from Start to the first step"""
    trim: bool = True
    """without it idle starts and ends are set aside in the episode's file"""
    tags: tuple[str, ...] = ()
    """names of the behaviour modes on the D-pad, e.g. left=inside right=outside"""
    plan: tuple[str, ...] = ()
    """wished successes per behaviour mode, e.g. left=20 right=20"""
    directions: Literal["camera", "base"] = "camera"
    """forward on the left stick: away from the camera's eye, or along the robot base's x axis"""
    grip: Literal["hold", "toggle"] = "hold"
    """hold: the gripper follows the trigger; toggle: each pull closes or opens it"""
    size: tuple[int, int] = SIZE_PX
    """the window's width and height in pixels, from 960 720 on"""
    look: LookName = "auto"
    """how the arm is drawn; auto: the prettiest that keeps 60 pictures a second"""
    sound: bool = False
    """tones for start, success, questions and limits"""
    skill: float = 1.0
    """scripted operator: 0 clumsy, 1 a practised person, 2 clean"""

    def run(self) -> int:
        self._check()
        names = mode_names(self.tags)
        plan = wished_plan(self.plan, names)
        Session.check_path(self.session)
        env_kwargs = {"cameras": list(self.cameras), "image_size": self.image_size} if self.cameras else {}
        operator = operator_with(self.skill)
        # Every sitting of a scripted operator is another person's day: its seed goes on with the session.
        config = CockpitConfig(
            env_id=self.env,
            env_kwargs=env_kwargs,
            device=self.device,
            headless=self.headless,
            seed=self.seed + Session(self.session).next_number(),
            max_seconds=self.max_seconds,
            operator=operator,
            pad=self.pad,
            mappings=self.mappings,
            trims=self.trim,
            size_px=self.size,
            look=self.look,
            sound=self.sound,
        )
        with open_cockpit(config) as cockpit:
            if self.grip == "toggle" and cockpit.device.source is Source.SCRIPTED:
                raise UserError("the scripted operator holds the trigger; --grip toggle is for a person")
            print(cockpit.why)
            self._drive(cockpit, Session.create(self.session), names, plan)
        return 0

    def _check(self) -> None:
        if self.episodes is not None and self.episodes < 1:
            raise UserError(f"--episodes {self.episodes} is not a count; give 1 or more")
        if not 1.0 <= self.max_seconds <= 3600.0:
            raise UserError(f"--max-seconds {self.max_seconds} is outside 1 … 3600; give the longest episode in seconds")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed} is negative; give 0 or more")
        if not 8 <= self.image_size <= 960:
            raise UserError(f"--image-size {self.image_size} is outside 8 … 960; give the pixels of one side")
        if self.target is not None and self.target < 1:
            raise UserError(f"--target {self.target} is not a count; give 1 or more")
        if not 0.0 <= self.countdown <= 60.0:
            raise UserError(f"--countdown {self.countdown} is outside 0 … 60; give seconds")
        if not (SIZE_PX[0] <= self.size[0] <= 3840 and SIZE_PX[1] <= self.size[1] <= 2160):
            raise UserError(f"--size {self.size[0]} {self.size[1]} is outside 960 720 … 3840 2160; give width and height in pixels")

    def _drive(self, cockpit: Cockpit, session: Session, names: dict[Button, str], plan: dict[str, int]) -> None:
        endless = self.episodes is None and self.target is None and cockpit.device.source is Source.SCRIPTED  # nobody there to quit
        wished = SCRIPTED_EPISODES if endless else self.episodes
        real = cockpit.clock.kind == "real"
        config = LoopConfig(
            mapping=cockpit.config.mapping,
            episodes=wished,
            target=self.target,
            hold_ticks=10 if self.auto_stop else 0,
            mode=self.mode,
            seed=self.seed,
            directions=Directions(self.directions),
            grip=GripStyle(self.grip),
            countdown_s=self.countdown,
            mode_names=names,
            plan=plan,
        )
        with contextlib.ExitStack() as stack:
            loop = cockpit.loop(session, config, on_episode=None if real else _progress(stack, wished))
            stack.callback(lambda: _print_kept(loop.tally, session, real=real))  # also after Ctrl-C
            loop.run()


def operator_with(skill: float) -> OperatorConfig:
    """A scripted operator of `--skill`; a UserError outside its range."""
    if not 0.0 <= skill <= 2.0:
        raise UserError(f"--skill {skill} is outside 0 (clumsy) … 2 (clean); give a number in between")
    return OperatorConfig(skill=skill)


def _print_kept(report: Tally, session: Session, *, real: bool) -> None:
    late = f", {report.late_ticks} late ticks" if real else ""
    kept = f"{len(report.kept)} episode" + "s" * (len(report.kept) != 1)
    print(f"kept {kept} ({report.successes} successes, {report.steps} steps{late}) in {session.path}")


def _progress(stack: contextlib.ExitStack, wished: int | None) -> Callable[[Tally], None]:
    advance = stack.enter_context(progress_bar("recording", wished))
    return lambda report: advance(report.counted, f"{report.successes} ok")


@dataclass(frozen=True)
class Replay:
    """Play an episode again: in a window, as a video, or as a bit-exact check (exit 1 when a bit differs)."""

    session: tyro.conf.Positional[SESSION]
    episode: int | None = None
    """which episode (default: all with --verify, else the last)"""
    verify: bool = False
    """step the recorded actions and compare every simulator state bit for bit"""
    video: Path | None = None
    """write this .mp4"""
    camera: Literal["front", "wrist"] = "front"
    """camera to look through"""

    def run(self) -> int:
        session = Session.open(self.session)
        session.env_of()
        code = self._verify(session) if self.verify else 0
        if self.video is not None:
            self._write_video(session, self.video)
        elif not self.verify:
            self._play(session)
        return code

    def _verify(self, session: Session) -> int:
        from teleop.replay import arm_of, verify

        numbers = [n for n, _ in session.metas()] if self.episode is None else [self.episode]
        arm, wrong = None, 0
        for number in numbers:
            episode = session.read(number, keys=())
            arm = arm or arm_of(session, episode)
            verdict = verify(arm, episode)
            if not verdict.exact:
                wrong += 1
                print(f"episode {number}: differs from step {verdict.first_difference} on, by up to {verdict.worst:.3g}")
        print(f"{len(numbers) - wrong} of {len(numbers)} episodes replay bit for bit")
        return 1 if wrong else 0

    def _chosen(self, session: Session) -> int:
        return int(session.episode_paths()[-1].stem) if self.episode is None else self.episode

    def _write_video(self, session: Session, path: Path) -> None:
        from teleop.envs.panda import CONTROL_HZ
        from teleop.envs.render import PRETTY
        from teleop.replay import arm_of, frames
        from teleop.video import write_video

        number = self._chosen(session)
        episode = session.read(number, keys=())
        arm = arm_of(session, episode)
        count = write_video(path, frames(arm, episode, self.camera, 640, 480, PRETTY), CONTROL_HZ)
        arm.close()
        print(f"wrote episode {number} ({count} frames) to {path}")

    def _play(self, session: Session) -> None:
        from teleop.clock import RealClock
        from teleop.envs.panda import CONTROL_HZ
        from teleop.player import play
        from teleop.replay import arm_of

        if not has_display():
            raise UserError("there is no display to play on; use --video OUT.mp4 or --verify")
        episode = session.read(self._chosen(session), keys=())
        start_pygame(display=True)
        play(arm_of(session, episode), episode, self._chosen(session), self.camera, RealClock(1.0 / CONTROL_HZ))


@dataclass(frozen=True)
class Devices(PanelOptions):
    """Show what can move the sticks here, live in a terminal; tell pads apart, calibrate one."""

    def run(self) -> int:
        start_pygame(display=False)
        return show_devices(self)


@dataclass(frozen=True)
class Envs:
    """List the environments."""

    def run(self) -> int:
        from teleop.envs import make_panda

        table = Table("environment", "task", "observation", "longest evaluation")
        for env_id, (_, max_steps) in teleop.ENV_IDS.items():
            env, arm = make_panda(env_id, {})
            keys = ", ".join(f"{k} {v.shape}" for k, v in env.observation_space.spaces.items())  # type: ignore[attr-defined]
            table.add_row(env_id, arm.task, keys, f"{max_steps} steps")
            env.close()
        Console(width=terminal_width()).print(table)
        return 0


COMMANDS: dict[str, type] = {"record": Record, "replay": Replay, "devices": Devices, "envs": Envs}
