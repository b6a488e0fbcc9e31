"""make inverse: what few labels are worth, with and without play, and what the simulator says of inferred ones.

From 1, 5 and 20 labelled episodes of PandaPickPlace it learns inverse models, labels episodes whose actions were thrown
away, and counts what the simulator accepts; then it trains policies on the labels and on the true actions. The tables
stand in docs/policies.md. It works on the session of `make policies`, recorded when it is missing; every line is a file
under the output folder, so the study resumes where it stopped. A quarter of an hour.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tyro

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from policy_study import EPISODES, Study, write_between_marks  # noqa: E402

from data.files import replace_file  # noqa: E402
from data.session import Session  # noqa: E402
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate  # noqa: E402
from learn.inverse.label import LabelConfig, label  # noqa: E402
from learn.inverse.pretrain import PretrainConfig, pretrain_inverse  # noqa: E402
from learn.inverse.train import InverseTrain, train_inverse  # noqa: E402
from learn.train import TrainConfig, train  # noqa: E402

TASK = "PickPlace"
UNLABELLED = 60  # episodes; the others are the pool that labelled ones come from
JUDGED = 10  # of the unlabelled, for the first table
LABELLED = (1, 5, 20)
TAUGHT_BY = 5  # labelled episodes of the second table


@dataclass(frozen=True)
class InverseStudy:
    """Learn, label, train and evaluate, resuming; then print the tables and write them into docs/policies.md."""

    out: Path = ROOT / "study-policies"
    docs: bool = True
    """write the tables into docs/policies.md"""

    def run(self) -> int:
        Study(out=self.out).record(TASK, TASK)
        pool, unlabelled, judged = self._sessions()
        play = self.out / "inverse" / "play"
        if not (play / "inverse.json").exists():
            pretrain_inverse(Session.open(self.out / "sessions" / TASK), PretrainConfig(), play)
        lines = []
        for episodes, variant, helped in product(LABELLED, ("causal", "window"), (False, True)):
            config = InverseTrain(variant=variant, episodes=episodes, pretrained=play if helped else None, valid_fraction=0.25)
            lines.append(self._kept(f"{variant}-{episodes}{'-play' * helped}", lambda c=config: self._judge(pool, judged, c)))
        taught = list(self._taught(pool, unlabelled, play))
        text = "\n".join([*_label_table(lines), "", *_policy_table(taught)])
        print(text)
        if self.docs:
            write_between_marks("inverse", text)
        return 0

    def _sessions(self) -> tuple[Session, Session, Session]:
        """The pool, and of the other episodes copies without actions, all of them and a few."""
        source = Session.open(self.out / "sessions" / TASK)
        numbers = [row.number for row in source.rows()]
        hidden, shown = numbers[:UNLABELLED], numbers[UNLABELLED:]
        return (
            self._part(source, "pool", shown, hide=False),
            self._part(source, "unlabelled", hidden, hide=True),
            self._part(source, "judged", hidden[:JUDGED], hide=True),
        )

    def _part(self, source: Session, name: str, numbers: Sequence[int], *, hide: bool) -> Session:
        part = Session.create(self.out / "inverse" / name)
        for number in numbers[len(part.rows()) :]:
            episode = source.read(number)
            actions = np.full_like(episode.steps["actions"], np.nan) if hide else episode.steps["actions"]
            part.append(replace(episode, steps={**episode.steps, "actions": actions}))
        return part

    def _judge(self, pool: Session, judged: Session, config: InverseTrain) -> dict[str, Any]:
        """Learn from the pool, label the judged."""
        name = f"{config.variant}-{config.episodes}{'-play' * (config.pretrained is not None)}"
        result = train_inverse(pool, config, self.out / "inverse" / "models" / name)
        found = label(judged, result.model_dir, self.out / "inverse" / "labelled" / name, LabelConfig())
        assert result.score is not None
        facts = {"labels": config.episodes, "variant": config.variant, "play": config.pretrained is not None}
        moved = [r2 for r2 in result.score.r2 if r2 is not None]
        return {**facts, "worst_r2": min(moved), "mae": float(np.mean(result.score.mae)), **found.summary()}

    def _taught(self, pool: Session, unlabelled: Session, play: Path) -> Iterator[dict[str, Any]]:
        """The same policy from a few true episodes, from verified labels of many, and from these many's true actions."""
        model = self.out / "inverse" / "teacher"
        if not (model / "inverse.json").exists():
            train_inverse(pool, InverseTrain(episodes=TAUGHT_BY, pretrained=play, valid_fraction=0.25), model)
        labelled = label(unlabelled, model, self.out / "inverse" / "labelled-all", LabelConfig())
        source = Session.open(self.out / "sessions" / TASK)
        true = self._part(source, "true", [row.number for row in source.rows()][:UNLABELLED], hide=False)
        few = self._part(source, "few", [row.number for row in source.rows()][UNLABELLED : UNLABELLED + TAUGHT_BY], hide=False)
        share = f"{100 * labelled.accepted / labelled.steps:.1f} % of the steps"
        for name, session, what in (
            ("few", few, f"{TAUGHT_BY} episodes, true actions"),
            ("labels", labelled.session, f"{UNLABELLED} episodes without actions, verified labels ({share})"),
            ("true", true, f"the same {UNLABELLED} episodes, true actions"),
        ):
            yield self._kept(f"policy-{name}", lambda s=session, n=name, w=what: {"from": w, **self._success(s, n)})

    def _success(self, session: Session, name: str) -> dict[str, Any]:
        config = TrainConfig(policy="bc", chunk=8, execute=4, valid_fraction=0.0)
        result = train(session, config, self.out / "inverse" / "policies" / name)
        return evaluate(result.policy, f"Panda{TASK}-v0", {}, EPISODES, FIRST_EVALUATION_SEED).summary()

    def _kept(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        path = self.out / "results" / f"inverse-{name}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(make(), indent=2).encode())
            print(f"{name}: done", flush=True)
        return dict(json.loads(path.read_text(encoding="utf-8")))


def _label_table(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "| labelled episodes | variant | play | worst R² | mean error | accepted as inferred | accepted, refined | median residual |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for line in lines:
        first, last = (100 * line[name] / line["steps"] for name in ("first_accepted", "accepted"))
        yield (
            f"| {line['labels']} | {line['variant']} | {'yes' if line['play'] else 'no'} | {line['worst_r2']:.3f} | {line['mae']:.4f} "
            f"| {first:.0f} % | {last:.1f} % | {line['residual'][0]:.4f} |"
        )


def _policy_table(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "| `bc --chunk 8` trained on | success | 95 % interval |"
    yield "| --- | --- | --- |"
    for line in lines:
        rate, low, high = (100 * line[name] for name in ("success_rate", "ci_low", "ci_high"))
        yield f"| {line['from']} | {rate:.0f} % of {line['episodes']} | {low:.0f} … {high:.0f} % |"


if __name__ == "__main__":
    sys.exit(tyro.cli(InverseStudy).run())
