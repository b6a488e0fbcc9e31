"""Policies in a program of your own: what `from learn import Policy` gives."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from data.cores import Cluster
from data.session import Session
from learn.checkpoint import Checkpoint, load_policy, save_policy
from learn.driver import Driver
from learn.evaluate import FIRST_EVALUATION_SEED, Evaluation, Rollout, evaluate, without_unused_cameras
from learn.policies import BehaviourMode, Observation, PolicyKind
from learn.policies import Policy as Network
from learn.progress import Report
from learn.train import TrainConfig, train
from teleop.envs import make_env

if TYPE_CHECKING:
    from learn.export.onnx_file import Exported

ROLLOUTS = 20  # at each check of a training, as the command line has it


class Policy:
    """A trained policy: `begin` an episode, then `act` once for every action that is executed.

    It acts as `python -m learn evaluate` lets it: chunks in a receding horizon, one mode for an episode, all that is drawn
    from the seed of `begin`. `network` is the torch module itself (`learn.policies.Policy`), for batches and gradients.
    """

    def __init__(self, trained: Checkpoint) -> None:
        self._trained = trained
        self._driver = Driver(trained.policy)

    @classmethod
    def load(cls, model: Path | str, device: str = "cpu") -> "Policy":
        """The policy in a folder that training made; raises UserError where there is none, or a damaged one."""
        return cls(load_policy(model, device))

    @classmethod
    def train(
        cls,
        session: Session | Path | str,
        kind: PolicyKind = "bc",
        *,
        out: Path | str,
        on_report: Callable[[Report], None] | None = None,
        resume: bool = False,
        **settings: Any,
    ) -> "Policy":
        """Learn one from a session and keep it in the folder `out`; `settings` are those of `learn.train.TrainConfig`.

        As on the command line it is rolled out on the way and the best is kept (`rollouts`). Ctrl-C keeps what was learned so
        far and is raised; `resume` goes on there.
        """
        config = TrainConfig(policy=kind, **{"rollouts": ROLLOUTS, **settings})
        demonstrations = session if isinstance(session, Session) else Session.open(session)
        result = train(demonstrations, config, Path(out), on_report, resume=resume)
        if result.interrupted:
            raise KeyboardInterrupt(f"what was learned so far is in {out}; resume=True goes on")
        return cls.load(out, config.device)

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def kind(self) -> PolicyKind:
        return self.network.config.kind

    @property
    def network(self) -> Network:
        return self._trained.policy

    @property
    def env_id(self) -> str:
        """The environment it was trained in."""
        return self._trained.env_id

    @property
    def env_kwargs(self) -> dict[str, Any]:
        """That environment's options, without the cameras it does not look through."""
        return without_unused_cameras(self.network, self._trained.env_kwargs)

    @property
    def obs_keys(self) -> tuple[str, ...]:
        """What `act` looks at in an observation: vectors, then pictures."""
        return (*self.network.config.obs_keys, *self.network.config.image_keys)

    @property
    def summary(self) -> Mapping[str, Any]:
        """How its training went."""
        return self._trained.summary

    def __repr__(self) -> str:
        return f"<Policy {self.kind} for {self.env_id}>"

    # -- at work -------------------------------------------------------------------------------------------------------

    def make_env(self, **options: Any) -> gymnasium.Env[Any, Any]:
        """The environment it was trained in, with `options` in place of that one's."""
        return make_env(self.env_id, **{**self.env_kwargs, **options})

    def begin(self, seed: int = 0) -> None:
        """An episode starts; the same seed draws the same."""
        self._driver.begin(seed)

    def act(self, obs: Observation) -> NDArray[np.float32]:
        """The next action (A,) in [-1, 1]; counts as executed."""
        action: NDArray[np.float32] = self._driver.act(obs)[0].copy()
        return action

    def replan(self) -> None:
        """Something else was executed than what `act` gave last: it looks again before the next."""
        self._driver.replan()

    def modes(self, obs: Observation) -> tuple[BehaviourMode, ...]:
        """The ways to go on from here, each a chunk (chunk, A) with its probability."""
        return self.network.modes(obs)

    def doubt(self, obs: Observation) -> float:
        """How far the members of an ensemble are from one mind here; 0 for one alone."""
        return self.network.doubt(obs)

    def evaluate(
        self,
        episodes: int = 50,
        *,
        seed: int = FIRST_EVALUATION_SEED,
        workers: int | None = 1,
        cluster: Cluster = "local",
        env_id: str | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
        progress: Callable[[Rollout], None] | None = None,
    ) -> Evaluation:
        """Roll it out in its own environment, or another one; an episode that runs is not disturbed.

        The result does not depend on `workers` (None: one a core) nor on `cluster`; more than one need a program that does
        its work under `if __name__ == "__main__":`, as every program that starts processes does.
        """
        at_home = env_id is None or env_id == self.env_id
        kwargs = env_kwargs if env_kwargs is not None else self.env_kwargs if at_home else {}
        shown = self.summary.get("modes", {}) if at_home else {}
        about = (env_id or self.env_id, kwargs, episodes, seed, workers)
        return evaluate(self.network, *about, cluster=cluster, progress=progress, modes_shown=shown)

    # -- kept ----------------------------------------------------------------------------------------------------------

    def save(self, model: Path | str) -> Path:
        """Write it to a folder, whole."""
        return save_policy(model, self._trained)

    def export(self, out: Path | str, *, overwrite: bool = False) -> "Exported":
        """Write it to one ONNX file, as `python -m learn export` does."""
        from learn.export.onnx_file import export_policy

        return export_policy(self._trained, Path(out), overwrite=overwrite)
