"""Seen: an import whose pictures the simulator draws, of the states in the file."""

import tempfile
from dataclasses import replace
from pathlib import Path

from data import merge
from data.exchange.foreign import Collection, Terms
from data.exchange.importing import Imported, Progress, Survey, carry_out, held_uids, keep_masks
from data.session import Session
from data.simulator import simulate


def carry_out_seen(session: Session, collection: Collection, found: Survey, terms: Terms, path: Path, advance: Progress) -> Imported:
    """As `carry_out`, with the pictures that the simulator draws of the states; what it cannot draw makes nothing of all.

    Raises UserError with its reason.
    """
    held = held_uids(session)
    missing = {name: uid for name, uid in found.uids.items() if uid not in held}
    said = Imported(passed_over=len(found.uids) - len(missing))
    if not missing:
        return said
    with tempfile.TemporaryDirectory(prefix=".import-", dir=session.path.parent) as scratch:
        plain, seen = Session.create(Path(scratch) / "plain"), Path(scratch) / "seen"
        with plain.claim():
            said = replace(carry_out(plain, collection, replace(found, uids=missing), terms, path, advance), passed_over=said.passed_over)
        names = {number: name for name, number in said.numbers.items()}
        words = ["observe", str(plain.path), "--out", str(seen), "--cameras", *terms.cameras, "--image-size", str(terms.image_size)]
        simulate([*words, "--json"], "seeing", len(missing))
        plan = merge.plan_merge(session, [Session.open(seen)])
        merge.carry_out(session, plan, lambda done, note: None)
    said.numbers = {names[int(copy.source.stem)]: copy.number for copy in plan.copies}
    keep_masks(session, collection, said.numbers)
    return said
