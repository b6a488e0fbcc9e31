"""Exchange: other tools' demonstrations as episodes of ours; one file for each format, `foreign.py` is what they share."""
