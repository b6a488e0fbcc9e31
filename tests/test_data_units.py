"""Specification of units: what -1 and 1 stand for in imported actions, who says so, and that it is told."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from data_tools import answer, check_mistake, run
from numpy.typing import NDArray

from data.exchange.units import ActionRange, range_of_extremes, range_of_words, unit_of_settings
from data.session import Session
from teleop.envs import make_plant

UNKNOWN = "Elsewhere-v0"


def numbers(low: float, high: float, *shape: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(low, high, shape)


def npz(path: Path, actions: NDArray[Any], width: int = 3) -> Path:
    ends = np.arange(len(actions)) == len(actions) - 1
    np.savez(path, observations=numbers(-1, 1, len(actions), width), actions=actions, rewards=np.zeros(len(actions)), terminals=ends)
    return path


def imported(tmp_path: Path, path: Path, *words: object) -> NDArray[np.generic]:
    """The actions of the last episode of the session `new` after this import."""
    assert run("import", path, "--from", "npz", "--session", tmp_path / "new", *words) == 0
    session = Session.open(tmp_path / "new")
    return session.read(session.rows()[-1].number).steps["actions"]


# -- ranges --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ([-0.05], [0.04], ([-0.05], [0.05])),  # zero stays zero
        ([0.0], [100.0], ([0.0], [100.0])),
        ([2.0], [3.0], ([2.0], [3.0])),
        ([-3.0], [-2.0], ([-3.0], [-2.0])),
        ([7.0], [7.0], ([6.0], [8.0])),  # never changes: 0
        ([0.0], [0.0], ([-1.0], [1.0])),
    ],
)
def test_extremes_become_a_range(low: list[float], high: list[float], expected: tuple[list[float], list[float]]) -> None:
    found = range_of_extremes(np.array(low), np.array(high), "them")
    assert (found.low.tolist(), found.high.tolist()) == expected
    assert np.abs(found.to_unit(np.array([low, high]))).max() <= 1.0


def test_a_range_can_be_undone() -> None:
    found = range_of_words([-2, 2, 0, 255], 2)
    actions = numbers(0, 2, 50, 2)
    unit = found.to_unit(actions)
    np.testing.assert_allclose(found.low + (unit + 1) / 2 * (found.high - found.low), actions)
    assert unit_of_settings({"imported": {"action_range": found.to_json()}}).same(found)  # type: ignore[union-attr]


def test_a_range_is_said_in_one_line() -> None:
    assert str(range_of_words([-2, 2], 3)) == "actions of -2…2 became -1…1 (--action-range)"
    many = ActionRange(np.arange(6.0), np.arange(6.0) + 1, "x")
    assert str(many) == "actions of 0…1, 1…2, 2…3, 3…4 and 2 more became -1…1 (x)"


# -- imports -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("env_id", "width"), [("Pendulum-v1", 3), ("Hopper-v5", 11)])
def test_plain_arrays_are_in_the_units_of_their_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], env_id: str, width: int
) -> None:
    """What the adapter makes of a kept action is the action of the file."""
    plain = gymnasium.make(env_id)
    space = plain.action_space
    assert isinstance(space, gymnasium.spaces.Box)
    actions = numbers(-1, 1, 20, *space.shape) * space.high * 0.3  # little enough to lie within [-1, 1] as it is
    path = npz(tmp_path / "a.npz", actions.astype(np.float32), width)
    said = answer(capsys, "import", path, "--from", "npz", "--session", tmp_path / "new", "--env", env_id)
    kept = Session.open(tmp_path / "new").read(0)
    from teleop.envs.guest.spaces import to_action

    again = np.stack([to_action(row, space) for row in kept.steps["actions"]])
    np.testing.assert_allclose(again, actions, atol=1e-6)
    _, plant = make_plant(env_id, {})
    if said["action_range"]:  # Hopper's are -1…1
        assert said["action_range"]["low"] == plant.facts["low"]  # type: ignore[attr-defined]
        assert kept.meta.settings["imported"]["action_range"]["said_by"] == f"the bounds of {env_id}'s actions"
    plant.close()


@pytest.mark.parametrize("shape", [(20,), (20, 1)])
def test_a_choice_is_kept_as_the_adapter_takes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: tuple[int, ...]) -> None:
    chosen = np.arange(20).reshape(shape) % 2
    path = npz(tmp_path / "a.npz", chosen, 4)
    said = answer(capsys, "import", path, "--from", "npz", "--session", tmp_path / "new", "--env", "CartPole-v1")
    assert said["action_range"] == {"counts": [2], "first": [0], "said_by": "the choices of CartPole-v1"}
    kept = Session.open(tmp_path / "new").read(0).steps
    from teleop.envs.guest.spaces import to_action

    assert kept["actions"].shape == kept["labels"].shape == (20, 2)
    assert [to_action(row, gymnasium.spaces.Discrete(2)) for row in kept["actions"]] == chosen.reshape(-1).tolist()
    again = npz(tmp_path / "b.npz", 1 - chosen, 4)
    assert np.all(imported(tmp_path, again) == np.roll(kept["actions"], 1, axis=1))


def test_a_choice_that_the_environment_does_not_have_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = npz(tmp_path / "a.npz", np.array([0.0, 0.5, 1.0]), 4)
    assert run("import", path, "--from", "npz", "--session", tmp_path / "new", "--env", "CartPole-v1") == 2
    assert "the environment does not have it" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_actions_in_a_unit_that_nobody_names_are_taken_by_their_extremes_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    actions = np.stack([numbers(-90, 45, 30), numbers(0, 255, 30)], axis=1)
    kept = imported(tmp_path, npz(tmp_path / "a.npz", actions), "--env", UNKNOWN)
    assert "became -1…1 (their extremes: nothing says their unit)" in capsys.readouterr().out
    reach = np.abs(actions[:, 0]).max()
    np.testing.assert_allclose(kept[:, 0], actions[:, 0] / reach, rtol=1e-5)
    assert (kept[:, 1].min(), kept[:, 1].max()) == (-1.0, 1.0)


def test_the_next_file_is_in_the_same_unit_as_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(tmp_path, npz(tmp_path / "a.npz", numbers(-90, 90, 30, 2)), "--env", UNKNOWN, "--action-range", -100, 100)
    kept = imported(tmp_path, npz(tmp_path / "b.npz", np.full((5, 2), 25.0)))
    assert "actions of -100…100 became -1…1 (as in this session)" in capsys.readouterr().out
    assert np.all(kept == 0.25)
    beyond = npz(tmp_path / "c.npz", np.array([[25.0, 50.0], [200.0, 50.0]]))
    said = answer(capsys, "import", beyond, "--from", "npz", "--session", tmp_path / "new")
    assert said["clipped"] == 1


def test_what_the_user_says_counts(tmp_path: Path) -> None:
    actions = np.array([[0.5, 10.0], [-0.25, 20.0]])
    kept = imported(tmp_path, npz(tmp_path / "a.npz", actions), "--env", UNKNOWN, "--action-range", -0.5, 0.5, 0, 20)
    assert kept.tolist() == [[1.0, 0.0], [-0.5, 1.0]]


def imported_session(tmp_path: Path) -> Session:
    """One whose actions of seven numbers are in [-1, 1] as they are."""
    imported(tmp_path, npz(tmp_path / "first.npz", numbers(-1, 1, 5, 7)), "--env", UNKNOWN)
    return Session.open(tmp_path / "new")


def test_other_observations_than_the_sessions_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = imported_session(tmp_path)
    other = npz(tmp_path / "b.npz", numbers(-1, 1, 5, 7), width=4)
    assert run("import", other, "--from", "npz", "--session", held.path) == 2
    assert "holds observations state (3) and these have state (4); give another --session" in capsys.readouterr().err
    assert len(held) == 1


BAD = {
    "an odd number": ("--action-range 1 2 3", "has 3 numbers; give LOW HIGH, or LOW HIGH for each number of an action"),
    "upside down": ("--action-range 1 -1", "each LOW must be below its HIGH"),
    "no range": ("--action-range 1 1", "each LOW must be below its HIGH"),
    "endless": ("--action-range 0 inf", "both finite"),
    "letters": ("--action-range low high", "--action-range"),
}


@pytest.mark.parametrize(("words", "says"), BAD.values(), ids=list(BAD))
def test_a_range_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, says: str) -> None:
    (tmp_path / "given").mkdir()
    path = npz(tmp_path / "given" / "a.npz", numbers(-1, 1, 5, 2))
    check_mistake(capsys, f"import {{path}} --from npz --session {{new}} --env {UNKNOWN} {words}", says, path=path, new=tmp_path / "new")


def test_a_range_of_another_width_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--env", UNKNOWN, "--action-range", 1, 2, 1, 2, 1, 2)
    assert run("import", npz(tmp_path / "a.npz", numbers(-1, 1, 5, 2)), "--from", "npz", "--session", tmp_path / "new", *words) == 2
    assert "has 6 numbers; give LOW HIGH, or LOW HIGH for each of an action's 2 numbers" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_another_range_than_the_sessions_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = npz(tmp_path / "a.npz", numbers(-90, 90, 30, 2))
    imported(tmp_path, path, "--env", UNKNOWN, "--action-range", -100, 100)
    other = npz(tmp_path / "b.npz", numbers(-90, 90, 30, 2, seed=1))
    assert run("import", other, "--from", "npz", "--session", tmp_path / "new", "--action-range", -90, 90) == 2
    assert "in this session actions of -100…100 became -1…1" in capsys.readouterr().err


def test_actions_of_another_unit_do_not_go_among_ours_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = imported_session(tmp_path)
    path = npz(tmp_path / "a.npz", numbers(-90, 90, 30, 7))
    words = ("import", path, "--from", "npz", "--session", held.path)
    assert run(*words) == 2
    assert "say what -1 and 1 stand for with --action-range LOW HIGH, or give another --session" in capsys.readouterr().err
    assert len(held) == 1
    assert run(*words, "--action-range", -90, 90) == 0
    assert len(held) == 2


def test_the_environments_say_what_their_actions_are(capsys: pytest.CaptureFixture[str]) -> None:
    import command_lines

    assert command_lines.run("teleop", "envs", "PandaLift-v0", "--json") == 0
    assert '"action_low": [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]' in capsys.readouterr().out
    assert command_lines.run("teleop", "envs", "CartPole-v1", "--json") == 0
    assert '"action_choices": [2], "action_first": [0], "action_high": [], "action_low": []' in capsys.readouterr().out
    assert command_lines.run("teleop", "envs", "--json") == 2
    assert "--json describes one environment; name it" in capsys.readouterr().err
