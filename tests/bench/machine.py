"""What the figures were measured on: no names, no paths."""

import contextlib
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from data.cores import core_count

PACKAGES = ("mujoco", "torch", "numpy", "h5py", "gymnasium", "onnxruntime")


def facts() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": core_count(),
        "processor": _of_file("/proc/cpuinfo", "model name") or platform.processor(),
        "memory_gb": round(int((_of_file("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / 1e6, 1),
        "system": platform.system(),
        "drawn_by": renderer(),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def renderer() -> str:
    """Who draws: a graphics card, or Mesa's llvmpipe on the processor."""
    with contextlib.suppress(Exception):
        from OpenGL import GL

        from teleop.envs import make_plant
        from teleop.envs.render import Camera

        env, arm = make_plant("PandaReach-v0", {})
        camera = Camera(arm.model, 8, 8)
        name = GL.glGetString(GL.GL_RENDERER).decode()
        camera.close()
        env.close()
        return str(name)
    return "not known"


def line(found: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return (
        f"{found['date']}, {found['cores']} cores of {found['processor']}, {found['memory_gb']:g} GB, {found['system']}, "
        f"Python {found['python']}, {versions}; pictures drawn by {found['drawn_by']}"
    )


def _of_file(path: str, name: str) -> str:
    with contextlib.suppress(OSError):
        for text in Path(path).read_text(encoding="utf-8").splitlines():
            if text.startswith(name):
                return text.partition(":")[2].strip()
    return ""


def _version(name: str) -> str | None:
    with contextlib.suppress(PackageNotFoundError):
        return version(name)
    return None
