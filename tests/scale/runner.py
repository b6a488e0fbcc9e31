"""Measure, and write docs/scale.json and docs/scale.md."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import machine

from data.cli import INTERRUPTED, progress_bar
from data.files import replace_file
from scale import episodes, learning, sessions, spread
from scale.figures import Figure
from scale.page import page

DOCS = Path(__file__).parents[2] / "docs"


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="only write the page anew, from the figures that were kept")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of scale.json and scale.md")
    options = parser.parse_args(words)
    if not options.page:
        try:
            write_figures(options.out)
        except KeyboardInterrupt:
            print("interrupted; what was there is as it was", file=sys.stderr)
            return INTERRUPTED
    found = json.loads((options.out / "scale.json").read_text(encoding="utf-8"))
    replace_file(options.out / "scale.md", page(found).encode())
    return 0


def write_figures(out: Path) -> None:
    found = measured()
    out.mkdir(parents=True, exist_ok=True)
    replace_file(out / "scale.json", (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode())


def measured() -> dict[str, Any]:
    """What the JSON holds: the machine and the figures."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorded = [folder / f"session {kind}" for kind in episodes.KINDS]
        families: dict[str, Callable[[], list[Figure]]] = {
            "episodes": lambda: episodes.figures(folder),
            "learning": lambda: learning.figures(folder, *recorded),
            "sessions": lambda: sessions.figures(folder),
            "Ray": spread.figures,
        }
        with progress_bar("scale", len(families)) as advance:
            for done, (family, measure) in enumerate(families.items()):
                advance(done, family)
                figures += measure()
    return {"machine": machine.facts(), "figures": [figure.__dict__ for figure in figures]}
