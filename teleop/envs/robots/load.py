"""A robot by its name: one of ours, an arm of MuJoCo Menagerie, or a file of one's own."""

from pathlib import Path

from teleop.envs.robots import menagerie
from teleop.envs.robots.builtin import BUILTIN
from teleop.envs.robots.own import find_own
from teleop.envs.robots.robot import Robot
from teleop.envs.robots.spec import load_robot_spec

__all__ = ["find_robot", "load_robot_spec", "robot_names"]


def robot_names() -> tuple[str, ...]:
    """What `robot=` can be, besides the path of an MJCF (.xml) or of a robot.toml: ours, and Menagerie's arms where it is installed."""
    return (*BUILTIN, *menagerie.arm_names())


def find_robot(name: str) -> Robot:
    """The robot called `name`: ours, `path/to/arm.xml`, `path/to/robot.toml` or a Menagerie arm. Anything else is a UserError."""
    if name in BUILTIN:
        return BUILTIN[name]
    if Path(name).suffix in (".xml", ".toml"):
        return find_own(Path(name).expanduser())
    return menagerie.find_arm(name, tuple(BUILTIN))
