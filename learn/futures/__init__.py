"""Futures: what exact simulator states make possible; ghosts of what the policy would do, turning points, worth of corrections."""
