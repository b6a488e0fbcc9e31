"""Specification of `data view`: what Rerun's own reader finds in the file is what the episode holds."""

import io
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from data_tools import PLAIN, answer, check_mistake, flip_a_bit, run, session_of, snapshot
from numpy.typing import NDArray
from PIL import Image
from rerun.chunk import Chunk, RrdReader
from test_data_support import made_episode, tick

import data.view as view
from data.errors import UserError
from data.files import replace_file
from data.schema import Outcome, Phase, Source
from data.session import Session
from data.things import THINGS, WIDTHS, things_in
from teleop.envs import make_plant

S = Outcome.SUCCESS


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


class Found:
    """What lies in an .rrd file, by entity and component."""

    def __init__(self, path: Path) -> None:
        self.reader = RrdReader(path)
        self.columns: dict[tuple[str, str], list[Any]] = {}
        self.times: dict[tuple[str, str], list[Any]] = {}
        for chunk in self.reader.stream():
            self._add(chunk)

    def _add(self, chunk: Chunk) -> None:
        batch = chunk.to_record_batch()
        for name in batch.schema.names:
            kind, column = (self.times if name in ("step", "time") else self.columns), batch.column(name)
            kind.setdefault((chunk.entity_path, name), []).extend(
                column.cast(pa.int64()).to_pylist() if name == "time" else column.to_pylist()
            )

    def values(self, entity: str, component: str) -> NDArray[Any]:
        return np.array(self.columns[entity, component])

    def entities(self) -> set[str]:
        return {entity for entity, _ in self.columns}


def saved(session: Session | Path, tmp_path: Path, *words: object) -> Found:
    path = session if isinstance(session, Path) else session.path
    assert run("view", path, "--save", tmp_path / "a.rrd", *words) == 0
    return Found(tmp_path / "a.rrd")


@pytest.fixture
def asked(tmp_path: Path) -> Session:
    """A policy that asked once, pictures, depth and segmentation; not of an arm."""
    rng = np.random.default_rng(0)

    def seen(t: int) -> dict[str, NDArray[Any]]:
        return {
            "front_image": rng.integers(0, 255, (16, 20, 3), np.uint8),
            "front_depth": np.full((16, 20, 1), 0.5 + t, np.float32),
            "front_segmentation": np.full((16, 20, 1), t - 1, np.int16),
            "object": np.full(4, t, np.float32),
        }

    policy = np.full(7, 0.2, np.float32)
    steps = [
        tick(0, Source.POLICY, obs=seen(0), policy_action=policy, gate_score=0.1),
        tick(
            1,
            obs=seen(1),
            phase=Phase.ASKING,
            policy_action=policy,
            label=np.full(7, -0.4, np.float32),
            gate_score=0.9,
            decision_latency_s=1.25,
        ),
        tick(2, Source.POLICY, obs=seen(2), policy_action=policy, gate_score=0.3),
    ]
    session = session_of(tmp_path / "monday")
    session.append(made_episode(*steps, meta=replace(PLAIN, outcome=S, dagger_round=2, operator="a|b")))
    return session


# -- what is in it -------------------------------------------------------------------------------------------------


def test_an_arms_episode(recorded: Path, tmp_path: Path) -> None:
    found, episode = saved(recorded, tmp_path, "--episodes", 1), Session.open(recorded).read(1)
    for i, name in enumerate(("dx", "dy", "dz", "droll", "dpitch", "dyaw", "grip")):
        scalars = found.values(f"/action/{name}/executed", "Scalars:scalars")
        assert np.array_equal(scalars[:, 0], episode.steps["actions"][:, i])
    places = [*episode.obs["robot0_eef_pos"], episode.final_obs["robot0_eef_pos"]]
    assert np.array_equal(found.values("/world/tcp", "Points3D:positions")[:, 0], places)
    assert np.array_equal(found.values("/world/hand", "Transform3D:quaternion")[:-1, 0], episode.obs["robot0_eef_quat"])
    assert np.allclose(found.values("/world/cube", "Points3D:positions")[:-1, 0], episode.obs["object"][:, :3])
    assert np.array_equal(found.columns["/world/path", "LineStrips3D:strips"][0][0], places)
    assert np.array_equal(found.values("/gripper", "Scalars:scalars")[:-1], episode.obs["robot0_gripper_qpos"])
    assert np.array_equal(found.values("/joints", "Scalars:scalars")[:-1], episode.obs["robot0_joint_pos"])
    assert np.array_equal(found.values("/reward", "Scalars:scalars")[:, 0], episode.steps["rewards"])
    assert not {entity for entity in found.entities() if "policy" in entity or "label" in entity or "gate" in entity}


