"""Table: the gates, for the documentation."""

from typing import NamedTuple

from learn.gates.config import GateKind


class GateRow(NamedTuple):
    """One line of the table."""

    kind: GateKind
    asks: str
    then: str
    needs: str
    source: str


ONE = "drives on after one answer"
GATES: tuple[GateRow, ...] = (
    GateRow("every-step", "in every state", ONE, "", "DAgger, Ross et al. 2011"),
    GateRow("human", "never: you hold RB to take over", "", "", "HG-DAgger, Kelly et al. 2019"),
    GateRow(
        "foresight",
        "in scenes in which its rollouts fail, from where it goes wrong",
        "ends the episode where the simulator shows that it gets there from here",
        "an environment that can be put back into a state",
        "ours, after counterfactuals (Pearl 2009)",
    ),
    GateRow("ensemble", "where its members differ", ONE, "2 members", "EnsembleDAgger, Menda et al. 2019; BALD, Houlsby et al. 2011"),
    GateRow(
        "lazy",
        "where a network expects it to differ from you",
        "watches until it agrees with you",
        "2 episodes",
        "SafeDAgger, Zhang & Cho 2017; LazyDAgger, Hoque et al. 2021",
    ),
    GateRow(
        "thrifty",
        "where its members differ or a critic sees success at risk",
        "watches until it agrees with you and the risk is low",
        "2 members, 2 episodes, failures to know risk",
        "ThriftyDAgger, Hoque et al. 2021",
    ),
    GateRow("knn", "far from all demonstrated states", ONE, "demonstrations", "conformal p-values, Vovk et al. 2005"),
    GateRow("loss", "where its own loss is high", ONE, "`--policy flow` or `visual-flow`", "Diff-DAgger, Lee et al. 2024"),
)


def gate_table() -> str:
    """The gates as Markdown."""
    rows = ["| `--gate` | the policy asks | then it | needs | source |", "| --- | --- | --- | --- | --- |"]
    rows += [f"| `{g.kind}` | {g.asks} | {g.then} | {g.needs} | {g.source} |" for g in GATES]
    return "\n".join(rows)
