"""Trim: idle ends are set aside, and come back whole."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from data_tools import PLAIN, answer, check_mistake, contents, flip_a_bit, interrupting, make_older, run
from test_data_support import META, tick

import data.commands.edit as edit
from data.episode import build_episode
from data.episode_file import read_episode, read_meta, write_episode
from data.migrate import uid_from_content
from data.schema import SCHEMA_VERSION, Source
from data.session import Session
from data.takes import Begin, End, Finish, Rewind, takes_of
from data.trim import END_MARGIN, START_MARGIN, Margins, idle_ends, retrim, trim, whole


def ticks(idle_before: int, busy: int, idle_after: int, rewards=None):
    marks = [True] * idle_before + [False] * busy + [True] * idle_after
    rewards = rewards or [0.0] * len(marks)
    return [replace(tick(i), at_rest=idle, reward=reward) for i, (idle, reward) in enumerate(zip(marks, rewards, strict=True))]


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


# -- recorded episodes ---------------------------------------------------------------------------------------------


@pytest.fixture
def slow(copied: Path) -> Path:
    """A real recording whose operator rested for 12 steps at the start of episodes 0 and 1, and 15 at the end of 1 and 2."""
    session = Session.open(copied)
    for number, (start, end) in enumerate([(12, 0), (12, 15), (0, 15)]):
        episode = session.read(number)
        rests = np.zeros(len(episode), np.uint8)
        rests[:start] = rests[len(rests) - end :] = 1
        rewards = np.where(np.arange(len(rests)) < len(rests) - 16, 0.0, 1.0).astype(np.float32)
        write_episode(session.episode_path(number), replace(episode, steps={**episode.steps, "at_rest": rests, "rewards": rewards}))
    session.tidy_listing()
    return copied


ENDS = [(7, 0), (7, 5), (0, 5)]


def ends_of(path: Path) -> list[tuple[int, int]]:
    return [(row.idle_start, row.idle_end) for row in Session.open(path).rows()]


def test_trimming_sets_idle_ends_aside_and_the_listing_follows(slow: Path, capsys):
    steps = [row.steps for row in Session.open(slow).rows()]
    said = answer(capsys, "trim", slow)
    assert said == {"episodes": 3, "changed": [0, 1, 2], "idle_steps": 24, "damaged": 0}
    assert ends_of(slow) == ENDS
    assert [row.steps for row in Session.open(slow).rows()] == [n - sum(ends) for n, ends in zip(steps, ENDS, strict=True)]
    with h5py.File(slow / "session.hdf5") as index:
        assert index["data"].attrs["total"] == sum(steps) - 24


def test_trimming_keeps_every_step_and_all_else(slow: Path):
    before = [Session.open(slow).read(number) for number in range(3)]
    assert run("trim", slow) == 0
    for number, old in enumerate(before):
        new = Session.open(slow).read(number)
        same(whole(new), old)
        assert whole(new).meta == old.meta
        assert new.steps["sim_state"][0].tobytes() == old.steps["sim_state"][ENDS[number][0]].tobytes()


def test_trimming_again_rewrites_nothing(slow: Path, capsys):
    assert run("trim", slow) == 0
    before = {path: path.stat().st_mtime_ns for path in Session(slow).episode_paths()}
    assert answer(capsys, "trim", slow)["changed"] == []
    assert {path: path.stat().st_mtime_ns for path in Session(slow).episode_paths()} == before


def test_what_recording_trimmed_is_left_as_it_is(recorded: Path, tmp_path: Path, capsys):
    take = takes_of([Begin(0, PLAIN), *ticks(30, 5, 30), Finish(PLAIN, End(tick(65).obs, tick(65).sim_state))])[0]
    session = Session.create(tmp_path / "s")
    session.append(take.episode())
    session.append(replace(take, trims=False).episode())
    assert answer(capsys, "trim", session.path)["changed"] == [1]
    by_recorder, by_command = session.read(0), session.read(1)
    assert replace(by_command.meta, uid="") == replace(by_recorder.meta, uid="")
    same(by_command, by_recorder)
    for end in ("start", "end"):
        for name, column in by_recorder.idle[end].steps.items():
            np.testing.assert_array_equal(by_command.idle[end].steps[name], column, err_msg=name)


def test_undo_restores_the_whole_recording(slow: Path, capsys):
    before = [Session.open(slow).read(number) for number in range(3)]
    assert run("trim", slow) == 0
    assert answer(capsys, "trim", slow, "--undo") == {"episodes": 3, "changed": [0, 1, 2], "idle_steps": 0, "damaged": 0}
    for number, old in enumerate(before):
        new = Session.open(slow).read(number)
        same(new, old)
        assert (new.meta, new.idle) == (old.meta, {})
    assert answer(capsys, "trim", slow, "--undo")["changed"] == []


def test_other_margins_count_from_the_whole_recording(slow: Path):
    assert run("trim", slow) == 0
    assert run("trim", slow, "--start-margin", 0, "--end-margin", 12) == 0
    assert ends_of(slow) == [(12, 0), (12, 3), (0, 3)]


def test_chosen_episodes_are_trimmed(slow: Path, capsys):
    assert answer(capsys, "trim", slow, "--episodes", "1-2")["changed"] == [1, 2]
    assert ends_of(slow) == [(0, 0), *ENDS[1:]]


def test_interrupted_trimming_leaves_whole_files_and_can_be_given_again(slow: Path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(edit, "trim_file", interrupting(2, edit.trim_file))
        assert run("trim", slow) == 130
    assert ends_of(slow) == [ENDS[0], (0, 0), (0, 0)]
    assert run("trim", slow) == 0
    assert ends_of(slow) == ENDS


def test_a_damaged_episode_is_named_and_left_as_it_is(slow: Path, capsys):
    flip_a_bit(slow / "episodes" / "000001.hdf5")
    before = contents(Session(slow))
    assert run("trim", slow) == 1
    assert "damaged: " in capsys.readouterr().out
    assert contents(Session(slow))[1] == before[1]
    assert [ends_of(slow)[n] for n in (0, 2)] == [ENDS[0], ENDS[2]]


# -- older recordings ----------------------------------------------------------------------------------------------


def drives(before: int, busy: int, after: int, **values):
    """Ticks whose actions say when the hands rested: as a recorder of an older schema kept them."""
    still = [np.full(7, 0.0, np.float32), np.full(7, 0.1, np.float32)]
    moves = [0] * before + [1] * busy + [0] * after
    steps = [tick(t, action=still[move].copy(), **values) for t, move in enumerate(moves)]
    for t, step in enumerate(steps):
        step.action[6] = -1.0 if t < before + busy else 1.0  # the gripper closes in the first of the steps after
    return steps


@pytest.mark.parametrize("trimmed", [(0, 0), (4, 2)])
def test_an_older_recording_is_trimmed_by_what_its_actions_say(tmp_path: Path, trimmed):
    session = Session.create(tmp_path)
    full = build_episode(drives(20, 6, 31), tick(57).obs, tick(57).sim_state, PLAIN)
    session.append(trim(full, *trimmed))
    make_older(session.episode_path(0))
    uid = uid_from_content(session.read(0))
    assert run("trim", tmp_path) == 0
    again = session.read(0)
    assert (again.meta.idle_start, again.meta.idle_end) == (15, 20)  # the step in which the gripper closes is not idle
    assert (again.meta.schema_version, again.meta.uid) == (SCHEMA_VERSION, uid)
    assert whole(again).steps["sim_state"].tobytes() == full.steps["sim_state"].tobytes()
    assert run("trim", tmp_path, "--undo") == 0
    same_but_rests = {name for name in full.steps if name != "at_rest"}
    assert all(np.array_equal(session.read(0).steps[name], full.steps[name], equal_nan=True) for name in same_but_rests)


def test_an_older_recording_with_nothing_to_trim_stays_as_it_is(tmp_path: Path):
    session = Session.create(tmp_path)
    session.append(build_episode(drives(20, 6, 31, source=Source.POLICY), tick(57).obs, tick(57).sim_state, PLAIN))
    make_older(session.episode_path(0))
    before = contents(session)
    assert run("trim", tmp_path) == 0
    assert contents(session) == before
    assert read_meta(session.episode_path(0)).schema_version == 2


# -- branches ------------------------------------------------------------------------------------------------------


def rewound(rng, branch_step: int):
    """An episode and the branch that it left behind, as they were driven; every step is told apart by its action."""

    def walk(first: int, length: int, rests: int):
        steps = [tick(t, at_rest=t < rests, action=rng.uniform(-1, 1, 7).astype(np.float32)) for t in range(first, length)]
        return [replace(step, at_rest=bool(step.at_rest or t > len(steps) - 14)) for t, step in enumerate(steps)]

    rests, later = int(rng.integers(0, 40)), int(rng.integers(0, 40))
    end = End(tick(60).obs, tick(60).sim_state)
    left, kept = walk(0, 60, rests), walk(branch_step, 70, later)
    entries = [Begin(0, PLAIN, trims=False), *left, Rewind(branch_step, 1, end), *kept, Finish(PLAIN, end)]
    return [take.episode() for take in takes_of(entries)]


@pytest.mark.parametrize("seed", range(20))
def test_wherever_either_is_trimmed_a_branch_tells_where_it_left_its_parent(seed: int):
    rng = np.random.default_rng(seed)
    branch_step = int(rng.integers(0, 50))
    parent, branch = recorded = rewound(rng, branch_step)
    assert (branch.meta.parent, branch.meta.branch_step) == (0, branch_step)
    for _ in range(6):
        margins = Margins(int(rng.integers(0, 12)), int(rng.integers(0, 12))) if rng.random() < 0.8 else None
        if rng.random() < 0.5:
            parent = retrim(parent, margins) or parent
        else:
            branch = retrim(branch, margins) or branch
        at = branch.meta.branch_step
        assert at >= 0
        there = at + branch.meta.idle_start - parent.meta.idle_start  # the same moment among the parent's own steps
        assert at + branch.meta.idle_start == there + parent.meta.idle_start == branch_step
        shared = min(at, there)
        for name in ("actions", "sim_state"):
            mine, its = branch.steps[name][at - max(0, shared) : at], parent.steps[name][max(0, there - max(0, shared)) : max(0, there)]
            np.testing.assert_array_equal(mine, its, err_msg=name)
        if 0 <= there < len(parent):
            assert parent.steps["actions"][there].tobytes() != branch.steps["actions"][at].tobytes()
    for one, as_driven in zip((parent, branch), recorded, strict=True):
        same(retrim(one, None) or one, as_driven)
        assert (retrim(one, None) or one).meta == as_driven.meta


def test_a_branch_keeps_its_idle_steps_after_the_point_where_it_left(tmp_path: Path):
    steps = ticks(40, 10, 0)
    assert idle_ends(steps) == (35, 0)
    assert idle_ends(steps, branch_step=20) == (20, 0)
    assert idle_ends(steps, branch_step=0) == (0, 0)


# -- mistakes ------------------------------------------------------------------------------------------------------

BAD = {
    "a negative margin": ("trim {session} --start-margin -1", "--start-margin -1 is negative; give how many idle steps stay, 0 or more"),
    "another negative margin": ("trim {session} --end-margin -3", "--end-margin -3 is negative"),
    "a fraction": ("trim {session} --end-margin 2.5", "--end-margin"),
    "what is not there": ("trim {session} --episodes 9", "--episodes '9' is not there; allowed: the numbers 0-2"),
    "no session": ("trim {session}x", "there is no session at"),
}


@pytest.mark.parametrize(("line", "says"), BAD.values(), ids=list(BAD))
def test_a_mistake_is_one_line_and_changes_nothing(copied: Path, capsys, line: str, says: str):
    Session.open(copied)
    check_mistake(capsys, line, says, session=copied)


def test_help_says_that_idle_steps_in_the_middle_stay(capsys):
    with pytest.raises(SystemExit):
        run("trim", "--help")
    assert "in the middle of an episode stay where they are" in " ".join(capsys.readouterr().out.split())
