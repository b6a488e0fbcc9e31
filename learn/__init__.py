"""Policies learned from recorded sessions: training, evaluation and the gates that decide when to ask for help.

`from learn import Policy` is all of it in a program of your own (docs/python.md). Importing `learn` itself imports nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learn.api import Policy as Policy
else:

    def __getattr__(name: str) -> object:
        """`Policy` brings torch with it, so it comes when it is asked for."""
        if name != "Policy":
            raise AttributeError(f"module 'learn' has no attribute {name!r}")
        from learn.api import Policy

        return Policy


__all__ = ["Policy"]
