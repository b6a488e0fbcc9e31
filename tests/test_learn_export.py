"""Specification of `learn export` and of examples/play.py: a policy without torch does what it does with it."""

import contextlib
import io
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import command_lines
import gymnasium
import numpy as np
import onnx
import onnxruntime
import pytest
from data_tools import interrupting, snapshot
from test_learn_support import TOY_CONFIG, ToyReach, expert_episode, session_of, toy_expert

from data.session import Session
from learn.checkpoint import Checkpoint, load_policy, save_policy
from learn.driver import Driver
from learn.evaluate import evaluate
from learn.export.check import TOLERANCE
from learn.export.graph import Given, graph_of
from learn.export.onnx_file import facts_of
from learn.policies import build_policy
from learn.train import TrainConfig, train

PLAY = Path(__file__).parent.parent / "examples" / "play.py"
PICTURE = (40, 48, 3)
KINDS: dict[str, dict[str, Any]] = {
    "bc": {"policy": "bc"},
    "bc of three": {"policy": "bc", "members": 3},
    "bc in overlapping chunks": {"policy": "bc", "chunk": 4, "execute": 1},
    "moe": {"policy": "moe", "members": 2},
    "moe for a chunk": {"policy": "moe", "sticky": "chunk"},
    "flow": {"policy": "flow", "members": 2},
    "bc-rnn-gmm": {"policy": "bc-rnn-gmm"},
    "act": {"policy": "act"},
    "act in overlapping chunks of two": {"policy": "act", "chunk": 5, "execute": 1, "members": 2},
    "visual": {"policy": "visual"},
    "visual-moe": {"policy": "visual-moe"},
    "visual-flow": {"policy": "visual-flow"},
}
REMEMBERED = {
    "bc in overlapping chunks": ["sums"],
    "act in overlapping chunks of two": ["sums"],
    "moe": ["mode"],
    "visual-moe": ["mode"],
    "bc-rnn-gmm": ["hidden", "cell", "age"],
}
DRAWN = {"moe": {"mode": "uniform"}, "flow": {"start": "normal"}, "bc-rnn-gmm": {"gaussian": "uniform"}}
PICTURED = "Pictured-v0"
ALL_KINDS = pytest.mark.parametrize("name", KINDS)


def export(model: Path, out: Path, *words: str) -> int:
    return command_lines.run("learn", "export", model, "--out", out, *words)


class Pictured(ToyReach):
    """With a camera that sees nothing of use."""

    def __init__(self) -> None:
        super().__init__()
        spaces = {**self.observation_space.spaces, "front_image": gymnasium.spaces.Box(0, 255, PICTURE, np.uint8)}
        self.observation_space = gymnasium.spaces.Dict(spaces)

    def _obs(self) -> dict[str, Any]:
        place = int(100 + 50 * self._position[0])
        return {**super()._obs(), "front_image": np.full(PICTURE, min(max(place, 0), 255), np.uint8)}


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    gymnasium.register(PICTURED, entry_point=Pictured)
    yield
    del gymnasium.registry[PICTURED]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    episodes = []
    for one in (expert_episode(seed) for seed in range(6)):
        places = np.clip(100 + 50 * one.obs["position"][:, 0], 0, 255).astype(np.uint8)
        pictures = np.broadcast_to(places[:, None, None, None], (len(one), *PICTURE))
        obs, final = {**one.obs, "front_image": pictures}, {**one.final_obs, "front_image": pictures[-1]}
        episodes.append(replace(one, meta=replace(one.meta, env_id=PICTURED), obs=obs, final_obs=final))
    return session_of(tmp_path_factory.mktemp("session"), *episodes)


