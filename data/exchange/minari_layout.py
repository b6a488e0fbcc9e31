"""Minari layout: an episode of ours as the arrays and attributes of a Minari episode, and back to the bit.

    observations/KEY (T+1, …)           `obs` with `final_obs` as the last row; no KEY where `state` is the only one
    actions, rewards (T, …)
    terminations, truncations (T,)      one mark, on the last step: it ended in success, or it did not
    infos/COLUMN (T+1, …)               each other column; row t belongs to observation t, the last is filled up (but `sim_state`)
    infos/success (T+1,)                on the last row
    idle/start/…, idle/end/…            what was trimmed, as in our own file; Minari does not look at it

Attributes: Minari's `id`, `seed` and `total_steps`; all of ours as `gamepad_dagger/NAME`, which Minari reads as a dict.
"""

import json
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from data.episode import Array, Episode
from data.exchange.foreign import FIELDS, STATE
from data.exchange.ours import our_episode
from data.hdf5 import item, names, read_array

OURS = "gamepad_dagger"
WHOLE = ("actions", "rewards")  # columns that Minari has, too
AFTER_EACH = "sim_state"  # has a row after the last step by itself
NEEDED = ("schema_version", "outcome", "env_id")


def arrays_of(episode: Episode) -> dict[str, Array]:
    """Every dataset of the Minari episode by its path."""
    count, success = len(episode), episode.meta.success
    is_last = np.arange(count) == count - 1
    arrays: dict[str, Array] = {name: np.asarray(episode.steps[name]) for name in WHOLE}
    arrays |= {"terminations": is_last & success, "truncations": is_last & (not success)}
    arrays |= {f"infos/{name}": _filled_up(name, column) for name, column in episode.steps.items() if name not in WHOLE}
    arrays["infos/success"] = np.append(np.zeros(count, bool), success)
    for key, column in episode.obs.items():
        place = "observations" if is_flat(episode) else f"observations/{key}"
        arrays[place] = np.concatenate([column, np.asarray(episode.final_obs[key])[None]])
    for end, part in episode.idle.items():
        arrays |= {f"idle/{end}/{name}": np.asarray(column) for name, column in part.steps.items()}
        arrays |= {f"idle/{end}/obs/{key}": np.asarray(column) for key, column in part.obs.items()}
    return arrays


def is_flat(episode: Episode) -> bool:
    """Whether the observation is one vector, which Minari keeps without a Dict around it."""
    return list(episode.obs) == [STATE] and episode.obs[STATE].ndim == 2


def attributes(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of our episode file, under their names in a Minari episode."""
    return {f"{OURS}/{name}": value for name, value in attrs.items()}


def is_ours(group: h5py.Group) -> bool:
    return all(f"{OURS}/{name}" in group.attrs for name in NEEDED)


def env_of(group: h5py.Group) -> tuple[str, dict[str, Any]]:
    """(id, arguments) of the environment that an episode of ours is of."""
    return str(group.attrs[f"{OURS}/env_id"]), dict(json.loads(group.attrs[f"{OURS}/env_kwargs"]))


def episode_in(name: str, group: h5py.Group) -> Episode:
    """The episode that `arrays_of` has been given, verified; raises BadEpisodeError, or what `DAMAGE` lists."""
    attrs = {key.removeprefix(f"{OURS}/"): group.attrs[key] for key in group.attrs if key.startswith(f"{OURS}/")}
    arrays = {column: read_array(group, column) for column in WHOLE}
    for column in names(group, "infos"):
        if column in FIELDS:
            rows = read_array(group, f"infos/{column}")
            arrays[column] = rows if column == AFTER_EACH else rows[:-1]
    keys = names(group, "observations")
    for key in keys or [STATE]:
        rows = read_array(group, f"observations/{key}" if keys else "observations")
        arrays |= {f"obs/{key}": rows[:-1], f"final_obs/{key}": np.asarray(rows[-1])}
    return our_episode(name, attrs, arrays | _below(group, "idle"))


def _filled_up(name: str, column: Array) -> Array:
    """One row more: Minari's infos begin with that of the reset."""
    if name == AFTER_EACH:
        return column
    filler = np.nan if column.dtype.kind == "f" else 0
    return np.concatenate([column, np.full((1, *column.shape[1:]), filler, column.dtype)])


def _below(group: h5py.Group, path: str) -> dict[str, Array]:
    """Every dataset below a path."""
    arrays: dict[str, Array] = {}
    for name in names(group, path):
        inside = f"{path}/{name}"
        arrays |= {inside: read_array(group, inside)} if isinstance(item(group, inside), h5py.Dataset) else _below(group, inside)
    return arrays
