"""Propagate: what a person showed in one scene carried over to others, and kept only where stepping the simulator proves it."""
