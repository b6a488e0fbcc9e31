"""Needs: what 1,000 operators a day, and 10 million episodes, ask for; each a formula of measured figures, beside a limit."""

from dataclasses import dataclass

from scale.figures import Figures

CAMERAS = " with two cameras"
LINE = "along the line through the two largest sessions measured"
MACHINE_DISK, MACHINE_MEMORY, MACHINE_NETWORK, MACHINE_CORES = (f"a machine's {part}" for part in ("disk", "memory", "network", "cores"))
WAITS, BETWEEN, NIGHT, THIS_DISK = "somebody waits", "between two episodes", "a night, one process", "this machine's disk"

OBSERVE = "keep the states and draw the pictures for what is learned from: `python -m teleop observe`"
OWN_DISK = "record on each operator's own disk and gather finished sessions; a journal need not travel"
SHARDS = "sessions by operator, team or day, none larger than what opens in time; each is merged in a process of its own"
DRAW = "learn from a draw: merge a share of the sessions"
MAPPED = f"where pictures fill half the free memory they go to a file in `--out` by themselves, then the disk is the limit; {DRAW}"
RAY, TORCHRUN = "more machines: `--cluster ray`", "more processes: `torchrun`; a graphics card for pictures"


@dataclass(frozen=True)
class World:
    """What is taken for granted: how much is driven, what one machine has, how long somebody waits. Sizes in bytes, `network` a second.

    Each operator trains a policy a day, which `judged` rollouts judge. `inode`: bytes of the disk for each file that it can hold.
    """

    operators: int = 1_000
    hours: int = 8
    hz: int = 20
    episodes: int = 10_000_000
    judged: int = 100
    cores: int = 16
    memory: float = 64e9
    disk: float = 4e12
    inode: int = 16_384
    network: float = 125e6
    commit_s: float = 1.0
    open_s: float = 10.0
    night_s: float = 8 * 3600.0
    day_s: float = 24 * 3600.0


@dataclass(frozen=True)
class Need:
    """`value` in `unit` of `what`, by `formula`; `limit` in the same unit (None: it only says how much), `whose` limit that is and what
    one would do `instead`.
    """

    what: str
    value: float
    unit: str
    formula: str
    limit: float | None = None
    whose: str = ""
    instead: str = ""

    @property
    def times(self) -> float:
        """How many times over the limit; below 1 it holds."""
        return self.value / self.limit if self.limit else 0.0


def broken(needs: list[Need]) -> list[Need]:
    """What breaks, the worst first."""
    return sorted((need for need in needs if need.times >= 1.0), key=lambda need: -need.times)


# -- a day of the operators --------------------------------------------------------------------------------------------


def day(f: Figures, w: World) -> list[Need]:
    """What they make, keep and learn from."""
    driven_s = w.operators * w.hours * 3600.0
    episodes, steps = driven_s / f("episode"), driven_s * w.hz
    return [
        Need("time at the sticks", driven_s / 3600.0, "h", "operators × hours"),
        Need("steps", steps, "", "time × rate"),
        Need("episodes, a file each", episodes, "", "time ÷ length of an episode"),
        *_own(f, w, episodes / w.operators),
        *_written(f, w, driven_s),
        *_gathered(f, w, episodes, steps),
        *_computed(f, w, episodes, steps),
    ]


def _cores(w: World, what: str, value: float, formula: str, instead: str) -> Need:
    return Need(what, value, "", formula, w.cores, MACHINE_CORES, instead)


def _own(f: Figures, w: World, own: float) -> list[Need]:
    hourly = "a session an hour: `--session`"
    return [
        Need("episodes in an operator's own session", own, "", "episodes ÷ operators"),
        Need("keeping one more in an operator's own session", f.grown("commit", own), "s", f"commit, {LINE}", w.commit_s, BETWEEN, hourly),
        Need("opening an operator's own session", f.grown("opening", own), "s", f"opening, {LINE}", w.open_s, WAITS, hourly),
    ]


