"""Labelling: a session without actions in, a session of verified labels out."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from data.catalog import Row
from data.episode import Array, Episode
from data.episode_file import read_episode
from data.errors import UserError
from data.migrate import uid_from_content
from data.schema import SCHEMA_VERSION, STEP_FIELDS, Phase, Source
from data.session import Session
from learn.columns import read_columns, write_columns
from learn.dataset import Floats
from learn.inverse.checkpoint import InverseCheckpoint, load_inverse
from learn.inverse.motion import Recording, hide_actions, recordings
from learn.inverse.verify import Ruler, Verified, Verifier, check_states, open_plant
from learn.threads import torch_threads
from learn.weights import LABELLED_BY

LABELS_NAME = "labels"
COLUMNS = ("actions", "residual", "error_m", "accepted", "first_residual", "std")
STICKS = 21  # the width of the column `stick`; nobody held any

OnEpisode = Callable[[int, Verified], None]


@dataclass(frozen=True)
class LabelConfig:
    """How to label."""

    refine: int = 6
    """Gauss-Newton steps through the simulator, from the model's answer; 0: the answer as it is"""
    tolerance: float = 0.05
    """accept what leads this near to the recorded next state, in typical one-step changes"""
    include_failures: bool = False
    """label failed episodes too; training imitates whatever is labelled"""

    def __post_init__(self) -> None:
        if self.refine < 0:
            raise UserError(f"--refine {self.refine}: give 0 or more steps")
        if not 0.0 < self.tolerance < np.inf:
            raise UserError(f"--tolerance {self.tolerance}: give a number above 0; 0.05 is usual")


