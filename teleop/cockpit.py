"""Cockpit: the env, the device, the screen and the clock that belong together in one run."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium

from data.errors import UserError
from data.schema import Phase, Source
from data.session import Session
from teleop.clock import Clock, RealClock, SimulatedClock
from teleop.desk import Desk, Pile
from teleop.devices import DeviceName, choose_device, has_display
from teleop.devices.calibration import mapping_for
from teleop.devices.device import Device, View
from teleop.devices.mappings import load_mappings
from teleop.devices.nobody import Nobody
from teleop.devices.raw_gamepad import RawGamepad
from teleop.devices.raw_sources import raw_pads
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import is_plant, make_plant
from teleop.envs.adapter import Guest
from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Plant
from teleop.grip import GripStyle
from teleop.guest_hands import hands_of
from teleop.loop import Loop, LoopConfig
from teleop.mapping import Directions, MappingConfig
from teleop.pilot import Pilot
from teleop.recorder import Recorder
from teleop.screen import Fact, Headless, Screen, Status, Unwatched
from teleop.scribe import InlineScribe, ScribeProcess
from teleop.stick_map import StickMap, stick_map_for
from teleop.window import SIZE_PX, LookName, Window, WindowConfig, start_pygame

MakeDevice = Callable[[Plant], Device]
LONGEST_S = 60.0
PARTING_S = 12.0


@dataclass(frozen=True)
class CockpitConfig:
    """What to drive, with what, and how it is shown.

    `pad` chooses among gamepads, `mappings` is a file of SDL mappings; `seed` also seeds the scripted operator; `trims`:
    idle ends are set aside; `painter` draws (None: the usual one). `max_seconds` None: the env's own limit, else 60 s.
    `sticks` is the file of a guest environment's stick map (None: the one it has). `own_device` makes a device of one's own
    instead of `device`; with a scripted one and no window the clock is simulated.
    """

    env_id: str = "PandaLift-v0"
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    device: DeviceName = "auto"
    pad: str = ""
    mappings: Path | None = None
    headless: bool = False
    seed: int = 0
    max_seconds: float | None = None
    mapping: MappingConfig = field(default_factory=MappingConfig)
    operator: OperatorConfig = field(default_factory=OperatorConfig)
    trims: bool = True
    size_px: tuple[int, int] = SIZE_PX
    look: LookName = "auto"
    sound: bool = False
    painter: type | None = None
    sticks: Path | None = None
    own_device: MakeDevice | None = None


@dataclass(frozen=True)
class Cockpit:
    """Everything a `Loop` is handed. `why` says in one line which device was taken."""

    config: CockpitConfig
    env: gymnasium.Env[Any, Any]
    plant: Plant
    device: Device
    screen: Screen
    clock: Clock
    why: str
    sticks: StickMap | None = None

    def recorder(self, session: Session, first: int | None = None) -> Recorder:
        """A recorder whose episodes carry this cockpit's facts, from number `first` on."""
        session.check_env(self.config.env_id)
        settings = {"mapping": asdict(self.config.mapping)}
        if self.sticks is not None:
            settings["sticks"] = asdict(self.sticks)
        person = self.device.other if isinstance(self.device, Nobody) else self.device
        if isinstance(person, ScriptedOperator):
            settings["operator"] = asdict(person.config)
        facts = {
            "env_id": self.config.env_id,
            "env_kwargs": dict(self.config.env_kwargs),
            "operator": self.device.name,
            "clock": self.clock.kind,
            "settings": settings,
        }
        scribe = InlineScribe if self.clock.kind == "simulated" else ScribeProcess
        return Recorder(session, self.plant, facts, scribe(session), self.config.trims and not isinstance(self.plant, Guest), first)

    def loop(self, session: Session, config: LoopConfig, pilot: Pilot | None = None, first: int | None = None, **hooks: Any) -> Loop:
        """THE loop over this cockpit; its episodes are numbered from `first` on (None: from the session's next)."""
        limited = replace(config, max_ticks=self.longest_ticks, sticks=self.sticks)
        return Loop(self.env, self.plant, self.device, self.screen, self.clock, self.recorder(session, first), limited, pilot, **hooks)

    def desk(self, pile: Pile, **hooks: Any) -> Desk:
        """The desk in this cockpit, at which stored states are answered about."""
        hands = hands_of(self.plant, self.config.mapping, GripStyle.HOLD, Directions.CAMERA, self.sticks)
        return Desk(self.plant, self.device, self.screen, self.clock, hands, pile, self.config.env_id, **hooks)

    def alone(self) -> "Cockpit":
        """The same with nobody at the sticks or the window: a policy drives as fast as the machine can."""
        clock = SimulatedClock(1.0 / self.plant.control_hz)
        return replace(self, device=Nobody(self.device), screen=Unwatched(self.screen), clock=clock)

    def tell(self, words: str, learning: tuple[Fact, ...] = (), *, word: str = "PLEASE WAIT") -> None:
        """Show the scene and what is waited for, while no loop runs; beside it how the learning goes."""
        self.env.reset(seed=self.config.seed)
        self.screen.show(self._standstill(words, learning, word))

    def part(self, words: str, learning: tuple[Fact, ...] = ()) -> None:
        """Show what it came to, until the operator presses anything, at most for `PARTING_S`."""
        self.env.reset(seed=self.config.seed)
        view = View(Phase.PAUSED, False, None, 0.0, "", self.config.seed)
        self.clock.start()
        for _ in range(round(PARTING_S * self.plant.control_hz)):
            self.clock.wait()
            if self.device.poll(self.screen.poll(), view).pressed or self.screen.wants_to_quit():
                return
            self.screen.show(self._standstill(words, learning, "DONE"))

    def _standstill(self, words: str, learning: tuple[Fact, ...], word: str) -> Status:
        return Status(
            Phase.PAUSED,
            self.device.name,
            self.config.env_id,
            message=words,
            learning=learning,
            waiting=word,
            scene_seed=self.config.seed,
            profile=self.device.profile,
        )

    @property
    def longest_ticks(self) -> int:
        """How long an episode may last."""
        if self.config.max_seconds is None and self.plant.longest_steps is not None:
            return self.plant.longest_steps
        return round((self.config.max_seconds or LONGEST_S) * self.plant.control_hz)


