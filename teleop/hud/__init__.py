"""HUD: what the window writes over the picture. Draws on a surface it is given; knows nothing of time or devices."""

from teleop.hud.hud import Hud

__all__ = ["Hud"]
