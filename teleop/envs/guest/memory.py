"""Memory: what an environment keeps in Python and in its model beside the simulator's state, so that it can be put back."""

import copy
from typing import Any

import gymnasium
import numpy as np

# What environments change of their models: some move bodies and sites at a reset, some switch collisions on the way.
MODEL_FIELDS = ("body_pos", "body_quat", "geom_pos", "geom_quat", "geom_size", "geom_rgba", "geom_contype", "geom_conaffinity", "site_pos")
PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, np.random.Generator)
Saved = list[tuple[Any, dict[str, Any]]]


def remember(env: gymnasium.Env[Any, Any], model: Any, before: dict[str, Any]) -> tuple[Saved, dict[str, Any]]:
    """The plain attributes of the env, its wrappers and its own objects, and the model's arrays.

    `before` are the arrays as last remembered: what has not changed is kept once.
    """
    saved = [(thing, {k: copy.deepcopy(v) for k, v in vars(thing).items() if _is_plain(v)}) for thing in _own_things(env)]
    fields = {}
    for name in MODEL_FIELDS:
        now, then = getattr(model, name), before.get(name)
        fields[name] = then if then is not None and np.array_equal(then, now) else now.copy()
    return saved, fields


def put_back(saved: Saved, fields: dict[str, Any], model: Any) -> None:
    """What `remember` gave. Arrays are filled in place: some are views of the simulator's."""
    for thing, values in saved:
        for name, value in values.items():
            attributes: dict[str, Any] = thing.__dict__
            now = attributes.get(name)
            if isinstance(now, np.ndarray) and isinstance(value, np.ndarray) and now.shape == value.shape and now.flags.writeable:
                now[...] = value
            else:
                attributes[name] = copy.deepcopy(value)
    for name, value in fields.items():
        getattr(model, name)[...] = value


def _own_things(env: gymnasium.Env[Any, Any]) -> list[Any]:
    """The env, its wrappers, and the objects of the env's own package that they hold."""
    package = type(env.unwrapped).__module__.split(".")[0]
    found: list[Any] = []
    seen, todo = set(), [env]
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, list | tuple):
            todo += thing
        elif isinstance(thing, dict):
            todo += thing.values()
        elif _is_own(thing, package):
            found.append(thing)
            todo += [value for value in vars(thing).values() if not _is_plain(value)]
    return found


def _is_own(thing: Any, package: str) -> bool:
    if isinstance(thing, gymnasium.Env):
        return True
    return package != "gymnasium" and type(thing).__module__.split(".")[0] == package and hasattr(thing, "__dict__")


def _is_plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, PLAIN) or (isinstance(value, np.ndarray) and value.dtype != object):
        return True
    if depth > 4:
        return False
    if isinstance(value, list | tuple | set | frozenset):
        return all(_is_plain(v, depth + 1) for v in value)
    return isinstance(value, dict) and all(_is_plain(v, depth + 1) for v in value.values())
