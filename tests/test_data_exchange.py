"""Specification of `data import`: other tools' demonstrations become sound episodes, each once, or are refused in one line."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import command_lines
import h5py
import numpy as np
import pytest
from data_tools import PLAIN, answer, check_mistake, flip_a_bit, interrupting, make_older, run, session_of
from gymnasium import spaces
from numpy.typing import NDArray
from test_data_support import made_episode, tick

import data.exchange.importing as importing
from data.check import problems_of
from data.episode import Episode
from data.exchange.spaces import actions_from, observations_from
from data.masks import Masks, read_masks, write_masks
from data.schema import Outcome, Phase, Source
from data.session import Session
from teleop.envs.guest.spaces import to_action, to_obs

S, F, A = Outcome.SUCCESS, Outcome.FAILURE, Outcome.ABANDONED
DOOR = Path(__file__).parent.parent.parent / "shared" / "data" / "adroit_door_human.hdf5"
ENV = "Elsewhere-v0"
STEPS = 4


def numbers(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, shape)


def sound(path: Path) -> Session:
    """The session, after all that others ask of one has been asked."""
    session = Session.open(path)
    assert session.rows()
    assert all(problems_of(session.episode_path(row.number)) == [] for row in session.rows())
    assert run("inspect", path) == run("check", path, "--replay", 0) == 0
    return session


@pytest.fixture(autouse=True)
def unknown_envs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up ids here are known to no simulator: it is not started each time to hear that (test_data_units.py does)."""
    monkeypatch.setattr("data.commands.exchange.unit_of_env", lambda env_id, env_kwargs: None)


# -- files as other tools write them -------------------------------------------------------------------------------


def add_demo(file: h5py.File, name: str, seed: int = 0, **arrays: Any) -> h5py.Group:
    demo = file.create_group(f"data/{name}")
    values = {
        "actions": numbers(STEPS, 3, seed=seed),
        "rewards": np.arange(STEPS, dtype=np.float64),
        "dones": np.ones(STEPS, np.int64),
        "states": numbers(STEPS, 9, seed=seed),
        "obs/object": numbers(STEPS, 10, seed=seed + 1),
        "obs/gripper": numbers(STEPS, seed=seed),
        "obs/agentview_image": np.full((STEPS, 8, 8, 3), seed, np.uint8),
    } | arrays
    for key, value in values.items():
        if value is not None:
            demo[key] = value
    demo.attrs["num_samples"] = STEPS
    return demo


@pytest.fixture
def lift(tmp_path: Path) -> Path:
    """A file as robomimic has them."""
    path = tmp_path / "low_dim.hdf5"
    with h5py.File(path, "w") as file:
        for number in (0, 1, 2, 10):
            add_demo(file, f"demo_{number}", number).attrs["model_file"] = "<mujoco/>"
        arguments = {"control_freq": 10, "robots": ["Panda"]}
        file["data"].attrs["env_args"] = json.dumps({"env_name": "Lift", "type": 1, "env_kwargs": arguments, "env_version": "1.4.1"})
        file["data"].attrs["total"] = 4 * STEPS
        file["mask/train"] = np.array([b"demo_0", b"demo_10", b"demo_2"])
        file["mask/valid"] = np.array([b"demo_1"])
        file["mask/20_percent"] = np.array([b"demo_0"])
    return path


SPEC = {"id": "PointMaze-v3", "entry_point": "gymnasium_robotics.envs.maze:Maze", "kwargs": {"reward_type": "dense", "render_mode": None}}


def box(low: float, high: float, *shape: int) -> dict[str, Any]:
    bounds = {"low": np.full(shape, low).tolist(), "high": np.full(shape, high).tolist()}
    return {"type": "Box", "dtype": "float64", "shape": list(shape), **bounds}


def minari_file(path: Path, action_space: Any = None, observation_space: Any = None, **metadata: Any) -> Path:
    """A data set's folder of no episodes yet."""
    (path / "data").mkdir(parents=True)
    named = {"action_space": action_space or box(-1, 1, 3), "observation_space": observation_space or box(-np.inf, np.inf, 5)}
    words = {name: json.dumps(space) for name, space in named.items()} | {"env_spec": json.dumps(SPEC), "data_format": "hdf5"} | metadata
    (path / "data" / "metadata.json").write_text(json.dumps(words))
    h5py.File(path / "data" / "main_data.hdf5", "w").close()
    return path


def add_minari(path: Path, number: int = 0, **arrays: Any) -> None:
    values = {
        "observations": numbers(STEPS + 1, 5, seed=number),
        "actions": numbers(STEPS, 3, seed=number),
        "rewards": np.arange(STEPS),
        "terminations": np.zeros(STEPS, bool),
        "truncations": np.arange(STEPS) == STEPS - 1,
    } | arrays
    with h5py.File(path / "data" / "main_data.hdf5", "a") as file:
        group = file.create_group(f"episode_{number}")
        group.attrs.update({"id": number, "seed": 100 + number, "total_steps": STEPS})
        for key, value in values.items():
            if value is not None:
                group[key] = value


