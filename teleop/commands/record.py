"""`python -m teleop record`: drive, and keep what was done."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from data.cli import CLUSTER, ON, progress_bar
from data.cores import core_count
from data.errors import UserError
from data.schema import Source
from data.session import Session
from data.simulator import with_cameras
from teleop.cockpit import Cockpit, CockpitConfig, MakeDevice, open_cockpit
from teleop.devices import DeviceName
from teleop.devices.scripted import OperatorConfig
from teleop.equipment import Equipment
from teleop.generate import Plan, generate
from teleop.grip import GripStyle
from teleop.loop import LoopConfig
from teleop.mapping import Directions
from teleop.modes import mode_names, wished_plan
from teleop.stick import Button
from teleop.tally import Tally

RECORDINGS = Path("data") / "recordings"
SCRIPTED_EPISODES = 10
FEW = 40


def _new_session() -> Path:
    return RECORDINGS / datetime.now().strftime("%Y-%m-%d-%H%M%S")


@dataclass(frozen=True)
class Record:
    """Drive the arm and keep what you did. The window shows the keys; without a display the scripted operator drives."""

    env: str = "PandaLift-v0"
    """one of ours (python -m teleop envs lists them), or any registered Gymnasium id; MODULE:ID imports the module"""
    session: Path = field(default_factory=_new_session)
    """session folder, made when missing, gone on with when not"""
    device: DeviceName = "auto"
    """auto: a gamepad, else the keyboard, else (no display) a raw gamepad or the scripted operator"""
    equipment: Annotated[Equipment, tyro.conf.arg(name="")] = field(default_factory=Equipment)
    episodes: int | None = None
    """stop after this many kept episodes (default: until you quit; 10 for the scripted operator)"""
    mode: str = ""
    """behaviour mode to tag episodes with; the D-pad changes it. The scripted operator does it in that mode"""
    cameras: tuple[str, ...] = ()
    """cameras to record, NAME[:WxH][:KINDS], e.g. front wrist:128x96 front:84x84:rgb,depth,segmentation"""
    image_size: int = 84
    """pixels of the recorded square images that give no size"""
    robot: str = ""
    """another arm: panda, ur5e, a name of the MuJoCo Menagerie, or a file of your own (docs/robots.md)"""
    randomize: tuple[str, ...] = ()
    """what changes from episode to episode: colours, light, cameras, masses"""
    randomize_seed: int = 0
    """seed of --randomize"""
    env_args: tuple[str, ...] = ()
    """arguments of the environment, NAME=VALUE, e.g. reward=dense or, for Meta-World, env_name=reach-v3"""
    env_python: str = ""
    """run the environment in this Python, for one that needs other packages than ours"""
    sticks: Path | None = None
    """stick map of an environment that is not ours; python -m teleop envs ENV prints one to edit"""
    headless: bool = False
    """no window"""
    seed: int = 0
    """first seed; episode k starts from seed + k"""
    target: int | None = None
    """stop when the session holds this many successes"""
    auto_stop: ON = True
    """an episode does not end by itself when success has held for 10 ticks"""
    max_seconds: float | None = None
    """longest episode (default: 60 for ours, its own limit for any other environment)"""
    countdown: float = 0.0
    """seconds from Start to the first step"""
    trim: ON = True
    """idle starts and ends stay in; else they are set aside in the episode's file"""
    tags: tuple[str, ...] = ()
    """names of the behaviour modes on the D-pad, e.g. left=inside right=outside"""
    plan: tuple[str, ...] = ()
    """wished successes per behaviour mode, e.g. left=20 right=20"""
    directions: Literal["camera", "base"] = "camera"
    """forward on the left stick: away from the camera's eye, or along the robot base's x axis"""
    grip: Literal["hold", "toggle"] = "hold"
    """hold: the gripper follows the trigger; toggle: each pull closes or opens it"""
    skill: float = 1.0
    """scripted operator: 0 clumsy, 1 a practised person, 2 clean"""
    workers: int | None = None
    """scripted operator without a window: processes (default: one a core); the result does not depend on it"""
    cluster: CLUSTER = "local"

    def run(self) -> int:
        self.drive()
        return 0

    def drive(self, own_device: MakeDevice | None = None) -> None:
        """All of it; with a device of one's own it is that."""
        self._check()
        Session.check_path(self.session)
        operator = operator_with(self.skill)
        config = CockpitConfig(
            env_id=self.env,
            env_kwargs=self._env_kwargs(),
            device=self.device,
            headless=self.headless,
            seed=self.seed,
            max_seconds=self.max_seconds,
            operator=operator,
            trims=self.trim,
            sticks=self.sticks,
            own_device=own_device,
        )
        with contextlib.ExitStack() as stack:
            if self.session.exists():  # who is second hears it before anything opens
                stack.enter_context(Session.create(self.session).claim())
            cockpit = stack.enter_context(open_cockpit(self.equipment.in_cockpit(config)))
            if self.grip == "toggle" and cockpit.device.source is Source.SCRIPTED:
                raise UserError("the scripted operator holds the trigger; --grip toggle is for a person")
            if self.cluster != "local" and not _can_share(cockpit):
                raise UserError(f"--cluster {self.cluster} is for the scripted operator without a window: --device scripted --headless")
            modes = cockpit.plant.modes
            names = mode_names(self.tags, modes)
            plan = wished_plan(self.plan, names, modes)
            if plan and cockpit.device.source is Source.SCRIPTED:
                raise UserError(
                    "--plan shows a person what is missing; the scripted operator takes --mode NAME --episodes N, once for each"
                )
            if self.mode and modes and cockpit.device.source is Source.SCRIPTED and self.mode not in modes:
                raise UserError(f"--mode {self.mode} is no way to do {self.env}; allowed: {', '.join(modes)}")
            print(cockpit.why)
            if not self.session.exists():
                stack.enter_context(Session.create(self.session).claim())
            self._drive(cockpit, Session(self.session), names, plan)

    def _env_kwargs(self) -> dict[str, Any]:
        """What the environment is made with, and what the episodes keep of it: only what was asked for."""
        asked: dict[str, Any] = env_arguments(self.env_args)
        if self.cameras:
            asked = with_cameras(asked, self.cameras, self.image_size)
        if self.robot:
            asked["robot"] = from_anywhere(self.robot)
        if self.randomize:
            asked |= {"randomize": list(self.randomize), "randomize_seed": self.randomize_seed}
        if self.env_python:
            asked["python"] = from_anywhere(self.env_python)
        return asked

    def _check(self) -> None:
        if self.episodes is not None and self.episodes < 1:
            raise UserError(f"--episodes {self.episodes} is not a count; give 1 or more")
        if self.max_seconds is not None and not 1.0 <= self.max_seconds <= 3600.0:
            raise UserError(f"--max-seconds {self.max_seconds} is outside 1 … 3600; give the longest episode in seconds")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed} is negative; give 0 or more")
        if not 8 <= self.image_size <= 960:
            raise UserError(f"--image-size {self.image_size} is outside 8 … 960; give the pixels of one side")
        if self.workers is not None and self.workers < 1:
            raise UserError(f"--workers {self.workers} is not a count; give 1 or more")
        if self.target is not None and self.target < 1:
            raise UserError(f"--target {self.target} is not a count; give 1 or more")
        if not 0.0 <= self.countdown <= 60.0:
            raise UserError(f"--countdown {self.countdown} is outside 0 … 60; give seconds")

    def _shares(self, cockpit: Cockpit, wished: int | None) -> bool:
        """Whether other processes drive; few episodes are sooner done than another one has started."""
        if self.cluster != "local" or not _can_share(cockpit):
            return _can_share(cockpit)
        if self.workers is None and wished is not None and wished < FEW:
            return False
        return min(self.workers or core_count(), wished or core_count()) > 1

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
            on_episode = None if real else _progress(stack, wished)
            if self._shares(cockpit, wished):
                tally = Tally.of(session)
                stack.callback(lambda: _print_kept(tally, session, real=False))  # also after Ctrl-C
                generate(session, Plan(cockpit.config, config, self.workers, self.cluster), tally, on_episode)
                return
            loop = cockpit.loop(session, config, on_episode=on_episode)
            stack.callback(lambda: _print_kept(loop.tally, session, real=real))  # also after Ctrl-C
            loop.run()


