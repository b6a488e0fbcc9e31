"""make scale: what 1,000 operators or 10 million episodes would need, computed from figures measured here."""
