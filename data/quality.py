"""Quality: what one episode's numbers say about how it was driven."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.migrate import hands_at_rest
from data.schema import LATE_S, Outcome, Source

POSITION = "robot0_eef_pos"
OBJECT = "object"
KEYS = (POSITION, OBJECT)  # the observations that `measure` and the report look at
STICK_AXES = 6  # columns of `stick` before the buttons
FULL = 0.999
MOVED_M = 0.01
SHORTEST = 10  # steps below which smoothness says nothing

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """One episode. Shares are of its steps, in [0, 1]; None where there is nothing to measure.

    - seconds: control time, steps / control rate
    - operator_s: of these a human or the scripted operator drove so many, and answered questions for so many more
    - human, policy, scripted: the share of steps that each chose
    - sparc: smoothness (see `sparc`); path_m: way of the end effector
    - idle: the demonstrator did nothing; never where the policy drove
    - late: ticks that began more than `LATE_S` late; worst_late_s: the latest; None on simulated time
    - saturated: steps with an axis of the action, but for the grip, at its limit
    - stick_travel: way of the six axes per driven second (1: from rest to the edge); presses: buttons per driven minute
    - interventions: how often a demonstrator took over; decision_s: mean time from question to answer
    """

    number: int
    outcome: Outcome
    mode: str
    operator: str
    steps: int
    seconds: float
    operator_s: float
    human: float
    policy: float
    scripted: float
    sparc: float | None
    path_m: float | None
    idle: float
    late: float | None
    late_ticks: int
    worst_late_s: float
    saturated: float
    stick_travel: float | None
    presses: float | None
    interventions: int
    labels: int
    decision_s: float | None
    dagger_round: int = -1
    recovered: bool = False

    @property
    def success(self) -> bool:
        return self.outcome is Outcome.SUCCESS

    @property
    def usable(self) -> bool:
        return self.outcome.usable


def measure(number: int, episode: Episode) -> Quality:
    """The measures of one episode; reads only `KEYS` of its observations."""
    meta, steps = episode.meta, episode.steps
    source = steps["source"]
    latency = _finite(steps["decision_latency_s"])
    positions = positions_m(episode)
    late, late_ticks, worst = _lateness(episode)
    travel, presses = _effort(episode)
    return Quality(
        number=number,
        outcome=meta.outcome,
        mode=meta.behaviour_mode,
        operator=meta.operator,
        steps=len(episode),
        seconds=len(episode) / meta.control_hz,
        operator_s=float(np.count_nonzero(source != Source.POLICY)) / meta.control_hz + float(latency.sum()),
        human=float(np.mean(source == Source.HUMAN)),
        policy=float(np.mean(source == Source.POLICY)),
        scripted=float(np.mean(source == Source.SCRIPTED)),
        sparc=None if positions is None else sparc(speeds(positions, meta.control_hz), meta.control_hz),
        path_m=None if positions is None else float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum()),
        idle=float(hands_at_rest(episode).mean()),
        late=late,
        late_ticks=late_ticks,
        worst_late_s=worst,
        saturated=float((np.abs(steps["actions"][:, :-1]) >= FULL).any(axis=1).mean()),
        stick_travel=travel,
        presses=presses,
        interventions=_risings(steps["interventions"]),
        labels=int(np.count_nonzero(~np.isnan(steps["labels"]).any(axis=1))),
        decision_s=float(latency.mean()) if len(latency) else None,
        dagger_round=meta.dagger_round,
        recovered=meta.recovered,
    )


def sparc(speed: Vector, rate_hz: float, *, cutoff_hz: float = 10.0, threshold: float = 0.05, padding: int = 4) -> float | None:
    """Spectral arc length of a speed profile (T,): about -1.4 for one straight reach, more negative the less smooth.

    Balasubramanian et al. (2015), "On the analysis of movement smoothness", J. NeuroEng. Rehabil. 12:112, eq. 9: minus the
    length of the normalised amplitude spectrum up to where it stays below `threshold`, at most `cutoff_hz`. It does not
    depend on how fast or how far one moved; long movements of many parts have more negative values, so compare episodes of
    one task. None for fewer than 10 steps and where nothing moved.
    """
    if len(speed) < SHORTEST or not np.isfinite(speed).all() or speed.max() <= 0.0:
        return None
    n = 2 ** (int(np.ceil(np.log2(len(speed)))) + padding)
    spectrum = np.abs(np.fft.rfft(speed, n))
    spectrum /= spectrum.max()
    frequency = np.fft.rfftfreq(n, 1.0 / rate_hz)
    kept = frequency <= cutoff_hz
    frequency, spectrum = frequency[kept], spectrum[kept]
    inside = np.flatnonzero(spectrum >= threshold)
    first, last = int(inside[0]), int(inside[-1])
    if last <= first:
        return None
    along = np.diff(frequency[first : last + 1]) / (frequency[last] - frequency[first])
    return -float(np.hypot(along, np.diff(spectrum[first : last + 1])).sum())


def positions_m(episode: Episode) -> Vector | None:
    """(T+1, 3) end-effector positions, or (T, 3) without a final observation; None where they were not recorded."""
    found = episode.obs.get(POSITION)
    if found is None or found.ndim != 2 or found.shape[1] != 3:
        return None
    last = episode.final_obs.get(POSITION)
    rows = [found] if last is None else [found, np.reshape(last, (1, 3))]
    positions = np.concatenate(rows).astype(np.float64)
    return positions if np.isfinite(positions).all() else None


def speeds(positions: Vector, rate_hz: float) -> Vector:
    """Speed in m/s between positions (N, 3): (N-1,)."""
    return np.asarray(np.linalg.norm(np.diff(positions, axis=0), axis=1) * rate_hz, np.float64)


def _lateness(episode: Episode) -> tuple[float | None, int, float]:
    """(share of late ticks, how many, the worst in s); from the attributes in files without the column.

    The share is None for an episode on simulated time.
    """
    meta, late_s = episode.meta, _finite(episode.steps["lateness_s"])
    ticks, worst = meta.late_ticks, meta.max_lateness_s
    if len(late_s):
        ticks, worst = int(np.count_nonzero(late_s > np.float32(LATE_S))), float(late_s.max())
    return (None if meta.clock == "simulated" else ticks / len(episode)), ticks, worst


def _effort(episode: Episode) -> tuple[float | None, float | None]:
    """(stick travel per s, presses per min) while a demonstrator drove; None where none did."""
    driven = episode.steps["source"] != Source.POLICY
    seconds = float(np.count_nonzero(driven)) / episode.meta.control_hz
    if not seconds:
        return None, None
    stick = np.asarray(episode.steps["stick"], np.float64)
    travel = np.abs(np.diff(stick[:, :STICK_AXES], axis=0)).sum(axis=1)[driven[1:]].sum()
    pressed = sum(_risings(column) for column in (stick[:, STICK_AXES:] > 0.5)[driven].T)
    return float(travel) / seconds, 60.0 * pressed / seconds


def _risings(flags: NDArray[np.generic]) -> int:
    """How often flags (T,) go from 0 to 1; one that begins at 1 counts."""
    raised = np.concatenate([[0], np.asarray(flags, np.int8)])
    return int(np.count_nonzero(np.diff(raised) > 0))


def _finite(values: NDArray[np.generic]) -> Vector:
    numbers = np.asarray(values, np.float64)
    return numbers[np.isfinite(numbers)]