def _can_share(cockpit: Cockpit) -> bool:
    """Whether nobody is needed at the sticks, whatever process they are in."""
    return cockpit.clock.kind == "simulated" and cockpit.config.own_device is None


def from_anywhere(word: str) -> str:
    """A path that also holds in another folder, where the session is read later; what is no file stays a name."""
    return str(Path(word).absolute()) if Path(word).is_file() else word


def env_arguments(words: tuple[str, ...]) -> dict[str, Any]:
    """`--env-args NAME=VALUE`: the value as JSON where it is that, else as text."""
    arguments: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (equals and name.isidentifier()):
            raise UserError(f"--env-args {word} is not NAME=VALUE, e.g. --env-args reward=dense")
        try:
            arguments[name] = json.loads(value)
        except json.JSONDecodeError:
            arguments[name] = value
    return arguments


def operator_with(skill: float) -> OperatorConfig:
    """A scripted operator of `--skill`; a UserError outside its range."""
    if not 0.0 <= skill <= 2.0:
        raise UserError(f"--skill {skill} is outside 0 (clumsy) … 2 (clean); give a number in between")
    return OperatorConfig(skill=skill)


def _print_kept(report: Tally, session: Session, *, real: bool) -> None:
    late = f", {report.late_ticks} late ticks" if real else ""
    kept = f"{len(report.kept)} episode" + "s" * (len(report.kept) != 1)
    successes = f"{report.successes} success" + "es" * (report.successes != 1)
    print(f"kept {kept} ({successes}, {report.steps} steps{late}) in {session.path}")


def _progress(stack: contextlib.ExitStack, wished: int | None) -> Callable[[Tally], None]:
    advance = stack.enter_context(progress_bar("recording", wished))
    return lambda report: advance(report.counted, f"{report.successes} ok")