@contextlib.contextmanager
def open_cockpit(config: CockpitConfig) -> Iterator[Cockpit]:
    """Open env, device, screen and clock; closes them in reverse order."""
    with contextlib.ExitStack() as stack:
        display = has_display() and not config.headless
        kind, why = _choose(config, display)
        env, plant, sticks = _open_env(config)
        stack.callback(env.close)
        screen: Screen = _window(config, plant, kind) if display else Headless(pump=kind == "gamepad")
        stack.callback(screen.close)
        device = config.own_device(plant) if config.own_device else _open_device(kind, config, plant)
        stack.callback(device.close)
        config = _calibrated(config, device)
        period_s = 1.0 / plant.control_hz
        clock: Clock = SimulatedClock(period_s) if device.source is Source.SCRIPTED and not display else RealClock(period_s)
        yield Cockpit(config, env, plant, device, screen, clock, why, sticks)


def _open_env(config: CockpitConfig) -> tuple[gymnasium.Env[Any, Any], Plant, StickMap | None]:
    """The env without its time limit where the loop keeps the time: it can rewind."""
    keeps_time = config.max_seconds is not None or is_plant(config.env_id, config.env_kwargs)
    unlimited = {"max_episode_steps": -1} if keeps_time else {}
    env, plant = make_plant(config.env_id, {**config.env_kwargs, **unlimited})
    if not isinstance(plant, Guest):
        if config.sticks is not None:
            env.close()
            raise UserError(f"--sticks is for environments that are not ours; {config.env_id} has control modes (X) and calibration")
        return env, plant, None
    try:
        sticks = stick_map_for(plant.wanted_map(), config.sticks)
    except UserError:
        env.close()
        raise
    plant.control_hz = sticks.hz or plant.control_hz
    return env, plant, sticks


def _choose(config: CockpitConfig, display: bool) -> tuple[DeviceName, str]:
    """pygame is started only when hardware may be used; a bare server needs nothing of it."""
    if config.own_device is not None:
        return config.device, "device: your own"
    pads, unmapped_pads, raw = 0, list[str](), 0
    if config.mappings is not None or config.device in ("auto", "gamepad"):
        start_pygame(display=False)
        from teleop.devices.gamepad import gamepads, unmapped

        if config.mappings is not None:
            load_mappings(config.mappings)
        pads, unmapped_pads = len(gamepads()), unmapped()
    if config.device == "raw-gamepad" or (config.device == "auto" and pads == 0 and not display):
        raw = len(raw_pads())
    return choose_device(config.device, pads=pads, display=display, raw_pads=raw, unmapped=unmapped_pads)


def _calibrated(config: CockpitConfig, device: Device) -> CockpitConfig:
    """With the pad's own dead zone, curve and speed, where `python -m teleop devices --calibrate` has kept them."""
    info = getattr(device, "info", None)
    return config if info is None else replace(config, mapping=mapping_for(info.guid, config.mapping))


def _window(config: CockpitConfig, plant: Plant, kind: DeviceName) -> Screen:
    title = f"{config.env_id}: {plant.task}"
    window = WindowConfig(
        config.env_id, config.env_kwargs, title, kind == "keyboard", config.size_px, config.look, config.sound, config.painter
    )
    return Window(plant, window, pump=kind == "gamepad")


def _open_device(kind: DeviceName, config: CockpitConfig, plant: Plant) -> Device:
    if kind == "gamepad":
        from teleop.devices.gamepad import Gamepad

        return Gamepad(config.pad)
    if kind == "raw-gamepad":
        return RawGamepad(config.pad)
    if kind == "keyboard":
        from teleop.devices.keyboard import Keyboard

        return Keyboard()
    if not isinstance(plant, ArmEnv):
        raise UserError(f"no scripted operator knows {config.env_id}; drive it yourself: --device gamepad or keyboard")
    return ScriptedOperator(plant, config.mapping, config.operator, config.seed)
