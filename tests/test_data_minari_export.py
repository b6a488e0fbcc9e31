"""Specification of `data export --to minari`: Minari itself reads it, and it comes back to the bit or is refused in one line."""

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import minari
import numpy as np
import pytest
from data_tools import PLAIN, answer, check_mistake, flip_a_bit, interrupting, make_older, run, session_of, snapshot
from minari.data_collector import EpisodeBuffer
from test_data_support import made_episode, tick

import data.exchange.minari_set as minari_set
from data.episode import Episode, Part
from data.exchange.env_spec import env_in, spec_of
from data.masks import Masks, read_masks, write_masks
from data.schema import STEP_FIELDS, Outcome, Source
from data.session import Session
from teleop import ENV_IDS

S, F, A, P = Outcome.SUCCESS, Outcome.FAILURE, Outcome.ABANDONED, Outcome.PARTIAL


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Minari's folder of data sets."""
    path = tmp_path / "minari"
    path.mkdir()
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(path))
    return path


@pytest.fixture
def ours(tmp_path: Path) -> Session:
    """A success with idle ends, a branch that was left, one in which a policy asked; of number 1 there is none."""
    session = session_of(tmp_path / "monday", S, S, F)
    session.trash(0, 1)
    whole = made_episode(*(tick(t) for t in range(6)))
    idle = Part({name: column[:2] for name, column in whole.steps.items()}, {key: column[:2] for key, column in whole.obs.items()})
    ended = replace(made_episode(meta=replace(PLAIN, outcome=S, idle_start=2, idle_end=2)), idle={"start": idle, "end": idle})
    session.append(ended, 0)
    session.append(made_episode(meta=replace(PLAIN, outcome=A, parent=2, branch_step=2, seed=-1)))
    asked = tick(1, Source.POLICY, label=np.full(7, 0.3, np.float32), policy_action=np.zeros(7, np.float32), gate_score=0.7)
    session.append(made_episode(tick(0), asked, tick(2), meta=replace(PLAIN, outcome=P, dagger_round=2)))
    write_masks(session.path, Masks((0, 4), (2,)))
    session.tidy_listing()
    return session


def exported(session: Session, out: Path, *words: object) -> Path:
    assert run("export", session.path, "--to", "minari", "--out", out, *words) == 0
    return out


def main_file(folder: Path) -> Path:
    return folder / "data" / "main_data.hdf5"


def metadata(folder: Path, **changes: Any) -> dict[str, Any]:
    """What stands in metadata.json, after changing it."""
    path = folder / "data" / "metadata.json"
    values = dict(json.loads(path.read_text())) | changes
    path.write_text(json.dumps(values))
    return values


def check_same(one: Episode, other: Episode) -> None:
    """Every array to the bit and in its type, those set aside among them, and every attribute but where it came from."""
    parts = [(one.idle[end], other.idle[end]) for end in one.idle]
    pairs = [(one.steps, other.steps), (one.obs, other.obs), (one.final_obs, other.final_obs)]
    pairs += [pair for a, b in parts for pair in ((a.steps, b.steps), (a.obs, b.obs))]
    assert one.idle.keys() == other.idle.keys()
    for a, b in pairs:
        assert a.keys() == b.keys()
        assert all((a[k].dtype, a[k].shape, a[k].tobytes()) == (b[k].dtype, b[k].shape, b[k].tobytes()) for k in a)
    assert replace(one.meta, origin="") == replace(other.meta, origin="")


# -- Minari reads it -----------------------------------------------------------------------------------------------


