"""Specification of `learn.log`: a training's scalars for TensorBoard, and in a run of Weights & Biases."""

import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import command_lines
import pytest
from test_learn_support import TOY, curves, expert_session

from data.errors import UserError
from data.session import Session
from learn.log import TENSORBOARD_NAME, Log, open_log
from learn.progress import Report
from learn.train import TrainConfig, train

QUICK = TrainConfig(steps=40, batch_size=16, hidden=(8,))
BLOCK, HEADER = 32768, 7  # of a run's file, which is a log as LevelDB writes them


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return expert_session(tmp_path_factory.mktemp("session"), 6)


@pytest.fixture
def nobody_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Weights & Biases offline, its server and any proxy a socket that must hear nothing, its other files in a folder of their own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        here = f"http://127.0.0.1:{server.getsockname()[1]}"
        for name in ("WANDB_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, here)
        for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
            monkeypatch.setenv(name, str(tmp_path / "own"))
        monkeypatch.setenv("HOME", str(tmp_path / "own"))
        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.delenv("WANDB_API_KEY", raising=False)
        yield
        heard = []
        with contextlib.suppress(BlockingIOError):
            while True:
                caller, _ = server.accept()
                with caller:
                    caller.settimeout(1.0)
                    heard.append(caller.recv(200))
        assert heard == []


def runs(out: Path) -> list[list[Any]]:
    """The records of each run of Weights & Biases, the older run first."""
    return [list(_records(path.read_bytes())) for path in sorted(out.glob("wandb/offline-run-*/run-*.wandb"))]


def _records(content: bytes) -> Iterator[Any]:
    from wandb.proto.wandb_internal_pb2 import Record

    at, parts = HEADER, []
    while at + HEADER <= len(content):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts.append(content[at + HEADER : at + HEADER + size])
        at += HEADER + size
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(b"".join(parts))
            parts = []


def histories(records: list[Any]) -> dict[str, dict[int, float]]:
    """The same of a run's records."""
    found: dict[str, dict[int, float]] = {}
    for record in records:
        if record.WhichOneof("record_type") == "history":
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            for name, value in row.items():
                if not name.startswith("_"):
                    found.setdefault(name, {})[int(row["_step"])] = value
    return found


def run_record(records: list[Any]) -> Any:
    (found,) = [record.run for record in records if record.WhichOneof("record_type") == "run"]
    return found


def children() -> set[str]:
    """The names of this process's children."""
    found = set()
    for path in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for pid in path.read_text().split():
            found.add(Path(f"/proc/{pid}/comm").read_text().strip())
    return found


# -- Weights & Biases --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nobody_calls")
def test_an_offline_run_holds_what_tensorboard_shows(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = children() if Path("/proc/self/task").exists() else set()
    out = tmp_path / "my-policy"
    train(session, replace(QUICK, wandb="arms"), out)
    (records,) = runs(out)
    found = histories(records)
    assert set(found) == {"loss/train", "loss/valid"}
    for name, curve in curves(out).items():
        assert curve == pytest.approx(found[name])
    run = run_record(records)
    assert (run.project, run.display_name) == ("arms", "my-policy")
    settings = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert settings["steps"] == 40
    assert settings["lr"] == 0.001
    assert settings["env"] == TOY
    if Path("/proc/self/task").exists():
        assert children() == before


@pytest.mark.usefixtures("nobody_calls")
def test_a_training_that_is_gone_on_with_is_the_same_run(session: Session, tmp_path: Path) -> None:
    config, stop = replace(QUICK, wandb="arms"), [20]

    def on_report(report: Report) -> None:
        if stop == [report.step]:
            raise KeyboardInterrupt

    assert train(session, config, tmp_path / "model", on_report).interrupted
    stop.clear()
    train(session, replace(config, wandb="arms"), tmp_path / "model", on_report, resume=True)
    first, second = runs(tmp_path / "model")
    assert run_record(first).run_id == run_record(second).run_id
    steps = [*histories(first)["loss/train"], *histories(second)["loss/train"]]
    assert steps == sorted(set(steps))
    assert steps[-1] == 40


@pytest.mark.usefixtures("nobody_calls")
def test_a_training_can_be_gone_on_with_without_it(session: Session, tmp_path: Path) -> None:
    def on_report(report: Report) -> None:
        if report.step == 20:
            raise KeyboardInterrupt

    assert train(session, QUICK, tmp_path, on_report).interrupted
    assert train(session, replace(QUICK, wandb="arms"), tmp_path, resume=True).steps == 40
    assert len(runs(tmp_path)) == 1


@pytest.mark.usefixtures("nobody_calls")
def test_a_round_s_run_is_named_after_all_of_it(tmp_path: Path) -> None:
    out = tmp_path / "lift" / "rounds" / "2"
    out.mkdir(parents=True)
    with open_log(out, "arms") as log:
        log.scalars(1, {"loss/train": 0.5})
    run = run_record(runs(out)[0])
    assert (run.display_name, run.run_group) == ("lift/rounds/2", "lift")


@pytest.mark.usefixtures("nobody_calls")
def test_where_nobody_is_logged_in_the_training_goes_on(session: Session, tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    assert train(session, replace(QUICK, wandb="arms"), tmp_path / "model").steps == 40
    assert curves(tmp_path / "model")["loss/train"]
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("Weights & Biases fails, the training goes on without it: No API key configured.")


class Broken:
    """A run whose service has died."""

    def log(self, values: object, step: int) -> None:
        raise BrokenPipeError("the service is gone")

    finish = log


def test_a_run_that_breaks_is_told_once_and_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from torch.utils.tensorboard import SummaryWriter

    log = Log(SummaryWriter(str(tmp_path / TENSORBOARD_NAME)), Broken(), "abc")  # type: ignore[arg-type]
    for step in range(3):
        log.scalars(step, {"loss/train": 1.0 / (step + 1), "loss/valid": None})
    log.close()
    assert list(curves(tmp_path)) == ["loss/train"]
    assert [record.getMessage() for record in caplog.records] == [
        "Weights & Biases fails, the training goes on without it: the service is gone"
    ]


def test_what_is_not_installed_is_said_before_anything_is_learned(session: Session, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r'^--wandb needs wandb; install it with: pip install "gamepad-dagger\[wandb\]"$'):
        train(session, replace(QUICK, wandb="arms"), tmp_path / "model")


def test_it_is_imported_only_when_it_is_asked_for(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert train(session, QUICK, tmp_path / "model").steps == 40
    assert not (tmp_path / "model" / "wandb").exists()


# -- TensorBoard, always -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["train {session} --policy inverse", "pretrain {session}"])
def test_inverse_models_are_logged_too(words: str, recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    line = f"{words.format(session=recorded)} --out {out} --steps 40"
    assert command_lines.run("learn", *line.split()) == 0
    found = curves(out)
    assert set(found) == {"loss/train", "loss/valid"}
    assert max(found["loss/train"]) == 40
