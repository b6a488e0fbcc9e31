"""Specification of the command lines: a mistake is one line and exit code 2, help helps, --json is one object."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_lines import PACKAGES, SUBCOMMANDS, run
from data_tools import snapshot
from test_data_support import META, made_episode

from data.episode_file import read_episode
from data.session import Session
from teleop.cockpit import CockpitConfig
from teleop.devices.gamepad import gamepads
from teleop.window import start_pygame

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_FRAMEBUFFER_ACCELERATION", "0")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(scope="module")
def places(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Inputs that bad command lines name: good and broken sessions, a policy, a file, a folder."""
    root = tmp_path_factory.mktemp("places")
    names = ("lift", "empty", "damaged", "unfinished", "widths", "foreign", "model", "halfmodel", "folder", "file")
    places = {name: root / name for name in names}
    places["lift"] = recorded
    places["folder"].mkdir()
    places["file"].write_text("")
    Session.create(places["empty"])
    shutil.copytree(recorded, places["damaged"])
    (places["damaged"] / "episodes" / "000001.hdf5").write_bytes(b"garbage")
    Session.open(places["damaged"])  # a copy's derived files are brought up to date
    good = read_episode(recorded / "episodes" / "000000.hdf5")
    Session.create(places["unfinished"]).append(replace(good, meta=replace(good.meta, outcome=type(good.meta.outcome).DISCARDED)))
    narrow = {name: good.steps[name][:, :6] for name in ("actions", "labels", "policy_actions")}
    shutil.copytree(recorded, places["widths"])
    Session.create(places["widths"]).append(replace(good, steps={**good.steps, **narrow}))
    Session.create(places["foreign"]).append(made_episode(meta=replace(META, env_id="Elsewhere-v0")))
    assert run("learn", "train", recorded, "--out", places["model"], "--steps", 5, "--hidden", 8, "--rollouts", 0) == 0
    shutil.copytree(places["model"], places["halfmodel"])
    (places["halfmodel"] / "policy.safetensors").unlink()
    return places


