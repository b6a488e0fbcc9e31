"""Draw what the operator sees, by the real loop over the real arm.

`python tests/screenshot.py docs/recorder.png` draws the recorder's picture; `--screen NAME` another one, `--all` every one into
the folder OUT, at both sizes; `--times` prints what a picture costs, by part. Needs no display.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pygame

sys.path.insert(0, str(Path(__file__).parent.parent))

from data.schema import Outcome, Phase
from data.session import Session
from learn.promotion import Verdict
from learn.sitting.belief import belief
from learn.sitting.homework import Findings
from learn.sitting.log import SittingLog
from learn.sitting.panel import panel
from teleop.bindings import MODE_TAGS
from teleop.clock import SimulatedClock
from teleop.desk import Desk, Exhibit, Reply
from teleop.devices.device import View
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv
from teleop.envs.render import FAST, PRETTY, Look
from teleop.ghost_lines import GhostLine
from teleop.grip import GripStyle
from teleop.guest_hands import hands_of
from teleop.loop import Loop, LoopConfig, Seat
from teleop.mapping import Directions, MappingConfig
from teleop.painter import Painter
from teleop.pilot import UNLIMITED, Pilot, Way
from teleop.recorder import Recorder
from teleop.screen import Status
from teleop.scribe import InlineScribe
from teleop.stick import Axis, Button, Stick, make_stick
from teleop.window import start_pygame

SIZES = ((960, 720), (1280, 960), (1920, 1080))
STEP, SEED, PATIENCE = 14, 5, 800
FOUND = Findings(
    3, Path("3"), Verdict(3, 2, True, 20, 15, 10), 3, 1.4, 24, 33, 40, belief(33, 40, 0.95), (), "", minibatches=2000, steps=9000
)
LEARNING = panel(SittingLog("PandaLift-v0", "bc", 0.95, (FOUND,)), 1.7, "4 (2 … 9)", scenes=3, work="learning policy 4")
INVITATION = "it goes wrong here, 1.0 s in: show how to go on"
DESK_STATES, DESK_ANSWERED = 80, 11
BEND = np.linspace(0.0, 1.0, 40)[:, None]
GHOSTS = tuple(
    GhostLine(np.array([0.5, 0.0, 0.05]) + BEND * np.array([0.1, side, 0.0]) + BEND**2 * np.array([-0.15, 0.0, 0.1]), share, side < 0)
    for side, share in ((-0.2, 0.75), (0.18, 0.25))
)
PLAN = {"left": 4, "right": 3, "over": 3}
XBOX = "gamepad: Xbox Wireless Controller"


@dataclass(frozen=True)
class Scene:
    """`press(tick, stick)` is what the hands do instead of the operator's `stick`; the picture is taken when `when` holds."""

    when: Callable[[Status], bool]
    press: Callable[[int, Stick], Stick] = lambda tick, stick: stick
    env_id: str = "PandaLift-v0"
    config: dict[str, Any] = field(default_factory=dict)
    pilot: bool = False
    others: tuple[float, ...] = ()
    rescues: bool = False
    desk: bool = False
    hands_over: bool = False
    keyboard: bool = False
    show: dict[str, Any] = field(default_factory=dict)


class Actor:
    """The scripted operator, whose hands do something else when the scene says so. Ticks count from the start, −1, −2, … before it."""

    def __init__(self, operator: ScriptedOperator, scene: Scene) -> None:
        self.name, self.profile, self.source = (
            ("keyboard", "keyboard", operator.source) if scene.keyboard else (XBOX, "xbox", operator.source)
        )
        self._operator, self._scene, self._tick = operator, scene, 0

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        stick = self._operator.poll(events, view)
        self._tick = min(self._tick, 0) - 1 if view.phase is Phase.READY else max(self._tick, 0) + 1
        return self._scene.press(self._tick, stick)

    def rumble(self, pulse: Any) -> None: ...

    def close(self) -> None: ...


class Photographer:
    """A `Screen` that remembers the moment of the picture: what there was to say, and how the arm stood."""

    def __init__(self, arm: ArmEnv, when: Callable[[Status], bool]) -> None:
        self.arm, self.when = arm, when
        self.taken: tuple[Status, np.ndarray] | None = None
        self.shown = 0

    def poll(self) -> Sequence[Any]:
        return ()

    def wants_to_quit(self) -> bool:
        return self.taken is not None or self.shown > PATIENCE

    def show(self, status: Status) -> None:
        self.shown += 1
        if self.taken is None and self.when(status):
            self.taken = (status, self.arm.sim_state())

    def close(self) -> None: ...