@dataclass(frozen=True)
class LabelResult:
    """What is in the labelled session now, also from earlier calls; residuals in typical one-step changes.

    `first_*` are of the model's own answers, before refinement. `error_m`: medians of the tool centre point's, NaN without one.
    """

    session: Session
    episodes: int
    labelled_now: int
    steps: int
    accepted: int
    first_accepted: int
    residual: tuple[float, float, float]
    first_residual: tuple[float, float, float]
    error_m: float

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints; residuals are the median, the 90th percentile and the worst."""
        facts = {name: value for name, value in vars(self).items() if name != "session"}
        return {**facts, "session": str(self.session.path), "error_m": None if np.isnan(self.error_m) else self.error_m}


def label(source: Session, model_dir: Path, out: Path, config: LabelConfig, on_episode: OnEpisode | None = None) -> LabelResult:
    """Infer the actions of `source`'s successes, verify each in the simulator, and keep both in the session `out`.

    The source's own actions are never looked at. An accepted action is a label, which training takes; others stay
    unlabelled. `labels/NUMBER.hdf5` holds what verification found (`read_verified`). Episodes that `out` holds are passed
    over, so that a call that was broken off is gone on with by the same one.
    """
    checkpoint = load_inverse(model_dir)
    if checkpoint.kind != "inverse":
        raise UserError(
            f"--model {model_dir} is only pretrained; train it: python -m learn train SESSION --policy inverse --pretrained {model_dir}"
        )
    if out.resolve() == source.path.resolve():
        raise UserError(f"--out {out} is the session to be labelled; give a new folder")
    rows = _rows(source, config)
    _check_model(checkpoint, source, rows[0])
    uids = {row.number: _uid(source, row, checkpoint, config) for row in rows}
    missing = _missing(out, uids)
    ruler = Ruler.of([recording.states for _, recording in recordings(source, [row.number for row in rows])])
    target = Session.create(out)
    with target.claim(), torch_threads(1), _verifier(checkpoint, rows[0], ruler, config) as verifier:
        for number, recording in recordings(source, missing):
            verified = _label_one(checkpoint, verifier, recording, number)
            origin = recording.meta.origin or f"{source.path.resolve().name}#{number}"
            facts = {"uid": uids[number], "origin": origin}
            _keep(target, _episode(recording, verified, facts, _settings(checkpoint, config, verified)), verified)
            if on_episode is not None:
                on_episode(number, verified)
    return _result(target, config, len(missing))


def count_missing(source: Session, model_dir: Path, out: Path, config: LabelConfig) -> int:
    """How many episodes `label` would label now."""
    checkpoint = load_inverse(model_dir)
    return len(_missing(out, {row.number: _uid(source, row, checkpoint, config) for row in _rows(source, config)}))


def read_verified(session: Session, number: int) -> Verified:
    """What verification found of an episode of a labelled session; raises DamagedError where that cannot be read."""
    columns = read_columns(_sidecar(session, number), COLUMNS, "label the session again")
    return Verified(**{**columns, "accepted": columns["accepted"].astype(bool)})


# -- what there is to do -----------------------------------------------------------------------------------------------


def _rows(source: Session, config: LabelConfig) -> list[Row]:
    rows = [row for row in source.rows() if row.success or (config.include_failures and row.usable)]
    if not rows:
        raise UserError(f"{source.path} has no successful episode to label; give --include-failures, or record some")
    return rows


def _missing(out: Path, uids: dict[int, str]) -> list[int]:
    """The numbers of those episodes that `out` does not hold yet."""
    if not out.exists():
        return list(uids)
    held = {row.uid for row in Session.create(out).rows()}
    if held - set(uids.values()):
        raise UserError(f"--out {out} holds other episodes, or labels by another model or other settings; give a new folder")
    return [number for number, uid in uids.items() if uid not in held]


def _uid(source: Session, row: Row, checkpoint: InverseCheckpoint, config: LabelConfig) -> str:
    """A name for these labels of this recording: the same for the same model and settings."""
    uid = row.uid or uid_from_content(read_episode(source.episode_path(row.number), ()))
    words = repr((uid, checkpoint.weights_sha256, config.refine, config.tolerance))
    return hashlib.blake2b(words.encode(), digest_size=16).hexdigest()


def _check_model(checkpoint: InverseCheckpoint, source: Session, row: Row) -> None:
    if checkpoint.env_id != row.env_id:
        raise UserError(f"the model is of {checkpoint.env_id}, {source.path} of {row.env_id}; train one for it")
    recording = hide_actions(source.read(row.number))
    config = checkpoint.model.config
    here = tuple(recording.states[key].shape[1] if key in recording.states else 0 for key in config.obs_keys)
    if here != config.obs_dims:
        raise UserError(
            f"the model sees {' '.join(config.obs_keys)} of widths {config.obs_dims}, in {source.path} they have {here}; train one for it"
        )


@contextmanager
def _verifier(checkpoint: InverseCheckpoint, row: Row, ruler: Ruler, config: LabelConfig) -> Iterator[Verifier]:
    with open_plant(row.env_id, row.env_kwargs) as (plant, width):
        if width != (checkpoint.model.config.action_dim,):
            raise UserError(f"the model gives {checkpoint.model.config.action_dim} numbers, {row.env_id} takes {width}; train one for it")
        moved = (checkpoint.model.action_range.reach > 0.0).numpy()
        yield Verifier(plant, ruler, config.tolerance, config.refine, moved)


# -- one episode -------------------------------------------------------------------------------------------------------


def _label_one(checkpoint: InverseCheckpoint, verifier: Verifier, recording: Recording, number: int) -> Verified:
    check_states(verifier.plant, recording.sim_state, recording.meta.env_id, number)
    states = torch.from_numpy(recording.flat(checkpoint.model.config.obs_keys))
    actions, std = checkpoint.model.infer_episode(states)
    return verifier.verify(recording, actions.numpy(), std.numpy())


def _settings(checkpoint: InverseCheckpoint, config: LabelConfig, verified: Verified) -> dict[str, Any]:
    return {
        "weights_sha256": checkpoint.weights_sha256,
        "refine": config.refine,
        "tolerance": config.tolerance,
        "accepted": int(verified.accepted.sum()),
        "median_residual": float(np.median(verified.residual)),
    }


def _episode(recording: Recording, verified: Verified, facts: dict[str, str], settings: dict[str, Any]) -> Episode:
    """The recording with what was inferred in place of what was done: a policy's actions, of which the accepted are labels."""
    steps, count = len(recording), verified.actions
    nothing: NDArray[np.float32] = np.full(steps, np.nan, np.float32)
    columns: dict[str, Array] = {
        **recording.steps,
        "actions": verified.actions,
        "policy_actions": verified.actions,
        "labels": np.where(verified.accepted[:, None], verified.actions, np.full_like(count, np.nan)),
        "source": np.full(steps, Source.POLICY),
        "phase": np.full(steps, Phase.POLICY),
        "policy_acting": np.ones(steps),
        "stick": np.zeros((steps, STICKS)),
        "gate_scores": nothing,
        "decision_latency_s": nothing,
        "heading_deg": np.full(steps, 180.0),
    }
    meta = replace(
        recording.meta,
        **facts,  # type: ignore[arg-type]
        settings={**recording.meta.settings, LABELLED_BY: settings},
        parent=-1,
        branch_step=-1,
        dagger_round=-1,
        idle_start=0,
        idle_end=0,
        schema_version=SCHEMA_VERSION,
    )
    every = {f.name: np.asarray(columns.get(f.name, np.zeros(steps))).astype(f.dtype) for f in STEP_FIELDS}
    return Episode(meta, every, recording.obs, recording.final_obs)


def _sidecar(session: Session, number: int) -> Path:
    return session.path / LABELS_NAME / f"{number:06d}.hdf5"


def _keep(target: Session, episode: Episode, verified: Verified) -> None:
    """First what was found, then the episode: whoever is killed between the two does this one again."""
    number = target.next_number()
    write_columns(_sidecar(target, number), {name: getattr(verified, name) for name in COLUMNS})
    target.append(episode, number)


# -- in all ------------------------------------------------------------------------------------------------------------


def _result(target: Session, config: LabelConfig, labelled_now: int) -> LabelResult:
    found = [read_verified(target, row.number) for row in target.rows()]
    residual, first = (np.concatenate([getattr(v, name) for v in found]) for name in ("residual", "first_residual"))
    return LabelResult(
        session=target,
        episodes=len(found),
        labelled_now=labelled_now,
        steps=len(residual),
        accepted=int(np.count_nonzero(residual <= config.tolerance)),
        first_accepted=int(np.count_nonzero(first <= config.tolerance)),
        residual=_spread(residual),
        first_residual=_spread(first),
        error_m=float(np.median(np.concatenate([v.error_m for v in found]))),
    )


def _spread(values: Floats) -> tuple[float, float, float]:
    """Median, 90th percentile, worst."""
    median, high, worst = np.quantile(values.astype(np.float64), (0.5, 0.9, 1.0))
    return float(median), float(high), float(worst)