def test_it_has_the_steps_and_their_times(recorded: Path, tmp_path: Path) -> None:
    found, episode = saved(recorded, tmp_path), Session.open(recorded).read(2)
    assert found.times["/reward", "step"] == list(range(len(episode)))
    seconds = [*episode.steps["time_s"], episode.steps["time_s"][-1] + 0.05]
    assert found.times["/world/tcp", "time"] == [round(1e9 * s) for s in seconds]


def test_what_the_policy_proposed_labels_and_the_gate(asked: Session, tmp_path: Path) -> None:
    found = saved(asked, tmp_path)
    assert np.allclose(found.values("/action/a3/policy", "Scalars:scalars"), 0.2)
    assert np.allclose(found.values("/action/a3/label", "Scalars:scalars"), [[-0.4]])
    assert found.times["/action/a3/label", "step"] == [1]
    assert np.allclose(found.values("/gate/score", "Scalars:scalars")[:, 0], [0.1, 0.9, 0.3])
    assert found.values("/latency/decision", "Scalars:scalars").tolist() == [[1.25]]


def test_who_drove_as_lanes_and_in_words(asked: Session, tmp_path: Path) -> None:
    found = saved(asked, tmp_path)
    assert found.values("/state/driver", "StateChange:state")[:, 0].tolist() == ["policy", "human", "policy"]
    assert found.values("/state/phase", "StateChange:state")[:, 0].tolist() == ["policy drives", "policy asks", "policy drives"]
    assert found.times["/state/phase", "step"] == [0, 1, 2]
    said = found.values("/events", "TextLog:text")[:, 0].tolist()
    assert said[1:4] == ["the policy asks (doubt 0.9)", "answered after 1.2 s", "human drives"]
    assert said[-1] == "the end: success"


def test_pictures_are_there_to_the_last_bit(asked: Session, tmp_path: Path) -> None:
    found, episode = saved(asked, tmp_path), asked.read(0)
    blobs = found.columns["/cameras/front_image", "EncodedImage:blob"]
    read = [np.asarray(Image.open(io.BytesIO(bytes(blob[0])))) for blob in blobs]
    assert np.array_equal(read, [*episode.obs["front_image"], episode.final_obs["front_image"]])
    depth = [np.frombuffer(bytes(row[0]), np.float32) for row in found.columns["/cameras/front_depth", "DepthImage:buffer"]]
    assert [row[0] for row in depth] == [0.5, 1.5, 2.5, 2.5]
    ids = [np.frombuffer(bytes(row[0]), np.uint16) for row in found.columns["/cameras/front_segmentation", "SegmentationImage:buffer"]]
    assert [row[0] for row in ids] == [0, 1, 2, 2]


def test_facts(asked: Session, tmp_path: Path) -> None:
    found = saved(asked, tmp_path)
    (text,) = found.columns["/facts", "TextDocument:text"][0]
    assert text.startswith("# monday, episode 0\n")
    assert "| outcome | **success** |" in text
    assert "| operator | a\\|b |" in text
    assert "| driven by | human 1 step, policy 2 steps |" in text
    assert "| DAgger round | 2 |" in text
    assert "| seed | 41 |" in text
    (recording,) = found.reader.recordings()
    assert recording.application_id == "gamepad-dagger"
    assert found.columns["/__properties", "RecordingInfo:name"][0] == ["monday, episode 0"]


def test_how_it_is_looked_at_goes_with_it(recorded: Path, asked: Session, tmp_path: Path) -> None:
    for session, wanted in (
        (Session.open(recorded), {"3D", "TimeSeries", "StateTimeline", "TextLog", "TextDocument"}),
        (asked, {"2D", "TimeSeries", "StateTimeline", "TextLog", "TextDocument"}),
    ):
        reader = saved(session, tmp_path).reader
        (blueprint,) = reader.blueprints()
        kinds = set()
        for chunk in reader.stream(store=blueprint):
            batch = chunk.to_record_batch()
            kinds |= {k for n in batch.schema.names if n.endswith("class_identifier") for row in batch.column(n).to_pylist() for k in row}
        assert kinds == wanted


def test_another_environments_vector(tmp_path: Path) -> None:
    session = session_of(tmp_path / "cart")
    ticks = [tick(t, obs={"state": np.full(4, t, np.float32)}, action=np.ones(2, np.float32)) for t in range(3)]
    session.append(made_episode(*ticks, meta=replace(PLAIN, outcome=S, env_id="CartPole-v1")))
    found = saved(session, tmp_path)
    assert found.values("/state_vector", "Scalars:scalars")[:, 0].tolist() == [0, 1, 2, 2]
    assert {"/action/a0/executed", "/action/a1/executed"} <= found.entities()
    assert not any(entity.startswith("/world/") for entity in found.entities())


