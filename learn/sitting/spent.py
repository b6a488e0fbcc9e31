"""Spent: what a sitting has cost its person so far, read off the episodes as they come to the disk."""

from data.effort import Effort, effort_of_episode
from data.episode_file import read_episode
from data.session import Session


class Spent:
    """`effort` in the episodes that were there at the last `look`; each is read once."""

    def __init__(self, session: Session) -> None:
        self._session, self._known = session, dict[str, Effort]()
        self.look()

    def look(self) -> None:
        for path in self._session.episode_paths():
            if path.name not in self._known:
                self._known[path.name] = effort_of_episode(read_episode(path, ()))

    @property
    def episodes(self) -> int:
        return len(self._known)

    @property
    def minutes(self) -> float:
        """Of driving, deciding and watching, what was undone since included."""
        return sum(effort.total_s for effort in self._known.values()) / 60.0
