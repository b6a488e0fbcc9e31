"""Behaviour modes: the names on the D-pad, and how many successes of each are wished."""

from collections.abc import Mapping, Sequence

from data.errors import UserError, one_of
from teleop.bindings import MODE_TAGS
from teleop.stick import Button


def mode_names(tags: Sequence[str], own: Sequence[str] = ()) -> dict[Button, str]:
    """`--tags left=inside up=over`: the name on each direction of the D-pad; what is not named keeps its own.

    A task that tells modes apart (`own`) has its first four there.
    """
    names = dict(zip(MODE_TAGS, own, strict=False)) or dict(MODE_TAGS)
    for tag in tags:
        direction, _, name = tag.partition("=")
        if direction not in {b.value for b in MODE_TAGS} or not name:
            raise UserError(
                f"--tags {tag} is not DIRECTION=NAME; directions: {one_of(b.value for b in MODE_TAGS)}, e.g. --tags left=inside"
            )
        names[Button(direction)] = name
    if len(set(names.values())) < len(names):
        raise UserError(f"--tags gives two directions the same name ({', '.join(names.values())}); give each its own")
    return names


def wished_plan(plan: Sequence[str], names: Mapping[Button, str], own: Sequence[str] = ()) -> dict[str, int]:
    """`--plan left=20 over=20`: successes wished per behaviour mode, one of the D-pad's or of the task's `own`."""
    wished = {}
    for entry in plan:
        name, _, count = entry.partition("=")
        if name not in names.values() and name not in own:
            raise UserError(
                f"--plan {entry}: there is no behaviour mode {name!r} on the D-pad; allowed: {one_of({*names.values(), *own})} (see --tags)"
            )
        if not count.isdigit() or int(count) < 1:
            raise UserError(f"--plan {entry} is not NAME=COUNT; give a count of 1 or more, e.g. --plan {name}=20")
        wished[name] = int(count)
    return wished
