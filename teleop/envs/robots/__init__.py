"""Robots as data: ours, any arm of MuJoCo Menagerie, or a file of one's own."""

from teleop.envs.robots.load import find_robot, load_robot_spec, robot_names
from teleop.envs.robots.robot import Robot

__all__ = ["Robot", "find_robot", "load_robot_spec", "robot_names"]
