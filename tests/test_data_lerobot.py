"""Specification of LeRobot's data sets, out (`data export --to lerobot`) and in (`data import --from lerobot`).

That LeRobot itself reads and writes the same is for `make check-lerobot` to show, in an environment that has it.
"""

import gc
import json
import shutil
import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_tools import PLAIN, answer, check_mistake, interrupting, make_older, run, session_of, snapshot
from lerobot_files import (
    DATA,
    EPISODES,
    FPS,
    LENGTHS,
    SIZE,
    change_info,
    change_table,
    coded,
    data_set,
    feature,
    film,
    lists,
    number_of,
    numbers,
    picture,
    pictures_as,
)
from test_data_support import made_episode, tick

import data.exchange.lerobot.writing as writing
from data.check import problems_of
from data.episode import Array, Episode
from data.exchange.lerobot import statistics
from data.exchange.lerobot.aside import FOLDER, arrays_of
from data.exchange.lerobot.folder import filled
from data.exchange.lerobot.names import keys_in, robot_of
from data.exchange.lerobot.reading import open_lerobot
from data.masks import Masks, read_masks, write_masks
from data.schema import Outcome, Source
from data.session import Session
from data.trim import trim

S, F, P, A = Outcome.SUCCESS, Outcome.FAILURE, Outcome.PARTIAL, Outcome.ABANDONED
ENV = "Elsewhere-v0"
FRONT = "observation.images.front"


def exported(session: Session | Path, out: Path, *words: object) -> Path:
    path = session.path if isinstance(session, Session) else session
    assert run("export", path, "--to", "lerobot", "--out", out, *words) == 0
    return out


def imported(path: Path, to: Path, *words: object) -> Session:
    assert run("import", path, "--from", "lerobot", "--session", to, *words) == 0
    session = Session.open(to)
    assert all(problems_of(session.episode_path(row.number)) == [] for row in session.rows())
    return session


def info_of(path: Path) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return dict(json.loads((path / "meta/info.json").read_text(), parse_constant=refuse))


def differences(one: Episode, other: Episode) -> set[str]:
    """The arrays that are not the same to the bit, and the attributes that are not the same."""
    left, right = dict(arrays_of(one)), dict(arrays_of(other))
    arrays = {k for k in {*left, *right} if k not in left or k not in right or not same(left[k], right[k])}
    return arrays | {name for name, value in asdict(one.meta).items() if asdict(other.meta)[name] != value}


def same(one: Array, other: Array) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def psnr_db(one: Array, other: Array) -> float:
    error = float(np.mean((np.asarray(one, float) - np.asarray(other, float)) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-12)))


def film_of(path: Path, camera: str = FRONT, file: int = 0) -> list[tuple[float, bool]]:
    """(seconds, whether it stands alone) of each frame of a film."""
    with av.open(str(path / f"videos/{camera}/chunk-000/file-{file:03d}.mp4")) as container:
        stream = container.streams.video[0]
        return [(float(frame.pts * stream.time_base), frame.key_frame) for frame in container.decode(stream)]


@pytest.fixture
def rich(tmp_path: Path) -> Session:
    """A success, a failure with a policy that asked, a trimmed one, a branch that was left, and one of no steps but one."""
    session = session_of(tmp_path / "rich", S)
    asked = tick(1, Source.POLICY, label=np.full(7, 0.3, np.float32), policy_action=np.zeros(7, np.float32), gate_score=0.7)
    over = tick(2, policy_action=np.zeros(7, np.float32), action=np.array([-0.0, 0.0, 1, -1, 0.1, 0.2, -0.0], np.float32))
    session.append(made_episode(tick(0), asked, over, tick(3), meta=replace(PLAIN, outcome=F, task="lift it", seed=3)))
    session.append(trim(made_episode(*[tick(t) for t in range(6)], meta=PLAIN), 2, 1))
    session.append(made_episode(meta=replace(PLAIN, outcome=A, parent=1, branch_step=1)))
    session.append(made_episode(tick(9), meta=replace(PLAIN, outcome=P)))
    write_masks(session.path, Masks((0, 2), (1,)))
    session.tidy_listing()
    return session


# -- out -----------------------------------------------------------------------------------------------------------


def test_the_columns_are_those_that_lerobots_users_look_for(recorded: Path, tmp_path: Path) -> None:
    path = exported(recorded, tmp_path / "set")
    info = info_of(path)
    features = info.pop("features")
    assert (info["codebase_version"], info["fps"], info["robot_type"], info["splits"]) == ("v3.0", 20, "panda", {"train": "0:3"})
    steps = [row.steps for row in Session.open(recorded).rows()]
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (3, sum(steps), 1)
    assert features["action"]["names"] == ["dx", "dy", "dz", "droll", "dpitch", "dyaw", "grip"]
    state = features["observation.state"]
    assert (state["shape"], state["names"][0], state["names"][-1]) == ([16], "robot0_eef_pos.0", "robot0_joint_pos.6")
    assert features["observation.environment_state"]["names"] == [f"object.{i}" for i in range(10)]
    marks = {"next.reward": "float32", "next.done": "bool", "next.success": "bool", "intervention": "bool"}
    counters = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64"}
    for name, dtype in {**marks, **counters}.items():
        assert features[name] == {"dtype": dtype, "shape": [1], "names": None}
    table = pq.read_table(path / DATA)
    assert table.column_names == list(features)
    assert table.schema.field("action").type == pa.list_(pa.float32(), 7)
    assert table.schema.field("next.done").type == pa.bool_()
    assert table.column("index").to_pylist() == list(range(sum(steps)))
    assert table.column("next.success").to_pylist() == table.column("next.done").to_pylist()
    assert np.array_equal(table.column("timestamp").to_numpy()[: steps[0]], (np.arange(steps[0]) / 20).astype(np.float32))
    assert not any(column.null_count for column in table.columns)


