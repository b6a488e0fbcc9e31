"""Experience: what a session holds that a gate can learn from, seen through a policy's encoder."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import UserError, one_of
from data.schema import Source
from data.session import Session
from learn.dataset import target_of
from learn.policies import Policy, Seen

AT_A_TIME = 128  # steps encoded at once


@dataclass(frozen=True)
class Experience:
    """All N steps of a session's E finished episodes, failures and the policy's own included, in order.

    `features` (N, F) by the policy's encoder; `actions` (N, A) executed; `shown` (N, A) what a demonstrator does there, as
    training takes it, and `proposed` (N, A) what the policy of that time would do, NaN where there is none. `episode` (N,)
    counts from 0; `success` (N,) is the episode's; `to_go` (N,) steps to its last; `by_policy` (N,) who drove.
    """

    features: Tensor
    actions: Tensor
    shown: Tensor
    proposed: Tensor
    episode: Tensor
    success: Tensor
    to_go: Tensor
    by_policy: Tensor

    def __len__(self) -> int:
        return len(self.features)

    @classmethod
    def of(cls, session: Session, policy: Policy) -> "Experience":
        """Read the session once and encode it; the policy is on the CPU, where it drives.

        UserError where nothing is in the session, or not what the policy sees.
        """
        numbers = [row.number for row in session.rows() if row.usable]
        if not numbers:
            raise UserError(f"{session.path} has no finished episode; record some: python -m teleop record --session {session.path}")
        parts = [_part(session, number, policy, k) for k, number in enumerate(numbers)]
        return cls(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})

    def demonstrated(self) -> Tensor:
        """Rows in which a demonstrator showed what to do."""
        return torch.nonzero(~self.shown.isnan().any(dim=1)).flatten()

    def thinned(self, rows: Tensor, most: int) -> Tensor:
        """At most `most` of them, evenly."""
        return rows[torch.linspace(0, len(rows) - 1, min(most, len(rows))).round().long()]


def _part(session: Session, number: int, policy: Policy, place: int) -> dict[str, Tensor]:
    keys = (*policy.config.obs_keys, *policy.config.image_keys)
    episode = session.read(number, keys)
    if missing := [key for key in keys if key not in episode.obs]:
        raise UserError(
            f"episode {number} of {session.path} has no {one_of(missing)}, which the policy sees; give the policy's own session"
        )
    count = len(episode)
    target, usable = target_of(episode)
    return {
        "features": _encoded(policy, episode.obs),
        "actions": torch.from_numpy(np.asarray(episode.steps["actions"], np.float32)),
        "shown": torch.from_numpy(np.where(usable[:, None], target, np.float32(np.nan))),
        "proposed": torch.from_numpy(np.asarray(episode.steps["policy_actions"], np.float32)),
        "episode": torch.full((count,), place),
        "success": torch.full((count,), episode.meta.success),
        "to_go": torch.arange(count - 1, -1, -1),
        "by_policy": torch.from_numpy(np.asarray(episode.steps["source"]) == Source.POLICY),
    }


@torch.no_grad()
def _encoded(policy: Policy, obs: Mapping[str, NDArray[np.generic]]) -> Tensor:
    """(T, F) of an episode's observations."""
    config = policy.config
    count = len(next(iter(obs.values())))
    state = np.concatenate([np.empty((count, 0)), *(np.asarray(obs[key]).reshape(count, -1) for key in config.obs_keys)], axis=1)
    seen = Seen(torch.from_numpy(state.astype(np.float32)), {key: torch.from_numpy(np.asarray(obs[key])) for key in config.image_keys})
    parts = [
        Seen(seen.state[at : at + AT_A_TIME], {key: image[at : at + AT_A_TIME] for key, image in seen.images.items()})
        for at in range(0, count, AT_A_TIME)
    ]
    return torch.cat([policy.encoder(part) for part in parts])
