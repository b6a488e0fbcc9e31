"""Who drives now: the transition table."""

from data.schema import Phase
from teleop.bindings import ACTIVE, ALL, DRIVING, Cue

ENDS = (Cue.STOP, Cue.SUCCESS, Cue.FAILURE, Cue.DISCARD, Cue.ENDED, Cue.CUT)

TRANSITIONS: dict[tuple[Phase, Cue], Phase] = {
    (Phase.POLICY, Cue.ASK): Phase.ASKING,
    (Phase.ASKING, Cue.ANSWER): Phase.POLICY,
    (Phase.ASKING, Cue.HAND_OVER): Phase.HUMAN,
    (Phase.POLICY, Cue.TAKE_OVER): Phase.HUMAN,
    (Phase.REWIND, Cue.LOST): Phase.PAUSED,
    **{(phase, cue): Phase.READY for phase in ACTIVE for cue in ENDS},
    **{(phase, cue): Phase.PAUSED for phase in DRIVING for cue in (Cue.PAUSE, Cue.LOST)},
    **{(phase, Cue.REWIND): Phase.REWIND for phase in ACTIVE},
    **{(phase, Cue.QUIT): Phase.QUIT for phase in (*ALL, Phase.REWIND)},
}
HANDS_ON = ((Phase.READY, Cue.START), (Phase.PAUSED, Cue.PAUSE), (Phase.HUMAN, Cue.LET_GO), (Phase.REWIND, Cue.RELEASE))


def next_phase(phase: Phase, cue: Cue, *, policy_drives: bool) -> Phase:
    """The phase after `cue`; a cue that means nothing now changes nothing.

    With a policy at the wheel, starting, going on, letting go and the end of a rewind hand control to it; without one,
    to the person.
    """
    if (phase, cue) in HANDS_ON:
        return Phase.POLICY if policy_drives else Phase.HUMAN
    return TRANSITIONS.get((phase, cue), phase)