RECORD = "teleop record --device scripted --headless --session {new}"
BAD = {
    # words
    "no subcommand": ("data", "inspect"),
    "unknown subcommand of teleop": ("teleop fly", "record, replay, observe, devices, envs"),
    "unknown subcommand of data": ("data fly", "inspect"),
    "unknown subcommand of learn": (
        "learn fly",
        "train, evaluate, compare, calibrate, dagger, pretrain, label, propagate, worth, export, study, demo",
    ),
    "unknown option": (RECORD + " --wat", "Unrecognized options: --wat"),
    "unknown device": ("teleop record --device mouse --session {new}", "'auto', 'gamepad', 'raw-gamepad', 'keyboard', 'scripted'"),
    "unknown policy": ("learn train {lift} --out {new} --policy magic", "invalid choice 'magic' for argument '--policy'"),
    "unknown gate": (
        "learn dagger {lift} --out {new} --gate magic",
        "'every-step', 'human', 'foresight', 'ensemble', 'lazy', 'thrifty', 'knn', 'loss'",
    ),
    "a model into a session": ("learn train {lift} --out {lift}", "--out {lift} is a session; give a folder for the model"),
    "unknown camera to replay": ("teleop replay {lift} --camera top --video {new}.mp4", "there is no camera 'top'; allowed: front, wrist"),
    "missing session": ("data inspect", "SESSION"),
    "missing --out": ("learn train {lift}", "--out"),
    "letters for a count": (RECORD + " --episodes many", "--episodes"),
    "letters for a seed": (RECORD + " --seed many", "invalid literal for int() with base 10: 'many'"),
    "a fraction for steps": ("learn train {lift} --out {new} --steps 2.5", "--steps"),
    # values
    "no episodes to record": (RECORD + " --episodes 0", "--episodes 0 is not a count; give 1 or more"),
    "tiny images": (RECORD + " --image-size 1", "--image-size 1 is outside 8 … 960"),
    "impossible skill": (RECORD + " --skill 9", "--skill 9.0 is outside 0 (clumsy) … 2 (clean)"),
    "no time": (RECORD + " --max-seconds 0", "--max-seconds 0.0 is outside 1"),
    "too little time for one step": (RECORD + " --episodes 1 --max-seconds 0.001", "--max-seconds"),
    "endless time": (RECORD + " --episodes 1 --max-seconds inf", "--max-seconds"),
    "negative seed": (RECORD + " --episodes 1 --seed -1", "--seed"),
    "no such pad mapping file": (RECORD + " --mappings {file}x", "--mappings"),
    "no such pad": ("teleop devices --calibrate --pad nope", "no gamepad"),
    "raw gamepad where there is none": ("teleop record --device raw-gamepad --headless --session {new}", "no raw gamepad is found"),
    "no target": (RECORD + " --target 0", "--target 0 is not a count; give 1 or more"),
    "endless countdown": (RECORD + " --countdown 99", "--countdown 99.0 is outside 0 … 60"),
    "negative countdown": (RECORD + " --countdown -1", "--countdown"),
    "a window for ants": (RECORD + " --size 320 240", "--size 320 240 is outside 960 720 … 3840 2160"),
    "a window for ants, asked of dagger": (
        "learn dagger {lift} --out {new} --size 320 240",
        "--size 320 240 is outside 960 720 … 3840 2160",
    ),
    "no such pad mapping file, asked of dagger": (
        "learn dagger {lift} --out {new} --device gamepad --mappings {file}x",
        "--mappings {file}x",
    ),
    "a look that is none, asked of dagger": ("learn dagger {lift} --out {new} --look ugly", "'auto', 'pretty', 'meshes', 'hulls'"),
    "a tag that is none": (RECORD + " --tags left", "--tags left is not DIRECTION=NAME; directions: down, left, right, up"),
    "a tag nowhere": (RECORD + " --tags forward=a", "--tags forward=a is not DIRECTION=NAME"),
    "a tag twice": (RECORD + " --tags left=a right=a", "--tags gives two directions the same name"),
    "a plan without a count": (RECORD + " --plan left", "--plan left is not NAME=COUNT"),
    "a plan for none": (RECORD + " --plan left=0", "--plan left=0 is not NAME=COUNT"),
    "a plan for an unknown mode": (
        RECORD + " --plan inside=3",
        "there is no behaviour mode 'inside' on the D-pad; allowed: left, over, right, under",
    ),
    "a plan for a script": (RECORD + " --plan left=3", "the scripted operator takes --mode NAME --episodes N, once for each"),
    "a look that is none": (RECORD + " --look ugly", "'auto', 'pretty', 'meshes', 'hulls'"),
    "unknown directions": (RECORD + " --directions up", "--directions"),
    "unknown grip": (RECORD + " --grip soft", "--grip"),
    "toggling for a script": (RECORD + " --grip toggle", "the scripted operator holds the trigger; --grip toggle is for a person"),
    "unknown camera to record": (RECORD + " --cameras nose", "there is no camera 'nose'; allowed: front, wrist"),
    "impossible dagger skill": ("learn dagger {lift} --out {new} --skill 9", "--skill 9.0 is outside"),
    "no rounds": ("learn dagger {lift} --out {new} --rounds 0", "--rounds 0: give at least 1"),
    "impossible rate": (
        "learn dagger {lift} --out {new} --device scripted --headless --steps 2 --evaluation-episodes 1 --rate 3",
        "--rate",
    ),
    "no training": ("learn train {lift} --out {new} --steps 0", "--steps 0: give at least 1"),
    "no layers": ("learn train {lift} --out {new} --hidden 0", "--hidden 0: give one or more widths"),
    "unknown observation": ("learn train {lift} --out {new} --obs-keys nose", "--obs-keys nose: no such low-dimensional key"),
    "a cluster that is none": ("learn evaluate {model} --cluster slurm", "'local', 'ray'"),
    "no workers": ("learn propagate {lift} --out {new} --cluster ray --workers 0", "--workers 0: give at least 1"),
    "no evaluation": ("learn evaluate {model} --episodes 0", "--episodes 0"),
    # what is not there
    "no such env": ("teleop record --env Nope-v0 --session {new}", "there is no environment 'Nope-v0'"),
    "not an arm": ("teleop record --env CartPole-v1 --session {new}", "no scripted operator knows CartPole-v1"),
    "keyboard without a window": ("teleop record --device keyboard --headless --session {new}", "the keyboard needs a window"),
    "no display to play on": ("teleop replay {lift}", "use --video OUT.mp4 or --verify"),
    "no such episode": ("teleop replay {lift} --verify --episode 99", "has no episode 99; allowed: 0 to 2"),
    "no such session": ("data inspect {new}", "there is no session at"),
    "no such model": ("learn evaluate {new}", "there is no model at"),
    "no such env to evaluate in": ("learn evaluate {model} --env Nope-v0", "there is no environment 'Nope-v0'"),
    # what is something else
    "record to a file": ("teleop record --device scripted --headless --session {file}", "is a file; a session is a folder"),
    "record below a file": ("teleop record --device scripted --headless --session {file}/below", "give a folder you can write to"),
    "record another env": ("teleop record --env PandaReach-v0 --device scripted --headless --session {lift}", "not PandaReach-v0"),
    "check a folder": ("data check {folder}", "is not a session"),
    "check with a negative sample": ("data check {lift} --replay -1", "--replay -1 is negative"),
    "check nothing": ("data check {new}", "there is no session at"),
    "recover a folder": ("data recover {folder}", "is not a session"),
    "recover nothing": ("data recover {new}", "there is no session at"),
    "migrate a file": ("data migrate {file}", "is a file; a session is a folder"),
    "migrate a damaged session": ("data migrate {damaged}", "000001.hdf5 cannot be read as an episode"),
    "inspect a file": ("data inspect {file}", "is a file; a session is a folder"),
    "inspect a folder": ("data inspect {folder}", "is not a session"),
    "replay a file": ("teleop replay {file} --verify", "is a file; a session is a folder"),
    "replay a folder": ("teleop replay {folder} --verify", "is not a session"),
    "train on a file": ("learn train {file} --out {new}", "--from robomimic reads an HDF5 file"),
    "train into a file": ("learn train {lift} --out {file} --steps 2", "--out {file} cannot be made"),
    "dagger on a folder": ("learn dagger {folder} --out {new}", "is not a session"),
    "evaluate a file": ("learn evaluate {file}", "is a file; a model is a folder"),
    "evaluate a folder": ("learn evaluate {folder}", "is not a model"),
    "evaluate a session": ("learn evaluate {lift}", "is not a model"),
    "evaluate half a model": ("learn evaluate {halfmodel}", "has no readable policy.safetensors"),
    "evaluate in another env": ("learn evaluate {model} --env PandaReach-v0", "was trained with object of width 10, PandaReach-v0 has"),
    "evaluate on a cart": ("learn evaluate {model} --env CartPole-v1", "which CartPole-v1 does not observe; it has: state"),
    "video that is not one": ("teleop replay {lift} --video {new}.avi", "is not an .mp4; give a name that ends in .mp4"),
    "video below a file": ("teleop replay {lift} --video {file}/out.mp4", "--video {file}/out.mp4"),
    # sessions that will not do
    "replay an empty session": ("teleop replay {empty} --verify", "is an empty session; record episodes first"),
    "train on an empty session": ("learn train {empty} --out {new}", "has no finished episode to learn from"),
    "train on discarded takes": ("learn train {unfinished} --out {new}", "has no finished episode to learn from"),
    "train on two action widths": ("learn train {widths} --out {new}", "mixes widths"),
    "dagger on an empty session": ("learn dagger {empty} --out {new}", "a new session needs an environment: give --env"),
    "train on a damaged session": ("learn train {damaged} --out {new}", "000001.hdf5 cannot be read as an episode"),
    "replay a damaged episode": ("teleop replay {damaged} --verify --episode 1", "000001.hdf5 cannot be read as an episode"),
    "replay another env": ("teleop replay {foreign} --verify", "there is no environment 'Elsewhere-v0'"),
    "worth without corrections": ("learn worth {lift} {model}", "{lift} holds no corrections: nobody took a policy's place"),
    "worth of an empty session": ("learn worth {empty} {model}", "{empty} holds no corrections"),
    "worth of a damaged session": ("learn worth {damaged} {model}", "000001.hdf5 cannot be read as an episode"),
    "worth without futures": ("learn worth {lift} {model} --rolls 0", "--rolls 0 --workers"),
    "worth of a shattered policy": ("learn worth {lift} {model} --shake 2", "shake 2.0 is outside 0 … 1"),
    "worth without a model": ("learn worth {lift}", "MODEL_DIR"),
    "dagger in another env": (
        "learn dagger {foreign} --out {new} --device scripted --headless",
        "there is no environment 'Elsewhere-v0'",
    ),
    "a gate for an ensemble": (
        "learn dagger {lift} --out {new} --device scripted --headless --members 1",
        "--gate ensemble needs a policy with at least 2 members, this one has 1",
    ),
    "a gate for a flow": (
        "learn dagger {lift} --out {new} --device scripted --headless --gate loss",
        "--gate loss needs a flow, whose own loss it looks at, not bc",
    ),
    "a dagger to resume that never began": ("learn dagger {lift} --out {new} --resume", "--resume: nothing was begun in {new}"),
    "a share of answers above 1": (
        "learn dagger {lift} --out {new} --gate every-step --beta-start 2",
        "--beta-start 2.0: give a probability",
    ),
}

