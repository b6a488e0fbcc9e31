"""View: an episode as a recording of Rerun. Rerun itself is imported where it is used: few need it.

Entities: `cameras/…`, `world/…` (3-D, metres, base frame, z up), `action/NAME/executed|policy|label`, `gripper`, `joints`, `reward`,
`gate/score`, `latency/…`, `state/…` and `events` (who drives, in words), `facts` (a text). Timelines: `step` and `time`.
"""

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.episode import Array, Episode
from data.errors import UserError
from data.schema import ACTION_NAMES, Phase, Source
from data.selection import counted
from data.things import things_in

if TYPE_CHECKING:
    import rerun

APPLICATION = "gamepad-dagger"
Colour = tuple[int, int, int]
DRIVERS: Mapping[int, tuple[str, Colour]] = {
    Source.HUMAN: ("human", (102, 187, 106)),
    Source.POLICY: ("policy", (66, 165, 245)),
    Source.SCRIPTED: ("scripted", (255, 167, 38)),
}
PHASES: Mapping[int, tuple[str, Colour]] = {
    Phase.HUMAN: ("demonstrator drives", (102, 187, 106)),
    Phase.POLICY: ("policy drives", (66, 165, 245)),
    Phase.ASKING: ("policy asks", (239, 83, 80)),
}
KINDS: Mapping[str, tuple[str, Colour]] = {
    "executed": ("executed", (224, 224, 224)),
    "policy": ("the policy's", (66, 165, 245)),
    "label": ("label", (255, 202, 40)),
}
DIMENSIONS: tuple[Colour, ...] = (
    (239, 83, 80),
    (102, 187, 106),
    (66, 165, 245),
    (255, 167, 38),
    (171, 71, 188),
    (38, 198, 218),
    (224, 224, 224),
)
THING_COLOURS: tuple[Colour, ...] = ((239, 83, 80), (255, 202, 40), (171, 71, 188), (38, 198, 218), (141, 110, 99), (189, 189, 189))


def check_installed() -> None:
    """Raises UserError where there is no Rerun."""
    try:
        import rerun  # noqa: F401
    except ImportError as error:
        raise UserError('data view needs rerun-sdk; install it with: pip install "gamepad-dagger[rerun]"') from error


def check_display() -> None:
    """Raises UserError where no window can be opened."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError(
            "there is no display to open the viewer on; write a file for one that has: --save episode.rrd, there: rerun episode.rrd"
        )


@dataclass(frozen=True)
class Shown:
    """What an episode has to be looked at."""

    cameras: tuple[str, ...]  # of pictures, depth and segmentation
    actions: tuple[str, ...]
    eye: tuple[tuple[float, ...], tuple[float, ...]] | None  # from where and at what to look, of what moved in space; metres
    has_gate: bool
    has_policy: bool
    has_labels: bool


def shown_of(episode: Episode) -> Shown:
    steps = episode.steps
    return Shown(
        cameras=tuple(key for key, column in episode.obs.items() if _picture_kind(key, column)),
        actions=action_names(episode),
        eye=_eye(episode),
        has_gate=bool(np.isfinite(_floats(steps["gate_scores"])).any()),
        has_policy=bool(np.isfinite(_floats(steps["policy_actions"])).any()),
        has_labels=bool(np.isfinite(_floats(steps["labels"])).any()),
    )


def _eye(episode: Episode) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """From in front of the arm, so far away that its way and the task's bodies are in sight."""
    if "robot0_eef_pos" not in episode.obs:
        return None
    places = [_floats(episode.obs["robot0_eef_pos"]), *things_in(episode.meta.env_id, episode.obs.get("object")).values()]
    low, high = np.min([p.min(axis=0) for p in places], axis=0), np.max([p.max(axis=0) for p in places], axis=0)
    centre, reach = (low + high) / 2, max(0.2, float((high - low).max()))
    return tuple((centre + reach * np.array([0.9, -0.7, 0.35])).tolist()), tuple(centre.tolist())


def recording_of(session: str, number: int, episode: Episode) -> "rerun.RecordingStream":
    """A recording with all of the episode in it, that is still to be sent somewhere, and how it is to be looked at."""
    import rerun as rr

    from data.view_layout import layout

    recording = rr.RecordingStream(APPLICATION, recording_id=f"{episode.meta.uid or session}-{number}")
    recording.send_recording_name(f"{session}, episode {number}")
    recording.send_blueprint(layout(shown_of(episode)))
    log = _Log(recording, episode)
    log.facts(facts(session, number, episode))
    log.cameras()
    log.world()
    log.actions()
    log.numbers()
    log.states()
    return recording


