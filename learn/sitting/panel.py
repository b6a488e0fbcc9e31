"""Panel: how a sitting goes, as the window shows it."""

from data.report.tiles import duration
from learn.sitting.log import UNKNOWN, SittingLog
from teleop.screen import Fact


def standing(log: SittingLog) -> tuple[Fact, ...]:
    """How good the policy that drives is, beside how good it is to be; once it is over what it was judged by, else its last scenes."""
    target = Fact("target", f"{100 * log.target:g} %")
    if log.judged is not None:
        (successes, rollouts), (low, high) = log.judged
    elif log.findings:
        found = log.findings[-1]
        successes, rollouts, (low, high) = found.successes, found.rollouts, found.interval
    else:
        return Fact("success", UNKNOWN), target
    rate = successes / rollouts
    success = Fact("success", f"{100 * rate:.0f} % of {rollouts}", rate, log.target)
    return success, Fact("95 % interval", f"{100 * low:.0f} … {100 * high:.0f} %"), target


def panel(log: SittingLog, minutes: float, left: str, scenes: int, work: str, carried: int = 0) -> tuple[Fact, ...]:
    """Beside it what it has cost and will (`left`, in words), in how many `scenes` the person is wanted, to how many what they showed
    is carried over by now, what the computer does meanwhile.
    """
    to_go = left if left == UNKNOWN else f"{left} min"
    facts = [*standing(log), Fact("your time", duration(60.0 * minutes)), Fact("to go", to_go)]
    if log.findings:
        facts.append(Fact("scenes to show it", str(scenes)))
    if carried:
        facts.append(Fact("carried over to", f"{carried} scenes"))
    if work:
        facts.append(Fact("now", work))
    return tuple(facts)
