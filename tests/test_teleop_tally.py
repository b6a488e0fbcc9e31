"""Tally: what is counted along is what counting anew would give."""

from collections import Counter

import numpy as np

from data.schema import Outcome
from teleop.screen import Kept
from teleop.tally import Tally


def test_after_any_keeping_tagging_and_undoing_the_counts_are_those_of_what_is_kept():
    rng = np.random.default_rng(0)
    earlier = Counter({"left": 2, "": 1})
    tally = Tally(modes=Counter(earlier))
    for number in range(300):
        choice = rng.integers(3) if tally.kept else 0
        mode = str(rng.choice(["", "left", "over"]))
        if choice == 0:
            tally.keep(Kept(number, Outcome(rng.choice([o.value for o in Outcome])), mode, np.zeros(2)))
        elif choice == 1:
            assert tally.tag_last(mode) is tally.kept[-1]
        else:
            tally.drop_last()
        successes = [k.mode for k in tally.kept if k.outcome is Outcome.SUCCESS]
        assert (tally.successes, tally.all_successes) == (len(successes), len(successes) + 3)
        assert tally.counted == sum(k.outcome in (Outcome.SUCCESS, Outcome.FAILURE) for k in tally.kept)
        assert +tally.modes == earlier + Counter(successes)
    assert len(tally.kept) > 5
    assert tally.strip() == tuple(tally.kept[-8:])