def test_the_text_of_a_task_is_what_the_episode_says(rich: Session, tmp_path: Path) -> None:
    path = exported(rich, tmp_path / "set")
    tasks = pq.read_table(path / "meta/tasks.parquet")
    assert dict(zip(tasks.column("task").to_pylist(), tasks.column("task_index").to_pylist(), strict=True)) == {PLAIN.task: 0, "lift it": 1}
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]
    assert pq.read_table(path / DATA).column("task_index").to_pylist() == [0] * 3 + [1] * 4 + [0] * 3
    assert pq.read_table(path / EPISODES).column("tasks").to_pylist() == [[PLAIN.task], ["lift it"], [PLAIN.task]]


def test_a_failure_ends_without_success_and_interventions_are_marked(rich: Session, tmp_path: Path) -> None:
    table = pq.read_table(exported(rich, tmp_path / "set") / DATA).to_pydict()
    assert table["next.success"] == [False, False, True] + [False] * 4 + [False, False, True]
    assert table["next.done"] == [False, False, True, False, False, False, True, False, False, True]
    assert table["intervention"] == [i == 5 for i in range(10)]


def test_a_film_has_every_frame_at_its_time_and_a_key_frame_where_an_episode_begins(rich: Session, tmp_path: Path) -> None:
    path = exported(rich, tmp_path / "set", "--all")
    frames = film_of(path)
    rows = pq.read_table(path / EPISODES).to_pylist()
    assert [round(at_s * 20, 9) for at_s, _ in frames] == list(range(14))
    starts = [row[f"videos/{FRONT}/from_timestamp"] for row in rows]
    assert starts == [row["dataset_from_index"] / 20 for row in rows]
    assert all(frames[round(start * 20)][1] for start in starts)
    said = info_of(path)["features"][FRONT]
    assert (said["dtype"], said["shape"], said["info"]["video.codec"], said["info"]["video.pix_fmt"]) == (
        "video",
        [16, 16, 3],
        "h264",
        "yuv420p",
    )


def test_pngs_are_embedded_as_hugging_face_does(rich: Session, tmp_path: Path) -> None:
    path = exported(rich, tmp_path / "set", "--images", "png")
    assert info_of(path)["video_path"] is None
    assert not (path / "videos").exists()
    table = pq.read_table(path / DATA)
    kinds = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert kinds[FRONT] == {"_type": "Image"}
    entry = table.column(FRONT)[4].as_py()
    assert entry["path"] == "frame-000001.png"
    from PIL import Image

    (tmp_path / "one.png").write_bytes(entry["bytes"])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "one.png")), rich.read(1).obs["front_image"][1])


def test_statistics_are_those_of_the_columns(recorded: Path, tmp_path: Path) -> None:
    path = exported(recorded, tmp_path / "set")
    stats = json.loads((path / "meta/stats.json").read_text())
    table = pq.read_table(path / DATA)
    actions = np.array(table.column("action").to_pylist())
    assert np.allclose(stats["action"]["mean"], actions.mean(axis=0), atol=1e-6)
    assert np.allclose(stats["action"]["std"], actions.std(axis=0), atol=1e-6)
    assert stats["action"]["max"] == actions.max(axis=0).tolist()
    assert stats["action"]["count"] == [len(actions)]
    assert (len(stats["next.done"]["mean"]), set(stats) == set(table.column_names)) == (1, True)
    first = pq.read_table(path / EPISODES).to_pylist()[0]
    assert first["stats/index/max"] == [first["length"] - 1]


def test_statistics_of_pictures_are_a_channels_share_of_255() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 8, 6, 3), np.uint8)
    figures = statistics.of_pictures(pictures)
    flat = pictures.reshape(-1, 3) / 255
    assert figures["mean"].shape == (3, 1, 1)
    assert np.allclose(figures["mean"][:, 0, 0], flat.mean(axis=0))
    assert np.allclose(figures["std"][:, 0, 0], flat.std(axis=0))
    assert np.allclose(figures["q10"][:, 0, 0], np.quantile(flat, 0.1, axis=0, method="inverted_cdf"))
    assert (figures["min"].min(), figures["count"].tolist()) == (flat.min(), [5])
    assert statistics.of_pictures(np.zeros((2, 400, 301, 3), np.uint8))["count"].tolist() == [2]


def test_statistics_of_parts_make_those_of_the_whole() -> None:
    values = np.random.default_rng(0).normal(size=(50, 3))
    parts = [{"a": statistics.of_column(values[rows])} for rows in (slice(0, 1), slice(1, 20), slice(20, 50))]
    found = statistics.together(statistics.together(parts[0], parts[1]), parts[2])["a"]
    whole = statistics.of_column(values)
    assert all(np.allclose(found[name], whole[name]) for name in ("min", "max", "mean", "std", "count"))


