"""Specification of `data split`: fair, seeded, and no step on both sides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from data_tools import PLAIN, answer, check_mistake, run, session_of
from test_data_support import made_episode

from data.catalog import Row
from data.errors import UserError
from data.masks import MASKS_NAME, Masks, read_masks
from data.schema import Outcome
from data.session import Session
from data.split import split_rows, stratum_of

S, F, D = Outcome.SUCCESS, Outcome.FAILURE, Outcome.DISCARDED


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Row:
    return session_of(tmp_path_factory.mktemp("split"), S).rows()[0]


def many(row: Row, sizes: dict[tuple[str, str], int]) -> list[Row]:
    """So many episodes of each (mode, operator)."""
    kinds = [kind for kind, size in sizes.items() for _ in range(size)]
    return [replace(row, number=n, behaviour_mode=mode, operator=who, uid=f"u{n}") for n, (mode, who) in enumerate(kinds)]


def held_out(rows: Sequence[Row], masks: Masks) -> Counter[tuple[str, str]]:
    return Counter(stratum_of(row) for row in rows if row.number in masks.valid)


# -- what is drawn -------------------------------------------------------------------------------------------------


def test_every_usable_episode_is_in_exactly_one_set(row: Row) -> None:
    rows = [replace(r, outcome=D if r.number % 3 == 0 else S) for r in many(row, {("left", "a"): 31})]
    masks = split_rows(rows, 0.2, 0)
    assert sorted(masks.train + masks.valid) == [r.number for r in rows if r.usable]
    assert not set(masks.train) & set(masks.valid)
    assert (masks.seed, masks.valid_fraction) == (0, 0.2)


def test_every_stratum_gives_its_share(row: Row) -> None:
    rows = many(row, {("left", "a"): 40, ("left", "b"): 20, ("right", "a"): 30, ("", "a"): 10})
    assert held_out(rows, split_rows(rows, 0.1, 3)) == {("left", "a"): 4, ("left", "b"): 2, ("right", "a"): 3, ("", "a"): 1}


def test_shares_that_are_no_integers_are_rounded_so_that_the_sum_is_right(row: Row) -> None:
    rows = many(row, {("a", "x"): 7, ("b", "x"): 6, ("c", "x"): 2})  # 1.4, 1.2 and 0.4 of 3
    assert held_out(rows, split_rows(rows, 0.2, 1)) == {("a", "x"): 2, ("b", "x"): 1}


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.29, 0.5, 0.8, 0.99])
@pytest.mark.parametrize("sizes", [(2,), (1, 1), (5, 1), (3, 3, 3), (17, 4, 1, 9)])
def test_no_stratum_is_more_than_one_episode_from_its_share(row: Row, fraction: float, sizes: tuple[int, ...]) -> None:
    rows = many(row, {(str(at), "x"): size for at, size in enumerate(sizes)})
    masks = split_rows(rows, fraction, 0)
    count = sum(sizes)
    assert len(masks.valid) == min(max(1, int(np.floor(fraction * count + 0.5))), count - 1)
    for at, size in enumerate(sizes):
        assert abs(held_out(rows, masks)[str(at), "x"] - fraction * size) <= 1


def test_one_of_two_is_held_out_and_a_single_one_is_for_training(row: Row) -> None:
    assert len(split_rows(many(row, {("a", "x"): 2}), 0.01, 0).valid) == 1
    assert len(split_rows(many(row, {("a", "x"): 2}), 0.99, 0).train) == 1
    assert split_rows(many(row, {("a", "x"): 1}), 0.5, 0).train == (0,)
    assert split_rows([], 0.5, 0).named() == {}


def test_the_seed_alone_decides(row: Row) -> None:
    rows = many(row, {("a", "x"): 30, ("b", "x"): 30})
    assert split_rows(rows, 0.2, 5) == split_rows(rows, 0.2, 5)
    assert split_rows(rows, 0.2, 5).valid != split_rows(rows, 0.2, 6).valid


def test_copies_of_an_episode_stay_together(row: Row) -> None:
    rows = [replace(r, uid=f"u{r.number % 10}") for r in many(row, {("a", "x"): 30})]
    for seed in range(5):
        masks = split_rows(rows, 0.2, seed)
        sides = [{number % 10 for number in side} for side in (masks.train, masks.valid)]
        assert not sides[0] & sides[1]
        assert len(sides[1]) == 2


def test_episodes_without_a_uid_are_not_taken_for_copies(row: Row) -> None:
    rows = [replace(r, uid="") for r in many(row, {("a", "x"): 10})]
    assert len(split_rows(rows, 0.2, 0).valid) == 2


def test_a_branch_that_was_tagged_usable_stays_with_the_episode_it_left(row: Row) -> None:
    rows = many(row, {("a", "x"): 24})
    rows = [replace(r, parent=r.number - r.number % 3) if r.number % 3 else r for r in rows]
    for seed in range(5):
        masks = split_rows(rows, 0.25, seed)
        assert not {n // 3 for n in masks.train} & {n // 3 for n in masks.valid}


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 7.0, float("nan")])
def test_a_fraction_that_is_none_is_refused(row: Row, fraction: float) -> None:
    with pytest.raises(UserError, match=r"--valid .* is outside \(0, 1\)"):
        split_rows([row], fraction, 0)


# -- the command ---------------------------------------------------------------------------------------------------


def masked(path: Path, name: str) -> list[int]:
    with h5py.File(path / "session.hdf5", "r") as index:
        return [int(demo.decode().removeprefix("demo_")) for demo in index[f"mask/{name}"][()]]


def test_splitting_writes_robomimics_masks(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(capsys, "split", copied, "--valid", 0.34)
    assert said == {"train": 2, "valid": 1, "seed": 0, "valid_episodes": masked(copied, "valid")}
    assert sorted(masked(copied, "train") + masked(copied, "valid")) == [0, 1, 2]
    assert read_masks(copied).named() == {name: tuple(masked(copied, name)) for name in ("train", "valid")}


def test_splitting_prints_a_table_of_the_strata(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = session_of(tmp_path / "s", S, F, S, F, S, behaviour_mode="over", operator="gamepad: Pad")
    session.append(made_episode(meta=replace(PLAIN, outcome=D)))
    assert run("split", session.path, "--valid", 0.4) == 0
    shown = capsys.readouterr().out
    assert [word for word in shown.split() if word not in "│┃"][-1] == "0"
    assert "│ over │ gamepad: Pad │ 3     │ 2     │" in shown
    assert "mask/train 3 episodes, mask/valid 2, 1 in neither (no success or failure); seed 0" in shown


def test_a_split_is_kept_while_recording_goes_on_and_can_be_drawn_anew(copied: Path) -> None:
    assert run("split", copied) == 0
    before = masked(copied, "train")
    Session.create(copied).append(made_episode(meta=PLAIN))
    assert masked(copied, "train") == before
    assert run("split", copied, "--valid", 0.5, "--seed", 1) == 0
    assert sorted(masked(copied, "train") + masked(copied, "valid")) == [0, 1, 2, 3]


def test_removing_a_split_takes_its_masks_away(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("split", copied) == 0
    assert run("split", copied, "--remove") == 0
    assert "2 and 1 episodes are one set again" in capsys.readouterr().out
    with h5py.File(copied / "session.hdf5", "r") as index:
        assert set(index["mask"]) == {"success", "usable"}
    assert not (copied / MASKS_NAME).exists()
    assert run("split", copied, "--remove") == 0
    assert "there was no split" in capsys.readouterr().out


def test_a_spoilt_masks_file_is_replaced(copied: Path) -> None:
    (copied / MASKS_NAME).write_text("{torn")
    assert run("split", copied) == 0
    assert len(masked(copied, "valid")) == 1


BAD = {
    "all for validation": ("split {session} --valid 1", "--valid 1 is outside (0, 1); give the share to hold out, 0.1 say"),
    "none for validation": ("split {session} --valid 0", "--valid 0 is outside (0, 1)"),
    "negative seed": ("split {session} --seed -1", "--seed -1 is negative; give 0 or more"),
    "no number": ("split {session} --valid many", "--valid"),
    "no session": ("split {session}x", "there is no session at"),
    "nothing finished": ("split {partial}", "has no finished episode to split; record some"),
    "damage": ("split {damaged}", "000001.hdf5 cannot be read as an episode"),
}


@pytest.mark.parametrize(("line", "says"), BAD.values(), ids=list(BAD))
def test_a_mistake_is_one_line_and_changes_nothing(copied: Path, capsys: pytest.CaptureFixture[str], line: str, says: str) -> None:
    partial, damaged = session_of(copied.parent / "partial", D), session_of(copied.parent / "damaged", S, S)
    (damaged.path / "episodes" / "000001.hdf5").write_bytes(b"garbage")
    damaged.tidy()
    check_mistake(capsys, line, says, session=copied, partial=partial.path, damaged=damaged.path)
