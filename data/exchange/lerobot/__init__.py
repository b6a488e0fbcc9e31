"""LeRobot: data sets of version 3.0, out and in. LeRobot's own columns stay as it writes them; what they do not hold lies aside."""
