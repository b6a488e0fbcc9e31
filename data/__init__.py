"""What a demonstration is and how it is kept."""

__version__ = "0.1.0"
