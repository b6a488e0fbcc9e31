"""Labels: answers that were given later, written into the files of the episodes that they are about."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from data.change import changing
from data.effort import ANSWERED_LATER
from data.episode import Episode
from data.episode_file import read_episode, write_episode
from data.session import Session
from learn.later.queue import Queue
from teleop.desk import Reply


def write_labels(session: Session, queue: Queue) -> list[int]:
    """Put every answer of the queue into its episode's file, which is written anew as a whole; the episodes that changed.

    Nothing changes where the file says so already: to be called again after a kill at any moment. Only for who has claimed the
    session.
    """
    numbers, changed = {row.uid: row.number for row in session.catalog().rows.values()}, []
    with changing(session):
        for uid, replies in queue.by_episode().items():
            if uid not in numbers:  # deleted meanwhile
                continue
            path = session.episode_path(numbers[uid])
            before = read_episode(path)
            after = with_answers(before, replies)
            if not _is_same(before, after):
                write_episode(path, after)
                changed.append(numbers[uid])
    return changed


def with_answers(episode: Episode, replies: Mapping[int, Reply]) -> Episode:
    """The episode with these answers about its steps. What was done in it stays: the policy did it.

    With an answer stand the sticks and buttons that gave it and what they meant then (`stick`, `heading_deg`, `control_mode`).
    """
    columns = {name: np.array(episode.steps[name]) for name in ("labels", "decision_latency_s", "stick", "heading_deg", "control_mode")}
    for step, reply in replies.items():
        columns["labels"][step] = np.nan if reply.label is None else reply.label
        columns["decision_latency_s"][step] = reply.latency_s
        columns["stick"][step] = reply.stick
        columns["heading_deg"][step] = reply.heading_deg
        columns["control_mode"][step] = reply.control_mode
    by = {"shown_s": round(sum(reply.shown_s for reply in replies.values()), 6), "by": sorted({r.operator for r in replies.values()})}
    meta = replace(episode.meta, settings={**episode.meta.settings, ANSWERED_LATER: by})
    return replace(episode, meta=meta, steps={**episode.steps, **columns})


def _is_same(one: Episode, other: Episode) -> bool:
    return one.meta == other.meta and all(one.steps[name].tobytes() == other.steps[name].tobytes() for name in one.steps)
