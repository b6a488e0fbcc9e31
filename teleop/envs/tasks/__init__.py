"""The tasks at the table: one small file each, on the base of `teleop.envs.arm`."""
