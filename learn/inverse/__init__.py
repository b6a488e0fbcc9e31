"""Inverse dynamics: which action led from one state to the next; labels for recordings that have none."""