def test_files_are_parted_by_size_and_read_again(rich: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "DATA_MB", 0.0001)
    monkeypatch.setattr(writing, "VIDEO_MB", 0)
    monkeypatch.setattr(writing, "AT_ONCE", 2)
    path = exported(rich, tmp_path / "set", "--all")
    change_info(path, data_files_size_in_mb=1)
    rows = [row for file in sorted((path / "meta/episodes").rglob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    assert [row["data/file_index"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row[f"videos/{FRONT}/file_index"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row[f"videos/{FRONT}/from_timestamp"] for row in rows] == [0.0] * 5
    assert [row["meta/episodes/file_index"] for row in rows] == [0, 0, 1, 1, 2]
    assert [row["dataset_to_index"] for row in rows] == [3, 7, 10, 13, 14]
    new = imported(path, tmp_path / "new")
    assert [differences(rich.read(n), new.read(n)) - {"origin", "settings", "obs/front_image"} for n in (0, 1, 2, 4)] == [set()] * 4


def test_one_episode_at_a_time_is_in_memory(rich: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, held = Session.read, list[weakref.ref[Episode]]()

    def watched(self: Session, number: int, keys: tuple[str, ...] | None = None) -> Episode:
        gc.collect()
        assert not [one for one in held if one() is not None]
        episode = real(self, number, keys)
        held.append(weakref.ref(episode))
        return episode

    monkeypatch.setattr(Session, "read", watched)
    exported(rich, tmp_path / "set", "--all")
    assert len(held) == 5


def guest(obs: Mapping[str, Callable[[int], Array]], width: int = 1, **meta: Any) -> Episode:
    ticks = [
        tick(t, obs={k: value(t) for k, value in obs.items()}, action=np.full(width, 0.1 * t, np.float32), reward=float(t))
        for t in range(5)
    ]
    return made_episode(*ticks, meta=replace(PLAIN, env_id="CartPole-v1", env_kwargs={}, task="", **meta))


ODD = {
    "a state alone": {"state": lambda t: np.full(4, t, np.float32)},
    "one number": {"state": lambda t: np.full(1, t, np.float32)},
    "double precision": {"state": lambda t: np.full(4, t / 3, np.float64)},
    "a picture and nothing else": {"image": lambda t: picture(t)},
    "an odd size": {"state": lambda t: np.full(4, t, np.float32), "wrist_image": lambda t: picture(t, (33, 65))},
    "a picture without the suffix": {"eye": lambda t: picture(t), "eye_image": lambda t: picture(t)},
    "depth": {"state": lambda t: np.full(4, t, np.float32), "front_depth": lambda t: np.full((6, 8, 1), t / 7, np.float32)},
    "whole numbers": {"state": lambda t: np.full(4, t, np.int64), "far": lambda t: np.full(2, t, np.uint16)},
}


@pytest.mark.parametrize("obs", ODD.values(), ids=list(ODD))
def test_whatever_a_guest_sees_comes_back(tmp_path: Path, obs: Mapping[str, Callable[[int], Array]]) -> None:
    session = Session.create(tmp_path / "guest")
    session.append(guest(obs))
    session.append(guest(obs, uid="other"))
    path = exported(session, tmp_path / "set", "--images", "png")
    new = imported(path, tmp_path / "new")
    assert [differences(session.read(n), new.read(n)) for n in (0, 1)] == [{"origin"}] * 2
    films = imported(exported(session, tmp_path / "films"), tmp_path / "other").read(1)
    pictures = [column for column in films.obs.values() if column.ndim == 4 and column.dtype == np.uint8]
    assert [number_of(shown) for column in pictures for shown in column] == [0, 1, 2, 3, 4] * len(pictures)


@pytest.mark.parametrize("width", [1, 7, 11])
def test_a_guests_actions_may_be_of_any_width(tmp_path: Path, width: int) -> None:
    session = Session.create(tmp_path / "guest")
    session.append(guest(ODD["a state alone"], width))
    path = exported(session, tmp_path / "set")
    info = info_of(path)
    assert (info["features"]["action"]["names"], info["robot_type"]) == ([f"action_{i}" for i in range(width)], None)
    assert differences(session.read(0), imported(path, tmp_path / "new").read(0)) == {"origin"}


def test_a_rate_that_is_no_whole_number_is_rounded_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = session_of(tmp_path / "session", S, control_hz=66.7)
    path = exported(session, tmp_path / "set")
    assert info_of(path)["fps"] == 67
    assert "66.7 steps a second are written as 67 fps" in caplog.text
    assert imported(path, tmp_path / "new").read(0).meta.control_hz == 66.7


def test_which_robot_it_is() -> None:
    assert robot_of("PandaLift-v0", {}) == "panda"
    assert robot_of("teleop:UR5eStack-v0", {}) == "ur5e"
    assert robot_of("PandaReach-v0", {"robot": "kuka_iiwa_14"}) == "kuka_iiwa_14"
    assert robot_of("PandaReach-v0", {"robot": "models/my-arm.xml"}) == "my-arm"
    assert robot_of("CartPole-v1", {}) is None


# -- out and in again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", ["png", "video"])
def test_ours_come_back_whole(rich: Session, tmp_path: Path, images: str) -> None:
    path = exported(rich, tmp_path / "set", "--images", images, "--all")
    new = imported(path, tmp_path / "new")
    lossy = {"obs/front_image", "settings"} if images == "video" else set()
    for row in rich.rows():
        old, copy = rich.read(row.number), new.read(row.number)
        assert differences(old, copy) - lossy == {"origin"}
        assert copy.meta.origin == f"set#demo_{row.number}"
        if lossy:
            assert copy.meta.settings == {**old.meta.settings, "lossy_pictures": {"front_image": "h264"}}
            assert psnr_db(old.obs["front_image"], copy.obs["front_image"]) > 40
    assert read_masks(new.path).named() == read_masks(rich.path).named()
    assert [(row.parent, row.branch_step) for row in new.rows()][3] == (1, 1)


def test_a_recording_comes_back_and_replays_to_the_bit(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = imported(exported(recorded, tmp_path / "set"), tmp_path / "new")
    assert [differences(Session.open(recorded).read(n), new.read(n)) for n in range(3)] == [{"origin"}] * 3
    assert answer(capsys, "check", new.path, "--replay", 1)["replayed"] == 1


def test_an_older_schema_comes_back_as_the_present_one(rich: Session, tmp_path: Path) -> None:
    make_older(rich.episode_path(0))
    new = imported(exported(Session.open(rich.path), tmp_path / "set", "--episodes", "0", "--images", "png"), tmp_path / "new")
    assert new.read(0).meta.schema_version == 4
    assert same(new.read(0).steps["sim_state"], rich.read(0).steps["sim_state"])


def test_numbers_of_the_session_are_kept_where_only_some_are_exported(rich: Session, tmp_path: Path) -> None:
    path = exported(rich, tmp_path / "set", "--episodes", "1", "3")
    with open_lerobot(path) as collection:
        assert collection.names == ("demo_1", "demo_3")
        assert collection.masks == {"train": (), "valid": ("demo_1",)}
        assert (collection.env_id, collection.env_kwargs, collection.control_hz) == (PLAIN.env_id, PLAIN.env_kwargs, 20.0)
    assert [row.parent for row in imported(path, tmp_path / "new").rows()] == [-1, 0]


def test_masks_are_said_in_lerobots_numbers(rich: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(capsys, "export", rich.path, "--to", "lerobot", "--out", tmp_path / "set", "--episodes", "1-3")
    assert said["masks"] == {"train": [1], "valid": [0]}


def test_episodes_of_other_widths_in_what_lies_aside_come_back_too(rich: Session, tmp_path: Path) -> None:
    odd = made_episode(*[tick(t, state=np.zeros(0)) for t in range(4)], meta=PLAIN)
    number = rich.append(replace(odd, steps={**odd.steps, "sim_state": np.arange(45.0).reshape(5, 9)}))
    new = imported(exported(rich, tmp_path / "set", "--images", "png"), tmp_path / "new")
    assert differences(rich.read(number), new.read(3)) == {"origin"}


def test_without_what_lies_aside_it_is_a_data_set_like_any_other(rich: Session, tmp_path: Path) -> None:
    path = exported(rich, tmp_path / "set", "--images", "png")
    shutil.rmtree(path / FOLDER)
    new = imported(path, tmp_path / "new", "--env", "PandaLift-v0")
    for number in range(3):
        old, copy = rich.read(number), new.read(number)
        assert all(same(old.obs[key], copy.obs[key]) for key in old.obs)
        assert all(same(old.steps[key], copy.steps[key]) for key in ("actions", "rewards", "dones", "interventions"))
        assert copy.meta.outcome == old.meta.outcome
        assert copy.meta.settings["imported"]["task"] == old.meta.task
    assert new.read(1).steps["policy_acting"].tolist() == [1, 1, 0, 1]  # somebody intervened: else a policy drove
    assert new.read(0).steps["policy_acting"].tolist() == [0, 0, 0]


STALE: dict[str, Callable[[Path], None]] = {
    "another action": lambda path: change_table(path / DATA, {"action": lists(np.full((10, 7), 0.25, np.float32))}),
    "another reward": lambda path: change_table(path / DATA, {"next.reward": np.full(10, 0.5, np.float32)}),
    "frames of another": lambda path: shutil.copy(path / FOLDER / "rest.parquet", path / FOLDER / "frames.parquet") and None,
    "no digests": lambda path: change_table(path / FOLDER / "episodes.parquet", {"digests": ["{"] * 3}),
    "a word that says nothing": lambda path: (path / FOLDER / "about.json").write_text("[]") and None,
    "half a file": lambda path: (path / FOLDER / "frames.parquet").write_bytes(b"PAR1") and None,
    "a file gone": lambda path: (path / FOLDER / "rest.parquet").unlink(),
}


@pytest.mark.parametrize("spoil", STALE.values(), ids=list(STALE))
def test_what_lies_aside_is_not_believed_where_it_does_not_fit(
    rich: Session, tmp_path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = exported(rich, tmp_path / "set", "--images", "png")
    spoil(path)
    new = imported(path, tmp_path / "new", "--env", "PandaLift-v0")
    assert [new.read(n).steps["sim_state"].shape[1] for n in range(3)] == [0, 0, 0]
    assert FOLDER in caplog.text
    held = np.array(pq.read_table(path / DATA).column("action").to_pylist(), np.float32)
    assert np.array_equal(np.concatenate([new.read(n).steps["actions"] for n in range(3)]), held)


def test_a_task_that_was_said_anew_is_taken(rich: Session, tmp_path: Path) -> None:
    path = exported(rich, tmp_path / "set", "--images", "png")
    change_table(path / "meta/tasks.parquet", {"task": ["pick it up", "lift it"]})
    new = imported(path, tmp_path / "new")
    assert [new.read(n).meta.task for n in range(3)] == ["pick it up", "lift it", "pick it up"]
    assert same(new.read(0).steps["sim_state"], rich.read(0).steps["sim_state"])


# -- in ------------------------------------------------------------------------------------------------------------


def test_anybodys_data_set_becomes_sound_episodes(tmp_path: Path) -> None:
    count = sum(LENGTHS)
    extra = {
        "observation.environment_state": feature("float32", 2, names=["x", "y"]),
        "observation.tactile": feature("float32", 2, 3),
        "observation.note": feature("string", 1),
        "next.reward": feature("float32", 1),
        "next.success": feature("bool", 1),
    }
    success = np.isin(np.arange(count), [count - 1])
    columns = {
        "observation.environment_state": lists(numbers(count, 2, seed=2)),
        "observation.tactile": lists(numbers(count, 2, 3, seed=3)),
        "observation.note": pa.array(["hm"] * count),
        "next.reward": pa.array(np.arange(count, dtype=np.float32)),
        "next.success": pa.array(success),
    }
    new = imported(data_set(tmp_path / "cups", extra, columns, tasks=("stack", "unstack")), tmp_path / "new", "--env", ENV)
    assert [(row.steps, row.outcome, row.env_id) for row in new.rows()] == [(4, F, ENV), (6, S, ENV)]
    episode = new.read(1)
    assert np.array_equal(episode.obs["state"], numbers(count, 5, seed=1)[4:])
    assert np.array_equal(episode.obs["environment_state"], numbers(count, 2, seed=2)[4:])
    assert np.array_equal(episode.obs["tactile"], numbers(count, 2, 3, seed=3)[4:].reshape(6, 6))
    assert np.array_equal(episode.steps["actions"], numbers(count, 3)[4:])
    assert episode.steps["rewards"].tolist() == [4, 5, 6, 7, 8, 9]
    assert episode.meta.control_hz == FPS
    assert episode.meta.origin == "cups#episode_1"
    about = episode.meta.settings["imported"]
    assert (about["task"], about["robot_type"], about["left_out"]) == ("unstack", "so101", ["observation.note"])


def test_what_nobody_says_is_for_the_user_to_say(tmp_path: Path) -> None:
    path = data_set(tmp_path / "cups")
    (path / "meta/tasks.parquet").unlink()
    new = imported(path, tmp_path / "new", "--env", ENV, "--outcome", "failure", "--source", "scripted")
    assert {row.outcome for row in new.rows()} == {F}
    assert set(new.read(0).steps["source"]) == {Source.SCRIPTED}
    assert new.read(0).meta.settings["imported"]["task"] == "stack the cups"  # meta/episodes says it, too


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1", "mpeg4"])
def test_the_right_pictures_are_taken_out_of_joined_films(tmp_path: Path, codec: str) -> None:
    top = "observation.images.top"
    lengths = (5, 7, 4)
    places = {"chunk_index": [0, 0, 2], "file_index": [0, 0, 1], "from_timestamp": [0.3, 0.8, 0.0], "to_timestamp": [0.8, 1.5, 0.4]}
    path = data_set(tmp_path / "cups", {top: feature("video", *SIZE, 3)}, lengths=lengths, films={top: places})
    film(path / f"videos/{top}/chunk-000/file-000.mp4", range(20), codec)
    film(path / f"videos/{top}/chunk-002/file-001.mp4", range(30, 40), codec)
    new = imported(path, tmp_path / "new", "--env", ENV)
    seen = [[number_of(shown) for shown in new.read(n).obs["top_image"]] for n in range(3)]
    assert seen == [list(range(3, 8)), list(range(8, 15)), list(range(30, 34))]
    assert new.read(0).meta.settings["imported"]["lossy_pictures"]["top_image"] in ("h264", "hevc", "av1", "mpeg4")


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("names", [None, ["height", "width", "channel"], ["channels", "height", "width"]])
def test_embedded_pictures_of_either_kind_are_read(tmp_path: Path, kind: str, names: list[str] | None) -> None:
    shape = (3, *SIZE) if names and names[0] == "channels" else (*SIZE, 3)
    extra = {"observation.image": feature("image", *shape, names=names)}
    path = data_set(tmp_path / "cups", extra, {"observation.image": pictures_as(kind, sum(LENGTHS))})
    new = imported(path, tmp_path / "new", "--env", ENV)
    assert [number_of(shown) for shown in new.read(1).obs["image"]] == list(range(4, 10))
    if kind == "png":
        assert np.array_equal(new.read(0).obs["image"][2], picture(2))


def test_pictures_may_be_files_of_the_data_set(tmp_path: Path) -> None:
    count = sum(LENGTHS)
    entries = pa.array(
        [{"bytes": None, "path": f"images/{i}.png"} for i in range(count)], pa.struct({"bytes": pa.binary(), "path": pa.string()})
    )
    path = data_set(tmp_path / "cups", {FRONT: feature("image", *SIZE, 3)}, {FRONT: entries})
    (path / "images").mkdir()
    for i in range(count):
        (path / f"images/{i}.png").write_bytes(coded(picture(i), "png"))
    new = imported(path, tmp_path / "new", "--env", ENV)
    assert [number_of(shown) for shown in new.read(0).obs["front_image"]] == [0, 1, 2, 3]


def test_depth_films_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    depth = "observation.images.depth"
    path = data_set(tmp_path / "cups", {depth: feature("video", *SIZE, 1, info={"is_depth_map": True})})
    episode = imported(path, tmp_path / "new", "--env", ENV).read(0)
    assert list(episode.obs) == ["state"]
    assert episode.meta.settings["imported"]["left_out"] == [depth]


@pytest.mark.parametrize("name", ["intervention", "complementary_info.is_intervention"])
def test_who_intervened_is_read(tmp_path: Path, name: str) -> None:
    marks = np.isin(np.arange(10), [5, 6])
    path = data_set(tmp_path / "cups", {name: feature("bool", 1)}, {name: pa.array(marks)})
    new = imported(path, tmp_path / "new", "--env", ENV)
    assert new.read(1).steps["interventions"].tolist() == [0, 1, 1, 0, 0, 0]
    assert new.read(1).steps["source"].tolist() == [Source.POLICY, 0, 0, 1, 1, 1]
    assert set(new.read(0).steps["source"]) == {Source.HUMAN}


def test_the_range_of_the_actions_is_what_the_statistics_say(tmp_path: Path) -> None:
    path = data_set(tmp_path / "cups")
    for text, says in (
        ('{"action": {"min": [-90, 0, 1], "max": [90, 0, 2]}}', ([-90, 0, 1], [90, 0, 2])),
        ('{"action": {"min": [-90, NaN, 1], "max": [90, 0, 2]}}', None),
        ('{"action": {"min": [1], "max": [0]}}', None),
        ("{", None),
        ("[" * 100_000, None),
    ):
        (path / "meta/stats.json").write_text(text)
        with open_lerobot(path) as collection:
            assert (collection.action_range is None) == (says is None)
            if collection.action_range and says:
                assert [side.tolist() for side in collection.action_range] == list(map(list, says))


def test_actions_of_another_unit_are_rescaled_by_the_statistics_and_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A joint in degrees, a gripper in percent, and one that happens to lie within [-1, 1]."""
    actions = numbers(10, 3) * np.array([100.0, 0.0, 0.2], np.float32) + np.array([0.0, 50.0, 0.0], np.float32)
    path = data_set(tmp_path / "cups", columns={"action": lists(actions)})
    (path / "meta/stats.json").write_text('{"action": {"min": [-90, 0, -0.5], "max": [45, 100, 0.25]}}')
    new = imported(path, tmp_path / "new", "--env", ENV)
    assert "actions of -90…90, 0…100, -0.5…0.5 became -1…1 (the lerobot set's own statistics)" in capsys.readouterr().out
    kept = np.concatenate([episode.steps["actions"] for episode in new])
    np.testing.assert_allclose(kept, np.stack([actions[:, 0] / 90, np.zeros(10), actions[:, 2] * 2], axis=1).clip(-1, 1), atol=1e-6)
    assert new.read(0).meta.task == "stack the cups"


def test_a_snapshot_in_hugging_faces_cache_is_read_through_its_links(tmp_path: Path) -> None:
    path = data_set(tmp_path / "repository" / "snapshots" / "abc")
    blobs = tmp_path / "repository" / "blobs"
    blobs.mkdir()
    for file in [file for file in path.rglob("*") if file.is_file()]:
        shutil.move(file, blobs / file.name.replace("file", file.parent.parent.name))
        file.symlink_to(blobs / file.name.replace("file", file.parent.parent.name))
    assert len(imported(path, tmp_path / "new", "--env", ENV)) == 2


def test_importing_again_adds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data_set(tmp_path / "cups")
    imported(path, tmp_path / "new", "--env", ENV)
    said = answer(capsys, "import", path, "--from", "lerobot", "--session", tmp_path / "new")
    assert (said["imported"], said["passed_over"]) == (0, 2)


def test_keys_are_read_off_names_only_where_all_are_such() -> None:
    assert keys_in(["hand.0", "hand.1", "object.0"]) == {"hand": 2, "object": 1}
    assert keys_in(["robot0.eef.0", "robot0.eef.1"]) == {"robot0.eef": 2}
    for names in (["a.1"], ["a.0", "b.0", "a.1"], ["a.0", "b"], ["shoulder.pos"], ["a.0", "a.0"], []):
        assert keys_in(names) == {}


# -- mistakes ------------------------------------------------------------------------------------------------------


def test_what_is_missing_is_named_with_how_to_get_it(
    rich: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data_set(tmp_path / "given" / "cups")
    for module in ("av", "pyarrow"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            says = 'LeRobot\'s data sets need pyarrow and av; install them with: pip install "gamepad-dagger[lerobot]"'
            check_mistake(capsys, "export {rich} --to lerobot --out {rich}-set", says, rich=rich.path)
            check_mistake(capsys, "import {path} --from lerobot --session {new} --env X", says, path=path, new=tmp_path / "new")


@pytest.mark.parametrize("after", [1, 2, 4])
@pytest.mark.parametrize("images", ["png", "video"])
def test_ctrl_c_leaves_nothing_behind(rich: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, images: str) -> None:
    before = snapshot(tmp_path)
    monkeypatch.setattr(writing, "layout_of", interrupting(after, writing.layout_of))
    assert run("export", rich.path, "--to", "lerobot", "--out", tmp_path / "set", "--images", images) == 130
    assert snapshot(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["rich"]


def test_only_a_data_set_of_lerobots_is_replaced(rich: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = exported(rich, tmp_path / "set")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "years.tex").write_text("of work")
    line = "export {rich} --to lerobot --out "
    check_mistake(capsys, line + "{out}", "exists; give another name, or --overwrite", rich=rich.path, out=out)
    says = "has no meta/info.json: --overwrite replaces only a data set of this format"
    check_mistake(capsys, line + "{thesis} --overwrite", says, rich=rich.path, thesis=tmp_path / "thesis")
    exported(rich, out, "--overwrite", "--episodes", "0")
    assert info_of(out)["total_episodes"] == 1


@pytest.mark.parametrize(
    ("episode", "says"),
    [
        (made_episode(meta=replace(PLAIN, control_hz=10.0)), "episode 0 is at 20 Hz, episode 1 at 10; a data set is of one kind"),
        (
            made_episode(*[tick(t, action=np.zeros(6, np.float32)) for t in range(3)], meta=PLAIN),
            "episode 1 is not like episode 0 (action: (7,) and (6,))",
        ),
        (
            made_episode(*[tick(t, obs={"object": np.zeros(4, np.float32)}) for t in range(3)], meta=PLAIN),
            "episode 1 is not like episode 0 (front_image: (16, 16) and none)",
        ),
        (
            made_episode(tick(0), tick(1, obs={**tick().obs, "object": np.full(4, np.nan, np.float32)}), tick(2), meta=PLAIN),
            "episode 1 is not sound (obs/object has 4 values that are not finite); python -m data check",
        ),
    ],
)
def test_episodes_that_are_not_alike_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], episode: Episode, says: str) -> None:
    session = session_of(tmp_path / "mixed", S)
    session.append(episode)
    assert run("export", session.path, "--to", "lerobot", "--out", tmp_path / "set") == 2
    assert says in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["mixed"]


def spoiled(**changes: Any) -> Callable[[Path], Path]:
    """A data set with other words in its info.json."""

    def write(folder: Path) -> Path:
        path = data_set(folder / "cups")
        change_info(path, **changes)
        return path

    return write


def retold(file: str, column: str, values: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = data_set(folder / "cups")
        change_table(path / file, {column: values})
        return path

    return write


def with_file(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = data_set(folder / "cups")
        (path / name).write_bytes(content)
        return path

    return write


def cut(name: str, share: float) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = data_set(folder / "cups")
        content = (path / name).read_bytes()
        (path / name).write_bytes(content[: int(len(content) * share)])
        return path

    return write


def without(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = data_set(folder / "cups")
        (path / name).unlink()
        return path

    return write


def leading_out(name: str) -> Callable[[Path], Path]:
    """One of its files is a link to a file elsewhere."""

    def write(folder: Path) -> Path:
        path = data_set(folder / "cups")
        shutil.move(path / name, folder / "elsewhere")
        (path / name).symlink_to(folder / "elsewhere")
        return path

    return write


def features(**changed: Any) -> dict[str, Any]:
    counters = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64"}
    plain = {"action": feature("float32", 3), "observation.state": feature("float32", 5)}
    found = plain | {name: feature(dtype, 1) for name, dtype in counters.items()} | {k.replace("__", "."): v for k, v in changed.items()}
    return {name: value for name, value in found.items() if value is not None}


def seen(content: Callable[[Path], object] | None = None, size: tuple[int, int] = SIZE, **place: Any) -> Callable[[Path], Path]:
    """A data set with a film that `content` writes to a path; `place` changes what meta/episodes says of it."""

    def write(folder: Path) -> Path:
        places = {"chunk_index": [0, 0], "file_index": [0, 0], "from_timestamp": [0.0, 0.4], "to_timestamp": [0.4, 1.0]} | place
        path = data_set(folder / "cups", {FRONT: feature("video", *size, 3)}, films={FRONT: places})
        (content or (lambda file: film(file, range(10))))(path / f"videos/{FRONT}/chunk-000/file-000.mp4")
        return path

    return write


def embedded(entries: list[Any], size: tuple[int, int] = SIZE) -> Callable[[Path], Path]:
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    return lambda folder: data_set(folder / "cups", {FRONT: feature("image", *size, 3)}, {FRONT: pa.array(entries * 10, kind)})


def text(content: bytes) -> Callable[[Path], object]:
    def write(file: Path) -> None:
        file.parent.mkdir(parents=True)
        file.write_bytes(content)

    return write


def half_film(file: Path) -> None:
    film(file, range(10))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def large(width: int, height: int) -> bytes:
    """A PNG that says it is this large."""
    data = bytearray(coded(picture(0), "png"))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(data)


NAN = numbers(10, 3)
NAN[2, 1] = np.nan
PNG = coded(picture(0), "png")
BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing there": (lambda folder: folder / "none", "there is nothing at"),
    "a file": (lambda folder: data_set(folder / "cups") / "meta/info.json", "is neither an HDF5 file nor an .npz, --from lerobot reads"),
    "an empty folder": (lambda folder: folder, "has no meta/info.json; give the folder of a LeRobot data set"),
    "no JSON": (with_file("meta/info.json", b"{"), "meta/info.json cannot be read as lerobot"),
    "no text": (with_file("meta/info.json", b"\xff\xfe\x00"), "meta/info.json cannot be read as lerobot"),
    "deep JSON": (with_file("meta/info.json", b"[" * 100_000), "meta/info.json cannot be read as lerobot (info.json is nested too deep)"),
    "no object": (with_file("meta/info.json", b"[1]"), "(it is no JSON object)"),
    "an older version": (
        spoiled(codebase_version="v2.1"),
        "convert it first with LeRobot's own python -m lerobot.scripts.convert_dataset_v21_to_v30",
    ),
    "a newer version": (spoiled(codebase_version="v4.0"), "is a data set of codebase_version 'v4.0'; allowed: v3.0"),
    "no version": (spoiled(codebase_version=None), "is a data set of codebase_version 'of no version'"),
    "no rate": (spoiled(fps=0), "(fps is 0)"),
    "a rate in words": (spoiled(fps="ten"), "(fps is 'ten"),
    "a rate that is none": (spoiled(fps=float("nan")), "(fps is nan)"),
    "no features": (spoiled(features=None), "(there are no features in it)"),
    "no actions": (spoiled(features=features(action=None)), "has no feature action, but episode_index, frame_index, index"),
    "a feature that is none": (spoiled(features=features(action=7)), "(feature action has no dtype or no shape)"),
    "a shape in words": (spoiled(features=features(action=feature("float32", "three"))), "(feature action has the shape ['three'])"),
    "a huge shape": (spoiled(features=features(action=feature("float32", 2**40))), "(feature action has the shape [1099511627776])"),
    "a large shape": (
        spoiled(features=features(action=feature("float32", 400_000_000))),
        "action has [3] numbers a frame, the features say [400000000]",
    ),
    "another width": (spoiled(features=features(action=feature("float32", 4))), "action has [3] numbers a frame, the features say [4]"),
    "no times": (spoiled(features=features(timestamp=None)), "episode_0 has no feature timestamp; LeRobot's data sets have timestamp"),
    "a column that is not there": (
        spoiled(features=features(observation__more=feature("float32", 2))),
        "file-000.parquet has no column observation.more, but",
    ),
    "a column gone": (retold(DATA, "action", None), "has no column action, but"),
    "texts for actions": (retold(DATA, "action", ["a"] * 10), "action: string is no number"),
    "ragged rows": (retold(DATA, "action", [[0.1] * 4] + [[0.1] * 3] * 9), "action: its rows are not all as long"),
    "rows missing": (retold(DATA, "action", [None] + [[0.1] * 3] * 9), "action: there are values missing"),
    "not a number": (retold(DATA, "action", NAN.tolist()), "episode_0 has 1 values in actions that are not finite"),
    "another length": (retold(EPISODES, "length", [5, 6]), "it has 4 frames, meta/episodes says 5"),
    "frames out of order": (retold(DATA, "frame_index", [0, 2, 1, 3, 0, 1, 2, 3, 4, 5]), "its frames are not in order"),
    "frames of nobody": (retold(DATA, "episode_index", [7] * 4 + [1] * 6), "it has no frames, meta/episodes says 4"),
    "episodes out of order": (retold(EPISODES, "episode_index", [1, 0]), "row 0 is about episode 1"),
    "an index in words": (retold(EPISODES, "data/file_index", ["a", "b"]), "(data/file_index is 'a"),
    "an index below nothing": (retold(EPISODES, "data/file_index", [-1, 0]), "(data/file_index is -1)"),
    "no index": (retold(EPISODES, "data/file_index", None), "(data/file_index is None)"),
    "fewer episodes": (spoiled(total_episodes=3), "meta/info.json says 3 episodes, there are 2 here"),
    "no episodes": (lambda folder: data_set(folder / "cups", lengths=(3,), info={"total_episodes": "many"}), "invalid literal for int()"),
    "half the episodes": (cut(EPISODES, 0.5), "cannot be read as parquet"),
    "half the frames": (cut(DATA, 0.5), "cannot be read as parquet"),
    "hardly a frame": (cut(DATA, 0.0), "cannot be read as parquet"),
    "text for frames": (with_file(DATA, b"hello"), "cannot be read as parquet"),
    "text for tasks": (with_file("meta/tasks.parquet", b"hello"), "meta/tasks.parquet cannot be read as lerobot"),
    "frames gone": (without(DATA), "there is no data/chunk-000/file-000.parquet; get a whole copy of it"),
    "episodes gone": (without(EPISODES), "meta/info.json says 2 episodes, there are 0 here"),
    "frames elsewhere": (leading_out(DATA), "is a link that leads out of the data set"),
    "episodes elsewhere": (leading_out(EPISODES), "is a link that leads out of the data set"),
    "tasks elsewhere": (leading_out("meta/tasks.parquet"), "is a link that leads out of the data set"),
    "info elsewhere": (leading_out("meta/info.json"), "is a link that leads out of the data set"),
    "a path that leads up": (spoiled(data_path="../{file_index}.parquet"), "../0.parquet' leads out of the data set"),
    "a path from the root": (spoiled(data_path="/etc/{file_index}"), "/etc/0' leads out of the data set"),
    "a path of Windows": (spoiled(data_path="..\\{file_index}"), "leads out of the data set"),
    "a path of nothing": (spoiled(data_path=None), "a path ''; allowed: chunk_index, file_index and video_key"),
    "a path that looks into things": (spoiled(data_path="{chunk_index.__class__}"), "a path '{{chunk_index.__class__}}'; allowed:"),
    "a path of another word": (spoiled(data_path="{secret}"), "a path '{{secret}}'; allowed: chunk_index"),
    "a path that is endless": (spoiled(data_path="{file_index:0999999999d}"), "a path '{{file_index:0999999999d}}'; allowed:"),
    "a path of half a word": (spoiled(data_path="{file_index"), "a path '{{file_index'; allowed:"),
    "a film gone": (seen(lambda file: None), f"{FRONT}: there is no videos/{FRONT}/chunk-000/file-000.mp4"),
    "half a film": (seen(half_film), f"{FRONT}: file-000.mp4 cannot be decoded"),
    "text for a film": (seen(text(b"hello")), f"{FRONT}: file-000.mp4 cannot be decoded"),
    "a list of films": (seen(text(b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")), f"{FRONT}: file-000.mp4 cannot be decoded"),
    "a short film": (seen(lambda file: film(file, range(3))), "there is no picture at 0.3000 s of it"),
    "a film of another size": (seen(size=(32, 64)), "its pictures are 48×64, the features say 32×64"),
    "a film too large": (seen(size=(2**20, 2**20)), "its pictures need"),
    "a film of another rate": (seen(lambda file: film(file, range(10), fps=7)), "there is no picture at 0."),
    "a film from nowhere": (seen(from_timestamp=[None, None]), "its times are not in order"),
    "a film before it began": (seen(from_timestamp=[-5.0, 0.0]), "there is no picture at -5.0000 s of it"),
    "a film in no file": (seen(file_index=[None, 0]), f"videos/{FRONT}/file_index is None"),
    "a picture of another size": (embedded([{"bytes": PNG}], (32, 32)), "a picture of 48×64, the features say 32×32"),
    "a picture too large": (embedded([{"bytes": large(2**20, 2**20)}]), "a picture of 1048576×1048576, the features say 48×64"),
    "half a picture": (embedded([{"bytes": PNG[: len(PNG) // 2]}]), "a picture that cannot be decoded"),
    "text for a picture": (embedded([{"bytes": b"hello"}]), "a picture that is neither a PNG nor a JPEG"),
    "a picture of nothing": (embedded([{"bytes": None, "path": None}]), "it is neither a picture nor the name of one"),
    "a picture elsewhere": (embedded([{"bytes": None, "path": "/etc/passwd"}]), "'/etc/passwd' leads out of the data set"),
    "a picture that leads up": (embedded([{"bytes": None, "path": "../../a.png"}]), "'../../a.png' leads out of the data set"),
    "a picture of three axes less": (
        lambda folder: data_set(folder / "cups", {FRONT: feature("image", 4)}, {FRONT: pictures_as("png", 10)}),
        "pictures of shape [4]; allowed: height, width and channels",
    ),
}


@pytest.mark.parametrize(("write", "says"), BAD.values(), ids=list(BAD))
def test_bad_input_is_one_line_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write: Callable[[Path], Path], says: str
) -> None:
    (tmp_path / "given").mkdir()
    path = write(tmp_path / "given")
    check_mistake(capsys, "import {path} --from lerobot --session {new} --env X-v0", says, path=path, new=tmp_path / "new")


@pytest.mark.parametrize("seed", range(12))
def test_bytes_that_were_changed_anywhere_are_refused_in_a_line_or_harmless(tmp_path: Path, rich: Session, seed: int) -> None:
    """Never a traceback; and an episode that comes through is a sound one."""
    path = exported(rich, tmp_path / "set", *(["--images", "png"] if seed % 2 else []))
    rng = np.random.default_rng(seed)
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        if rng.random() < 0.4:
            content = bytearray(file.read_bytes())
            for at in rng.integers(0, len(content), 3):
                content[at] ^= int(rng.integers(1, 256))
            file.write_bytes(content)
    code = run("import", path, "--from", "lerobot", "--session", tmp_path / "new", "--env", "PandaLift-v0")
    assert code in (0, 2)
    if code == 0:
        session = Session.open(tmp_path / "new")
        assert all(problems_of(session.episode_path(row.number)) == [] for row in session.rows())
    else:
        assert not (tmp_path / "new").exists()


def test_one_bad_episode_can_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data_set(tmp_path / "cups")
    change_table(path / DATA, {"action": NAN.tolist()})
    said = answer(capsys, "import", path, "--from", "lerobot", "--session", tmp_path / "new", "--env", ENV, "--skip-bad")
    assert (said["imported"], list(said["skipped"])) == (1, ["episode_0"])


def test_paths_are_filled_in_by_their_three_words_alone() -> None:
    assert filled("data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", 2, 17) == "data/chunk-002/file-017.parquet"
    assert filled("videos/{video_key}/{file_index}.mp4", 0, 1, "{chunk_index}") == "videos/{chunk_index}/1.mp4"
    assert filled("all.parquet", 0, 0) == "all.parquet"