@pytest.fixture(scope="module")
def models(session: Session, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trained policy of each kind, good and bad ones."""
    root, found = tmp_path_factory.mktemp("models"), {}
    for name, settings in KINDS.items():
        hidden = (16,) if settings["policy"] in ("flow", "visual-flow", "act") else (16, 16)
        steps = {"steps": 5 if settings["policy"].startswith("visual") else 60, "batch_size": 16, "weight_decay": 0.1, "lr": 0.01}
        config = TrainConfig(**{"hidden": hidden, "integration_steps": 2, "experts": 4, **steps, **settings})
        found[name] = train(session, config, root / name.replace(" ", "-")).model_dir
    return found


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What the command printed of each file."""
    return {}


@pytest.fixture(scope="module")
def exported(models: dict[str, Path], told: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("exported")
    for name, model in models.items():
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            assert export(model, root / f"{name}.onnx", "--json") == 0, said.getvalue()
        told[name] = said.getvalue()
    return {name: root / f"{name}.onnx" for name in models}


class Player:
    """A policy's file, played as docs/onnx.md says, by our driver's interface."""

    def __init__(self, path: Path) -> None:
        self.session = onnxruntime.InferenceSession(path)
        self.inputs = {port.name: port for port in self.session.get_inputs()}
        self.facts = self.session.get_modelmeta().custom_metadata_map
        self.noise = json.loads(self.facts["noise"])
        self.begin(0)

    def begin(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.memory = {name: np.zeros(port.shape, np.float32) for name, port in self.inputs.items() if name.startswith("memory.")}
        self.plan: list[np.ndarray] = []

    def act(self, obs: dict[str, np.ndarray]) -> np.ndarray:
        if not self.plan:
            self.plan = list(self.look(obs))
        return self.plan.pop(0)

    def look(self, obs: dict[str, np.ndarray]) -> np.ndarray:
        seen = {name: value.reshape(self.inputs[name].shape) for name, value in obs.items() if name in self.inputs}
        drawn = {name: getattr(self.draw, kind)(size=shape).astype(np.float32) for name, (kind, shape) in self.noise.items()}
        actions, *kept = self.session.run(None, seen | self.memory | drawn)
        self.memory = dict(zip(self.memory, kept, strict=True))
        return actions[0]


def toy_obs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    vectors = {key: rng.uniform(-1, 1, 2).astype(np.float32) for key in TOY_CONFIG.obs_keys}
    return {**vectors, "front_image": rng.integers(0, 256, PICTURE, np.uint8)}


# -- the file ----------------------------------------------------------------------------------------------------------


@ALL_KINDS
def test_every_kind_is_without_torch_what_it_is_with_it(name: str, exported: dict[str, Path], told: dict[str, str]) -> None:
    *lines, last = told[name].splitlines()
    said = json.loads(last)
    assert 0.0 <= said["difference"] <= TOLERANCE
    assert said["looks"] >= 200
    assert said["bytes"] == exported[name].stat().st_size
    assert lines[0].startswith(f"{exported[name]}: {KINDS[name]['policy']} for teleop:Guest-v0, ")
    assert lines[3] == f"onnxruntime makes of it what torch does: largest difference {said['difference']:.1e} over {said['looks']} looks"
    assert len(lines) == 5
    assert set(exported[name].parent.iterdir()) == set(exported.values())


def test_what_the_exporter_itself_has_to_say_is_not_passed_on(models: dict[str, Path], tmp_path: Path) -> None:
    words = ["-m", "learn", "export", str(models["act"]), "--out", str(tmp_path / "a.onnx")]
    ran = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True, cwd=PLAY.parents[1])
    assert len(ran.stdout.splitlines()) == 5
    assert {line.split()[0] for line in ran.stderr.splitlines() if line.strip()} <= {"exporting"}


@ALL_KINDS
def test_a_file_is_sound_and_says_nothing_of_the_machine_it_was_made_on(name: str, exported: dict[str, Path]) -> None:
    content = exported[name].read_bytes()
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert {(entry.domain, entry.version) for entry in model.opset_import} == {("", 18)}
    assert model.producer_name == "gamepad-dagger"
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert b"learn/" not in content
    assert b"site-packages" not in content


@ALL_KINDS
def test_inputs_and_outputs_are_named_as_documented(name: str, exported: dict[str, Path]) -> None:
    player, kind = Player(exported[name]), KINDS[name]["policy"]
    memory = [f"memory.{part}" for part in REMEMBERED.get(name, [])]
    noise = {f"noise.{part}": draw for part, draw in DRAWN.get(kind.removeprefix("visual-"), {}).items()}
    pictures = ["front_image"] if kind.startswith("visual") else []
    assert list(player.inputs) == ["goal", "position", *pictures, *memory, *noise]
    assert [port.name for port in player.session.get_outputs()] == ["actions", *(f"next.{part}" for part in memory)]
    assert {port: draw for port, (draw, _) in player.noise.items()} == noise
    assert all(player.inputs[port].shape == shape for port, (_, shape) in player.noise.items())
    kinds = {port: (one.type, one.shape) for port, one in player.inputs.items()}
    assert kinds["goal"] == ("tensor(float)", [1, 2])
    assert all(kinds[port] == ("tensor(uint8)", [1, *PICTURE]) for port in pictures)
    assert all(kinds[port][0] == "tensor(float)" for port in (*memory, *noise))


def test_the_file_says_what_a_player_needs(models: dict[str, Path], exported: dict[str, Path]) -> None:
    facts, trained = Player(exported["moe"]).facts, load_policy(models["moe"])
    assert (facts["kind"], facts["execute"], facts["chunk"]) == ("moe", "4", "8")
    assert facts["fingerprint"] == trained.fingerprint
    assert facts["env_id"] == "teleop:Guest-v0"
    assert json.loads(facts["env_kwargs"]) == {"env_id": PICTURED, "env_kwargs": {}}


@pytest.mark.parametrize(
    ("env_id", "hz", "made_by"),
    [
        ("PandaLift-v0", "20", "teleop:PandaLift-v0"),
        ("teleop:PandaLift-v0", "20", "teleop:PandaLift-v0"),
        ("CartPole-v1", "50", "teleop:Guest-v0"),
        ("Toy-v0", None, "teleop:Guest-v0"),  # nobody here knows it
    ],
)
def test_environment_and_rate_are_those_it_was_trained_in(env_id: str, hz: str | None, made_by: str) -> None:
    policy = build_policy(TOY_CONFIG)
    facts = facts_of(Checkpoint(policy, env_id, {}, "abc"), graph_of(policy))
    assert (facts.get("control_hz"), facts["env_id"]) == (hz, made_by)


def test_equal_weights_are_kept_once(models: dict[str, Path], exported: dict[str, Path]) -> None:
    """A flow's network is there for every step from noise to a chunk; and of its two members only the one that drives."""
    weights = sum(value.nbytes for value in load_policy(models["flow"]).policy.state_dict().values())
    model = onnx.load(exported["flow"])
    assert sum(len(tensor.raw_data) for tensor in model.graph.initializer) < 0.6 * weights


# -- at the wheel ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bc", "bc of three", "bc in overlapping chunks", "act", "act in overlapping chunks of two"])
def test_it_drives_as_the_driver_does(name: str, models: dict[str, Path], exported: dict[str, Path]) -> None:
    """Policies that draw nothing, over whole episodes, one after the other."""
    driver, player, env = Driver(load_policy(models[name]).policy), Player(exported[name]), ToyReach()
    for seed in range(3):
        obs, _ = env.reset(seed=seed)
        driver.begin(seed)
        player.begin(seed)
        over = False
        while not over:
            action = driver.act(obs)[0]
            np.testing.assert_allclose(player.act(obs), action, atol=TOLERANCE)
            obs, _, _, over, _ = env.step(toy_expert(obs))


def test_a_mode_is_drawn_by_its_probability_and_kept_for_the_episode(models: dict[str, Path], exported: dict[str, Path]) -> None:
    policy, player, rng = load_policy(models["moe"]).policy, Player(exported["moe"]), np.random.default_rng(0)
    first, second = toy_obs(rng), toy_obs(rng)
    modes = policy.modes(first)
    counts = np.zeros(len(modes))
    for seed in range(400):
        player.begin(seed)
        apart = [np.abs(player.look(first) - mode.chunk[:4]).max() for mode in modes]
        mode = int(np.argmin(apart))
        assert min(apart) <= TOLERANCE
        np.testing.assert_allclose(player.look(second), policy.modes(second)[mode].chunk[:4], atol=TOLERANCE)
        counts[mode] += 1
    np.testing.assert_allclose(counts / 400, [mode.probability for mode in modes], atol=0.1)


def test_a_recurrent_policy_begins_anew_after_as_many_looks_as_it_was_trained_on(exported: dict[str, Path]) -> None:
    player, rng = Player(exported["bc-rnn-gmm"]), np.random.default_rng(0)
    for _ in range(10):
        player.look(toy_obs(rng))
    assert player.memory["memory.age"] == 10
    obs = toy_obs(rng)
    player.look(obs)
    after = player.memory
    player.begin(0)
    player.look(obs)
    assert all(np.array_equal(value, after[name]) for name, value in player.memory.items())


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bc in overlapping chunks", "moe", "bc-rnn-gmm"])
def test_who_drives_otherwise_than_the_policy_is_not_let_out(
    name: str, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is remembered wrongly is found; a file of that name stays what it was."""
    out = tmp_path / "policy.onnx"
    out.write_bytes(b"an older one")
    monkeypatch.setattr("learn.export.graph.OLDER_COUNTS_MORE", 0.02)
    monkeypatch.setattr("learn.export.graph.Keeping.look", _draws_each_time)
    monkeypatch.setattr("learn.export.graph.Stepping.look", _never_begins_anew)
    assert export(models[name], out, "--overwrite", "--json") == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("not exported: onnxruntime does not make of it what torch does, largest difference ")
    assert json.loads(shown[-1])["out"] is None
    assert out.read_bytes() == b"an older one"
    assert sorted(tmp_path.iterdir()) == [out]


def _draws_each_time(graph: Any, features: Any, memory: Any, noise: Any) -> Any:
    chunk = graph.policy.head.means(features)[0, :, 0].index_select(0, (noise[0].flatten() * 3.99).long())
    return graph.policy.action_range.from_unit(chunk), *memory


def _never_begins_anew(graph: Any, features: Any, memory: Any, noise: Any) -> Any:
    hidden, cell, age = memory
    chunk, after = graph.policy.head.step(0, features[0], (hidden, cell), Given(value=noise[0]))
    return graph.policy.action_range.from_unit(chunk), *after, age + 1.0


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_policy(tmp_path / "model", Checkpoint(build_policy(TOY_CONFIG), "Toy-v0", {}, "abc"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("{model} --out {there}/policy.pt", "policy.pt is not an .onnx; give a name that ends in .onnx"),
        ("{model} --out {there}/no/policy.onnx", "there is no folder {there}/no; make it or give another name"),
        ("{model} --out {there}/old.onnx", "old.onnx exists; give another name, or --overwrite to replace it"),
        ("{model} --out {there}/folder.onnx --overwrite", "folder.onnx is a folder; give the name of a file to make"),
        ("{there}/nothing --out {there}/policy.onnx", "there is no model at"),
        ("{there}/folder.onnx --out {there}/policy.onnx", "is not a model of this kind"),
        ("{model}", "--out"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words: str, says: str, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = model.parent
    (there / "old.onnx").write_bytes(b"old")
    (there / "folder.onnx").mkdir()
    before = snapshot(there)
    assert command_lines.run("learn", "export", *words.format(model=model, there=there).split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("error: ")
    assert says.format(there=there) in line
    assert snapshot(there) == before


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_what_is_not_installed_is_said_in_one_line(missing: str, model: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert export(model, model.parent / "policy.onnx") == 2
    line = 'error: export needs onnx, onnxscript and onnxruntime; install them with: pip install "gamepad-dagger[onnx]"\n'
    assert capsys.readouterr().err == line


def test_ctrl_c_leaves_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Driver, "act", interrupting(50, Driver.act))
    before = snapshot(model.parent)
    assert export(model, model.parent / "policy.onnx") == 130
    assert snapshot(model.parent) == before


# -- examples/play.py --------------------------------------------------------------------------------------------------


def play(path: Path, episodes: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", [str(PLAY), str(path), str(episodes)])
    capsys.readouterr()
    runpy.run_path(str(PLAY), run_name="__main__")
    (line,) = capsys.readouterr().out.splitlines()
    return line


@ALL_KINDS
def test_every_kind_is_played_and_succeeds_as_often_as_the_policy_itself(
    name: str, models: dict[str, Path], exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the same scenes where nothing is drawn, else in some."""
    said = play(exported[name], 12, monkeypatch, capsys)
    assert re.fullmatch(r"\d+ of 12 episodes succeed: \d+%", said)
    if not Player(exported[name]).noise:
        judged = evaluate(load_policy(models[name]).policy, PICTURED, {}, 12, 100_000)
        assert said.startswith(f"{judged.successes} of 12 ")


@pytest.mark.parametrize(("env_id", "width", "actions"), [("CartPole-v1", 4, 2), ("Pendulum-v1", 3, 1)])
def test_any_gymnasium_environment_is_played(env_id: str, width: int, actions: int, tmp_path: Path, monkeypatch, capsys) -> None:
    """As we see it: a choice is the largest of its numbers, a Box's bounds are ±1."""
    policy = build_policy(replace(TOY_CONFIG, obs_keys=("state",), obs_dims=(width,), action_dim=actions))
    model = save_policy(tmp_path / "model", Checkpoint(policy, env_id, {"max_episode_steps": 7}, "abc"))
    assert export(model, tmp_path / "a.onnx") == 0
    assert play(tmp_path / "a.onnx", 3, monkeypatch, capsys) == "0 of 3 episodes succeed: 0%"


def test_it_needs_no_torch_and_succeeds_as_often_as_the_policy_itself(tmp_path: Path) -> None:
    """An arm, learned so briefly that it gets there in some scenes only."""
    words = f"--env PandaReach-v0 --session {tmp_path / 'session'} --device scripted --headless --episodes 24"
    assert command_lines.run("teleop", "record", *words.split()) == 0
    config = TrainConfig(steps=150, batch_size=64, hidden=(64, 64), weight_decay=0.1, valid_fraction=0.0)
    model = train(Session.open(tmp_path / "session"), config, tmp_path / "model").model_dir
    trained = load_policy(model)
    save_policy(model, replace(trained, env_kwargs={**trained.env_kwargs, "max_episode_steps": 40}))
    judged = evaluate(trained.policy, "PandaReach-v0", {"max_episode_steps": 40}, 12, 100_000)
    assert 0 < judged.successes < 12
    assert export(model, tmp_path / "a.onnx") == 0
    code = f"import runpy, sys; sys.argv = ['play.py', {str(tmp_path / 'a.onnx')!r}, '12']; runpy.run_path({str(PLAY)!r}); "
    run = [sys.executable, "-W", "error", "-c", code + "print('torch' in sys.modules)"]
    said = subprocess.run(run, capture_output=True, text=True, check=True, cwd=PLAY.parents[1]).stdout.splitlines()
    assert said == [f"{judged.successes} of 12 episodes succeed: {judged.success_rate:.0%}", "False"]


def test_the_documentation_shows_the_example_and_every_fact() -> None:
    text = (PLAY.parents[1] / "docs" / "onnx.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"<!-- play:begin -->\n```python\n(.*?)```\n<!-- play:end -->", text, re.DOTALL)
    assert shown in PLAY.read_text(encoding="utf-8")
    policy = build_policy(TOY_CONFIG)
    facts = facts_of(Checkpoint(policy, "PandaLift-v0", {}, "abc"), graph_of(policy))
    assert set(facts) <= set(re.findall(r"`(\w+)`", text))


def test_the_example_is_short_and_needs_three_packages() -> None:
    lines = [line for line in PLAY.read_text(encoding="utf-8").splitlines() if line.strip() and not line.lstrip().startswith(("#", '"""'))]
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    assert len(lines) - len(imports) <= 20
    assert {line.split()[1] for line in imports} == {"json", "sys", "gymnasium", "numpy", "onnxruntime"}
