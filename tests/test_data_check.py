"""Specification of `data.check` and `data.migrate`: damage is found, named and set aside; old schemas become the present one."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command_lines import run
from test_data_session import indexed
from test_data_support import META, made_episode, tick

from data.check import problems, problems_of
from data.checksum import checksum_of, digest_of
from data.episode import Episode
from data.episode_file import change_meta, read_episode, read_meta, write_episode
from data.errors import DamagedError, UserError
from data.migrate import migrate_file
from data.schema import SCHEMA_VERSION, STEP_FIELDS, Outcome, Source
from data.session import Session

OLD = sorted((Path(__file__).parent / "sessions").glob("schema-*"))


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


# -- values --------------------------------------------------------------------------------------------------------


def test_what_the_recorder_writes_is_sound(recorded: Path) -> None:
    for path in Session.at(recorded).episode_paths():
        assert problems_of(path) == []
    assert problems(made_episode()) == []


def with_column(name: str, change: Callable[[np.ndarray], Any]) -> Episode:
    episode = made_episode(*(tick(t) for t in range(4)))
    column = np.array(episode.steps[name])
    changed = change(column)
    return replace(episode, steps={**episode.steps, name: column if changed is None else changed})


def put(index: Any, value: float) -> Callable[[np.ndarray], None]:
    def change(column: np.ndarray) -> None:
        column[index] = value

    return change


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("actions", put((1, 2), np.nan), "actions has 1 values that are not finite"),
        ("actions", put((1, 2), 1.5), "actions go up to 1.5; allowed: -1 … 1"),
        ("labels", put((1, 2), -3.0), "labels go up to 3; allowed: -1 … 1"),
        ("rewards", put(2, np.inf), "rewards has 1 values that are not finite"),
        ("sim_state", put((0, 0), np.nan), "sim_state has 1 values that are not finite"),
        ("sim_state", lambda column: column[:-1], r"sim_state has 4 in its axis T\+1, not 5"),
        ("stick", lambda column: column[1:], "stick has 3 in its axis T, not 4"),
        ("states", lambda column: column[:, 0], "states has 1 axes, not 2"),
        ("labels", lambda column: column[:, :6], "labels has 6 in its axis A, not 7"),
        ("rewards", lambda column: column.astype(np.float64), "rewards is float64, not float32"),
        ("time_s", put(2, 0.04), "time_s does not begin at 0 or does not go on at every step"),
        ("time_s", put(0, 0.01), "time_s does not begin at 0"),
        ("source", put(1, 9), "source has values that mean nothing"),
        ("phase", put(1, 99), "phase has values that mean nothing"),
        ("control_mode", put(1, 4), "control_mode has values that mean nothing"),
        ("interventions", put(1, 2), "interventions has values that mean nothing"),
        ("dones", put(1, 1), "dones marks another step than the last"),
        ("dones", put(3, 0), "dones marks another step than the last"),
    ],
)
def test_values_that_cannot_be_are_named(name: str, change: Callable[[np.ndarray], Any], says: str) -> None:
    (found,) = problems(with_column(name, change))
    assert __import__("re").match(says, found), found


def test_observations_belong_to_the_steps() -> None:
    episode = made_episode(*(tick(t) for t in range(4)))
    short = {**episode.obs, "object": episode.obs["object"][:3]}
    assert problems(replace(episode, obs=short)) == ["obs/object has 3 steps, not 4"]
    other = {**episode.final_obs, "object": np.zeros(9, np.float32)}
    assert problems(replace(episode, final_obs=other)) == ["final_obs/object is float32 (9,), not as obs/object"]
    assert problems(replace(episode, final_obs={})) == ["obs and final_obs have other keys"]


# -- checksums -----------------------------------------------------------------------------------------------------


def test_every_dataset_and_every_attribute_is_covered(tmp_path: Path) -> None:
    path = tmp_path / "000000.hdf5"
    write_episode(path, made_episode())
    with h5py.File(path) as file:
        names: list[str] = []
        file.visititems(lambda name, found: names.append(name) if isinstance(found, h5py.Dataset) else None)
        attributes = list(file.attrs)
        assert set(names) == set(json.loads(file.attrs["digests"]))
        assert len(file.attrs["checksum"]) == 32
    whole = path.read_bytes()
    for name in names:
        with h5py.File(path, "r+") as file:
            values = file[name][()]
            flat = values.reshape(-1).view(np.uint8)
            flat[0] ^= 1
            file[name][...] = values
        with pytest.raises(DamagedError, match=f"{name} does not match its checksum"):
            read_episode(path)
        path.write_bytes(whole)
    for name in attributes:
        if name == "schema_version":
            continue
        with h5py.File(path, "r+") as file:
            value = file.attrs[name]
            file.attrs[name] = (
                f"{value} " if isinstance(value, str) else value + 1 if name != "success" and name != "recovered" else not value
            )
        with pytest.raises(DamagedError, match=r"its attributes do not match their checksum|is not one of our episodes"):
            read_episode(path)
        path.write_bytes(whole)
    read_episode(path)


def test_a_checksum_is_of_contents_not_of_bytes(tmp_path: Path) -> None:
    """A copy that another program made is as good."""
    write_episode(tmp_path / "a.hdf5", made_episode())
    with h5py.File(tmp_path / "a.hdf5") as source, h5py.File(tmp_path / "b.hdf5", "w", libver="latest") as target:
        for name in source:
            source.copy(name, target)
        for name, value in source.attrs.items():
            target.attrs[name] = value
    assert (tmp_path / "a.hdf5").read_bytes() != (tmp_path / "b.hdf5").read_bytes()
    assert read_episode(tmp_path / "b.hdf5").meta == read_episode(tmp_path / "a.hdf5").meta


def test_digests_tell_type_shape_and_values_apart() -> None:
    arrays = [np.zeros(4), np.zeros(4, np.float32), np.zeros((2, 2)), np.ones(4), np.zeros(0), np.zeros(5)]
    assert len({digest_of(array) for array in arrays}) == len(arrays)
    assert digest_of(np.arange(6).reshape(2, 3).T) == digest_of(np.ascontiguousarray(np.arange(6).reshape(2, 3).T))
    assert checksum_of({"a": np.int64(1), "checksum": "x"}) == checksum_of({"a": 1})
    assert checksum_of({"a": 1}) != checksum_of({"a": "1"})


def test_what_others_add_to_a_file_is_left_alone(tmp_path: Path) -> None:
    write_episode(tmp_path / "a.hdf5", made_episode())
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        file["obs/mine"] = np.zeros(3)
    assert "mine" not in read_episode(tmp_path / "a.hdf5").obs


def test_a_changed_attribute_comes_with_a_new_checksum(tmp_path: Path) -> None:
    write_episode(tmp_path / "a.hdf5", made_episode())
    change_meta(tmp_path / "a.hdf5", tmp_path / "b.hdf5", outcome=Outcome.SUCCESS, parent=7)
    before, after = read_episode(tmp_path / "a.hdf5"), read_episode(tmp_path / "b.hdf5")
    assert after.meta == replace(before.meta, outcome=Outcome.SUCCESS, parent=7)
    with h5py.File(tmp_path / "b.hdf5") as file:
        assert bool(file.attrs["success"])


# -- the command ---------------------------------------------------------------------------------------------------


def damage(session: Path, number: int) -> None:
    """One bit of one action, as a disk does it."""
    with h5py.File(session / "episodes" / f"{number:06d}.hdf5", "r+") as file:
        actions = file["actions"][()]
        actions.view(np.uint32)[0, 0] ^= 1
        file["actions"][...] = actions


def test_a_sound_session_is_said_to_be_and_replays_a_sample(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data", "check", copied, "--replay", 2, "--json") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-2] == f"{copied}: 3 of 3 episodes are sound, 2 of 2 replay bit for bit"
    found = json.loads(shown[-1])
    assert (found["episodes"], found["sound"], found["replayed"], found["differing"], found["damaged"]) == (3, 3, 2, [], {})


def test_a_damaged_episode_is_set_aside_with_a_note_and_the_rest_can_be_trained_on(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(copied, 1)
    assert run("learn", "train", copied, "--out", tmp_path / "policy", "--steps", 2) == 2
    assert "actions does not match its checksum" in capsys.readouterr().err
    assert run("data", "check", copied, "--json", "--replay", 0) == 1
    found = answer(capsys)
    assert found["quarantined"] == [1]
    assert "actions does not match its checksum" in found["damaged"]["1"]
    assert (copied / "quarantine" / "000001.hdf5").exists()
    assert "does not match" in json.loads((copied / "quarantine" / "000001.hdf5.json").read_text())["reason"]
    assert indexed(copied) == [0, 2]
    assert run("data", "check", copied, "--replay", 0) == 0
    assert run("learn", "train", copied, "--out", tmp_path / "policy", "--steps", 2, "--hidden", 8, "--rollouts", 0) == 0
    assert Session.open(copied).next_number() == 3


def test_damage_can_be_left_where_it_is(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(copied, 1)
    assert run("data", "check", copied, "--json", "--replay", 0, "--leave") == 1
    assert answer(capsys)["quarantined"] == []
    assert (copied / "episodes" / "000001.hdf5").exists()


def test_an_episode_that_does_not_replay_is_named_and_stays(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its contents are what was written: another simulator, say, or a model that has changed since."""
    path = copied / "episodes" / "000001.hdf5"
    episode = read_episode(path)
    states = np.array(episode.steps["sim_state"])
    states[5] += 1e-9
    write_episode(path, replace(episode, steps={**episode.steps, "sim_state": states}))
    assert run("data", "check", copied, "--json", "--replay", 3) == 1
    found = answer(capsys)
    assert (found["differing"], found["quarantined"], found["sound"]) == ([1], [], 3)


