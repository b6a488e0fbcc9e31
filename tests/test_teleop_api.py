"""Specification of `from teleop import record` and `from data import Session`."""

from pathlib import Path

import numpy as np
import pytest

import data
import teleop
from data import Episode, Outcome, Session, UserError
from data.schema import Source
from teleop import record
from teleop.devices.device import Device, Pulse, View
from teleop.envs.plant import Plant
from teleop.stick import Axis, Button, Stick


class Metronome:
    """A device of one's own: starts, pushes forward for a while, says that it failed."""

    name, source, profile = "metronome", Source.SCRIPTED, "xbox"

    def __init__(self, plant: Plant) -> None:
        self.plant, self.ticks = plant, 0

    def poll(self, events: object, view: View) -> Stick:
        self.ticks += 1
        pressed = {1: frozenset({Button.START}), 12: frozenset({Button.B})}.get(self.ticks % 13, frozenset())
        axes = np.zeros(6, np.float32)
        axes[list(Axis).index(Axis.LEFT_Y)] = -0.5
        return Stick(axes, pressed, pressed)

    def rumble(self, pulse: Pulse) -> None:
        pass

    def close(self) -> None:
        self.ticks = -1


def test_record_does_what_the_command_does(tmp_path: Path, recorded: Path) -> None:
    session = record(tmp_path / "session", "PandaLift-v0", device="scripted", episodes=3, skill=2.0, mode="left", seed=7, headless=True)
    assert isinstance(session, Session)
    command = Session.open(recorded)
    for one, other in zip(session, command, strict=True):
        assert isinstance(one, Episode)
        assert all(np.array_equal(one.steps[name], other.steps[name], equal_nan=True) for name in ("actions", "sim_state", "stick"))
    again = record(tmp_path / "session", "PandaLift-v0", device="scripted", episodes=1, headless=True)
    assert len(again) == 4


def test_record_with_arguments_of_the_environment(tmp_path: Path) -> None:
    session = record(tmp_path / "session", "PandaReach-v0", device="scripted", episodes=1, env_args={"reward": "dense"}, headless=True)
    assert session.rows()[0].env_kwargs == {"reward": "dense"}


def test_record_with_a_device_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made: list[Device] = []

    def make(plant: Plant) -> Device:
        made.append(Metronome(plant))
        return made[0]

    session = record(tmp_path / "session", "PandaReach-v0", device=make, episodes=2, headless=True)
    assert [row.outcome for row in session.rows()] == [Outcome.FAILURE, Outcome.FAILURE]
    assert session.rows()[0].operator == "metronome"
    assert np.ptp(session.read(0).obs["robot0_eef_pos"][:, 0]) > 0.01
    assert "device: your own" in capsys.readouterr().out
    assert made[0].ticks == -1  # type: ignore[attr-defined]


def test_mistakes_are_the_commands(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no camera 'nose'"):
        record(tmp_path / "session", device="scripted", episodes=1, cameras=("nose",), headless=True)
    with pytest.raises(UserError, match="device 'robot' is none; allowed: auto, gamepad, keyboard"):
        record(tmp_path / "session", device="robot", episodes=1)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="--cluster ray is for the scripted operator without a window: --device scripted --headless"):
        record(tmp_path / "session", "PandaReach-v0", device=Metronome, episodes=1, headless=True, cluster="ray")
    with pytest.raises(TypeError, match="episode"):
        record(tmp_path / "session", episode=1)
    assert not (tmp_path / "session").exists()


def test_an_empty_session_is_a_session(tmp_path: Path) -> None:
    session = Session.create(tmp_path / "session")
    assert session
    assert list(session) == []


@pytest.mark.parametrize("package", [data, teleop])
def test_a_package_says_what_it_offers(package: object) -> None:
    for name in package.__all__:  # type: ignore[attr-defined]
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = package.nonsense  # type: ignore[attr-defined]
