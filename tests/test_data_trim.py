"""Trim: idle ends are set aside, and come back whole."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_data_support import META, tick

from data.episode import build_episode, read_episode, write_episode
from data.trim import END_MARGIN, START_MARGIN, idle_ends, trim, whole


def ticks(idle_before: int, busy: int, idle_after: int, rewards=None):
    marks = [True] * idle_before + [False] * busy + [True] * idle_after
    rewards = rewards or [0.0] * len(marks)
    return [replace(tick(i), idle=idle, reward=reward) for i, (idle, reward) in enumerate(zip(marks, rewards, strict=True))]


def episode_of(steps):
    last = tick(len(steps))
    return build_episode(steps, last.obs, last.sim_state, replace(META, idle_start=0, idle_end=0))


def same(a, b):
    for mine, theirs in ((a.steps, b.steps), (a.obs, b.obs), (a.final_obs, b.final_obs)):
        assert mine.keys() == theirs.keys()
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key], err_msg=key)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0, 0, (0, 0)),
        (START_MARGIN, END_MARGIN, (0, 0)),
        (START_MARGIN + 3, 0, (3, 0)),
        (0, END_MARGIN + 4, (0, 4)),
        (START_MARGIN + 40, END_MARGIN + 1, (40, 1)),
    ],
)
def test_idle_ends_are_trimmed_but_for_a_margin(before, after, expected):
    assert idle_ends(ticks(before, 5, after)) == expected


def test_who_did_nothing_at_all_keeps_everything():
    assert idle_ends(ticks(60, 0, 0)) == (0, 0)


def test_idle_steps_in_the_middle_stay():
    steps = [*ticks(0, 3, 50), *ticks(0, 3, 0)]
    assert idle_ends(steps) == (0, 0)


def test_the_step_that_succeeded_is_never_trimmed():
    """The cube came to rest in the goal while the hands were still: success is reached 20 steps after the last motion."""
    steps = ticks(0, 5, 50, rewards=[0.0] * 25 + [1.0] * 30)
    start, end = idle_ends(steps)
    assert (start, end) == (0, 30 - END_MARGIN)
    assert trim(episode_of(steps), start, end).steps["rewards"][-1] == 1.0


def test_the_trimmed_episode_is_a_whole_one_by_itself(tmp_path: Path):
    full = episode_of(ticks(START_MARGIN + 4, 6, END_MARGIN + 3))
    cut = trim(full, 4, 3)
    assert len(cut) == len(full) - 7
    assert (cut.meta.idle_start, cut.meta.idle_end) == (4, 3)
    np.testing.assert_array_equal(cut.steps["sim_state"], full.steps["sim_state"][4:-3])
    np.testing.assert_array_equal(cut.steps["actions"], full.steps["actions"][4:-3])
    assert cut.steps["time_s"][0] == 0.0
    assert cut.steps["dones"].tolist() == [0] * (len(cut) - 1) + [1]
    for key in full.obs:
        np.testing.assert_array_equal(cut.final_obs[key], full.obs[key][-3])


@pytest.mark.parametrize(("start", "end"), [(0, 0), (4, 0), (0, 3), (4, 3), (1, 1)])
def test_nothing_is_thrown_away(tmp_path: Path, start: int, end: int):
    full = episode_of(ticks(START_MARGIN + 4, 6, END_MARGIN + 3))
    write_episode(tmp_path / "000000.hdf5", trim(full, start, end))
    again = read_episode(tmp_path / "000000.hdf5")
    same(whole(again), full)
    assert whole(again).meta == full.meta
    with h5py.File(tmp_path / "000000.hdf5") as file:
        assert len(file["actions"]) == file.attrs["num_samples"] == len(full) - start - end
        assert ("idle" in file) == bool(start or end)


def test_reading_some_observations_reads_those_of_the_idle_ends_too(tmp_path: Path):
    full = episode_of(ticks(START_MARGIN + 4, 6, END_MARGIN + 3))
    key = sorted(full.obs)[0]
    write_episode(tmp_path / "000000.hdf5", trim(full, 4, 3))
    some = whole(read_episode(tmp_path / "000000.hdf5", (key,)))
    assert set(some.obs) == {key}
    np.testing.assert_array_equal(some.obs[key], full.obs[key])
