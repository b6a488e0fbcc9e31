"""Exercise 6.1: how many expert trajectories behaviour cloning needs, on classic environments with experts from RL."""