class Away:
    """A policy with an idea, and a few others, to have something to ask about."""

    def __init__(self, others: tuple[float, ...]) -> None:
        self.others = others

    def begin(self, seed: int) -> None:
        pass

    def replan(self) -> None:
        pass

    def act(self, obs: Any) -> Any:
        away = np.asarray(obs["object"][7:10], np.float64)
        return np.array([[*(0.5 * away / np.linalg.norm(away)), 0, 0, 0, -1]], np.float32)

    def ways(self, obs: Any) -> Any:
        (own,) = self.act(obs)
        return (Way(own), *(Way(own * np.array([1, -1, s, 1, 1, 1, 1], np.float32), 0.25) for s in self.others))

    def take(self, way: int) -> None: ...


class AskLate:
    """A gate that asks once the episode is far enough on for a good picture."""

    def __init__(self, *, hands_over: bool) -> None:
        self.states, self.hands_over = 0, hands_over

    def score(self, obs: Any) -> float:
        self.states += 1
        return 0.137

    def asks(self, score: float) -> bool:
        return self.states > STEP

    def hands_back(self, score: float, meant: Any, proposal: Any) -> bool:
        return False


class Waiting:
    """A `Pile` of one state, shown as the next of many."""

    def __init__(self, exhibit: Exhibit) -> None:
        self.answered, self._exhibit = dict.fromkeys(range(DESK_ANSWERED), True), exhibit

    def __len__(self) -> int:
        return DESK_STATES

    def exhibit(self, number: int) -> Exhibit:
        return self._exhibit

    def keep(self, number: int, reply: Reply) -> None: ...


def on_the_way(arm: ArmEnv, env: Any, others: tuple[float, ...]) -> Exhibit:
    """A second of a policy's driving."""
    policy, states, actions = Away(others), list[np.ndarray](), list[np.ndarray]()
    obs, _ = env.reset(seed=SEED)
    for _ in range(20):
        states.append(arm.sim_state())
        actions.append(policy.act(obs)[0])
        obs, *_ = env.step(actions[-1])
    states.append(arm.sim_state())
    actions.append(policy.act(obs)[0])
    own, *rest = policy.ways(obs)
    ways = (replace(own, probability=1.0 - sum(way.probability for way in rest)), *rest)
    return Exhibit(3, 20, SEED, np.array(states), np.array(actions), obs, ways, 0.137, 400)


def rescue_seat(arm: ArmEnv, env: Any, pilot: Pilot | None) -> Seat:
    """A person's, who is let off after a while."""
    start = on_the_way(arm, env, ()).states[-1]
    return Seat(pilot, 1, SEED, start, handed_over=True, words=INVITATION, is_enough=lambda loop: len(loop.recorder.states) >= STEP)


def at_step(step: int, phase: Phase = Phase.HUMAN) -> Callable[[Status], bool]:
    return lambda status: status.phase is phase and status.steps >= step


def holding(stick: Stick, *buttons: Button, **axes: float) -> Stick:
    """`stick` with these buttons down and these axes deflected too."""
    values = {axis: stick.axis(axis) for axis in Axis} | {Axis(name): value for name, value in axes.items()}
    return make_stick(values, stick.held | set(buttons), stick.pressed)


def tapping(button: Button, *ticks: int) -> Callable[[int, Stick], Stick]:
    return lambda tick, stick: replace(stick, held=stick.held | {button}, pressed=stick.pressed | {button}) if tick in ticks else stick


def from_tick(first: int, *buttons: Button, **axes: float) -> Callable[[int, Stick], Stick]:
    return lambda tick, stick: holding(stick, *buttons, **axes) if tick >= first else stick


def countdown(tick: int, stick: Stick) -> Stick:
    """Press Start once; pressed again it would call the countdown off."""
    return make_stick(pressed=[Button.START] if tick == -2 else [])


def cycling(times: int, *buttons: Button) -> Callable[[int, Stick], Stick]:
    def press(tick: int, stick: Stick) -> Stick:
        if tick in range(3, 3 + 2 * times, 2):
            return replace(stick, held=stick.held | {Button.X}, pressed=stick.pressed | {Button.X})
        return holding(stick, *buttons, left_x=0.55, left_y=-0.3) if tick > 10 else stick

    return press


def tilting_down(tick: int, stick: Stick) -> Stick:
    """Tilt the gripper, then push it into the table."""
    return make_stick({Axis.RIGHT_Y: 0.8}, [Button.RIGHT] if tick < 20 else []) if tick > 1 else stick


