"""make bench: measure, print, and write docs/bench.json and docs/bench.md."""

import argparse
import contextlib
import functools
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from bench import commits, inference, killing, lateness, loading, machine, rollouts, stepping, table, training
from bench.peer import ALL, Peer
from bench.row import Row
from bench.stage import Stage
from data.cli import INTERRUPTED, progress_bar
from data.errors import UserError, one_of
from data.files import replace_file

FAMILIES: Mapping[str, Callable[[Stage], list[Row]]] = {
    "loop": lateness.rows,
    "step": stepping.rows,
    "commit": commits.rows,
    "windows": loading.rows,
    "training": training.rows,
    "inference": inference.rows,
    "rollouts": rollouts.rows,
    "sigkill": killing.rows,
}
PAGE = "# What things cost\n\n<!-- bench:begin -->\n<!-- bench:end -->\n"
BLOCK = re.compile(r"<!-- bench:begin -->.*?<!-- bench:end -->", re.DOTALL)


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 2 the words or a peer's Python are wrong, 130 interrupted (nothing is written then)."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", default=list(FAMILIES), metavar="NAME", help=f"which: {', '.join(FAMILIES)}")
    parser.add_argument("--out", type=Path, help="a folder for bench.json and bench.md (docs, where all rows are measured)")
    options = parser.parse_args(words)
    try:
        unknown = [name for name in options.rows if name not in FAMILIES]
        if unknown:
            raise UserError(f"--rows {' '.join(unknown)}: there are {one_of(FAMILIES)}")
        found = measured(options.rows, os.environ)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the last results are as they were", file=sys.stderr)
        return INTERRUPTED
    rows = [Row.from_json(row) for row in found["rows"]]
    Console(width=170).print(table.printed(rows))
    out = options.out or (table.DOCS if set(options.rows) == set(FAMILIES) else None)
    if out is not None:
        write(out, found)
        print(f"in {out.name}/: bench.json, bench.md; the README's table: make tables", file=sys.stderr)
    return 0


def measured(names: Sequence[str], environ: Mapping[str, str]) -> dict[str, Any]:
    """What the JSON holds: the machine, the peers, the rows of these families."""
    named = {tool: python for tool in ALL if (python := tool.named(environ))}
    versions = {tool.name: tool.version(python) for tool, python in named.items()}
    torch.set_num_threads(1)
    rows, seconds = list[Row](), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder, _peers(named, Path(folder)) as peers, progress_bar("bench", len(names)) as advance:
        stage = Stage(Path(folder), peers)
        for done, name in enumerate(names):
            stage.say = functools.partial(advance, done)
            began_s = time.monotonic()
            rows += FAMILIES[name](stage)
            seconds[name] = round(time.monotonic() - began_s, 1)
        advance(len(names), "")
        versions |= {name: ", ".join(f"{k} {v}" for k, v in peer.versions.items()) for name, peer in peers.items() if peer.versions}
    return {"machine": machine.facts(), "peers": versions, "seconds": seconds, "rows": [row.to_json() for row in rows]}


@contextlib.contextmanager
def _peers(named: Mapping[Any, str], folder: Path) -> Iterator[dict[str, Peer]]:
    peers = {tool.name: Peer(tool, python, folder) for tool, python in named.items()}
    try:
        yield peers
    finally:
        for peer in peers.values():
            peer.close()


def write(out: Path, found: Mapping[str, Any]) -> None:
    """Both files, each whole or not at all; what the page says around its table stays."""
    out.mkdir(parents=True, exist_ok=True)
    replace_file(out / "bench.json", as_json(found).encode())
    page = out / "bench.md"
    text = page.read_text(encoding="utf-8") if page.exists() else PAGE
    replace_file(page, BLOCK.sub(lambda _: f"<!-- bench:begin -->\n{table.body(found)}\n<!-- bench:end -->", text).encode())


def as_json(found: Mapping[str, Any]) -> str:
    """One part a line, and one row."""
    parts = {name: json.dumps(value, ensure_ascii=False) for name, value in found.items()}
    parts["rows"] = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in found["rows"]) + "\n]"
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {text}" for name, text in parts.items()) + "\n}\n"
