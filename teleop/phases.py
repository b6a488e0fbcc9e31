"""Who drives now: the transition table."""

from data.schema import Phase
from teleop.bindings import Cue

ENDS = (Cue.STOP, Cue.SUCCESS, Cue.FAILURE, Cue.DISCARD, Cue.ENDED)
ACTIVE_PHASES = (Phase.HUMAN, Phase.POLICY, Phase.ASKING, Phase.PAUSED)

TRANSITIONS: dict[tuple[Phase, Cue], Phase] = {
    (Phase.POLICY, Cue.ASK): Phase.ASKING,
    (Phase.ASKING, Cue.ANSWER): Phase.POLICY,
    (Phase.POLICY, Cue.TAKE_OVER): Phase.HUMAN,
    **{(phase, cue): Phase.READY for phase in ACTIVE_PHASES for cue in ENDS},
    **{(phase, cue): Phase.PAUSED for phase in (Phase.HUMAN, Phase.POLICY, Phase.ASKING) for cue in (Cue.PAUSE, Cue.LOST)},
    **{(phase, Cue.QUIT): Phase.QUIT for phase in (Phase.READY, *ACTIVE_PHASES)},
}


def next_phase(phase: Phase, cue: Cue, *, policy_drives: bool) -> Phase:
    """The phase after `cue`; a cue that means nothing now changes nothing.

    With a policy at the wheel, starting, going on and letting go hand control to it; without one, to the person.
    """
    driver = Phase.POLICY if policy_drives else Phase.HUMAN
    if (phase, cue) in ((Phase.READY, Cue.START), (Phase.PAUSED, Cue.PAUSE), (Phase.HUMAN, Cue.LET_GO)):
        return driver
    return TRANSITIONS.get((phase, cue), phase)