def _written(f: Figures, w: World, driven_s: float) -> list[Need]:
    per_s = f(f"journal{CAMERAS}") + f(f"episode bytes{CAMERAS}") / f("episode")
    synced = f("fsyncs while driving") + f("fsyncs of a commit") / f("episode")
    plain, seeing = (driven_s / f("episode") * f(f"episode bytes{kind}") for kind in ("", CAMERAS))
    files, journal = "episodes × an episode's file", "operators × (journal + file ÷ length of an episode)"
    syncs = "operators × (of a journal + of a commit ÷ length of an episode)"
    return [
        Need("bytes without pictures", plain, "B", files, w.disk, MACHINE_DISK, "a disk for some days, then another"),
        Need("bytes with two cameras", seeing, "B", files, w.disk, MACHINE_DISK, OBSERVE),
        Need("gathering them, two cameras", seeing / w.day_s, "B/s", "bytes ÷ a day", w.network, MACHINE_NETWORK, OBSERVE),
        Need("writing, two cameras, all onto one disk", w.operators * per_s, "B/s", journal, f("disk writes"), THIS_DISK, OWN_DISK),
        Need("fsyncs, all onto one disk", w.operators * synced, "/s", syncs, f("disk fsyncs"), THIS_DISK, OWN_DISK),
        Need("fsyncs, all onto one disk at its worst", w.operators * synced, "/s", syncs, f("disk fsyncs at worst"), THIS_DISK, OWN_DISK),
    ]


def _gathered(f: Figures, w: World, episodes: float, steps: float) -> list[Need]:
    twice, once = "2 × steps × a step's: twice while they are put together", "steps × a step's"
    return [
        Need("merging the day into one session", episodes * f("merging"), "s", "episodes × merging one", w.night_s, NIGHT, SHARDS),
        Need("keeping one more in the day's session", f.grown("commit", episodes), "s", f"commit, {LINE}", w.commit_s, BETWEEN, SHARDS),
        Need("opening the day's session", f.grown("opening", episodes), "s", f"opening, {LINE}", w.open_s, WAITS, SHARDS),
        Need("memory to learn from the day", 2 * steps * f("memory"), "B", twice, w.memory, MACHINE_MEMORY, DRAW),
        Need("memory to learn from the day, two cameras", steps * f(f"memory{CAMERAS}"), "B", once, w.memory, MACHINE_MEMORY, MAPPED),
    ]


def _computed(f: Figures, w: World, episodes: float, steps: float) -> list[Need]:
    several = "several `record` commands, each with a `--session` and a `--seed` of its own"
    judged = w.operators * w.judged * f("rolling out") / w.night_s
    drive, through, told = (
        "episodes × generating one ÷ a day",
        "steps ÷ learned a second ÷ a night",
        "2 × gradients × steps a second × cores of both",
    )
    rate = f(f"learning{CAMERAS}") / f(f"batch{CAMERAS}")
    return [
        _cores(w, "cores to generate as many in a day", episodes * f("generating") / w.day_s, drive, RAY),
        _cores(w, "cores to generate as many with two cameras", episodes * f(f"generating{CAMERAS}") / w.day_s, drive, RAY),
        Need(
            "processes to keep what is generated",
            episodes * f("keeping") / w.day_s,
            "",
            "episodes × keeping one ÷ a day",
            1,
            "the one that asks",
            several,
        ),
        _cores(w, "cores to judge each operator's policy in a night", judged, "operators × rollouts × one ÷ a night", RAY),
        _cores(w, "cores to learn once from each step in a night", steps / f("learning") / w.night_s, through, TORCHRUN),
        _cores(w, "cores to learn once from each step, two cameras", steps / f(f"learning{CAMERAS}") / w.night_s, through, TORCHRUN),
        Need(
            "telling gradients, two machines, two cameras",
            2 * f(f"gradients{CAMERAS}") * rate * 2 * w.cores,
            "B/s",
            told,
            w.network,
            MACHINE_NETWORK,
            "a larger `--batch-size`: the processes share it, and have more to do between two steps",
        ),
    ]


