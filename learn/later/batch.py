"""Batch: the states of a driven round that are most worth it, answered about at the desk."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.schema import Source
from data.session import Session
from learn.driver import Driver
from learn.later.choice import choose
from learn.later.labels import write_labels
from learn.later.queue import Asked, Queue
from learn.policies import Policy
from teleop.cockpit import Cockpit
from teleop.desk import LEAD_TICKS, Exhibit, Reply
from teleop.pilot import Way
from teleop.screen import Fact
from teleop.seer import Seer


@dataclass(frozen=True)
class Batch:
    """`budget` states of the episodes `numbers` are asked about, `apart` steps from each other; `folder` keeps how far that is."""

    session: Session
    numbers: Sequence[int]
    policy: Policy
    folder: Path
    budget: int
    apart: int


def answer_batch(
    batch: Batch,
    cockpit: Cockpit,
    seer: Seer | None = None,
    learning: Callable[[], tuple[Fact, ...]] = tuple,
    on_answer: Callable[[int, int], None] = lambda answered, asked: None,
) -> bool:
    """Sit at the desk until all is answered, which is said, or the operator leaves; goes on with the first that is not.

    However it ends, the answers so far are in the episodes' files then.
    """
    queue = open_queue(batch)
    try:
        if not queue.left:
            return True
        return cockpit.desk(StoredPile(batch, queue, cockpit.longest_ticks, on_answer), seer=seer, learning=learning).run()
    finally:
        write_labels(batch.session, queue)


def open_queue(batch: Batch) -> Queue:
    """The queue as it was left; a larger budget asks about more, a smaller one about less."""
    session = batch.session
    uids = {row.uid: row.number for row in session.rows() if row.number in batch.numbers}
    queue = Queue(batch.folder, uids)
    episodes = {uid: session.read(number, ()) for uid, number in uids.items()}
    place = {uid: k for k, uid in enumerate(episodes)}
    taken = [(place[asked.uid], asked.step) for asked in queue.asked]
    scores = [np.asarray(episode.steps["gate_scores"], np.float64) for episode in episodes.values()]
    may = [_unanswered(episode) for episode in episodes.values()]
    otherwise = sum(_labelled_else(episode, {step for k, step in taken if k == place[uid]}) for uid, episode in episodes.items())
    wanted = max(0, batch.budget - otherwise)
    found = choose(scores, may, wanted - len(taken), batch.apart, taken)
    names = list(uids)
    queue.resize(wanted, [Asked(names[k], uids[names[k]], step, float(scores[k][step])) for k, step in found])
    return queue


def _unanswered(episode: Episode) -> NDArray[np.bool_]:
    """(T,) where the policy drove and nobody has said anything."""
    steps = episode.steps
    said = ~np.isnan(np.asarray(steps["decision_latency_s"])) | ~np.isnan(np.asarray(steps["labels"])).any(axis=1)
    return np.asarray((np.asarray(steps["source"]) == Source.POLICY) & ~said)


def _labelled_else(episode: Episode, steps: Collection[int]) -> int:
    """Labels that were given while driving: these were of the budget, too."""
    labelled = np.flatnonzero(~np.isnan(np.asarray(episode.steps["labels"])).any(axis=1))
    return len(set(labelled.tolist()) - set(steps))


class StoredPile:
    """A `teleop.desk.Pile` of a queue's states; one episode is open at a time."""

    def __init__(self, batch: Batch, queue: Queue, longest_steps: int, on_answer: Callable[[int, int], None]) -> None:
        self._batch, self._queue, self._longest_steps, self._on_answer = batch, queue, longest_steps, on_answer
        self._numbers = {row.uid: row.number for row in batch.session.rows()}
        self._open: tuple[str, Episode, Mapping[int, tuple[Way, ...]]] | None = None
        self.answered = {k: r.label is not None for k, a in enumerate(queue.asked) if (r := queue.replies.get(a.key)) is not None}

    def __len__(self) -> int:
        return len(self._queue.asked)

    def exhibit(self, number: int) -> Exhibit:
        asked = self._queue.asked[number]
        episode, ways = self._opened(asked.uid)
        led = slice(max(0, asked.step - LEAD_TICKS + 1), asked.step + 1)
        return Exhibit(
            episode=self._numbers[asked.uid],
            step=asked.step,
            scene_seed=episode.meta.seed,
            states=np.asarray(episode.steps["sim_state"], np.float64)[led],
            actions=np.asarray(episode.steps["actions"], np.float32)[led],
            obs={key: column[asked.step] for key, column in episode.obs.items()},
            ways=ways[asked.step],
            score=asked.score,
            steps_left=max(1, self._longest_steps - asked.step),
        )

    def keep(self, number: int, reply: Reply) -> None:
        self._queue.keep(number, reply)
        self.answered[number] = reply.label is not None
        self._on_answer(len(self.answered), len(self))

    def _opened(self, uid: str) -> tuple[Episode, Mapping[int, tuple[Way, ...]]]:
        if self._open is None or self._open[0] != uid:
            episode = self._batch.session.read(self._numbers[uid])
            self._open = uid, episode, ways_in(episode, self._batch.policy, {a.step for a in self._queue.asked if a.uid == uid})
        return self._open[1:]


def ways_in(episode: Episode, policy: Policy, steps: Collection[int]) -> dict[int, tuple[Way, ...]]:
    """The ways that the policy saw in these steps of an episode that it drove alone, what it did first.

    It looks once more at all that it observed until then: its plan, the mode it keeps and what it remembers are no states.
    """
    driver, keys = Driver(policy), (*policy.config.obs_keys, *policy.config.image_keys)
    driver.begin(episode.meta.seed)
    found = {}
    for step in range(max(steps, default=-1) + 1):
        obs = {key: episode.obs[key][step] for key in keys}
        driver.act(obs)
        if step in steps:
            _, *others = driver.ways(obs)
            did = np.asarray(episode.steps["policy_actions"][step], np.float32)
            found[step] = (Way(did, max(0.0, 1.0 - sum(way.probability for way in others))), *others)
    return found
