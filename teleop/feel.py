"""Feel: what the operator's hands are told, as rumbles."""

from teleop.devices.device import Pulse

ASKED = Pulse(0.0, 0.8, 0.25)
SUCCEEDED = Pulse(0.7, 0.7, 0.4)
AT_LIMIT = Pulse(0.5, 0.0, 0.12)