def test_minari_reads_every_value(ours: Session, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(capsys, "export", ours.path, "--to", "minari", "--out", root / "arms-v3", "--all")
    assert (said["id"], said["episodes"], said["steps"]) == ("arms-v3", 4, 12)
    dataset = minari.load_dataset("arms-v3")
    assert (dataset.total_episodes, dataset.total_steps) == (4, 12)
    for read, row in zip(dataset, ours.rows(), strict=True):
        episode = ours.read(row.number)
        assert np.array_equal(read.actions, episode.steps["actions"])
        assert np.array_equal(read.rewards, episode.steps["rewards"])
        for key, column in episode.obs.items():
            assert np.array_equal(read.observations[key], [*column, episode.final_obs[key]])
            assert read.observations[key].dtype == column.dtype == dataset.observation_space[key].dtype
        assert all(dataset.observation_space.contains({k: v[t] for k, v in read.observations.items()}) for t in range(4))
        assert dataset.action_space.contains(read.actions[0])


def test_what_minari_has_no_place_for_is_in_infos_with_a_row_for_each_observation(ours: Session, root: Path) -> None:
    exported(ours, root / "arms-v0", "--all")
    dataset = minari.load_dataset("arms-v0")
    assert all(len(column) == 4 for read in dataset for column in read.infos.values())
    asked, episode = dataset[3].infos, ours.read(4)
    assert set(asked) == {f.name for f in STEP_FIELDS} - {"actions", "rewards"} | {"success"}
    assert np.array_equal(asked["labels"][:-1], episode.steps["labels"], equal_nan=True)
    assert np.array_equal(asked["sim_state"], episode.steps["sim_state"])
    assert np.isnan(asked["labels"][-1]).all()


def test_an_episode_ends_by_success_or_is_cut_off(ours: Session, root: Path) -> None:
    exported(ours, root / "arms-v0", "--all")
    ends = [(list(read.terminations), list(read.truncations), list(read.infos["success"])) for read in minari.load_dataset("arms-v0")]
    end, none = [False, False, True], [False] * 3
    assert ends == [(end, none, [*none, True])] + [(none, end, [*none, False])] * 3


def test_seeds_and_our_attributes_are_minaris_metadata_of_an_episode(ours: Session, root: Path) -> None:
    exported(ours, root / "arms-v0", "--all")
    dataset = minari.load_dataset("arms-v0")
    about = list(dataset.storage.get_episode_metadata(range(4)))
    assert [one.get("seed") for one in about] == [41, 41, None, 41]
    assert [one["gamepad_dagger"]["outcome"] for one in about] == ["success", "failure", "abandoned", "partial"]
    assert [int(one["total_steps"]) for one in about] == [3] * 4


def test_minaris_own_tools_work_with_it(ours: Session, root: Path) -> None:
    exported(ours, root / "arms-v0", "--all")
    dataset = minari.load_dataset("arms-v0")
    assert len(dataset.filter_episodes(lambda read: bool(read.terminations[-1]))) == 1
    assert {read.id for read in dataset.sample_episodes(4)} == {0, 1, 2, 3}
    assert [len(part) for part in minari.split_dataset(dataset, [3, 1], seed=0)] == [3, 1]
    both = minari.combine_datasets([dataset, dataset], "both-v0")
    assert (both.total_episodes, both.total_steps) == (8, 24)
    known = minari.list_local_datasets()
    assert known["arms-v0"]["dataset_size"] >= 0
    assert set(known) == {"arms-v0", "both-v0"}
    assert known["arms-v0"]["algorithm_name"] == "DAgger"


def test_minari_can_go_on_with_it(ours: Session, root: Path, tmp_path: Path) -> None:
    """What it adds is another tool's; ours stay verified."""
    exported(ours, root / "arms-v0")
    dataset = minari.load_dataset("arms-v0")
    read = dataset[0]
    more = EpisodeBuffer(
        observations=read.observations, actions=read.actions, rewards=read.rewards, terminations=[0, 0, 1], truncations=[0, 0, 0], seed=5
    )
    dataset.update_dataset_from_buffer([more])
    dataset.storage.update_episode_metadata([{"quality": 1}] * 3)
    assert minari.load_dataset("arms-v0")[2].id == 2
    assert run("import", root / "arms-v0", "--from", "minari", "--session", tmp_path / "back") == 0
    back = Session.open(tmp_path / "back")
    check_same(ours.read(0), back.read(0))
    assert (back.read(2).meta.seed, back.read(2).meta.operator) == (5, "human, imported")


# -- its environment -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_the_spec_of_our_environments_is_gymnasiums(env_id: str) -> None:
    written = spec_of(env_id, {}, flat=False)
    assert written == gymnasium.spec(env_id).to_json()
    assert env_in(json.loads(written)) == (env_id, {})


@pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        ("PandaLift-v0", {"cameras": ["front"], "reward": "dense"}),
        ("PandaLift-v0", {"robot": "kuka_iiwa_14"}),
        ("CartPole-v1", {}),
        ("gymnasium_robotics:AdroitHandDoor-v1", {"reward_type": "dense"}),
        ("metaworld:Meta-World/MT1", {"env_name": "drawer-open-v3"}),
    ],
)
def test_a_spec_says_which_environment_it_is_of(env_id: str, kwargs: dict[str, Any]) -> None:
    written = spec_of(env_id, kwargs, flat=True)
    assert written is not None
    assert env_in(json.loads(written)) == (env_id, kwargs)
    assert gymnasium.envs.registration.EnvSpec.from_json(written).id == env_id.rpartition(":")[2]


