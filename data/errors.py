"""The one error class for mistakes a user can make and mend."""

from collections.abc import Iterable


class UserError(Exception):
    """Something the user asked for cannot be done.

    The text is one line: what was wrong, what is allowed, what to do. Command lines print it and exit with 2.
    """


class DamagedError(UserError):
    """An episode's file does not hold what was written into it."""


def one_of(names: Iterable[object]) -> str:
    """'a, b, c' for a message that lists what is allowed."""
    return ", ".join(sorted(str(name) for name in names)) or "(none)"
