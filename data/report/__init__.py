"""The session report: one self-contained page (`python -m data report`)."""
