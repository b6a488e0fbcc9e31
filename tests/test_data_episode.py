"""Specification of `data.episode` and `data.schema`: what an episode file holds, on real recordings."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_data_support import META, made_episode, tick

from data.episode import Episode, build_episode
from data.episode_file import read_end_state, read_episode, read_facts, read_meta, write_episode
from data.errors import UserError
from data.schema import SCHEMA_VERSION, SINCE, STEP_FIELDS, EpisodeMeta, Field, Outcome, Phase, Source
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv
from teleop.stick import AXES, BUTTONS

UNASKED = ("labels", "policy_actions", "gate_scores", "decision_latency_s")


@pytest.fixture(scope="module")
def episode_file(recorded: Path) -> Path:
    return recorded / "episodes" / "000001.hdf5"


@pytest.fixture(scope="module")
def episode(episode_file: Path) -> Episode:
    return read_episode(episode_file)


@pytest.fixture(scope="module")
def arm() -> Iterator[ArmEnv]:
    env, arm = make_plant("PandaLift-v0", {})
    with closing(env):
        env.reset(seed=0)
        yield arm


# -- a recorded file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", STEP_FIELDS, ids=lambda field: field.name)
def test_a_recorded_file_has_every_field_with_its_dtype_and_shape(episode_file: Path, arm: ArmEnv, field: Field) -> None:
    with h5py.File(episode_file, "r") as file:
        steps = int(file.attrs["num_samples"])
        axes = {
            "T": steps,
            "T+1": steps + 1,
            "A": 7,
            "S": len(arm.sim_state()),
            "1+nq+nv": 1 + arm.model.nq + arm.model.nv,
            "K": len(AXES) + len(BUTTONS),
        }
        assert file[field.name].dtype == field.dtype
        assert file[field.name].shape == tuple(axes[axis] for axis in field.shape)


def test_a_recorded_file_has_no_field_that_the_table_does_not_name(episode_file: Path) -> None:
    with h5py.File(episode_file, "r") as file:
        assert set(file) == {f.name for f in STEP_FIELDS} | {"obs", "final_obs"}


def test_observations_are_those_before_the_action(episode: Episode, arm: ArmEnv) -> None:
    for t in range(len(episode)):
        observed = arm.restore(episode.steps["sim_state"][t])
        assert set(observed) == set(episode.obs)
        for key, value in observed.items():
            np.testing.assert_array_equal(episode.obs[key][t], value, err_msg=f"{key} at step {t}")


def test_final_observations_are_those_after_the_last_action(episode: Episode, arm: ArmEnv) -> None:
    observed = arm.restore(episode.steps["sim_state"][-1])
    assert set(observed) == set(episode.final_obs)
    for key, value in observed.items():
        np.testing.assert_array_equal(episode.final_obs[key], value, err_msg=key)


def test_states_are_time_qpos_qvel_before_the_action(episode: Episode, arm: ArmEnv) -> None:
    for t in (0, len(episode) // 2, len(episode) - 1):
        arm.restore(episode.steps["sim_state"][t])
        expected = np.concatenate([[arm.data.time], arm.data.qpos, arm.data.qvel])
        np.testing.assert_array_equal(episode.steps["states"][t], expected)


def test_the_stored_actions_lead_from_each_state_to_the_next(episode: Episode, arm: ArmEnv) -> None:
    arm.restore(episode.steps["sim_state"][0])
    for t, action in enumerate(episode.steps["actions"]):
        arm.step(action)
        assert arm.sim_state().tobytes() == episode.steps["sim_state"][t + 1].tobytes(), f"step {t}"


def test_time_starts_at_zero_and_only_goes_on(episode: Episode) -> None:
    assert episode.steps["time_s"][0] == 0.0
    np.testing.assert_allclose(np.diff(episode.steps["time_s"]), 1.0 / episode.meta.control_hz)


def test_only_the_last_step_is_done(episode: Episode) -> None:
    assert episode.steps["dones"].tolist() == [0] * (len(episode) - 1) + [1]


def test_actions_stay_within_one(episode: Episode) -> None:
    assert np.abs(episode.steps["actions"]).max() <= 1.0
    assert np.abs(episode.steps["actions"][:, :3]).max() > 0.1


@pytest.mark.parametrize("name", UNASKED)
def test_what_was_not_asked_for_is_nan(episode: Episode, name: str) -> None:
    assert np.isnan(episode.steps[name]).all()


def test_a_scripted_recording_says_who_drove(episode: Episode) -> None:
    assert set(episode.steps["source"]) == {Source.SCRIPTED}
    assert set(episode.steps["phase"]) == {Phase.HUMAN}
    assert episode.steps["user_acting"].all()
    assert not episode.steps["policy_acting"].any()
    assert not episode.steps["interventions"].any()


def test_the_attributes_say_where_an_episode_comes_from(episode_file: Path) -> None:
    meta = read_meta(episode_file)
    assert meta.env_id == "PandaLift-v0"
    assert meta.env_kwargs == {}
    assert meta.seed == 7 + 1  # --seed 7, the second episode
    assert meta.outcome is Outcome.SUCCESS
    assert meta.success
    assert meta.behaviour_mode == "left"
    assert meta.operator == "scripted operator"
    assert meta.task == "pick up the red cube"
    assert meta.control_hz == 20.0
    assert meta.clock == "simulated"
    assert meta.settings["operator"]["skill"] == 2.0
    assert meta.settings["mapping"]
    assert {"mujoco", "gymnasium", "numpy", "h5py", "python"} <= set(meta.versions)
    assert (meta.parent, meta.branch_step, meta.dagger_round) == (-1, -1, -1)
    assert meta.schema_version == SCHEMA_VERSION
    with h5py.File(episode_file, "r") as file:
        assert bool(file.attrs["success"]) is True


def test_the_model_is_stored_as_mjcf(episode: Episode, arm: ArmEnv) -> None:
    model = ET.fromstring(episode.meta.model_xml)
    assert model.tag == "mujoco"
    assert {joint.get("name") for joint in model.iter("joint")} >= {arm.model.joint(i).name for i in range(7)}


# -- building ------------------------------------------------------------------------------------------------------


def test_an_episode_needs_a_step() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        build_episode([], {}, np.zeros(5), META)


def test_a_label_stands_where_it_was_given_and_nowhere_else() -> None:
    label = np.linspace(-1, 1, 7, dtype=np.float32)
    labels = made_episode(tick(0), tick(1, label=label), tick(2)).steps["labels"]
    np.testing.assert_array_equal(labels[1], label)
    assert np.isnan(labels[[0, 2]]).all()


def test_proposals_scores_and_latencies_stand_at_their_steps() -> None:
    proposal = np.full(7, 0.5, np.float32)
    steps = made_episode(tick(0), tick(1, policy_action=proposal, gate_score=0.25, decision_latency_s=0.75)).steps
    np.testing.assert_array_equal(steps["policy_actions"][1], proposal)
    assert steps["gate_scores"][1] == 0.25
    assert steps["decision_latency_s"][1] == 0.75
    assert np.isnan(steps["policy_actions"][0]).all()
    assert np.isnan(steps["gate_scores"][0])


@pytest.mark.parametrize(
    ("source", "proposed", "intervention", "policy", "user"),
    [
        (Source.HUMAN, False, 0, 0, 1),
        (Source.HUMAN, True, 1, 0, 1),
        (Source.SCRIPTED, True, 1, 0, 1),
        (Source.POLICY, True, 0, 1, 0),
    ],
)
def test_robomimics_names_say_who_acted(source: Source, proposed: bool, intervention: int, policy: int, user: int) -> None:
    proposal = np.zeros(7, np.float32) if proposed else None
    steps = made_episode(tick(0, source, policy_action=proposal)).steps
    assert [int(steps[name][0]) for name in ("interventions", "policy_acting", "user_acting")] == [intervention, policy, user]


# -- writing and reading -------------------------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = made_episode(tick(0), tick(1, Source.POLICY, label=np.ones(7, np.float32)), tick(2))
    write_episode(tmp_path / "000000.hdf5", written)
    read = read_episode(tmp_path / "000000.hdf5")
    assert read.meta == written.meta
    assert len(read) == 3
    for mine, theirs in ((read.steps, written.steps), (read.obs, written.obs), (read.final_obs, written.final_obs)):
        assert set(mine) == set(theirs)
        for name, array in theirs.items():
            assert mine[name].dtype == array.dtype
            np.testing.assert_array_equal(mine[name], array, err_msg=name)


def test_a_recording_survives_another_round_trip(episode: Episode, tmp_path: Path) -> None:
    write_episode(tmp_path / "again.hdf5", episode)
    again = read_episode(tmp_path / "again.hdf5")
    assert again.meta == episode.meta
    for name, array in episode.steps.items():
        assert again.steps[name].tobytes() == array.tobytes(), name


def test_every_attribute_of_meta_is_exercised_by_its_round_trip() -> None:
    plain = EpisodeMeta(env_id="", env_kwargs={}, seed=0, outcome=Outcome.SUCCESS, operator="")
    same = [f.name for f in fields(EpisodeMeta) if getattr(META, f.name) == getattr(plain, f.name)]
    assert set(same) <= {"control_hz", "schema_version"}


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_read_back_and_only_success_counts_as_one(tmp_path: Path, outcome: Outcome) -> None:
    write_episode(tmp_path / "e.hdf5", made_episode(meta=replace(META, outcome=outcome)))
    assert read_meta(tmp_path / "e.hdf5").outcome is outcome
    with h5py.File(tmp_path / "e.hdf5", "r") as file:
        assert bool(file.attrs["success"]) is (outcome is Outcome.SUCCESS)


def test_images_are_stored_losslessly_one_chunk_a_frame(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    write_episode(tmp_path / "e.hdf5", made_episode(*(tick(t, obs={"front_image": picture}) for t, picture in enumerate(pictures))))
    with h5py.File(tmp_path / "e.hdf5", "r") as file:
        assert file["obs/front_image"].chunks == (1, 16, 16, 3)
        np.testing.assert_array_equal(file["obs/front_image"][()], pictures)


def test_reading_can_be_limited_to_some_observations(episode_file: Path) -> None:
    read = read_episode(episode_file, keys=("object",))
    assert set(read.obs) == set(read.final_obs) == {"object"}
    assert len(read.steps) == len(STEP_FIELDS)


def test_steps_seconds_and_labels_are_known_without_reading_the_episode(tmp_path: Path, episode_file: Path, episode: Episode) -> None:
    write_episode(tmp_path / "e.hdf5", made_episode(tick(0), tick(1, label=np.zeros(7, np.float32))))
    _, steps, seconds, labels, _ = read_facts(tmp_path / "e.hdf5")
    assert (steps, seconds, labels) == (2, pytest.approx(0.05), 1)
    meta, steps, seconds, labels, _ = read_facts(episode_file)
    assert (meta, steps, seconds, labels) == (episode.meta, len(episode), episode.steps["time_s"][-1], 0)


def test_writing_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_episode(tmp_path / "000000.hdf5", made_episode())
    assert [path.name for path in tmp_path.iterdir()] == ["000000.hdf5"]


# -- files that are not episodes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read_episode, read_meta, read_facts, read_end_state])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused_by_name(episode_file: Path, tmp_path: Path, share: float, read: object) -> None:
    whole = episode_file.read_bytes()
    broken = tmp_path / "000001.hdf5"
    broken.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"000001\.hdf5 cannot be read as an episode .*; python -m data check SESSION"):
        read(broken)  # type: ignore[operator]


def test_wrong_bytes_anywhere_are_a_user_error_or_harmless(episode_file: Path, tmp_path: Path) -> None:
    whole, rng, refusals = episode_file.read_bytes(), np.random.default_rng(0), []
    broken = tmp_path / "000001.hdf5"
    for _ in range(120):
        at = int(rng.integers(0, len(whole)))
        broken.write_bytes(whole[:at] + rng.bytes(64) + whole[at + 64 :])
        try:
            read_episode(broken)
        except UserError as error:
            refusals.append(str(error))
    assert refusals
    assert all("000001.hdf5" in text and "\n" not in text for text in refusals)


def test_a_file_without_a_field_is_damaged(tmp_path: Path) -> None:
    write_episode(tmp_path / "e.hdf5", made_episode())
    with h5py.File(tmp_path / "e.hdf5", "a") as file:
        del file["labels"]
    for read in (read_episode, read_facts):
        with pytest.raises(UserError, match=r"e\.hdf5 is damaged .*labels.*; python -m data check SESSION"):
            read(tmp_path / "e.hdf5")


def test_anybodys_hdf5_is_not_one_of_our_episodes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "e.hdf5", "w") as file:
        file["actions"] = np.zeros((3, 7))
    for read in (read_episode, read_meta):
        with pytest.raises(UserError, match=r"e\.hdf5 is not one of our episodes"):
            read(tmp_path / "e.hdf5")


@pytest.mark.parametrize(("name", "value"), [("outcome", "great"), ("env_kwargs", "{"), ("seed", "many")])
def test_an_attribute_with_a_strange_value_is_refused(tmp_path: Path, name: str, value: str) -> None:
    write_episode(tmp_path / "e.hdf5", made_episode())
    with h5py.File(tmp_path / "e.hdf5", "a") as file:
        file.attrs[name] = value
    with pytest.raises(UserError, match="is not one of our episodes"):
        read_meta(tmp_path / "e.hdf5")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read as an episode"):
        read_meta(tmp_path / "none.hdf5")


def test_an_episode_of_an_older_schema_is_read_as_if_nothing_new_had_happened(tmp_path: Path) -> None:
    """What schemas 2 to 4 brought is missing in files of schema 1."""
    path = tmp_path / "000000.hdf5"
    written = made_episode(meta=replace(META, idle_start=0, idle_end=0, uid="", recovered=False, origin="", found_mode=""))
    write_episode(path, written)
    newer = [f for f in STEP_FIELDS if f.since > 1]
    with h5py.File(path, "a") as file:
        for name in (*SINCE, "checksum", "digests"):
            del file.attrs[name]
        for f in newer:
            del file[f.name]
        file.attrs["schema_version"] = 1
    again = read_episode(path)
    assert again.meta == replace(written.meta, schema_version=1)
    assert {f.name for f in newer} == {"lateness_s", "control_mode", "heading_deg", "at_rest"}
    assert np.all(np.isnan(again.steps["lateness_s"]))
    assert (again.steps["control_mode"].tolist(), again.steps["heading_deg"].tolist()) == ([0] * 3, [180] * 3)
    assert all(again.steps[f.name].dtype == f.dtype for f in STEP_FIELDS)


def test_an_episode_of_a_newer_schema_is_refused_with_the_way_out(copied: Path) -> None:
    path = sorted((copied / "episodes").glob("*.hdf5"))[0]
    with h5py.File(path, "a") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION + 1
    with pytest.raises(UserError, match=r"schema version \d+, this version reads up to \d+; update"):
        read_meta(path)
