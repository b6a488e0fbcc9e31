"""The commands of `python -m teleop`, a file for each."""

from teleop.commands.devices import Devices
from teleop.commands.envs import Envs
from teleop.commands.observe import Observe
from teleop.commands.record import Record, operator_with
from teleop.commands.replay import Replay

__all__ = ["COMMANDS", "Devices", "Envs", "Observe", "Record", "Replay", "operator_with"]

COMMANDS: dict[str, type] = {"record": Record, "replay": Replay, "observe": Observe, "devices": Devices, "envs": Envs}
