"""The main job in one command: with a display the recorder, without one the whole loop with the scripted operator."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from data.cli import INTERRUPTED, ON, terminal_width
from data.errors import UserError
from data.session import Session
from data.video import write_video
from learn.checkpoint import POLICY_FOLDER, load_policy
from learn.commands import Dagger, Evaluate, Train
from learn.commands.evaluate import evaluation_line
from learn.dagger import DaggerConfig
from learn.evaluate import FIRST_EVALUATION_SEED, Evaluation
from learn.films import rollout_frames
from learn.rounds import PLOT_NAME, Round, read_rounds
from learn.train import TrainConfig
from teleop.commands import Record, Replay
from teleop.devices import has_display
from teleop.envs.plant import Plant
from teleop.envs.render import Image

ENV_ID = "PandaLift-v0"
VIDEO_ROLLOUTS = 3


@dataclass(frozen=True)
class Demo:
    """Show the main job: the recorder's window where there is a display, else record, train, ask, evaluate without one."""

    out: Path = Path("demo-output")
    """where the session, the policies, the video and the plot go; goes on where it stopped"""
    episodes: int = 30
    """demonstrations of the scripted operator"""
    rounds: int = 2
    """DAgger rounds"""
    evaluation_episodes: int = 50
    workers: int = 2
    steps: int = 3000
    """minibatches of each training"""
    window: ON = True
    """the whole loop without a window, also where there is a display"""

    def run(self) -> int:
        if self.window and has_display():
            print(
                f"opening the recorder on {ENV_ID}; Enter or Start begins an episode, Esc quits (python -m learn demo --no-window: without)"
            )
            return Record(env=ENV_ID, session=self.out / "my-session").run()
        if min(self.episodes, self.rounds, self.evaluation_episodes, self.workers, self.steps) < 1:
            raise UserError("--episodes, --rounds, --evaluation-episodes, --workers and --steps must each be at least 1")
        started = time.perf_counter()
        bc_evaluation = self._loop()
        self._show(bc_evaluation, time.perf_counter() - started)
        return 0

    def _loop(self) -> Evaluation:
        session, bc, dagger = self.out / "session", self.out / "bc", self.out / "dagger"
        missing = self.episodes - _recorded(session)
        if missing > 0:
            _say(f"1. {missing} demonstrations by the scripted operator (a person's stand-in)")
            Record(env=ENV_ID, session=session, device="scripted", headless=True, episodes=missing).run()
        _say("2. every episode replays bit for bit")
        if Replay(session=session, verify=True).run() != 0:
            raise UserError(f"{session} does not replay exactly; it was recorded with other versions: remove {self.out} and run again")
        if not _trained(bc):
            _say("3. behaviour cloning")
            if Train(session, bc, config=TrainConfig(steps=self.steps)).run() == INTERRUPTED:
                raise KeyboardInterrupt
        bc_evaluation = Evaluate(bc, episodes=self.evaluation_episodes, workers=self.workers).evaluation()
        print(evaluation_line(bc_evaluation))
        _say(f"4. DAgger: {self.rounds} rounds in which the policy drives, stops where its members disagree, and asks")
        config = DaggerConfig(rounds=self.rounds, evaluation_episodes=self.evaluation_episodes, workers=self.workers)
        if len(read_rounds(dagger)) <= self.rounds:
            Dagger(session, dagger, device="scripted", headless=True, steps=self.steps, config=config).run()
        _say("5. a video of the last policy")
        frames = write_video(self.out / "policy.mp4", _frames(dagger), round(Plant.control_hz))
        print(f"wrote {frames} frames to {self.out / 'policy.mp4'}")
        return bc_evaluation

    def _show(self, bc: Evaluation, seconds: float) -> None:
        table = Table(
            "policy", "labels", "success", "95 % interval", title=f"{ENV_ID}, {self.evaluation_episodes} evaluation episodes each"
        )
        rounds = read_rounds(self.out / "dagger")
        table.add_row("bc", "0", *_percent(bc))
        for r in rounds:
            name = "bc ensemble" if r.number == 0 else f"DAgger round {r.number}"
            table.add_row(name, str(r.total_labels), *_percent(r))
        Console(width=terminal_width()).print(table)
        summary = {"env": ENV_ID, "seconds": round(seconds, 1), "bc": bc.summary(), "rounds": [vars(r) for r in rounds]}
        (self.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        print(f"done in {seconds / 60:.1f} minutes. Look at {self.out / 'policy.mp4'} and {self.out / 'dagger' / PLOT_NAME};")
        print(f"the session: python -m data inspect {self.out / 'session'}; drive yourself: python -m teleop record")


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


def _percent(result: Evaluation | Round) -> tuple[str, str]:
    return f"{100 * result.success_rate:.0f} %", f"{100 * result.ci_low:.0f} … {100 * result.ci_high:.0f} %"


def _recorded(session: Path) -> int:
    return len(Session.open(session)) if session.exists() else 0


def _trained(model_dir: Path) -> bool:
    """Whether the folder holds a policy whose training came to its end."""
    return (model_dir / POLICY_FOLDER.record_name).exists() and not load_policy(model_dir).summary["interrupted"]


def _frames(model_dir: Path) -> Iterator[Image]:
    """The policy's first rollouts on seeds that no demonstration had."""
    return rollout_frames(load_policy(model_dir).policy, ENV_ID, {}, range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + VIDEO_ROLLOUTS))
