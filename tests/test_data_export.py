"""Specification of `data export`: what every format has in common, and robomimic's."""

import errno
from pathlib import Path

import h5py
import pytest
from data_tools import answer, check_mistake, interrupting, run, session_of, snapshot

import data.exchange.exporting as exporting
import data.pack as pack
from data.errors import UserError
from data.exchange.exporting import Order, check_folder, new_folder
from data.schema import Outcome
from data.session import Session

S, F, P = Outcome.SUCCESS, Outcome.FAILURE, Outcome.PARTIAL


def test_to_robomimic_is_what_pack_makes(copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pack", copied, "--out", tmp_path / "packed.hdf5") == 0
    said = answer(capsys, "export", copied, "--to", "robomimic", "--out", tmp_path / "exported.hdf5")
    assert said["to"] == "robomimic"
    assert (said["episodes"], said["masks"]["success"]) == (3, 3)
    assert said["bytes"] == (tmp_path / "exported.hdf5").stat().st_size == (tmp_path / "packed.hdf5").stat().st_size
    with h5py.File(tmp_path / "packed.hdf5") as packed, h5py.File(tmp_path / "exported.hdf5") as exported:
        assert packed["data"].attrs["env_args"] == exported["data"].attrs["env_args"]
        digests = [{name: demo.attrs["digests"] for name, demo in file["data"].items()} for file in (packed, exported)]
        assert digests[0] == digests[1]


BAD = {
    "no format": ("export {session} --out {new}/a", "--to"),
    "an unknown format": ("export {session} --to zarr --out {new}/a", "'zarr' for argument '--to'"),
    "no place": ("export {session} --to robomimic", "--out"),
    "no session": ("export {session}x --to robomimic --out {new}/a.hdf5", "there is no session at"),
    "two choices": ("export {session} --to robomimic --out {new}/a.hdf5 --all --episodes 1", "contradict each other"),
    "images elsewhere": ("export {session} --to robomimic --out {new}/a.hdf5 --images png", "--images is for --to lerobot; leave it out"),
    "a name elsewhere": ("export {session} --to lerobot --out {new}/a --name b", "--name is for --to minari; leave it out for lerobot"),
    "no such episode": ("export {session} --to robomimic --out {new}/a.hdf5 --episodes 9", "--episodes '9' is not there"),
    "nothing usable": ("export {unfinished} --to robomimic --out {new}/a.hdf5", "has no such episode to take; choose with --episodes"),
    "another suffix": ("export {session} --to robomimic --out {new}/a.h5", "does not end in .hdf5"),
}


@pytest.mark.parametrize(("line", "says"), BAD.values(), ids=list(BAD))
def test_a_mistake_is_one_line_and_changes_nothing(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    Session.open(copied)
    unfinished = session_of(tmp_path / "unfinished", P).path
    (tmp_path / "new").mkdir()
    check_mistake(capsys, line, says, session=copied, unfinished=unfinished, new=tmp_path / "new")


# -- folders -------------------------------------------------------------------------------------------------------


def order_of(copied: Path, out: Path, *, overwrite: bool = False) -> Order:
    session = Session.open(copied)
    return Order(session, session.rows(), out, overwrite)


def test_a_folder_is_there_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "set") as folder:
        (folder / "a").write_text("a")
        assert not (tmp_path / "set").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    with new_folder(tmp_path / "set") as folder:
        (folder / "b").write_text("b")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["b"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("no"), OSError(errno.ENOSPC, "No space left on device")])
def test_or_not_at_all_and_the_old_one_stays(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").write_text("old")
    before = snapshot(tmp_path)
    with pytest.raises((KeyboardInterrupt, UserError)), new_folder(tmp_path / "set"):
        raise error
    assert snapshot(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 1


def test_the_old_one_comes_back_when_the_new_one_cannot_take_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").write_text("old")
    real = Path.replace

    def refusing(self: Path, target: Path) -> Path:
        if self.name.endswith(".tmp"):
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(UserError, match="could not be written"), new_folder(tmp_path / "set") as folder:
        (folder / "a").write_text("a")
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "old"]


def test_only_a_data_set_of_the_format_is_replaced(copied: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    check_folder(order_of(copied, out), "mark")
    out.mkdir()
    check_folder(order_of(copied, out), "mark")
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="exists; give another name, or --overwrite"):
        check_folder(order_of(copied, out), "mark")
    with pytest.raises(UserError, match="has no mark: --overwrite replaces only a data set of this format"):
        check_folder(order_of(copied, out, overwrite=True), "mark")
    (out / "mark").touch()
    check_folder(order_of(copied, out, overwrite=True), "mark")


@pytest.mark.parametrize(
    ("place", "says"), [("file", "is a file"), ("missing/set", "there is no folder"), ("session/set", "is inside the session")]
)
def test_where_no_folder_can_be(copied: Path, tmp_path: Path, place: str, says: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=says):
        check_folder(order_of(copied, tmp_path / place), "mark")


def test_ctrl_c_leaves_nothing_behind(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Session.open(copied)
    monkeypatch.setattr(pack, "_copy", interrupting(1, pack._copy))
    before = snapshot(tmp_path)
    assert run("export", copied, "--to", "robomimic", "--out", tmp_path / "a.hdf5") == 130
    assert snapshot(tmp_path) == before
    assert exporting.temporary_name(tmp_path / "a.hdf5") not in list(tmp_path.iterdir())
