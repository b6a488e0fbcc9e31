"""What a demonstration is and how it is kept. `from data import Session` is the way in; see docs/python.md."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data.episode import Episode
    from data.errors import UserError
    from data.schema import Outcome
    from data.session import Session

__version__ = "0.1.0"
__all__ = ["Episode", "Outcome", "Session", "UserError", "__version__"]


def __getattr__(name: str) -> Any:
    """The names above, imported when they are asked for."""
    if name == "Session":
        from data.session import Session

        return Session
    if name == "Episode":
        from data.episode import Episode

        return Episode
    if name == "Outcome":
        from data.schema import Outcome

        return Outcome
    if name == "UserError":
        from data.errors import UserError

        return UserError
    raise AttributeError(f"module 'data' has no attribute {name!r}")