def test_an_episode_of_a_newer_schema_is_not_damaged(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(copied / "episodes" / "000001.hdf5", "r+") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION + 1
    assert run("data", "check", copied, "--json", "--replay", 0) == 1
    found = answer(capsys)
    assert (found["newer"], found["damaged"], found["quarantined"]) == ([1], {}, [])


def test_an_env_that_is_not_here_is_checked_without_a_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Session.create(tmp_path).append(made_episode(meta=replace(META, env_id="Elsewhere-v0")))
    assert run("data", "check", tmp_path, "--json") == 0
    found = answer(capsys)
    assert found["sound"] == 1
    assert "not replayed: there is no environment 'Elsewhere-v0'" in found["note"]


# -- older schemas -------------------------------------------------------------------------------------------------


def test_there_is_a_file_of_every_older_schema() -> None:
    """Recorded by the versions that wrote them."""
    assert [path.name for path in OLD] == [f"schema-{version}" for version in range(1, SCHEMA_VERSION)]


def check_replay(code: int, said: str) -> None:
    """To the bit on the kind of processor it was recorded on; elsewhere the inverse kinematics' linear algebra has other last bits."""
    differences = [float(worst) for worst in re.findall(r"differs from step \d+ on, by up to (\S+)", said)]
    assert code == bool(differences)
    assert all(worst < 1e-9 for worst in differences)


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.name)
def test_an_older_session_is_read_trained_on_and_migrated(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = Path(shutil.copytree(old, tmp_path / "session"))
    path = session / "episodes" / "000000.hdf5"
    before = read_episode(path)
    assert f"schema-{before.meta.schema_version}" == old.name
    capsys.readouterr()
    replayed = (run("teleop", "replay", session, "--verify"), capsys.readouterr().out)
    if before.meta.versions["mujoco"] == version("mujoco"):  # another MuJoCo differs by more
        check_replay(*replayed)
    assert run("data", "check", session, "--replay", 0, "--json") == 0
    assert answer(capsys)["without_checksum"] == 1
    assert run("data", "migrate", session, "--json") == 0
    assert answer(capsys) == {"migrated": 1, "schema_version": SCHEMA_VERSION}
    after = read_episode(path)
    assert after.meta == replace(before.meta, schema_version=SCHEMA_VERSION, uid=after.meta.uid)
    assert len(after.meta.uid) == 32
    for field in STEP_FIELDS:
        if field.name != "at_rest":
            assert after.steps[field.name].tobytes() == before.steps[field.name].tobytes(), field.name
    for key in before.obs:
        assert after.obs[key].tobytes() == before.obs[key].tobytes(), key
    capsys.readouterr()
    assert (run("teleop", "replay", session, "--verify"), capsys.readouterr().out) == replayed, "a migration changes no bit of it"
    assert run("data", "check", session, "--replay", 0, "--json") == 0
    assert answer(capsys)["without_checksum"] == 0
    content = path.read_bytes()
    assert run("data", "migrate", session, "--json") == 0
    assert answer(capsys)["migrated"] == 0
    assert path.read_bytes() == content


def test_whose_hands_were_at_rest_is_found_again(tmp_path: Path) -> None:
    moving, still = np.full(7, 0.1, np.float32), np.array([0, 0, 0, 0, 0, 0, 0.1], np.float32)
    grips = np.array([0, 0, 0, 0, 0, 0, 1.0], np.float32)
    actions = [still, moving, still, grips, grips, still]
    sources = [Source.HUMAN] * 4 + [Source.POLICY, Source.HUMAN]
    ticks = [tick(t, source, action=action) for t, (action, source) in enumerate(zip(actions, sources, strict=True))]
    path = tmp_path / "000000.hdf5"
    write_episode(path, made_episode(*ticks, meta=replace(META, schema_version=2)))
    migrate_file(path, problems_of)
    assert read_episode(path).steps["at_rest"].tolist() == [1, 0, 1, 0, 0, 0]
    assert read_meta(path).schema_version == SCHEMA_VERSION


def test_damage_is_not_sealed_by_a_migration(tmp_path: Path) -> None:
    session = Path(shutil.copytree(OLD[0], tmp_path / "session"))
    with h5py.File(session / "episodes" / "000000.hdf5", "r+") as file:
        file["actions"][0] = 5.0
    with pytest.raises(UserError, match=r"is damaged \(actions go up to 5; allowed: -1 … 1\)"):
        migrate_file(session / "episodes" / "000000.hdf5", problems_of)
    assert run("data", "migrate", session) == 2
    assert read_meta(session / "episodes" / "000000.hdf5").schema_version == 1
