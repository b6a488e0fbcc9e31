"""A study: its settings, its jobs in stages, what was found, and the two files that say so."""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Protocol

import gymnasium
import mujoco

import data
from data.cores import core_count
from data.errors import UserError
from data.files import replace_file
from data.lock import lock
from learn.model_folder import current_versions
from learn.studies.jobs import Job, Result, kept_result, run_jobs
from learn.studies.page import About, Section, study_page

SETTINGS_NAME = "study.json"
Advance = Callable[[int, str], None]


class Study(Protocol):
    """A frozen dataclass whose fields are all that the results depend on; `quick()` makes a small one.

    `stages`: jobs that may be done side by side, one stage after the other. `findings`: what the results say, as JSON takes it,
    with `answers`, two sentences or so, unfavourable ones too. `sections`: the same for the page, which may read what jobs left in `out`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    exercise: ClassVar[str]

    @classmethod
    def quick(cls) -> "Study": ...

    def stages(self) -> Sequence[Sequence[Job]]: ...

    def findings(self, results: Mapping[str, Result]) -> dict[str, Any]: ...

    def sections(self, findings: Mapping[str, Any], out: Path) -> Sequence[Section]: ...


@dataclass(frozen=True)
class Written:
    """What a study came to: the facts that its JSON holds, and both files."""

    facts: Mapping[str, Any]
    page: Path
    json: Path


def run_study(study: Study, out: Path, workers: int, *, quick: bool, advance: Advance = lambda done, name: None) -> Written:
    """Do what is missing in the folder `out`, then write NAME.json and NAME.html there.

    `advance` is called with how many jobs are done and the last one's name. Raises UserError for a folder that is not a study's or holds
    one with other settings, and while another process works in it.
    """
    settle(study, out)
    with lock(out, "study", 0.0):
        stages, results = study.stages(), dict[str, Result]()
        done = sum(kept_result(out, job.name) is not None for stage in stages for job in stage)

        def on_done(name: str) -> None:
            nonlocal done
            done += 1
            advance(done, name)

        for stage in stages:
            results |= run_jobs(stage, out, workers, on_done)
        return write_study(study, results, out, quick=quick)


def job_count(study: Study) -> int:
    return sum(len(stage) for stage in study.stages())


def write_study(study: Study, results: Mapping[str, Result], out: Path, *, quick: bool) -> Written:
    """The JSON and the page of results that are all there."""
    findings = study.findings(results)
    about = About(
        command=f"python -m learn study {study.name} --out {out.name}{' --quick' if quick else ''}",
        quick=quick,
        written=date.today().isoformat(),
        settings=_settings(study),
        versions=versions(),
        machine=machine(),
        seconds=sum(float(result["seconds"]) for result in results.values()),
        jobs=len(results),
    )
    facts = {"study": study.name, "exercise": study.exercise, **asdict(about), **findings}
    paths = [out / f"{study.name}.{ending}" for ending in ("html", "json")]
    html = study_page(study.title, study.exercise, findings["answers"], study.sections(findings, out), about)
    try:
        for path, content in zip(paths, (html, json.dumps(facts, indent=1) + "\n"), strict=True):
            replace_file(path, content.encode())
    except OSError as error:
        raise UserError(f"--out {out} cannot be written to ({error.strerror}); free some space, then give the same command") from error
    return Written(facts, *paths)


def settle(study: Study, out: Path) -> None:
    """Make the folder, or see that it is this study's with these settings."""
    path, mine = out / SETTINGS_NAME, {"study": study.name, "settings": _settings(study)}
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; give the name of a folder")
    try:
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found != mine:
                what = "another study" if found.get("study") != study.name else "this study with other settings"
                raise UserError(f"--out {out} holds {what}; give another folder (--quick and the full run need one each)")
            return
        if out.is_dir() and any(out.iterdir()):
            raise UserError(f"--out {out} holds something else than a study; give a new folder")
        out.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps(mine, indent=1) + "\n").encode())
    except OSError as error:
        raise UserError(f"--out {out} cannot be made ({error.strerror}); give a folder you can write to") from error
    except (ValueError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove the folder or give another --out") from error


def _settings(study: Study) -> dict[str, Any]:
    """The study's fields as JSON gives them back."""
    return dict(json.loads(json.dumps(asdict(study))))  # type: ignore[call-overload]


def versions() -> dict[str, str]:
    return {"gamepad-dagger": data.__version__, **current_versions(), "mujoco": mujoco.__version__, "gymnasium": gymnasium.__version__}


def machine() -> str:
    """ "Linux x86_64, 2 cores"."""
    return f"{platform.system()} {platform.machine()}, {core_count()} of {os.cpu_count()} cores"