CASES = [pytest.param(*case, id=name) for name, case in BAD.items()]


def check_mistake(line: str, says: str, places: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line on standard error with `says` in it, and nothing written anywhere."""
    names = {**places, "new": tmp_path / "new"}
    folders = (tmp_path, places["folder"].parent, places["lift"])
    before = snapshot(*folders)
    capsys.readouterr()  # what the fixtures printed
    code = run(*line.format(**names).split())
    shown = capsys.readouterr()
    lines = [text for text in shown.err.splitlines() if text.strip()]
    assert len(lines) == 1, shown.err
    assert lines[0].startswith("error: ")
    assert says.format(**names) in lines[0]
    assert not re.search(r"\x1b|[╭╮╰╯│─]|-{8}|Traceback", shown.err)
    assert code == 2
    assert snapshot(*folders) == before


@pytest.mark.parametrize(("line", "says"), CASES)
def test_a_mistake_is_one_line_and_exit_code_2(
    line: str, says: str, places: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_mistake(line, says, places, tmp_path, capsys)


@pytest.fixture
def no_gamepad() -> None:
    """SDL runs and sees no pad; one that is connected skips the test, which would wait for a person."""
    start_pygame(display=False)
    if gamepads():
        pytest.skip("a gamepad is connected here")


@pytest.mark.usefixtures("no_gamepad")
@pytest.mark.parametrize("command", ["teleop record --session {new}", "learn dagger {lift} --out {new}"])
def test_asking_for_a_gamepad_that_is_not_there_is_a_mistake(
    command: str, places: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    says = "no gamepad is connected; plug one in, or use --device keyboard or --device scripted"
    check_mistake(command + " --device gamepad --headless", says, places, tmp_path, capsys)


@pytest.mark.parametrize("surroundings", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "utf-8"}, {"FORCE_COLOR": "1"}], ids=str)
def test_a_mistake_looks_the_same_from_a_shell(surroundings: dict[str, str]) -> None:
    command = [sys.executable, "-m", "data", "fly"]
    result = subprocess.run(command, cwd=ROOT, env=os.environ | surroundings, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2
    assert result.stdout == ""
    known = ", ".join(PACKAGES["data"])
    assert result.stderr == f"error: Unrecognized options: fly Available subcommands: {known} (help: python -m data --help)\n"


@pytest.mark.skipif(os.name == "nt", reason="no head")
@pytest.mark.parametrize("words", ["data inspect {session}", "data --help", "data tag --help"])
def test_who_stops_reading_gets_no_traceback(recorded: Path, words: str) -> None:
    """`… | head -0`"""
    command = [sys.executable, "-m", *words.format(session=recorded).split()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert errors == ""
    assert process.returncode in (0, 141)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo terminal")
def test_a_mistake_looks_the_same_on_a_terminal() -> None:
    """There the parser frames and colours what it says."""
    terminal, end = os.openpty()
    try:
        command = [sys.executable, "-m", "data", "inspect"]
        result = subprocess.run(command, cwd=ROOT, stdout=end, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    finally:
        os.close(end)
        os.close(terminal)
    assert result.stderr.startswith("error: Missing from python -m data inspect: SESSION a session folder")
    assert not re.search(r"\x1b|[╭╮╰╯│─]", result.stderr)


def test_a_session_with_a_damaged_episode_is_inspected_and_answered_no(places: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("data", "inspect", places["damaged"]) == 1
    assert re.search(r"damaged: episode 1: ", capsys.readouterr().out)


def test_an_episode_that_does_not_replay_is_answered_no(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = Session.open(copied)
    episode = session.read(2)
    actions = np.clip(episode.steps["actions"] + np.float32(0.01), -1.0, 1.0)
    Session.create(copied).append(replace(episode, steps={**episode.steps, "actions": actions}))
    capsys.readouterr()
    assert run("teleop", "replay", copied, "--verify") == 1
    shown = capsys.readouterr().out
    assert "episode 3: differs from step 0 on" in shown
    assert "3 of 4 episodes replay bit for bit" in shown


# -- help ----------------------------------------------------------------------------------------------------------

# Words that say it all in their place.
SELF_EVIDENT = {
    "learn train": {"--seed"},
    "learn pretrain": {"--seed"},
    "learn evaluate": {"--episodes"},
    "learn compare": {"--episodes"},
    "learn dagger": {"--policy", "--torch-device", "--seed", "--rounds", "--evaluation-episodes", "--evaluation-seed", "--workers"},
    "learn demo": {"--evaluation-episodes", "--workers"},
}


def help_of(capsys: pytest.CaptureFixture[str], package: str, *words: str) -> str:
    """What --help prints, without its frames."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        run(package, *words, "--help")
    assert stop.value.code in (0, None)
    shown = capsys.readouterr()
    assert shown.err == ""
    return re.sub(r"[╭╮╰╯│─]", "", shown.out)


def options_of(text: str) -> dict[str, str]:
    """Each option of a help text with its description: no value names, no defaults."""
    parts = re.split(r"^\s*(--?[a-z][\w-]*)", text, flags=re.MULTILINE)[1:]
    described = {}
    for name, rest in zip(parts[::2], parts[1::2], strict=True):
        words = re.sub(r"\((default:|required)[^)]*\)|\[[^]]*\]+|\{[^}]*\}|\b[A-Z_]{2,}\b", "", " ".join(rest.split()))
        described[name] = words.strip(" |,")
    return described


@pytest.mark.parametrize("package", PACKAGES)
def test_a_packages_help_lists_its_subcommands_with_a_sentence_each(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(help_of(capsys, package).split())
    for name, command in PACKAGES[package].items():
        first_words = " ".join(str(command.__doc__).split()[:4])
        assert f"{name} {first_words}" in text


@pytest.mark.parametrize(("package", "name"), SUBCOMMANDS)
def test_a_subcommands_help_says_what_it_does(package: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(help_of(capsys, package, name).split())
    sentence = " ".join(str(PACKAGES[package][name].__doc__).split())
    assert sentence.endswith((".", ")"))
    assert sentence in text
    assert f"usage: python -m {package} {name}" in text


@pytest.mark.parametrize(("package", "name"), SUBCOMMANDS)
def test_every_option_is_described_or_says_it_all(package: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = options_of(help_of(capsys, package, name))
    plain = {option for option, description in options.items() if not re.search(r"[a-z]{2}", description)}
    assert plain == SELF_EVIDENT.get(f"{package} {name}", set())


def test_record_and_dagger_have_the_same_words_for_pad_and_window(capsys: pytest.CaptureFixture[str]) -> None:
    recorder, loop = (options_of(help_of(capsys, *words)) for words in (("teleop", "record"), ("learn", "dagger")))
    names = ("--pad", "--mappings", "--size", "--look", "--sound")
    assert [loop[name] for name in names] == [recorder[name] for name in names]
    assert all(recorder[name] for name in names)


@pytest.mark.parametrize(
    ("command", "opened_in"),
    [("teleop record --session {new}", "teleop.commands.record"), ("learn dagger {lift} --out {new}", "learn.commands.dagger")],
)
def test_pad_and_window_reach_the_cockpit(
    command: str, opened_in: str, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[CockpitConfig] = []

    def open_cockpit(config: CockpitConfig) -> None:
        asked.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{opened_in}.open_cockpit", open_cockpit)
    words = f"{command} --pad 2 --mappings pads.txt --size 1280 800 --look hulls --sound".format(**places, new=tmp_path / "new")
    assert run(*words.split()) == 130
    (config,) = asked
    assert (config.pad, config.mappings, config.size_px, config.look, config.sound) == ("2", Path("pads.txt"), (1280, 800), "hulls", True)
    assert config.env_id == "PandaLift-v0"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_packages_main_module_offers_exactly_these_subcommands(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`learn` adds its demo there; all tests here rely on `command_lines` saying the same."""
    monkeypatch.setattr(sys, "argv", [package])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module(package, run_name="__main__")
    assert stop.value.code == 2
    assert f"Expected one of {{{', '.join(PACKAGES[package])}}}" in capsys.readouterr().err


# -- json ----------------------------------------------------------------------------------------------------------


def last_object(capsys: pytest.CaptureFixture[str], package: str, *words: object) -> dict[str, object]:
    """The JSON object on the last line of standard output."""
    capsys.readouterr()
    assert run(package, *words) in (0, 1)
    value = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(value, dict)
    return value


def test_inspects_json_counts_what_is_there(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = Session.open(recorded)
    said = last_object(capsys, "data", "inspect", recorded, "--json")
    assert {"episodes", "steps", "successes", "modes", "env", "seconds", "damaged"} <= set(said)
    assert said["episodes"] == said["successes"] == 3
    assert said["steps"] == sum(len(session.read(number)) for number in range(3))
    assert said["modes"] == {"left": 3}
    assert said["env"] == "PandaLift-v0"
    assert said["damaged"] == 0


def test_inspects_json_counts_damage_and_still_the_rest(places: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    said = last_object(capsys, "data", "inspect", places["damaged"], "--json")
    assert (said["episodes"], said["damaged"]) == (2, 1)


def test_inspects_json_of_an_empty_session_is_all_zero(places: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    said = last_object(capsys, "data", "inspect", places["empty"], "--json")
    assert (said["episodes"], said["steps"], said["successes"], said["damaged"], said["env"]) == (0, 0, 0, 0, None)


def test_evaluates_json_has_the_rate_and_its_interval(places: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    said = last_object(capsys, "learn", "evaluate", places["model"], "--episodes", 1, "--json")
    assert {"success_rate", "ci_low", "ci_high", "episodes", "mean_return", "seconds", "policy", "env"} <= set(said)
    assert said["episodes"] == 1
    assert said["policy"] == "bc"
    assert said["env"] == "PandaLift-v0"
    assert 0.0 <= said["ci_low"] <= said["success_rate"] <= said["ci_high"] <= 1.0  # type: ignore[operator]


def test_daggers_json_has_a_row_for_each_round(copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--rounds", 1, "--episodes", 1, "--labels", 3, "--steps", 3, "--members", 2, "--evaluation-episodes", 1, "--scenes", 1]
    words = ["dagger", copied, "--out", tmp_path / "out", "--device", "scripted", "--headless", "--gate", "every-step", *few, "--json"]
    said = last_object(capsys, "learn", *words)
    assert (said["env"], said["policy"], said["gate"]) == ("PandaLift-v0", "bc", "every-step")
    assert [(row["number"], row["labels"], row["total_labels"]) for row in said["rounds"]] == [(0, 0, 0), (1, 3, 3)]  # type: ignore[attr-defined]
    assert all({"success_rate", "ci_low", "ci_high", "evaluation_episodes"} <= set(row) for row in said["rounds"])  # type: ignore[attr-defined]
