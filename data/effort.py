"""Effort: what a session cost its people, from the columns of its episodes."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from data.episode import Array, Episode
from data.episode_file import count_labels, read_episode
from data.errors import DamagedError
from data.quality import STICK_AXES
from data.schema import EpisodeMeta, Outcome, Phase, Source
from data.session import TRASH_NAME, Session
from data.trash import trashed
from data.trim import whole

NO_ROUND = -1  # `dagger_round` of what was recorded outside of DAgger
ALONE = "alone"  # the word in an episode's settings that says that nobody watched the policy drive
ANSWERED_LATER = "answered_later"  # the word for what answers given later have cost: `shown_s`, the seconds watched for them
PAUSED = 0.5  # of a control period: a step that took so much longer than it was late for had a pause or a rewind before it

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Effort:
    """What a demonstrator, a person or the scripted one, did. Kept or not, everything that was done counts.

    - driving_s: at the sticks; deciding_s: from questions to answers; watching_s: while the policy drove
    - labels: answers, asked for or given while driving
    - interventions: how often a demonstrator's action took the place of the policy's, however long it lasted
    - context_switches: how often the policy had the wheel after the demonstrator or the other way round
    - stick_travel: way of the six axes (1: from rest to the edge)
    - episodes, successes: those kept; undone: those in trash/, and branches that were left in a rewind
    """

    driving_s: float = 0.0
    deciding_s: float = 0.0
    watching_s: float = 0.0
    labels: int = 0
    interventions: int = 0
    context_switches: int = 0
    stick_travel: float = 0.0
    undone: int = 0
    episodes: int = 0
    successes: int = 0

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def hands_on_s(self) -> float:
        return self.driving_s + self.deciding_s

    @property
    def total_s(self) -> float:
        return self.hands_on_s + self.watching_s

    @property
    def per_label_s(self) -> float | None:
        """Hands-on seconds for each label; None without one."""
        return self.hands_on_s / self.labels if self.labels else None

    @property
    def per_success_s(self) -> float | None:
        """Hands-on seconds for each success, failures and what was undone included; None without one."""
        return self.hands_on_s / self.successes if self.successes else None

    @property
    def per_intervention_s(self) -> float | None:
        """Hands-on seconds for each intervention; None without one."""
        return self.hands_on_s / self.interventions if self.interventions else None


@dataclass
class Ledger:
    """Efforts of episodes as they are read, by `dagger_round` and by operator."""

    by_round: dict[int, Effort] = field(default_factory=dict)
    by_operator: dict[str, Effort] = field(default_factory=dict)

    def add(self, meta: EpisodeMeta, effort: Effort) -> None:
        self.by_round[meta.dagger_round] = self.by_round.get(meta.dagger_round, Effort()) + effort
        self.by_operator[meta.operator] = self.by_operator.get(meta.operator, Effort()) + effort

    @property
    def total(self) -> Effort:
        return sum(self.by_round.values(), Effort())


def effort_of(session: Session) -> Effort:
    """The effort of all that was done for a session, what lies in trash/ included. Raises UserError for a damaged episode."""
    return ledger_of(session).total


def efforts_by_round(session: Session, since: int = 0) -> dict[int, Effort]:
    """The effort of each DAgger round, in order; NO_ROUND first, where there is any outside of DAgger. From episode `since` on."""
    return dict(sorted(ledger_of(session, since).by_round.items()))


def efforts_by_operator(session: Session) -> dict[str, Effort]:
    """The effort of each operator, by name."""
    return dict(sorted(ledger_of(session).by_operator.items()))


def ledger_of(session: Session, since: int = 0) -> Ledger:
    """Every episode of a session and in its trash/, from number `since` on, read once, without pictures."""
    ledger = Ledger()
    for path in session.episode_paths():
        if int(path.stem) >= since:
            episode = read_episode(path, ())
            ledger.add(episode.meta, effort_of_episode(episode))
    add_trash(ledger, session, since)
    return ledger


def add_trash(ledger: Ledger, session: Session, since: int = 0) -> None:
    """Add what was undone and deleted. Of what cannot be read there nobody knows what it cost: it is left out."""
    for meta, effort in _trashed(session, since):
        ledger.add(meta, effort)


def _trashed(session: Session, since: int) -> Iterator[tuple[EpisodeMeta, Effort]]:
    for number in (number for number in trashed(session) if number >= since):
        try:
            episode = read_episode(session.path / TRASH_NAME / f"{number:06d}.hdf5", ())
        except DamagedError:
            continue
        yield episode.meta, replace(effort_of_episode(episode), undone=1, episodes=0, successes=0)


def effort_of_episode(episode: Episode) -> Effort:
    """The effort of one episode, its set-aside ends included; of a branch that was left, of what its parent does not share.

    A step costs the time since the step before it, less the time to decide, which counts by itself. Pauses and scrubbing back
    are no time at all: no column says which of the two a gap was. Where the policy drove alone, its driving is none either, and
    answers that were given later are.
    """
    full, meta = whole(episode), episode.meta
    steps, branched = full.steps, meta.branch_step >= 0
    own = slice(meta.branch_step + meta.idle_start if branched else 0, None)
    took_s, latency_s = _took_s(steps, 1.0 / meta.control_hz), _latency_s(steps)
    by_policy = np.asarray(steps["source"]) == Source.POLICY
    watched = by_policy | np.isin(steps["phase"], (Phase.POLICY, Phase.ASKING))
    intervened = np.asarray(steps["interventions"], np.bool_) | (~by_policy & watched.any())
    moved = np.abs(np.diff(_floats(steps["stick"])[:, :STICK_AXES], axis=0, prepend=steps["stick"][:1, :STICK_AXES]))
    abandoned = meta.outcome is Outcome.ABANDONED
    return Effort(
        driving_s=float(took_s[own][~watched[own]].sum()),
        deciding_s=float(latency_s[own].sum()),
        watching_s=float(took_s[own][watched[own] & (ALONE not in meta.settings)].sum()) + _shown_s(meta),
        labels=count_labels(steps["labels"][own]),
        interventions=int(np.count_nonzero((intervened & ~_before(intervened))[own])),
        context_switches=int(np.count_nonzero(np.diff(by_policy, prepend=by_policy[:1])[own])),
        stick_travel=float(moved[own].sum()),
        undone=int(abandoned),
        episodes=int(not abandoned),
        successes=int(meta.success),
    )


def _took_s(steps: Mapping[str, Array], period_s: float) -> Vector:
    """(T,) how long each step took: since the step before it, without questions; as long as it should where there was a gap."""
    waited_s = np.where(np.asarray(steps["phase"]) == Phase.ASKING, _latency_s(steps), 0.0)  # for the others nothing stood still
    since_s = np.diff(_floats(steps["time_s"])) - waited_s[1:]
    should_s = period_s + np.nan_to_num(_floats(steps["lateness_s"]))[1:]
    took_s = np.where(since_s > should_s + PAUSED * period_s, should_s, np.maximum(since_s, 0.0))
    return np.concatenate([[period_s], took_s])


def _latency_s(steps: Mapping[str, Array]) -> Vector:
    """(T,) from each question to its answer; 0 without one."""
    return np.nan_to_num(_floats(steps["decision_latency_s"]))


def _shown_s(meta: EpisodeMeta) -> float:
    return float(meta.settings.get(ANSWERED_LATER, {}).get("shown_s", 0.0))


def _before(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(T,) each step's predecessor's flag."""
    return np.concatenate([[False], flags[:-1]])


def _floats(column: Array) -> Vector:
    return np.asarray(column, np.float64)
