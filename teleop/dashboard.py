"""Dashboard: everything of the loop that the window shows, gathered once a tick."""

from typing import TYPE_CHECKING

from teleop.bindings import Cue
from teleop.mapping import PRECISE_BUTTON
from teleop.screen import Status

if TYPE_CHECKING:
    from teleop.loop import Loop


def status_of(loop: "Loop") -> Status:
    question, pilot, recorder, hands = loop.wheel.question, loop.pilot, loop.recorder, loop.hands
    now_s, ticks = loop.clock.now_s(), len(recorder.states)
    return Status(
        phase=loop.phase,
        device=loop.device.name,
        env_id=str(recorder.facts["env_id"]),
        mode=loop.mode,
        episodes=loop.tally.counted,
        wished=loop.config.episodes,
        successes=loop.tally.successes,
        steps=ticks,
        elapsed_s=now_s - loop.started_s if recorder.running else 0.0,
        late_ticks=recorder.late_ticks,
        success=loop.held_success > 0,
        stick=loop.stick,
        camera=loop.sight.camera,
        message=loop.message,
        ways=tuple(question.ways) if question else (),
        chosen=question.chosen if question else 0,
        ghosts=loop.ghosts(),
        score=question.score if question else float("nan"),
        labels=pilot.labels if pilot else 0,
        labels_left=pilot.left if pilot else 0,
        handed_over=loop.wheel.handed_over,
        learning=loop.learning(),
        invitation=loop.seat.words,
        label_budget=pilot.label_budget if pilot else 0,
        control_mode=hands.mode,
        directions=hands.directions,
        precise=PRECISE_BUTTON in loop.stick.held,
        profile=loop.device.profile,
        orbit=loop.sight.orbit,
        rewind=(loop.scrub.at, ticks) if loop.scrub else None,
        hold=loop.held_success,
        hold_wished=loop.config.hold_ticks,
        remaining_s=(loop.config.max_ticks - ticks) / loop.plant.control_hz if loop.config.max_ticks else float("inf"),
        countdown_s=max(0.0, loop.starts_at_s - now_s) if loop.starts_at_s is not None else 0.0,
        lateness_ms=1e3 * loop.late_s,
        worst_ms=1e3 * recorder.max_lateness_s,
        mode_names=loop.config.mode_names,
        mode_counts=dict(+loop.tally.modes),
        plan=loop.config.plan,
        kept=loop.tally.strip(),
        target=loop.config.target,
        all_successes=loop.tally.all_successes,
        control_hz=loop.plant.control_hz,
        hands_words=hands.words,
        stick_help=hands.stick_help,
        dead_cues=hands.dead_cues | (frozenset() if loop.plant.can_restore else frozenset({Cue.REWIND})),
        scene_seed=loop.seed,
    )