SCENES: dict[str, Scene] = {
    "ready": Scene(lambda s: s.phase is Phase.READY, config={"plan": PLAN, "mode": "left"}),
    "countdown": Scene(lambda s: 0 < s.countdown_s < 2.4, countdown, config={"countdown_s": 3.0, "plan": PLAN}),
    "recording": Scene(at_step(STEP), from_tick(STEP, rt=0.6), config={"plan": PLAN, "mode": "left"}),
    "precise": Scene(at_step(STEP), from_tick(8, Button.LB), config={"mode": "left"}),
    "translate": Scene(at_step(STEP), cycling(1)),
    "rotate": Scene(at_step(STEP), cycling(2)),
    "joint": Scene(at_step(STEP), cycling(3)),
    "base-directions": Scene(at_step(STEP), tapping(Button.A, 5)),
    "later": Scene(at_step(230), from_tick(30, left_x=-0.2, right_y=-0.2), config={"plan": PLAN, "mode": "left", "hold_ticks": 0}),
    "grip": Scene(lambda s: s.success, config={"mode": "left"}),
    "solved": Scene(lambda s: s.hold >= 6, config={"mode": "left", "plan": PLAN}),
    "rewind": Scene(lambda s: s.rewind is not None and s.rewind[0] < 20, from_tick(34, lt=1.0), config={"plan": PLAN}),
    "paused": Scene(at_step(STEP, Phase.PAUSED), tapping(Button.L3, 20), config={"mode": "left"}),
    "edge": Scene(at_step(36), from_tick(2, left_x=-1.0, left_y=0.0, right_y=-0.1), config={"mode": "left"}),
    "edge-front": Scene(at_step(36), from_tick(2, left_x=0.0, left_y=1.0, right_y=0.1)),
    "push": Scene(at_step(100), tilting_down),
    "orbit": Scene(at_step(STEP), from_tick(4, Button.R3, right_x=0.9, right_y=-0.4)),
    "wrist": Scene(at_step(STEP), lambda tick, stick: make_stick(pressed=[Button.R3], held=[Button.R3]) if tick == 5 else stick),
    "last-seconds": Scene(at_step(STEP), config={"max_ticks": 120}),
    "keyboard": Scene(at_step(STEP), keyboard=True, config={"plan": PLAN}),
    "keyboard-ready": Scene(lambda s: s.phase is Phase.READY, keyboard=True, config={"plan": PLAN}),
    "playstation": Scene(at_step(STEP), show={"profile": "playstation", "device": "gamepad: DualSense Wireless Controller"}),
    "reach": Scene(at_step(10), env_id="PandaReach-v0"),
    "policy": Scene(at_step(10, Phase.POLICY), pilot=True),
    "asking": Scene(at_step(STEP, Phase.ASKING), pilot=True),
    "asking-keyboard": Scene(at_step(STEP, Phase.ASKING), pilot=True, keyboard=True),
    "asking-ways": Scene(at_step(STEP, Phase.ASKING), pilot=True, others=(1.0, -1.0), show={"chosen": 1}),
    "asking-ghosts": Scene(at_step(STEP, Phase.ASKING), pilot=True, others=(1.0,), show={"ghosts": GHOSTS}),
    "handed-over": Scene(lambda s: s.handed_over and s.steps > STEP + 3, pilot=True, hands_over=True),
    "sitting": Scene(at_step(10, Phase.POLICY), pilot=True, show={"learning": LEARNING, "label_budget": UNLIMITED}),
    "rescue-ready": Scene(lambda s: s.phase is Phase.READY, pilot=True, rescues=True, show={"learning": LEARNING}),
    "rescue": Scene(lambda s: s.rescues and s.steps > 6, pilot=True, rescues=True, show={"learning": LEARNING}),
    "let-off": Scene(lambda s: s.phase is Phase.READY and s.kept[-1].outcome is Outcome.PARTIAL, pilot=True, rescues=True),
    "sitting-over": Scene(
        at_step(10, Phase.POLICY),
        pilot=True,
        show={
            "phase": Phase.PAUSED,
            "waiting": "DONE",
            "learning": LEARNING[:3],
            "message": "98 % of 100 new scenes after 4.1 minutes. All about it: my-policy/sitting.html",
            "kept": (),
        },
    ),
    "desk-ready": Scene(lambda s: s.phase is Phase.READY, pilot=True, desk=True),
    "desk": Scene(lambda s: s.phase is Phase.ASKING, pilot=True, desk=True, others=(1.0,), show={"ghosts": GHOSTS}),
    "unplugged": Scene(at_step(STEP, Phase.PAUSED), lambda tick, stick: stick if tick < 20 else Stick(connected=False)),
}