# -- all of them in one session ----------------------------------------------------------------------------------------


def collected(f: Figures, w: World) -> list[Need]:
    """What so many episodes in one session need."""
    n, steps = w.episodes, w.episodes * f("episode") * w.hz
    return [
        Need("steps", steps, "", "episodes × length × rate"),
        *_kept(f, w, n),
        *_opened(f, w, n),
        *_learned(f, w, n, steps),
    ]


def _kept(f: Figures, w: World, n: int) -> list[Need]:
    files, packed = "episodes × an episode's file", "pack finished sessions: `python -m data pack`"
    return [
        Need("disk without pictures", n * f("episode bytes"), "B", files, w.disk, MACHINE_DISK, "several disks"),
        Need("disk with two cameras", n * f(f"episode bytes{CAMERAS}"), "B", files, w.disk, MACHINE_DISK, OBSERVE),
        Need("files", n, "", "one an episode", w.disk / w.inode, "a disk's inodes", packed),
        Need("catalog.jsonl", f.grown("catalog", n), "B", f"catalog, {LINE}"),
        Need("session.hdf5, links to all of them", f.grown("index", n), "B", f"index, {LINE}"),
    ]


def _opened(f: Figures, w: World, n: int) -> list[Need]:
    memory = f.grown("memory of opening", n)
    largest, fullest = (f.reached(name, limit) for name, limit in (("opening", w.open_s), ("commit", w.commit_s)))
    return [
        Need("opening it", f.grown("opening", n), "s", f"opening, {LINE}", w.open_s, WAITS, SHARDS),
        Need("memory to open it", memory, "B", f"memory of opening, {LINE}", w.memory, MACHINE_MEMORY, SHARDS),
        Need("keeping one more", f.grown("commit", n), "s", f"commit, {LINE}", w.commit_s, BETWEEN, SHARDS),
        Need("listing it anew where its catalog is lost", n * f("listing anew"), "s", "episodes × listing one", w.night_s, NIGHT, SHARDS),
        Need("merging it", n * f("merging"), "s", "episodes × merging one", w.night_s, NIGHT, SHARDS),
        Need(f"episodes of the largest session that opens in {w.open_s:g} s", largest, "", "where the line of opening meets the limit"),
        Need(f"… and that takes one more in {w.commit_s:g} s", fullest, "", "where the line of a commit meets the limit"),
    ]


def _learned(f: Figures, w: World, n: int, steps: float) -> list[Need]:
    twice, once = "2 × steps × a step's: twice while they are put together", "steps × a step's"
    through, drive = "steps ÷ learned a second ÷ a night", "episodes × generating one ÷ a day"
    return [
        Need("loading it to learn from", steps * f("loading"), "s", "steps × loading one", w.night_s, NIGHT, DRAW),
        Need("memory to learn from it", 2 * steps * f("memory"), "B", twice, w.memory, MACHINE_MEMORY, DRAW),
        Need("memory to learn from it, two cameras", steps * f(f"memory{CAMERAS}"), "B", once, w.memory, MACHINE_MEMORY, MAPPED),
        Need("once through it, one core", steps / f("learning"), "s", "steps ÷ learned a second"),
        Need("once through it, two cameras, one core", steps / f(f"learning{CAMERAS}"), "s", "steps ÷ learned a second"),
        _cores(w, "cores to go through it in a night", steps / f("learning") / w.night_s, through, TORCHRUN),
        _cores(w, "cores to go through it, two cameras", steps / f(f"learning{CAMERAS}") / w.night_s, through, TORCHRUN),
        _cores(w, "cores to generate it in a day", n * f("generating") / w.day_s, drive, RAY),
        Need(
            "handing it out over Ray",
            n / f("Ray hands out"),
            "s",
            "episodes ÷ handed out a second",
            w.day_s,
            "a day, one process",
            "several",
        ),
    ]
