"""Cockpit: the env, the device, the screen and the clock that belong together in one run."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import gymnasium

from data.errors import UserError
from data.session import Session
from teleop.clock import Clock, RealClock, SimulatedClock
from teleop.devices import DeviceName, choose_device, has_display
from teleop.devices.device import Device
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_panda
from teleop.envs.panda import CONTROL_HZ, PandaEnv
from teleop.loop import Loop, LoopConfig
from teleop.mapping import MappingConfig
from teleop.pilot import Pilot
from teleop.recorder import Recorder
from teleop.screen import Headless, Screen
from teleop.window import Window, start_pygame


@dataclass(frozen=True)
class CockpitConfig:
    """What to drive and with what. `seed` also seeds the scripted operator."""

    env_id: str = "PandaLift-v0"
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    device: DeviceName = "auto"
    headless: bool = False
    seed: int = 0
    max_seconds: float = 60.0
    mapping: MappingConfig = field(default_factory=MappingConfig)
    operator: OperatorConfig = field(default_factory=OperatorConfig)


@dataclass(frozen=True)
class Cockpit:
    """Everything a `Loop` is handed. `why` says in one line which device was taken."""

    config: CockpitConfig
    env: gymnasium.Env[Any, Any]
    arm: PandaEnv
    device: Device
    screen: Screen
    clock: Clock
    why: str

    def recorder(self, session: Session) -> Recorder:
        """A recorder whose episodes carry this cockpit's facts."""
        session.check_env(self.config.env_id)
        settings = {"mapping": asdict(self.config.mapping)}
        if isinstance(self.device, ScriptedOperator):
            settings["operator"] = asdict(self.device.config)
        facts = {
            "env_id": self.config.env_id,
            "env_kwargs": dict(self.config.env_kwargs),
            "operator": self.device.name,
            "clock": self.clock.kind,
            "settings": settings,
        }
        return Recorder(session, self.arm, facts)

    def loop(self, session: Session, config: LoopConfig, pilot: Pilot | None = None, **hooks: Any) -> Loop:
        return Loop(self.env, self.arm, self.device, self.screen, self.clock, self.recorder(session), config, pilot, **hooks)


@contextlib.contextmanager
def open_cockpit(config: CockpitConfig) -> Iterator[Cockpit]:
    """Open env, device, screen and clock; closes them in reverse order."""
    with contextlib.ExitStack() as stack:
        display = has_display() and not config.headless
        kind, why = _choose(config, display)
        limit = {"max_episode_steps": round(config.max_seconds * CONTROL_HZ)}
        env, arm = make_panda(config.env_id, {**config.env_kwargs, **limit})
        stack.callback(env.close)
        screen: Screen = _window(config, arm, kind) if display else Headless(pump=kind == "gamepad")
        stack.callback(screen.close)
        device = _open_device(kind, config, arm)
        stack.callback(device.close)
        period_s = 1.0 / CONTROL_HZ
        clock: Clock = SimulatedClock(period_s) if kind == "scripted" and not display else RealClock(period_s)
        yield Cockpit(config, env, arm, device, screen, clock, why)


def _choose(config: CockpitConfig, display: bool) -> tuple[DeviceName, str]:
    """pygame is started only when hardware may be used or a window opened; a bare server needs neither."""
    pads = 0
    if display or config.device in ("auto", "gamepad"):
        start_pygame(display=display)
        from teleop.devices.gamepad import gamepads

        pads = len(gamepads())
    return choose_device(config.device, pads=pads, display=display)


def _window(config: CockpitConfig, arm: PandaEnv, kind: DeviceName) -> Screen:
    import pygame

    try:
        return Window(arm, f"{config.env_id}: {arm.task}", keyboard=kind == "keyboard")
    except pygame.error as error:
        raise UserError(f"the window cannot be opened ({error}); use --headless with --device gamepad or scripted") from error


def _open_device(kind: DeviceName, config: CockpitConfig, arm: PandaEnv) -> Device:
    if kind == "gamepad":
        from teleop.devices.gamepad import Gamepad

        return Gamepad()
    if kind == "keyboard":
        from teleop.devices.keyboard import Keyboard

        return Keyboard()
    return ScriptedOperator(arm, config.mapping, config.operator, config.seed)