def play(folder: Path, scene: Scene, arm: ArmEnv, env: Any) -> tuple[Status, np.ndarray]:
    """Run the loop until the scene's moment: its status and simulator state."""
    operator = ScriptedOperator(arm, MappingConfig(), OperatorConfig(skill=1.5), SEED)
    photographer = Photographer(arm, scene.when)
    if scene.desk:
        hands = hands_of(arm, MappingConfig(), GripStyle.HOLD, Directions.CAMERA)
        pile = Waiting(on_the_way(arm, env, scene.others))
        Desk(arm, Actor(operator, scene), photographer, SimulatedClock(0.05), hands, pile, scene.env_id).run()
        return taken(photographer, scene)
    session = Session.open(folder) if folder.exists() else Session.create(folder)
    facts = {"env_id": scene.env_id, "env_kwargs": {}, "operator": operator.name, "clock": "simulated"}
    recorder = Recorder(session, arm, facts, InlineScribe(session))
    pilot = Pilot(Away(scene.others), AskLate(hands_over=scene.hands_over), label_budget=200) if scene.pilot else None
    seat = rescue_seat(arm, env, pilot) if scene.rescues else Seat(pilot)
    config = LoopConfig(**({"episodes": 20, "seed": SEED, "mode_names": MODE_TAGS} | scene.config))
    Loop(env, arm, Actor(operator, scene), photographer, SimulatedClock(0.05), recorder, config, pilot, next_seat=lambda: seat).run()
    return taken(photographer, scene)


def taken(photographer: Photographer, scene: Scene) -> tuple[Status, np.ndarray]:
    if photographer.taken is None:
        raise SystemExit(f"the scene never came to its moment: {scene}")
    status, state = photographer.taken
    shown = {"lateness_ms": 0.1, "redraw_hz": 60.0, "message": status.message.replace(", on its way to the disk", "")}
    return replace(status, **(shown | scene.show)), state


def record_some(folder: Path) -> None:
    """Episodes for the strip: some tagged, one a failure."""
    env, arm = make_plant("PandaLift-v0", {})
    for mode, press in (("left", None), ("left", None), ("over", tapping(Button.B, 30)), ("right", None), ("left", None), ("", None)):
        scene = Scene(lambda s: s.phase is Phase.READY and s.episodes > 0, press or (lambda tick, stick: stick), config={"mode": mode})
        play(folder, scene, arm, env)
    env.close()


def photograph(folder: Path, scene: Scene, size: tuple[int, int], look: Look) -> Painter:
    """A painter that has painted the scene, and the strip's thumbnails one by one before."""
    env, arm = make_plant(scene.env_id, {})
    status, state = play(folder.with_name(scene.env_id), scene, arm, env)
    arm.stand_as(state)
    painter = Painter(pygame.display.set_mode(size), arm, keyboard=scene.keyboard, look=look)
    for _ in range(len(status.kept) + 2):
        painter.paint(status)
    env.close()
    return painter


def print_times(folder: Path) -> None:
    """Median and 95th percentile in milliseconds of 150 pictures in which the stick, the time and the arm move."""
    env, arm = make_plant("PandaLift-v0", {})
    status, state = play(folder, SCENES["recording"], arm, env)
    for size in SIZES:
        painter = Painter(pygame.display.set_mode(size), arm, keyboard=False)
        arm.stand_as(state)
        parts: dict[str, list[float]] = {}
        for i in range(160):
            if i % 3 == 0:
                arm.step(np.array([0.1 * np.sin(i / 20), 0.1, 0, 0, 0, 0, -1], np.float32))
            stick = make_stick(
                {Axis.LEFT_X: np.sin(i / 9), Axis.RIGHT_Y: np.cos(i / 7), Axis.RT: abs(np.sin(i / 30))}, [Button.LB] if i % 20 < 5 else []
            )
            start_s = time.perf_counter()
            painter.paint(replace(status, stick=stick if i % 3 == 0 else status.stick, elapsed_s=i // 3 / 20, lateness_ms=i // 3 % 7 / 10))
            total_s = time.perf_counter() - start_s
            if i >= 10:
                for part, seconds in (painter.seconds | {"all": total_s}).items():
                    parts.setdefault(part, []).append(1e3 * seconds)
        row = "  ".join(f"{part} {np.median(v):.2f}/{np.percentile(v, 95):.2f}" for part, v in parts.items())
        print(f"{size[0]}×{size[1]} ms (median/p95): {row}")
    env.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--screen", choices=SCENES, default="recording")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", nargs="*", choices=SCENES, default=list(SCENES))
    parser.add_argument("--size", nargs=2, type=int, default=None)
    parser.add_argument("--times", action="store_true")
    words = parser.parse_args()
    start_pygame(display=False, joysticks=False)
    with TemporaryDirectory() as work:
        folder = Path(work) / "PandaLift-v0"
        record_some(folder)
        if words.times:
            print_times(folder)
        elif words.all:
            words.out.mkdir(parents=True, exist_ok=True)
            for name in words.only:
                for size in [tuple(words.size)] if words.size else (SIZES[0], SIZES[2]):
                    photograph(folder, SCENES[name], size, FAST).save(str(words.out / f"{name}-{size[0]}.png"))
        else:
            photograph(folder, SCENES[words.screen], tuple(words.size or SIZES[0]), PRETTY).save(str(words.out))
            print(f"wrote {words.out}")


if __name__ == "__main__":
    main()
