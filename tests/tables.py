"""Write the README's generated tables between their markers: python tests/tables.py.

The table of results is taken from the last `make demo`, where there is one; that of ratios from the last `make bench`.
"""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.table import readme_table as bench_table

from data.schema import field_table
from learn.gates import gate_table
from teleop.bindings import control_table

README = Path(__file__).parent.parent / "README.md"
DEMO = README.parent / "demo-output" / "summary.json"
TABLES = {"controls": control_table, "fields": field_table, "gates": gate_table, "bench": bench_table}


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


def with_tables(text: str) -> str:
    """`text` with every generated table in its place."""
    for name, table in TABLES.items():
        block = f"<!-- {name}:begin -->\n{table()}\n<!-- {name}:end -->"
        text = re.sub(rf"<!-- {name}:begin -->.*?<!-- {name}:end -->", lambda _, block=block: block, text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    if DEMO.exists():
        TABLES["demo"] = demo_table
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