def bytes_of(session: str, number: int, episode: Episode) -> bytes:
    """The same as the contents of an .rrd file."""
    recording = recording_of(session, number, episode)
    return bytes(recording.memory_recording().drain_as_bytes())


def show(session: str, number: int, episode: Episode) -> None:
    """In the viewer, which is opened where none is open. Raises UserError where it does not open."""
    recording = recording_of(session, number, episode)
    try:
        recording.spawn()
        recording.flush()
    except (RuntimeError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"the viewer did not open ({reason}); write a file with --save episode.rrd, then: rerun episode.rrd") from error


def action_names(episode: Episode) -> tuple[str, ...]:
    """Of an arm's seven numbers; other environments' are counted."""
    width = episode.steps["actions"].shape[1]
    is_arm = width == len(ACTION_NAMES) and "robot0_eef_pos" in episode.obs
    return ACTION_NAMES if is_arm else tuple(f"a{i}" for i in range(width))


def facts(session: str, number: int, episode: Episode) -> str:
    """What is known of the episode, as Markdown."""
    meta, steps = episode.meta, episode.steps
    labels = int(np.isfinite(_floats(steps["labels"])).all(axis=1).sum())
    by = {name: int((steps["source"] == source).sum()) for source, (name, _) in DRIVERS.items()}
    rows = {
        "outcome": f"**{meta.outcome}**" + (", recovered" if meta.recovered else ""),
        "task": meta.task,
        "environment": f"{meta.env_id} {json.dumps(dict(meta.env_kwargs)) if meta.env_kwargs else ''}",
        "seed": str(meta.seed),
        "operator": meta.operator,
        "mode": ", ".join(part for part in (meta.behaviour_mode, meta.found_mode and f"found {meta.found_mode}") if part),
        "length": f"{counted(len(episode), 'step')} at {meta.control_hz:g} Hz, {float(_floats(steps['time_s'])[-1]):.1f} s",
        "driven by": ", ".join(f"{name} {counted(count, 'step')}" for name, count in by.items() if count),
        "labels": str(labels) if labels else "",
        "DAgger round": str(meta.dagger_round) if meta.dagger_round >= 0 else "",
        "branch of": f"episode {meta.parent} up to step {meta.branch_step}" if meta.parent >= 0 else "",
        "late ticks": f"{meta.late_ticks}, at most {1e3 * meta.max_lateness_s:.1f} ms" if meta.late_ticks else "",
        "trimmed": f"{meta.idle_start} idle steps before, {meta.idle_end} after" if meta.idle_start or meta.idle_end else "",
        "recorded": meta.created,
        "from": meta.origin,
        "versions": ", ".join(f"{name} {version}" for name, version in meta.versions.items()),
        "uid": meta.uid,
    }
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows.items() if value.strip()]
    return "\n".join([f"# {_cell(session)}, episode {number}", "", "| | |", "| --- | --- |", *lines])


def _cell(text: str) -> str:
    """A name from a file, in one cell of a table."""
    return " ".join(text.replace("|", "\\|").split())


