"""Log: a training's scalars over its steps, always for TensorBoard, for Weights & Biases where that is asked for."""

import logging
import os
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import UserError
from learn.model_folder import ROUNDS_NAME
from learn.progress import Report

if TYPE_CHECKING:
    import wandb
    from torch.utils.tensorboard import SummaryWriter

TENSORBOARD_NAME = "tensorboard"
PATIENCE_S = 120.0  # for what is not sent yet as a training ends; `wandb sync` sends the rest
ITS_OWN_REPORTS = "WANDB_ERROR_REPORTING"
NEEDS = '--wandb needs wandb; install it with: pip install "gamepad-dagger[wandb]"'

logger = logging.getLogger(__name__)


class Log:
    """Scalars by name at rising steps. `run_id` names the run in Weights & Biases, "" without one; given again it is gone on with."""

    def __init__(self, writer: "SummaryWriter", run: "wandb.Run | None" = None, run_id: str = "") -> None:
        self._writer, self._run, self.run_id = writer, run, run_id

    def scalars(self, step: int, values: Mapping[str, float | None]) -> None:
        """None: not known, left out."""
        known = {name: value for name, value in values.items() if value is not None}
        for name, value in known.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()
        self._to_run(lambda run: run.log(known, step=step))

    def report(self, now: Report) -> None:
        """A training's losses."""
        self.scalars(now.step, {"loss/train": now.train_loss, "loss/valid": now.valid_loss})

    def close(self) -> None:
        self._writer.close()
        self._to_run(lambda run: run.finish(exit_code=0))

    def _to_run(self, do: "Callable[[wandb.Run], object]") -> None:
        if self._run is None:
            return
        with _forgiving():
            do(self._run)
            return
        self._run = None


@contextmanager
def open_log(out: Path, project: str | None = None, config: Mapping[str, Any] | None = None, run_id: str = "") -> Iterator[Log]:
    """The log of what is trained into the folder `out`, closed in the end.

    With `project` it is a run of Weights & Biases, too, named after the folder, its files in it, with the settings `config`; of
    the id `run_id` where it goes on with one. Where it cannot be begun the training goes on without. Raises UserError where wandb
    is not installed.
    """
    if project is not None:
        _check_wandb()
    from torch.utils.tensorboard import SummaryWriter  # costs 0.2 s that `evaluate` need not pay

    writer = SummaryWriter(str(out / TENSORBOARD_NAME))
    if project is None:
        log = Log(writer)
        try:
            yield log
        finally:
            log.close()
        return
    run_id = run_id or uuid.uuid4().hex[:8]
    with _service():
        log = Log(writer, _begin(out, project, config or {}, run_id), run_id)
        try:
            yield log
        finally:
            log.close()


def _begin(out: Path, project: str, config: Mapping[str, Any], run_id: str) -> "wandb.Run | None":
    """A run's files lie in the folder; a round's run is named with its run of rounds."""
    import wandb

    group = out.parent.parent.name if out.parent.name == ROUNDS_NAME else None
    patience: dict[str, Any] = {"finish_timeout": PATIENCE_S} if "finish_timeout" in wandb.Settings.model_fields else {}
    with _forgiving():
        return wandb.init(
            project=project,
            name=out.name if group is None else f"{group}/{ROUNDS_NAME}/{out.name}",
            group=group,
            id=run_id,
            resume="allow",
            dir=out,
            config=dict(config),
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", disable_code=True, disable_git=True, **patience),
        )
    return None


@contextmanager
def _service() -> Iterator[None]:
    """Weights & Biases writes and sends in a process of its own; it ends with this, unless somebody else here uses it.

    It does not report on itself to its makers, which it would do offline, too, unless the user has said that it may.
    """
    import wandb

    others, says = wandb.run is not None, ITS_OWN_REPORTS in os.environ
    os.environ.setdefault(ITS_OWN_REPORTS, "false")
    try:
        yield
    finally:
        if not says:
            os.environ.pop(ITS_OWN_REPORTS, None)
        if not others:
            with _forgiving():
                wandb.teardown()


@contextmanager
def _forgiving() -> Iterator[None]:
    """Whatever goes wrong there is told, and changes nothing here."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (a service that fails must not end what it was to look at)
        words = " ".join(str(error).split()) or type(error).__name__
        logger.warning("Weights & Biases fails, the training goes on without it: %s", words)


def _check_wandb() -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own dependencies
            import wandb  # noqa: F401
    except ImportError as error:
        raise UserError(NEEDS) from error