def test_an_id_that_gymnasium_would_not_read_is_left_out() -> None:
    assert spec_of("Lift the cube!", {}, flat=False) is None


def test_the_environment_is_made_again(recorded: Path, root: Path) -> None:
    exported(Session.open(recorded), root / "lift-v0")
    dataset = minari.load_dataset("lift-v0")
    with dataset.recover_environment() as env:
        assert env.spec is not None
        assert (env.spec.id, env.spec.max_episode_steps) == ("PandaLift-v0", 300)
        assert (env.observation_space, env.action_space) == (dataset.observation_space, dataset.action_space)
        seed = next(iter(dataset.storage.get_episode_metadata([0])))["seed"]
        obs, _ = env.reset(seed=seed)
        assert np.array_equal(obs["object"][3:7], dataset[0].observations["object"][0][3:7])


@pytest.fixture
def cart(tmp_path: Path) -> Session:
    """Of another environment, whose observation is one vector."""
    rng = np.random.default_rng(0)
    about = replace(PLAIN, env_id="CartPole-v1", env_kwargs={}, outcome=S)
    session = Session.create(tmp_path / "cart")
    for _ in range(2):
        ticks = [tick(t, obs={"state": rng.normal(size=4).astype(np.float32)}, action=np.array([1.0, -1.0], np.float32)) for t in range(4)]
        session.append(made_episode(*ticks, meta=about))
    return session


def test_a_vector_is_a_box_as_the_environment_gives_it(cart: Session, root: Path) -> None:
    exported(cart, root / "cart-v0")
    dataset = minari.load_dataset("cart-v0")
    assert dataset[1].observations.shape == (5, 4)
    assert isinstance(dataset.observation_space, gymnasium.spaces.Box)
    with dataset.recover_environment() as env:
        assert (env.observation_space, env.action_space) == (dataset.observation_space, dataset.action_space)
        assert env.reset(seed=0)[0].shape == (4,)
        env.step(dataset[0].actions[0])


def test_an_older_minari_may_read_what_it_would_not_take_for_a_jpeg(ours: Session, recorded: Path, root: Path) -> None:
    assert metadata(exported(ours, root / "small-v0"))["minari_version"] == "0.5.0"
    session = session_of(root.parent / "large")
    large = tick(obs={"front_image": np.zeros((32, 40, 3), np.uint8)})
    session.append(made_episode(large, meta=replace(PLAIN, outcome=S)))
    assert metadata(exported(session, root / "large-v0"))["minari_version"] == "0.5.4"
    assert minari.load_dataset("large-v0")[0].observations["front_image"].shape == (2, 32, 40, 3)


# -- and back ------------------------------------------------------------------------------------------------------


def test_all_of_it_comes_back_to_the_bit(ours: Session, tmp_path: Path) -> None:
    folder = exported(ours, tmp_path / "set", "--all")
    assert run("import", folder, "--from", "minari", "--session", tmp_path / "back") == 0
    back = Session.open(tmp_path / "back")
    renumbered = {0: 0, 2: 1, 3: 2, 4: 3}
    for old, new in renumbered.items():
        one, other = ours.read(old), back.read(new)
        assert other.meta.origin == f"set#demo_{old}"
        check_same(one if one.meta.parent < 0 else replace(one, meta=replace(one.meta, parent=renumbered[one.meta.parent])), other)
    assert read_masks(back.path).named() == {"train": (0, 3), "valid": (1,)}
    assert run("check", back.path, "--replay", 0) == 0


def test_a_vector_comes_back_to_the_bit(cart: Session, tmp_path: Path) -> None:
    folder = exported(cart, tmp_path / "set")
    assert run("import", folder, "--from", "minari", "--session", tmp_path / "back") == 0
    back = Session.open(tmp_path / "back")
    check_same(cart.read(1), back.read(1))
    assert back.env_of().env_id == "CartPole-v1"