class _Log:
    """What is written into one recording; rows of T steps, those of observations with the last one behind them."""

    def __init__(self, recording: "rerun.RecordingStream", episode: Episode) -> None:
        self.recording, self.episode = recording, episode
        time_s = _floats(episode.steps["time_s"])
        self.time = np.round(1e9 * np.append(time_s, time_s[-1] + 1.0 / episode.meta.control_hz)).astype("timedelta64[ns]")

    # -- the parts -------------------------------------------------------------------------------------------------

    def facts(self, text: str) -> None:
        import rerun as rr

        self.recording.log("facts", rr.TextDocument(text, media_type=rr.MediaType.MARKDOWN), static=True)

    def cameras(self) -> None:
        """Pictures as PNG, to the last bit; depth in metres; segmentation with 0 for the background."""
        import rerun as rr

        for key, column in self._observed():
            path, kind = f"cameras/{key}", _picture_kind(key, column)
            if kind == "picture":
                coded = [_png(picture) for picture in column]
                self._send(path, rr.EncodedImage.columns(blob=coded, media_type=["image/png"] * len(coded)), range(len(column)))
            elif kind:
                self._plain_picture(path, kind, column[..., 0])

    def world(self) -> None:
        """The way of the tool centre point, coloured by who drove; where it and the task's bodies are now."""
        import rerun as rr

        obs = dict(self._observed())
        self.recording.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        if "robot0_eef_pos" in obs:
            places = obs["robot0_eef_pos"]
            strips = list(_strips(places, self.episode.steps["source"]))
            self.recording.log(
                "world/path", rr.LineStrips3D([s for s, _ in strips], colors=[c for _, c in strips], radii=0.0015), static=True
            )
            self._points("world/tcp", places, (255, 255, 255), "tcp", 0.006)
            if "robot0_eef_quat" in obs:
                self._send("world/hand", rr.Transform3D.columns(translation=places, quaternion=obs["robot0_eef_quat"]), range(len(places)))
                self.recording.log("world/hand", rr.TransformAxes3D(axis_length=0.04), static=True)
        things = things_in(self.episode.meta.env_id, obs.get("object"))
        for (name, places), colour in zip(things.items(), THING_COLOURS, strict=False):
            path = name.replace(" ", "_")
            self._points(f"world/{path}", places, colour, name, 0.015)
            if np.ptp(places, axis=0).max() > 0.005:
                self.recording.log(f"world/{path}/path", rr.LineStrips3D([places], colors=[colour], radii=0.001), static=True)

    def actions(self) -> None:
        """Each number of what was executed, what the policy proposed and what was answered."""
        columns = {"executed": "actions", "policy": "policy_actions", "label": "labels"}
        for kind, column in columns.items():
            title, colour = KINDS[kind]
            values = _floats(self.episode.steps[column])
            rows = np.flatnonzero(np.isfinite(values).all(axis=1))
            for i, name in enumerate(action_names(self.episode)):
                own = DIMENSIONS[i % len(DIMENSIONS)] if kind == "executed" else colour
                said = name if kind == "executed" else f"{name}, {title}"
                self._series(f"action/{name}/{kind}", values[rows, i : i + 1], [said], rows, [own], points=kind != "executed")

    def numbers(self) -> None:
        steps, obs = self.episode.steps, dict(self._observed())
        every = range(len(self.episode))
        self._series("reward", steps["rewards"][:, None], ["reward"], every, [(255, 202, 40)])
        for key, path in (("robot0_gripper_qpos", "gripper"), ("robot0_joint_pos", "joints"), ("state", "state_vector")):
            if key in obs and obs[key].ndim == 2:
                names = [f"{path.removesuffix('s').replace('_vector', '')} {i + 1}" for i in range(obs[key].shape[1])]
                self._series(path, obs[key], names, range(len(obs[key])))
        for column, path, name in (
            ("gate_scores", "gate/score", "the gate's doubt"),
            ("decision_latency_s", "latency/decision", "to decide (s)"),
            ("lateness_s", "latency/tick", "tick late (s)"),
        ):
            rows = np.flatnonzero(np.isfinite(_floats(steps[column])))
            colour = {"gate/score": (239, 83, 80), "latency/decision": (171, 71, 188)}.get(path, (141, 110, 99))
            self._series(path, steps[column][rows, None], [name], rows, [colour], points=path == "latency/decision")

    def states(self) -> None:
        """Who drove and what went on: lanes, and a line where it changes."""
        import rerun as rr

        steps = self.episode.steps
        for path, column, known in (("state/driver", "source", DRIVERS), ("state/phase", "phase", PHASES)):
            names = [known[value][0] if value in known else f"phase {value}" for value in steps[column].tolist()]
            rows = [t for t in range(len(names)) if t == 0 or names[t] != names[t - 1]]
            there = [(name, colour) for name, colour in known.values() if name in names]
            style = rr.StateConfiguration(values=[name for name, _ in there], colors=[colour for _, colour in there])
            self.recording.log(path, style, static=True)
            self._send(path, rr.StateChange.columns(state=[names[t] for t in rows]), rows)
        lines = list(_events(self.episode))
        rows = [row for row, _ in lines]
        self._send("events", rr.TextLog.columns(text=[text for _, text in lines], level=["INFO"] * len(lines)), rows)

    # -- how they are written --------------------------------------------------------------------------------------

    def _plain_picture(self, path: str, kind: str, values: Array) -> None:
        """(T, H, W) metres, or ids from -1 on."""
        import rerun as rr

        height, width = values.shape[1:]
        if kind == "depth":
            form = rr.components.ImageFormat(width=width, height=height, channel_datatype=rr.ChannelDatatype.F32)
            self.recording.log(path, rr.DepthImage.from_fields(format=form, meter=1.0), static=True)
            columns = rr.DepthImage.columns(buffer=_bytes_of_rows(values.astype(np.float32)))
        else:
            form = rr.components.ImageFormat(width=width, height=height, channel_datatype=rr.ChannelDatatype.U16)
            self.recording.log(path, rr.SegmentationImage.from_fields(format=form), static=True)
            columns = rr.SegmentationImage.columns(buffer=_bytes_of_rows((values.astype(np.int32) + 1).astype(np.uint16)))
        self._send(path, columns, range(len(values)))

    def _observed(self) -> Iterator[tuple[str, Array]]:
        """(key, rows): the last observation behind the others."""
        for key, column in self.episode.obs.items():
            yield key, np.concatenate([column, np.asarray(self.episode.final_obs[key])[None]])

    def _send(self, path: str, columns: Any, rows: Sequence[int] | range | NDArray[np.int64]) -> None:
        """Values of these rows, on both timelines."""
        import rerun as rr

        numbers = np.asarray(rows, np.int64)
        if len(numbers):
            times = [rr.TimeColumn("step", sequence=numbers), rr.TimeColumn("time", duration=self.time[numbers])]
            self.recording.send_columns(path, indexes=times, columns=columns)

    def _points(self, path: str, places: Array, colour: Colour, name: str, radius_m: float) -> None:
        import rerun as rr

        self.recording.log(path, rr.Points3D.from_fields(colors=[colour], labels=[name], radii=[radius_m]), static=True)
        self._send(path, rr.Points3D.columns(positions=places), range(len(places)))

    def _series(
        self,
        path: str,
        values: Array,
        names: Sequence[str],
        rows: Sequence[int] | range | NDArray[np.int64],
        colours: Sequence[Colour] = (),
        *,
        points: bool = False,
    ) -> None:
        """Curves (rows, n), or points where they are not of every step."""
        import rerun as rr

        if not len(values):
            return
        drawn = colours or [DIMENSIONS[i % len(DIMENSIONS)] for i in range(len(names))]
        if points:
            style: Any = rr.SeriesPoints(names=list(names), colors=drawn, marker_sizes=2.0)
        else:
            style = rr.SeriesLines(names=list(names), colors=drawn, widths=1.5)
        self.recording.log(path, style, static=True)
        self._send(path, rr.Scalars.columns(scalars=_floats(values)), rows)


