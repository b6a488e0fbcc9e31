"""Any Gymnasium environment as our loop can drive it; runs here or in another Python.

This package imports numpy, gymnasium and, where it is there, mujoco: nothing of ours, so that an environment with other
needs (Meta-World pins its own MuJoCo) serves it from its own Python, see `serve.py`.
"""