def test_a_recording_replays_to_the_bit_after_the_round_trip(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = exported(Session.open(recorded), tmp_path / "set")
    assert run("import", folder, "--from", "minari", "--session", tmp_path / "back") == 0
    assert answer(capsys, "check", tmp_path / "back", "--replay", 1)["replayed"] == 1


def test_importing_what_was_exported_adds_nothing_to_its_session(ours: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = exported(ours, tmp_path / "set", "--all")
    said = answer(capsys, "import", folder, "--from", "minari", "--session", ours.path)
    assert (said["imported"], said["passed_over"]) == (0, 4)


def test_an_older_episode_comes_back_in_the_present_schema(ours: Session, tmp_path: Path) -> None:
    make_older(ours.episode_path(0))
    ours = Session.open(ours.path)
    folder = exported(ours, tmp_path / "set", "--episodes", 0)
    assert run("import", folder, "--from", "minari", "--session", tmp_path / "back") == 0
    back = Session.open(tmp_path / "back").read(0)
    assert back.meta.schema_version == 4
    assert np.array_equal(back.steps["actions"], ours.read(0).steps["actions"])
    assert list(back.idle) == ["end", "start"]


def test_without_its_metadata_the_file_is_enough(ours: Session, tmp_path: Path) -> None:
    main = main_file(exported(ours, tmp_path / "set", "--all"))
    (main.parent / "metadata.json").unlink()
    assert run("import", main, "--from", "minari", "--session", tmp_path / "back") == 0
    check_same(ours.read(0), Session.open(tmp_path / "back").read(0))


# -- mistakes ------------------------------------------------------------------------------------------------------


def changed(change: Callable[[h5py.Group], None]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        with h5py.File(main_file(folder), "r+") as file:
            change(file["episode_0"])

    return write


def put(path: str, value: Any) -> Callable[[Path], None]:
    def change(group: h5py.Group) -> None:
        group[path][...] = value

    return changed(change)


def without(path: str) -> Callable[[Path], None]:
    return changed(lambda group: group.__delitem__(path))


def attribute(name: str, value: Any) -> Callable[[Path], None]:
    return changed(lambda group: group.attrs.__setitem__(f"gamepad_dagger/{name}", value))


def replaced(path: str, link: Any) -> Callable[[Path], None]:
    def change(group: h5py.Group) -> None:
        del group[path]
        group[path] = link

    return changed(change)


def about(**ours: Any) -> Callable[[Path], None]:
    return lambda folder: metadata(folder, gamepad_dagger=ours) and None


def cut(folder: Path) -> None:
    content = main_file(folder).read_bytes()
    main_file(folder).write_bytes(content[: len(content) // 2])


DAMAGED: dict[str, tuple[Callable[[Path], None], str]] = {
    "an action changed": (put("actions", 0.5), "demo_0 is damaged (actions does not match its checksum); --skip-bad leaves such out"),
    "an observation changed": (put("observations/object", 7), "demo_0 is damaged (obs/object does not match its checksum)"),
    "a last observation changed": (
        changed(lambda group: group["observations/object"].__setitem__(3, 9)),
        "demo_0 is damaged (final_obs/object does not",
    ),
    "an info changed": (put("infos/phase", 2), "demo_0 is damaged (phase does not match its checksum)"),
    "an idle step changed": (put("idle/end/rewards", 1), "demo_0 is damaged (idle/end/rewards does not match"),
    "an attribute changed": (attribute("operator", "me"), "demo_0 is damaged (its attributes do not match their checksum)"),
    "digests gone wrong": (attribute("digests", "[1"), "demo_0 is damaged ("),
    "no actions": (without("actions"), "demo_0 cannot be read (actions is not in it)"),
    "no infos": (without("infos"), "demo_0 is damaged ('dones is not in it')"),
    "a row short": (replaced("infos/phase", np.ones(3, np.uint8)), "demo_0 is damaged (phase does not match its checksum)"),
    "a number for rows": (replaced("infos/phase", 3), "demo_0 cannot be read ("),
    "texts for rows": (replaced("infos/phase", ["a"] * 4), "demo_0 cannot be read (infos/phase holds no numbers)"),
    "a link outwards": (
        replaced("actions", h5py.ExternalLink("elsewhere.hdf5", "/actions")),
        "demo_0 cannot be read (actions is not in it)",
    ),
    "a newer schema": (attribute("schema_version", 99), "demo_0 has schema version 99, this version reads up to 4"),
    "half a file": (cut, "cannot be read"),
    "arguments that are none": (attribute("env_kwargs", "}"), "cannot be read as minari (Expecting value"),
    "episodes twice": (about(numbers=[0, 0]), "is not a Minari data set's (gamepad_dagger names an episode twice)"),
    "numbers that are none": (about(numbers=["a"]), "is not a Minari data set's (invalid literal"),
    "masks that are none": (about(masks=[1]), "is not a Minari data set's ("),
    "a spec that is none": (lambda folder: metadata(folder, env_spec="[1]") and None, "is not a Minari data set's ("),
}


@pytest.mark.parametrize(("change", "says"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_set_that_is_not_what_was_written_is_one_line_and_nothing_is_made(
    ours: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None], says: str
) -> None:
    folder = exported(ours, tmp_path / "set", "--all")
    change(folder)
    check_mistake(capsys, "import {set} --from minari --session {new}", says, set=folder, new=tmp_path / "new")


def test_what_is_damaged_can_be_left_out(ours: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = exported(ours, tmp_path / "set", "--all")
    put("actions", 0.5)(folder)
    said = answer(capsys, "import", folder, "--from", "minari", "--session", tmp_path / "back", "--skip-bad")
    assert (said["imported"], list(said["skipped"])) == (3, ["demo_0"])


REFUSED = {
    "a name with a space": ("--out {new}/a --name arms$v0", "--name 'arms$v0' is not a name for Minari; give one such as lift-v0"),
    "no version": ("--out {new}/a --name panda/lift", "--name 'panda/lift' is not a name for Minari"),
    "a way out": ("--out {new}/a --name ../lift-v0", "--name '../lift-v0' is not a name for Minari"),
    "no version among Minari's": ("--out {root}/lift", "--out 'lift' is not a name for Minari"),
    "another place than its name": ("--out {root}/a-v0 --name b-v0", "--name b-v0: Minari would look for it at {root}/b-v0"),
    "no namespace's folder": ("--out {root}/panda/lift-v0", "there is no folder {root}/panda; make it"),
    "a file": ("--out {file}", "is a file; give the name of a folder to make"),
    "inside the session": ("--out {session}/set", "is inside the session"),
    "something else there": ("--out {full} --overwrite", "has no data/metadata.json: --overwrite replaces only a data set of this format"),
    "something there": ("--out {full}", "exists; give another name, or --overwrite to replace it"),
    "a damaged episode": ("--out {new}/a --episodes 2", "000002.hdf5 is damaged (actions does not match"),
    "episodes of two kinds": ("--out {new}/a --episodes 0 5", "episode 5 has other observations or actions than episode 0"),
}


@pytest.mark.parametrize(("words", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_one_line_and_changes_nothing(
    ours: Session, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], words: str, says: str
) -> None:
    ours.append(made_episode(tick(obs={"object": np.zeros(4, np.float32)}), meta=replace(PLAIN, outcome=S)))
    flip_a_bit(ours.episode_path(2))
    (tmp_path / "new").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    Session.open(ours.path)
    places = {name: tmp_path / name for name in ("new", "full", "file")} | {"root": root, "session": ours.path}
    capsys.readouterr()
    if "--episodes 0 5" in words or "--episodes 2" in words:  # seen while it is written, behind the bar
        before = snapshot(tmp_path)
        assert run("export", ours.path, "--to", "minari", *words.format(**places).split()) == 2
        assert says in capsys.readouterr().err
        assert snapshot(tmp_path) == before
        assert not list((tmp_path / "new").iterdir())
        return
    check_mistake(capsys, f"export {{session}} --to minari {words}", says, **places)


def test_the_name_is_the_folders_or_what_was_asked_for(ours: Session, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "panda").mkdir()
    names = [
        ("--out", root / "panda" / "lift-v2"),
        ("--out", root.parent / "my set"),
        ("--out", root.parent / "b", "--name", "panda/stack-v1"),
    ]
    said = [answer(capsys, "export", ours.path, "--to", "minari", *words)["id"] for words in names]
    assert said == ["panda/lift-v2", "my-set-v0", "panda/stack-v1"]
    assert minari.load_dataset("panda/lift-v2").total_episodes == 2


@pytest.mark.parametrize("after", [1, 3])
def test_ctrl_c_leaves_nothing_and_the_old_set_stays(ours: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    folder = exported(ours, tmp_path / "set")
    monkeypatch.setattr(minari_set, "_add", interrupting(after, minari_set._add))
    before = snapshot(tmp_path)
    assert run("export", ours.path, "--to", "minari", "--out", folder, "--all", "--overwrite") == 130
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("can't flush")])
def test_a_full_disk_leaves_nothing(
    ours: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(minari_set, "write_array", refuse)
    before = snapshot(tmp_path)
    assert run("export", ours.path, "--to", "minari", "--out", tmp_path / "set") == 2
    assert "--out" in (told := capsys.readouterr().err)
    assert "could not be written" in told
    assert snapshot(tmp_path) == before