def _picture_kind(key: str, column: Array) -> str:
    """picture, depth or segmentation; "" for what is no picture (T, H, W, channels)."""
    if column.ndim != 4:
        return ""
    if column.dtype == np.uint8 and column.shape[3] == 3:
        return "picture"
    if column.shape[3] != 1:
        return ""
    return "depth" if column.dtype.kind == "f" else "segmentation"


def _bytes_of_rows(values: Array) -> NDArray[np.uint8]:
    return np.ascontiguousarray(values).reshape(len(values), -1).view(np.uint8)


def _png(picture: Array) -> bytes:
    from PIL import Image  # Rerun needs it, too

    coded = io.BytesIO()
    Image.fromarray(picture).save(coded, "PNG", compress_level=4)
    return coded.getvalue()


def _strips(places: Array, source: Array) -> Iterator[tuple[Array, Colour]]:
    """(points, colour) of each stretch that one of them drove; (T+1, 3) places, (T,) sources."""
    borders = [0, *(np.flatnonzero(np.diff(source)) + 1).tolist(), len(source)]
    for first, end in pairwise(borders):
        yield places[first : end + 1], DRIVERS.get(int(source[first]), DRIVERS[Source.HUMAN])[1]


def _events(episode: Episode) -> Iterator[tuple[int, str]]:
    """(step, what happened there): questions, answers, who takes the wheel, the end."""
    steps = episode.steps
    gates, latencies = _floats(steps["gate_scores"]), _floats(steps["decision_latency_s"])
    for t, (source, phase) in enumerate(zip(steps["source"].tolist(), steps["phase"].tolist(), strict=True)):
        doubt = f" (doubt {gates[t]:.3g})" if np.isfinite(gates[t]) else ""
        if phase == Phase.ASKING and (t == 0 or steps["phase"][t - 1] != Phase.ASKING):
            yield t, f"the policy asks{doubt}"
        if np.isfinite(latencies[t]):
            yield t, f"answered after {latencies[t]:.1f} s"
        if t == 0 or source != steps["source"][t - 1]:
            yield t, f"{DRIVERS[source][0] if source in DRIVERS else source} drives{doubt if phase != Phase.ASKING else ''}"
    yield len(episode), f"the end: {episode.meta.outcome}"


def _floats(column: Array) -> NDArray[np.float64]:
    return np.asarray(column, np.float64)