# -- where things are ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", THINGS)
def test_where_a_tasks_bodies_are(task: str) -> None:
    env, _ = make_plant(f"UR5e{task}-v0", {})
    obs, _ = env.reset(seed=3)
    found = things_in(f"UR5e{task}-v0", obs["object"][None])
    inner: Any = env.unwrapped
    known = [inner.data.body(b).xpos for b in range(inner.model.nbody)] + [inner.data.site(s).xpos for s in range(inner.model.nsite)]
    known += [getattr(inner, name) for name in ("goal_pos_m", "bar_pos_m", "bin_pos_m") if hasattr(inner, name)]
    known += [inner.tray_pos_m(colour) for colour in ("red", "green", "blue")] if hasattr(inner, "tray_pos_m") else []
    known += list(inner.data.mocap_pos)
    assert WIDTHS[task] == len(obs["object"])
    assert found
    for name, path in found.items():
        assert min(np.linalg.norm(path[0] - place) for place in known) < 1e-5, name
    env.close()


def test_an_object_that_is_not_known_is_not_guessed_at() -> None:
    assert things_in("Elsewhere-v0", np.zeros((2, 10))) == {}
    assert things_in("PandaLift-v0", np.zeros((2, 9))) == {}
    assert things_in("PandaLift-v0", None) == {}


# -- the command ---------------------------------------------------------------------------------------------------


def test_the_last_episode_unless_others_are_asked_for(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(capsys, "view", recorded, "--save", tmp_path / "a.rrd")
    assert (said["episodes"], said["without_pictures"], said["bytes"]) == ([2], [2], (tmp_path / "a.rrd").stat().st_size)
    assert answer(capsys, "view", recorded, "--episode", 0, 1, "--save", tmp_path / "all")["episodes"] == [0, 1]
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["000000.rrd", "000001.rrd"]


def test_an_episode_without_pictures_says_how_to_have_them(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("view", recorded, "--save", tmp_path / "a.rrd") == 0
    assert "1 episode without pictures; record them with --cameras front wrist" in capsys.readouterr().out


MISTAKES = {
    "no display": ("view {session}", "there is no display to open the viewer on; write a file for one that has: --save episode.rrd"),
    "no session": ("view {session}x --save {new}/a.rrd", "there is no session at"),
    "an empty one": ("view {empty} --save {new}/a.rrd", "is an empty session"),
    "no such episode": ("view {session} --episodes 9 --save {new}/a.rrd", "--episodes '9' is not there"),
    "none of that outcome": ("view {session} --episodes failure --save {new}/a.rrd", "names no episode of"),
    "another suffix": ("view {session} --save {new}/a.mp4", "is not an .rrd; give a name that ends in .rrd, or a folder"),
    "several in a file": ("view {session} --episodes all --save {new}/a.rrd", "is one file and 3 episodes are named; give a folder"),
    "a file for a folder": ("view {session} --save {file}/a.rrd", "its folder cannot be made"),
}


@pytest.mark.parametrize(("line", "says"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_changes_nothing(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str, says: str
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    Session.open(copied)
    (tmp_path / "new").mkdir()
    (tmp_path / "file").touch()
    places = {name: tmp_path / name for name in ("new", "file")} | {"session": copied, "empty": session_of(tmp_path / "empty").path}
    check_mistake(capsys, line, says, **places)


def test_a_damaged_episode_is_not_shown(copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip_a_bit(Session.open(copied).episode_path(2))
    Session.open(copied)
    before = snapshot(tmp_path)
    assert run("view", copied, "--save", tmp_path / "a.rrd") == 2
    assert re.search(r"is damaged \(actions does not match", capsys.readouterr().err)
    assert snapshot(tmp_path) == before


def test_without_rerun_it_says_how_to_install_it(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Session.open(copied)
    monkeypatch.setitem(sys.modules, "rerun", None)
    says = 'data view needs rerun-sdk; install it with: pip install "gamepad-dagger[rerun]"'
    check_mistake(capsys, "view {session} --save {new}.rrd", says, session=copied, new=tmp_path / "new")


def test_a_viewer_that_does_not_open_is_one_line(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"the viewer did not open \(.*\); write a file with --save"):
        view.show("recorded", 0, Session.open(recorded).read(0))


def test_a_full_disk_leaves_the_old_file(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.rrd").write_text("old")

    def refuse(path: Path, content: bytes) -> None:
        monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        replace_file(path, content)

    monkeypatch.setattr("data.commands.view.replace_file", refuse)
    assert run("view", copied, "--save", tmp_path / "a.rrd") == 2
    assert "a.rrd cannot be written (No space left on device); free some space" in capsys.readouterr().err
    assert (tmp_path / "a.rrd").read_text() == "old"
    assert not list(tmp_path.glob("*.tmp"))
