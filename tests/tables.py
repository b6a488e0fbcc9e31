"""Write the generated tables between their markers, in README.md and docs/, and docs/commands.md: python tests/tables.py.

The table of results is taken from the last `make demo`, where there is one; that of ratios from the last `make bench`.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.table import page_table, readme_table
from reference import command_reference

from data.schema import attribute_table, field_table
from learn.gates import gate_table
from learn.policies.table import policy_table, recipe_table
from teleop.bindings import control_table

ROOT = Path(__file__).parent.parent
COMMANDS = ROOT / "docs" / "commands.md"
PAGES = (ROOT / "README.md", *sorted(path for path in (ROOT / "docs").glob("*.md") if path != COMMANDS))
DEMO = ROOT / "demo-output" / "summary.json"
TABLES: dict[str, Callable[[], str]] = {
    "attributes": attribute_table,
    "bench": page_table,
    "controls": control_table,
    "fields": field_table,
    "gates": gate_table,
    "kinds": policy_table,
    "ratios": readme_table,
    "recipes": recipe_table,
}


def demo_table() -> str:
    """The results of the last `make demo` as Markdown."""
    summary = json.loads(DEMO.read_text(encoding="utf-8"))
    policies = [("`bc`", 0, summary["bc"])]
    for row in summary["rounds"]:
        name = f"DAgger, round {row['number']}" if row["number"] else "ensemble of 5 `bc`"
        policies.append((name, row["total_labels"], row))
    rows = ["| policy | labels | success | 95 % interval |", "| --- | --- | --- | --- |"]
    for name, labels, row in policies:
        rate, low, high = (f"{100 * row[key]:.0f}" for key in ("success_rate", "ci_low", "ci_high"))
        rows.append(f"| {name} | {labels} | {rate} % | {low} … {high} % |")
    return "\n".join(rows)


def with_tables(text: str, tables: dict[str, Callable[[], str]] | None = None) -> str:
    """`text` with every generated table in its place."""
    for name, table in (tables or TABLES).items():
        markers = rf"<!-- {name}:begin -->.*?<!-- {name}:end -->"
        if re.search(markers, text, re.DOTALL):
            block = f"<!-- {name}:begin -->\n{table()}\n<!-- {name}:end -->"
            text = re.sub(markers, lambda _, block=block: block, text, flags=re.DOTALL)
    return text


def write_tables() -> None:
    tables = {**TABLES, **({"demo": demo_table} if DEMO.exists() else {})}
    for page in PAGES:
        page.write_text(with_tables(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
    COMMANDS.write_text(command_reference(), encoding="utf-8")


if __name__ == "__main__":
    write_tables()