def table(*lengths: int) -> dict[str, NDArray[Any]]:
    """D4RL's arrays of episodes of these lengths."""
    count = sum(lengths)
    ends = np.isin(np.arange(count) + 1, np.cumsum(lengths))
    return {"observations": numbers(count, 6), "actions": numbers(count, 2, seed=1), "rewards": np.arange(count), "terminals": ends}


def write_npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def write_hdf5(path: Path, **arrays: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def imported(tmp_path: Path, path: Path, format: str, *words: object) -> Session:
    """The session that an import makes."""
    assert run("import", path, "--from", format, "--session", tmp_path / "new", *words) == 0
    return sound(tmp_path / "new")


def first(tmp_path: Path, path: Path, format: str, *words: object) -> Episode:
    return imported(tmp_path, path, format, *words).read(0)


# -- ours ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ours(tmp_path: Path) -> Session:
    """Two of the operator's, a branch that was left, and an episode of a policy that asked."""
    session = session_of(tmp_path / "monday", S, F)
    session.append(made_episode(meta=replace(PLAIN, outcome=A, parent=1, branch_step=2)))
    asked = tick(1, Source.POLICY, label=np.full(7, 0.3, np.float32), policy_action=np.zeros(7, np.float32), gate_score=0.7)
    session.append(made_episode(tick(0), asked, tick(2), meta=PLAIN))
    write_masks(session.path, Masks((0, 1), (3,)))
    session.tidy_listing()
    return session


def same(one: Episode, other: Episode) -> bool:
    columns = [(one.steps, other.steps), (one.obs, other.obs), (one.final_obs, other.final_obs)]
    return all(a.keys() == b.keys() and all(a[k].tobytes() == b[k].tobytes() and a[k].dtype == b[k].dtype for k in a) for a, b in columns)


def packed(session: Session) -> Path:
    path = session.path.with_suffix(".hdf5")
    assert run("pack", session.path, "--out", path, "--all") == 0
    return path


def index_of(session: Session) -> Path:
    return session.path / "session.hdf5"


@pytest.mark.parametrize("file_of", [index_of, packed])
def test_our_own_episodes_come_back_as_they_were(ours: Session, tmp_path: Path, file_of: Callable[[Session], Path]) -> None:
    path = file_of(ours)
    new = imported(tmp_path, path, "robomimic")
    for number in range(4):
        old, copy = ours.read(number), new.read(number)
        assert same(old, copy)
        assert copy.meta == replace(old.meta, origin=f"{path.name}#demo_{number}")
    assert [(row.parent, row.branch_step) for row in new.rows()][2] == (1, 2)


def test_our_split_comes_along_under_the_new_numbers(ours: Session, tmp_path: Path) -> None:
    session_of(tmp_path / "new", S, S)
    new = imported(tmp_path, index_of(ours), "robomimic")
    assert read_masks(new.path).named() == {"train": (2, 3), "valid": (5,)}
    assert new.rows()[4].parent == 3


def test_a_recording_replays_to_the_bit_after_a_round_trip(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = imported(tmp_path, recorded / "session.hdf5", "robomimic")
    assert same(new.read(1), Session.open(recorded).read(1))
    assert answer(capsys, "check", new.path, "--replay", 1)["replayed"] == 1


def test_episodes_of_an_older_schema_come_in_the_present_one(ours: Session, tmp_path: Path) -> None:
    ours.trash(1, 2, 3)
    make_older(ours.episode_path(0))
    ours = Session.open(ours.path)
    (row,) = imported(tmp_path, index_of(ours), "robomimic").rows()
    assert row.schema_version == 4
    assert row.uid


def test_a_damaged_episode_of_ours_is_refused_or_left_out(ours: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip_a_bit(ours.episode_path(0))
    words = ["import", index_of(ours), "--from", "robomimic", "--session", tmp_path / "new"]
    assert run(*words) == 2
    assert "demo_0 is damaged" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    said = answer(capsys, *words, "--skip-bad")
    assert said["imported"] == 3
    assert list(said["skipped"]) == ["demo_0"]


def test_a_link_that_leads_out_of_the_session_is_not_followed(ours: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trap = tmp_path / "trap" / "session.hdf5"
    trap.parent.mkdir()
    with h5py.File(trap, "w") as file:
        file.create_group("data")["demo_0"] = h5py.ExternalLink(f"../monday/episodes/{ours.episode_path(0).name}", "/")
    check_mistake(
        capsys, "import {trap} --from robomimic --session {new} --env X", "which is not an episode", trap=trap, new=tmp_path / "new"
    )


# -- robomimic -----------------------------------------------------------------------------------------------------


def test_a_robomimic_file_becomes_sound_episodes_in_order(lift: Path, tmp_path: Path) -> None:
    session = imported(tmp_path, lift, "robomimic")
    assert [row.origin for row in session.rows()] == [f"low_dim.hdf5#demo_{n}" for n in (0, 1, 2, 10)]
    episode = session.read(3)
    assert np.allclose(episode.steps["actions"], numbers(STEPS, 3, seed=10))
    assert np.array_equal(episode.steps["states"], numbers(STEPS, 9, seed=10))
    assert np.array_equal(episode.obs["object"], numbers(STEPS, 10, seed=11))
    assert episode.obs["gripper"].shape == (STEPS, 1)
    assert episode.obs["agentview_image"].dtype == np.uint8
    assert episode.obs["agentview_image"].shape == (STEPS, 8, 8, 3)
    assert episode.meta.model_xml == "<mujoco/>"


def test_what_a_file_says_of_its_environment_is_kept(lift: Path, tmp_path: Path) -> None:
    episode = first(tmp_path, lift, "robomimic")
    assert (episode.meta.env_id, episode.meta.control_hz) == ("Lift", 10.0)
    assert episode.meta.env_kwargs == {"control_freq": 10, "robots": ["Panda"]}
    assert episode.steps["time_s"].tolist() == [0.0, 0.1, 0.2, 0.3]


def test_another_environment_has_arguments_of_its_own(lift: Path, tmp_path: Path) -> None:
    episode = first(tmp_path, lift, "robomimic", "--env", "PandaLift-v0", "--hz", 25)
    assert (episode.meta.env_id, episode.meta.env_kwargs, episode.meta.control_hz) == ("PandaLift-v0", {}, 25.0)


def test_robosuites_own_words_for_the_environment_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "demo.hdf5", "w") as file:
        add_demo(file, "demo_1")
        file["data"].attrs.update({"env": "Door", "env_info": json.dumps({"control_freq": 40})})
    episode = first(tmp_path, tmp_path / "demo.hdf5", "robomimic")
    assert (episode.meta.env_id, episode.meta.control_hz) == ("Door", 40.0)


def test_train_and_valid_become_the_sessions_split(lift: Path, tmp_path: Path) -> None:
    session = imported(tmp_path, lift, "robomimic")
    assert read_masks(session.path).named() == {"train": (0, 2, 3), "valid": (1,)}


def test_what_nobody_kept_is_absent(lift: Path, tmp_path: Path) -> None:
    steps = first(tmp_path, lift, "robomimic").steps
    assert steps["sim_state"].shape == (STEPS + 1, 0)
    assert np.isnan(steps["labels"]).all()
    assert np.isnan(steps["lateness_s"]).all()
    assert not steps["stick"].any()
    assert steps["dones"].tolist() == [0, 0, 0, 1]
    assert set(steps["source"]) == {Source.HUMAN}


@pytest.mark.parametrize(("name", "source", "phase"), [("scripted", Source.SCRIPTED, Phase.HUMAN), ("policy", Source.POLICY, Phase.POLICY)])
def test_who_drove_is_what_the_user_says(lift: Path, tmp_path: Path, name: str, source: Source, phase: Phase) -> None:
    episode = first(tmp_path, lift, "robomimic", "--source", name)
    assert set(episode.steps["source"]) == {source}
    assert set(episode.steps["phase"]) == {phase}
    assert episode.meta.operator == f"{name}, imported"


def test_columns_under_our_names_are_taken_where_they_fit(tmp_path: Path) -> None:
    acting, labels = np.array([0, 1, 1, 0]), np.full((STEPS, 3), 0.5)
    with h5py.File(tmp_path / "dagger.hdf5", "w") as file:
        add_demo(file, "demo_0", policy_acting=acting, user_acting=1 - acting, labels=labels, gate_scores=np.zeros(7))
    steps = first(tmp_path, tmp_path / "dagger.hdf5", "robomimic", "--env", ENV).steps
    assert steps["policy_acting"].tolist() == acting.tolist()
    assert steps["source"].tolist() == [Source.HUMAN, Source.POLICY, Source.POLICY, Source.HUMAN]
    assert np.all(steps["labels"] == 0.5)
    assert np.isnan(steps["gate_scores"]).all()  # seven of them are not a column of four steps


@pytest.mark.parametrize("has_next", [True, False])
def test_the_last_observation_is_the_files_own_or_stands_twice(tmp_path: Path, has_next: bool) -> None:
    obs, after = numbers(STEPS, 5), numbers(STEPS, 5, seed=9)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        parts = {"obs/object": None, "obs/gripper": None, "obs/agentview_image": None, "obs/state": obs}
        add_demo(file, "demo_0", **parts, **({"next_obs/state": after} if has_next else {}))
    episode = first(tmp_path, tmp_path / "a.hdf5", "robomimic", "--env", ENV)
    assert np.array_equal(episode.final_obs["state"], after[-1] if has_next else obs[-1])
    assert episode.meta.settings["imported"]["has_final_obs"] is has_next


@pytest.mark.parametrize(("says", "outcome"), [(None, S), (True, S), (False, F)])
def test_a_file_that_says_how_it_ended_is_believed(tmp_path: Path, says: bool | None, outcome: Outcome) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        demo = add_demo(file, "demo_0")
        if says is not None:
            demo.attrs["success"] = says
    assert first(tmp_path, tmp_path / "a.hdf5", "robomimic", "--env", ENV).meta.outcome is outcome


def test_without_a_word_the_users_outcome_counts(lift: Path, tmp_path: Path) -> None:
    assert first(tmp_path, lift, "robomimic", "--outcome", "failure").meta.outcome is F


# -- Minari --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", ["", "data", "data/main_data.hdf5"])
def test_a_minari_data_set_becomes_sound_episodes(tmp_path: Path, inside: str) -> None:
    path = minari_file(tmp_path / "human-v0", jpeg_encoding=True)  # as Minari says it of every data set, with pictures or without
    for number in range(11):
        add_minari(path, number)
    session = imported(tmp_path, path / inside, "minari")
    assert [row.seed for row in session.rows()] == list(range(100, 111))
    episode = session.read(10)
    assert np.array_equal(episode.obs["state"], numbers(STEPS + 1, 5, seed=10)[:-1])
    assert np.array_equal(episode.final_obs["state"], numbers(STEPS + 1, 5, seed=10)[-1])
    assert np.allclose(episode.steps["actions"], numbers(STEPS, 3, seed=10))
    assert (episode.meta.env_id, episode.meta.env_kwargs) == ("gymnasium_robotics:PointMaze-v3", {"reward_type": "dense"})


def test_a_gymnasium_environment_needs_no_module_before_its_name(tmp_path: Path) -> None:
    spec = {"id": "Pusher-v5", "entry_point": "gymnasium.envs.mujoco.pusher_v5:PusherEnv", "kwargs": {}}
    path = minari_file(tmp_path / "human-v0", env_spec=json.dumps(spec))
    add_minari(path)
    assert first(tmp_path, path, "minari").meta.env_id == "Pusher-v5"


def test_bounded_actions_are_scaled_and_their_file_says_nothing_of_clipping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = minari_file(tmp_path / "human-v0", action_space=box(0.0, 10.0, 3))
    add_minari(path, actions=np.array([[0, 5, 10]] * STEPS, np.float32))
    assert first(tmp_path, path, "minari").steps["actions"].tolist() == [[-1.0, 0.0, 1.0]] * STEPS
    said = capsys.readouterr().out
    assert "clipped" not in said
    assert "actions of 0…10 became -1…1 (the set's action space)" in said
    assert run("import", path, "--from", "minari", "--session", tmp_path / "twice", "--action-range", 0, 10) == 2
    assert "--action-range is not for this minari set, which says it itself" in capsys.readouterr().err
    assert not (tmp_path / "twice").exists()


def test_parts_of_a_dict_have_their_keys_as_names(tmp_path: Path) -> None:
    arm = {"type": "Dict", "subspaces": {"qpos": box(-1, 1, 2), "eye": {"type": "Box", "dtype": "uint8", "shape": [8, 8, 3]}}}
    space = {"type": "Dict", "subspaces": {"goal": box(-1, 1, 2), "arm": arm, "task": {"type": "Text"}}}
    path = minari_file(tmp_path / "human-v0", observation_space=space)
    eye = np.zeros((STEPS + 1, 8, 8, 3), np.uint8)
    parts = {"observations/goal": numbers(STEPS + 1, 2), "observations/arm/qpos": numbers(STEPS + 1, 2), "observations/arm/eye": eye}
    add_minari(path, **parts, **{"observations": None, "observations/task": ["open"] * (STEPS + 1)})
    expected = {"goal": (STEPS, 2), "arm_qpos": (STEPS, 2), "arm_eye": (STEPS, 8, 8, 3)}
    assert {key: column.shape for key, column in first(tmp_path, path, "minari").obs.items()} == expected
    (path / "data" / "metadata.json").unlink()  # then what is there says it
    assert run("import", path, "--from", "minari", "--session", tmp_path / "other", "--env", ENV) == 0
    assert {key: column.shape for key, column in sound(tmp_path / "other").read(0).obs.items()} == expected


@pytest.mark.parametrize(("infos", "outcome"), [(None, S), ([0, 0, 1, 0, 0], S), ([0, 0, 0, 0, 0], F)])
def test_an_info_that_says_success_is_believed(tmp_path: Path, infos: list[int] | None, outcome: Outcome) -> None:
    path = minari_file(tmp_path / "human-v0")
    add_minari(path, **({} if infos is None else {"infos/success": np.array(infos, bool)}))
    assert first(tmp_path, path, "minari").meta.outcome is outcome


@pytest.mark.parametrize(
    ("space", "written"),
    [
        (spaces.Box(-2.0, 6.0, (3,), np.float32), box(-2.0, 6.0, 3)),
        (spaces.Box(-1.0, 1.0, (2, 2), np.float32), box(-1.0, 1.0, 2, 2)),
        (spaces.Discrete(4, start=2), {"type": "Discrete", "n": 4, "start": 2}),
        (spaces.MultiDiscrete([3, 2]), {"type": "MultiDiscrete", "nvec": [3, 2]}),
        (spaces.MultiBinary(3), {"type": "MultiBinary", "n": 3}),
    ],
)
def test_an_action_means_the_same_to_the_adapter(space: spaces.Space[Any], written: dict[str, Any]) -> None:
    space.seed(0)
    values = np.array([space.sample() for _ in range(8)])
    vectors = actions_from(values, written)
    assert np.abs(vectors).max() <= 1.0
    assert all(
        np.allclose(to_action(vector.astype(np.float32), space), value, atol=1e-6) for vector, value in zip(vectors, values, strict=True)
    )


@pytest.mark.parametrize(
    ("space", "written"),
    [
        (spaces.Box(-1.0, 1.0, (3,), np.float32), box(-1, 1, 3)),
        (spaces.Box(0, 255, (8, 8, 3), np.uint8), {"type": "Box"}),
        (spaces.Discrete(4, start=1), {"type": "Discrete", "n": 4, "start": 1}),
        (spaces.MultiBinary(3), {"type": "MultiBinary", "n": 3}),
    ],
)
def test_an_observation_is_what_the_adapter_makes_of_it(space: spaces.Space[Any], written: dict[str, Any]) -> None:
    space.seed(0)
    values = [space.sample() for _ in range(5)]
    found = observations_from(lambda path: np.array(values), "observations", written)
    for t, value in enumerate(values):
        assert {key: column[t].tolist() for key, column in found.items()} == {k: v.tolist() for k, v in to_obs(value, space).items()}


# -- plain arrays --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ends",
    [
        {"terminals": [0, 0, 1, 0, 1]},
        {"terminals": [0, 0, 1, 0, 0], "timeouts": [0, 0, 0, 0, 1]},
        {"dones": [0.0, 0.0, 1.0, 0.0, 1.0]},
        {"episode_ends": [3, 5]},
        {"episode_ends": [0, 0, 1, 0, 1]},
        {"episode_starts": [0, 3]},
        {"episode_starts": [True, False, False, True, False]},
    ],
)
@pytest.mark.parametrize("format", ["npz", "d4rl"])
def test_flat_arrays_are_parted_where_they_say(tmp_path: Path, ends: dict[str, list[Any]], format: str) -> None:
    arrays = {"observations": numbers(5, 6), "actions": numbers(5, 2), **{name: np.array(marks) for name, marks in ends.items()}}
    path = write_npz(tmp_path / "a.npz", **arrays) if format == "npz" else write_hdf5(tmp_path / "a.hdf5", **arrays)
    session = imported(tmp_path, path, format, "--env", ENV)
    assert [(row.steps, row.outcome) for row in session.rows()] == [(3, S), (2, S)]
    assert np.array_equal(session.read(1).obs["state"], arrays["observations"][3:])


def test_an_episode_that_was_cut_off_is_partial(tmp_path: Path) -> None:
    arrays = table(3, 2, 4)
    arrays["terminals"][-1] = False
    session = imported(tmp_path, write_npz(tmp_path / "a.npz", **arrays), "npz", "--env", ENV)
    assert [(row.steps, row.outcome) for row in session.rows()] == [(3, S), (2, S), (4, Outcome.PARTIAL)]


def test_named_observations_and_what_followed_keep_their_names(tmp_path: Path) -> None:
    after = numbers(5, 3, seed=5)
    arrays = {"observations_hand": numbers(5, 3), "next_observations_hand": after, "actions": numbers(5, 2), "terminals": [0, 1, 0, 0, 1]}
    episode = imported(tmp_path, write_npz(tmp_path / "a.npz", **arrays), "npz", "--env", ENV).read(0)
    assert np.array_equal(episode.final_obs["hand"], after[1])


def test_a_folder_holds_one_file_an_episode(tmp_path: Path) -> None:
    (tmp_path / "demos").mkdir()
    for number in (2, 10):
        arrays = {"observations": numbers(number, 6), "actions": numbers(number, 2), "rewards": np.ones((number, 1))}
        write_npz(tmp_path / "demos" / f"demo{number}.npz", **arrays)
    session = imported(tmp_path, tmp_path / "demos", "npz", "--env", ENV)
    assert [(row.steps, row.origin) for row in session.rows()] == [(2, "demos#demo2"), (10, "demos#demo10")]
    assert session.read(0).steps["rewards"].tolist() == [1.0, 1.0]


def test_actions_a_little_outside_are_clipped_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = table(10, 10)
    arrays["actions"][3] = (1.5, -1.25)
    session = imported(tmp_path, write_npz(tmp_path / "a.npz", **arrays), "npz", "--env", ENV)
    assert "2 of 40 numbers outside [-1, 1] were clipped" in capsys.readouterr().out
    assert session.read(0).steps["actions"][3].tolist() == [1.0, -1.0]
    assert session.read(0).meta.settings["imported"]["clipped"] == 2


def test_a_start_state_is_kept_beside_the_episode(tmp_path: Path) -> None:
    arrays = {"demo_0/observations": numbers(4, 6), "demo_0/actions": numbers(4, 2), "demo_0/init_state/qpos": np.arange(3.0)}
    episode = first(tmp_path, write_hdf5(tmp_path / "a.hdf5", **arrays), "d4rl", "--env", ENV)
    assert episode.meta.settings["imported"]["init_state"] == {"qpos": [0.0, 1.0, 2.0]}


@pytest.mark.skipif(not DOOR.exists(), reason="the real demonstrations are not here")
def test_real_demonstrations_of_people_are_learned_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["import", DOOR, "--from", "d4rl", "--session", tmp_path / "door", "--env", "gymnasium_robotics:AdroitHandDoor-v1"]
    said = answer(capsys, *words)
    assert (said["imported"], said["clipped"], said["env"]) == (25, 10595, "gymnasium_robotics:AdroitHandDoor-v1")
    session = sound(tmp_path / "door")
    assert (session.read(2).obs["state"].shape[1], session.read(2).steps["actions"].shape[1]) == (39, 28)
    with h5py.File(DOOR, "r") as file:
        assert np.array_equal(session.read(2).obs["state"], file["demo_2/observations"][()])
    learn = ["train", session.path, "--policy", "bc", "--steps", 5, "--hidden", 8, "--rollouts", 0, "--out", tmp_path / "model"]
    assert command_lines.run("learn", *learn) == 0


# -- again ---------------------------------------------------------------------------------------------------------


def test_importing_again_adds_nothing(lift: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = imported(tmp_path, lift, "robomimic")
    session.trash(1)
    again = lift.rename(tmp_path / "renamed.hdf5")
    said = answer(capsys, "import", again, "--from", "robomimic", "--session", session.path, "--outcome", "failure")
    assert (said["imported"], said["passed_over"], said["episodes"]) == (0, 4, 3)


def test_only_what_is_new_in_a_file_is_added(lift: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = imported(tmp_path, lift, "robomimic")
    with h5py.File(lift, "r+") as file:
        add_demo(file, "demo_3", 3)
    said = answer(capsys, "import", lift, "--from", "robomimic", "--session", session.path)
    assert (said["numbers"], said["passed_over"]) == ([4], 4)


@pytest.mark.parametrize("after", [1, 2, 4])
def test_an_interrupted_import_goes_on_to_the_same_end(lift: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    once = imported(tmp_path, lift, "robomimic")
    words = ["import", lift, "--from", "robomimic", "--session", tmp_path / "twice"]
    with monkeypatch.context() as patch:
        patch.setattr(importing, "write_episode", interrupting(after, importing.write_episode))
        assert run(*words) == 130
    assert (len(Session.open(tmp_path / "twice").rows()) if after > 1 else (tmp_path / "twice").exists()) == after - 1
    assert run(*words) == 0
    twice = sound(tmp_path / "twice")
    assert [(row.uid, row.number) for row in twice.rows()] == [(row.uid, row.number) for row in once.rows()]
    assert read_masks(twice.path).named() == read_masks(once.path).named()


def test_a_session_that_is_there_says_the_environment_for_plain_arrays(tmp_path: Path) -> None:
    one = table(3)
    path = write_npz(tmp_path / "a.npz", **one)
    imported(tmp_path, path, "npz", "--env", ENV)
    other = write_npz(tmp_path / "b.npz", **{**one, "actions": -one["actions"]})
    assert [row.env_id for row in imported(tmp_path, other, "npz").rows()] == [ENV, ENV]


def test_an_imported_session_is_checked_inspected_and_learned_from(lift: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = imported(tmp_path, lift, "robomimic", "--env", "PandaLift-v0")
    assert run("check", session.path, "--replay", 2) == 0
    assert "not replayed" in capsys.readouterr().out
    learn = ["train", session.path, "--policy", "bc", "--steps", 5, "--hidden", 8, "--rollouts", 0, "--out", tmp_path / "model"]
    assert command_lines.run("learn", *learn) == 0


# -- mistakes ------------------------------------------------------------------------------------------------------


class Trap:
    """A pickle that would say so, were it ever read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was read",))


def flat(**changed: Any) -> dict[str, Any]:
    return {name: array for name, array in (table(3, 2) | changed).items() if array is not None}


def bad_demo(**changed: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with h5py.File(folder / "a.hdf5", "w") as file:
            add_demo(file, "demo_7", **changed)
        return folder / "a.hdf5"

    return write


def bad_table(**changed: Any) -> Callable[[Path], Path]:
    return lambda folder: write_npz(folder / "a.npz", **flat(**changed))


def bad_minari(**changed: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = minari_file(
            folder / "set",
            **{name: changed.pop(name) for name in ("action_space", "observation_space", "jpeg_encoding") if name in changed},
        )
        add_minari(path, **changed)
        return path

    return write


def text_file(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def arrow_set(folder: Path) -> Path:
    path = minari_file(folder / "set")
    (path / "data" / "main_data.hdf5").unlink()
    return path


def mixed_widths(folder: Path) -> Path:
    for width in (2, 3):
        write_npz(folder / f"{width}.npz", observations=numbers(4, 6), actions=numbers(4, width))
    return folder


EYES = {"type": "Dict", "subspaces": {"eye": {**box(0, 255, 64, 64, 3), "dtype": "uint8"}}}
NAN = np.where(np.arange(15).reshape(5, 3)[:, :2] == 4, np.nan, 0.0)
BAD: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "nothing there": (lambda folder: folder / "none.hdf5", "robomimic", "there is nothing at"),
    "a pickle": (text_file("a.pkl", b"\x80\x04K\x01."), "d4rl", "is a pickle; pickles are programs, and data is never code"),
    "a pickle by another name": (text_file("a.hdf5", b"\x80\x04K\x01."), "d4rl", "is a pickle"),
    "pickles in an npz": (bad_table(rewards=np.array([Trap()] * 5, object)), "npz", "holds pickled objects; pickles are programs"),
    "text": (text_file("a.hdf5", b"hello"), "robomimic", "is neither an HDF5 file nor an .npz, --from robomimic reads an HDF5 file"),
    "half a file": (text_file("a.hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100)), "d4rl", "cannot be read"),
    "an npz as HDF5": (
        bad_table(),
        "d4rl",
        "is a zip archive such as .npz, --from d4rl reads an HDF5 file; name its format with --from npz",
    ),
    "HDF5 as an npz": (
        bad_demo(),
        "npz",
        "is an HDF5 file, --from npz reads an .npz file or a folder of them; HDF5 files: --from robomimic",
    ),
    "robomimic as Minari": (bad_demo(), "minari", "has no episode_0, episode_1, … but data; is it --from robomimic or d4rl?"),
    "robomimic as D4RL": (bad_demo(), "d4rl", "has nothing of what --from d4rl reads: actions (N, m)"),
    "flat arrays as robomimic": (lambda f: write_hdf5(f / "a.hdf5", **flat()), "robomimic", "has no data/demo_0"),
    "an empty folder": (lambda folder: folder, "npz", "is a folder without .npz files"),
    "no Minari folder": (lambda folder: folder, "minari", "without data/main_data.hdf5; give a Minari data set's folder"),
    "arrow": (arrow_set, "minari", "(arrow storage?); store it with data_format='hdf5'"),
    "JPEG": (bad_minari(jpeg_encoding=True, observation_space=EYES), "minari", "store them with jpeg_encoding=False"),
    "texts for actions": (bad_minari(action_space={"type": "Text"}), "minari", "episode_0 cannot be read (actions of a space Text"),
    "a choice too many": (bad_minari(action_space={"type": "Discrete", "n": 2}, actions=[0, 1, 2, 0]), "minari", "does not have"),
    "too few observations": (
        bad_minari(observations=numbers(STEPS, 5)),
        "minari",
        "has 4 actions and 4 of observation state; Minari keeps one",
    ),
    "no steps": (bad_demo(actions=np.zeros((0, 3))), "robomimic", "demo_7 has no steps; --skip-bad leaves such out"),
    "no steps at all": (bad_table(observations=[], actions=[], rewards=[], terminals=[]), "npz", "has no steps"),
    "no observations": (
        bad_demo(**{"obs/object": None, "obs/gripper": None, "obs/agentview_image": None}),
        "robomimic",
        "demo_7 has no observations; of its states --cameras makes some, where the environment is known here",
    ),
    "no actions": (bad_demo(actions=None), "robomimic", "demo_7 has no actions; it has dones, obs, rewards, states"),
    "lengths that differ": (
        bad_demo(**{"obs/object": numbers(3, 10)}),
        "robomimic",
        "demo_7 has 4 rows of actions and 3 of observation object",
    ),
    "lengths that differ in a table": (
        bad_table(rewards=np.zeros(4)),
        "npz",
        "has 5 rows of actions and 4 of rewards; they must be as many",
    ),
    "actions that are no numbers": (bad_table(actions=NAN), "npz", "has 1 values in actions that are not finite"),
    "observations that are no numbers": (bad_table(observations=NAN), "npz", "has 1 values in observation state that are not finite"),
    "no ends": (bad_table(terminals=None), "npz", "does not say where its episodes end; it needs terminals, timeouts, dones (N,)"),
    "ends beyond the end": (bad_table(episode_ends=[3, 9]), "npz", "neither 5 marks of 0 and 1 nor rising row numbers up to 5"),
    "time that stands still": (
        bad_demo(time_s=np.zeros(STEPS)),
        "robomimic",
        "demo_7 cannot become an episode: time_s does not begin at 0",
    ),
}


@pytest.mark.parametrize(("write", "format", "says"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_line_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write: Callable[[Path], Path], format: str, says: str
) -> None:
    (tmp_path / "given").mkdir()
    path = write(tmp_path / "given")
    check_mistake(capsys, f"import {{path}} --from {format} --session {{new}} --env X-v0", says, path=path, new=tmp_path / "new")


def test_demonstrations_that_are_not_alike_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demos").mkdir()
    assert run("import", mixed_widths(tmp_path / "demos"), "--from", "npz", "--session", tmp_path / "new", "--env", ENV) == 2
    assert "not alike in actions: 2 has (2,), 3 has (3,) a step" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--session {new}", "nothing says which environment the npz demonstrations are of; give --env ENV_ID"),
        ("--session {held}", "holds actions of 7 numbers and these have 2; give another --session"),
        ("--session {held} --env X-v0", "holds episodes of PandaLift-v0, not X-v0; give another --session or that --env"),
        ("--session {new} --env X-v0 --hz 0", "--hz 0.0 is no number of steps a second; give one above 0"),
        ("--session {path} --env X-v0", "is a file; a session is a folder"),
        ("--session {folder} --env X-v0", "is not a session"),
        ("--session {new} --env X-v0 --outcome great", "invalid choice 'great'"),
    ],
)
def test_a_session_that_does_not_fit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, says: str) -> None:
    path, held = write_npz(tmp_path / "a.npz", **table(3)), session_of(tmp_path / "held", S)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "letter.txt").write_text("")
    places = {"path": path, "held": held.path, "new": tmp_path / "new", "folder": tmp_path / "folder"}
    if "7 numbers" in says:  # the width is seen after all has been read
        assert run("import", path, "--from", "npz", "--session", held.path) == 2
        assert says in capsys.readouterr().err
        assert len(held) == 1
        return
    check_mistake(capsys, f"import {{path}} --from npz {words}", says, **places)


def test_other_arguments_of_the_same_environment_are_refused(lift: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = imported(tmp_path, lift, "robomimic")
    with h5py.File(lift, "r+") as file:
        file["data"].attrs["env_args"] = json.dumps({"env_name": "Lift", "env_kwargs": {"robots": ["UR5e"]}})
    assert run("import", lift, "--from", "robomimic", "--session", session.path) == 2
    assert "a session is of one env with one set of arguments" in capsys.readouterr().err


def test_bad_demonstrations_can_be_left_out(lift: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(lift, "r+") as file:
        file["data/demo_1/actions"][0, 0] = np.nan
        del file["data/demo_2/obs"]
    said = answer(capsys, "import", lift, "--from", "robomimic", "--session", tmp_path / "new", "--skip-bad")
    assert said["imported"] == 2
    assert "demo_1 has 1 values in actions that are not finite" in said["skipped"]["demo_1"]
    assert list(said["skipped"]) == ["demo_1", "demo_2"]
    assert [row.origin for row in sound(tmp_path / "new").rows()] == ["low_dim.hdf5#demo_0", "low_dim.hdf5#demo_10"]


def test_when_every_demonstration_is_bad_there_is_no_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_npz(tmp_path / "a.npz", **flat(actions=np.full((5, 2), np.nan)))
    assert run("import", path, "--from", "npz", "--session", tmp_path / "new", "--env", ENV, "--skip-bad") == 2
    assert "all 2 demonstrations are left out, the first because episode_0 has 6 values" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
