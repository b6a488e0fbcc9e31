"""Policies learned from recorded sessions: training, evaluation and the gates that decide when to ask for help."""
