"""Tables: the policies, for the README and the documentation."""

from typing import NamedTuple

from learn.policies.config import PRESETS, PolicyKind, Preset


class PolicyRow(NamedTuple):
    """One line of the tables; `kinds` share it."""

    kinds: tuple[PolicyKind, ...]
    learns: str
    when: str
    source: str


POLICIES: tuple[PolicyRow, ...] = (
    PolicyRow(
        ("bc",),
        "the mean action",
        "quick, the first thing to try; averages where people did it in several ways",
        "ALVINN, Pomerleau 1989",
    ),
    PolicyRow(
        ("moe",),
        "a mixture of experts, one way of doing the task each; it says how likely each is, draws one and keeps it for the episode",
        "several ways to the end",
        "Jacobs et al. 1991; Bishop 1994; incremental EM, Neal & Hinton 1998",
    ),
    PolicyRow(
        ("flow",),
        "chunks of actions grown out of noise, by a small transformer",
        "precise or multimodal tasks; slower to train",
        "flow matching, Lipman et al. 2023; Liu et al. 2023",
    ),
    PolicyRow(
        ("visual", "visual-moe", "visual-flow"),
        "the same heads from the cameras' pictures and the arm's own state, without the objects'",
        "recorded with `--cameras`",
        "spatial softmax, Levine et al. 2016; ResNet, He et al. 2016",
    ),
    PolicyRow(("bc-rnn-gmm",), "a recurrent network with a mixture of Gaussians", "to compare with", "robomimic, Mandlekar et al. 2021"),
    PolicyRow(("act",), "chunks from a transformer with a style variable (CVAE)", "to compare with", "ACT, Zhao et al. 2023"),
)


def policy_table() -> str:
    """What there is and when to take it, as Markdown."""
    rows = ["| `--policy` | what it learns | when | source |", "| --- | --- | --- | --- |"]
    rows += [f"| {', '.join(f'`{kind}`' for kind in p.kinds)} | {p.learns} | {p.when} | {p.source} |" for p in POLICIES]
    return "\n".join(rows)


def recipe_table() -> str:
    """Each named policy's place in the grid and its own way to be trained, as Markdown."""
    head = "| `--policy` | head | chunk | executed | widths | minibatches | of | step size |"
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- | --- | --- |", *(_recipe(*named) for named in PRESETS.items())])


def _recipe(kind: PolicyKind, preset: Preset) -> str:
    (width,) = set(preset.hidden)
    widths = f"{len(preset.hidden)} × {width}"
    cells = (f"`{kind}`", preset.head, preset.chunk, preset.execute, widths, preset.steps, preset.batch_size, preset.lr)
    return f"| {' | '.join(map(str, cells))} |"
