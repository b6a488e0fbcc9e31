"""Dashboard: everything of the loop, or of the desk, that the window shows, gathered once a tick."""

from dataclasses import replace
from typing import TYPE_CHECKING

from data.schema import Phase
from teleop.bindings import Cue
from teleop.mapping import PRECISE_BUTTON
from teleop.question import Question
from teleop.screen import Status
from teleop.seer import ghosts_of

if TYPE_CHECKING:
    from teleop.desk import Desk
    from teleop.loop import Loop


def status_of(loop: "Loop") -> Status:
    pilot, recorder = loop.pilot, loop.recorder
    now_s, ticks = loop.clock.now_s(), len(recorder.states)
    return replace(
        _what_both_show(loop, loop.wheel.question),
        env_id=str(recorder.facts["env_id"]),
        mode=loop.mode,
        episodes=loop.tally.counted,
        wished=loop.config.episodes,
        successes=loop.tally.successes,
        steps=ticks,
        elapsed_s=now_s - loop.started_s if recorder.running else 0.0,
        late_ticks=recorder.late_ticks,
        success=loop.held_success > 0,
        labels=pilot.labels if pilot else 0,
        labels_left=pilot.left if pilot else 0,
        handed_over=loop.wheel.handed_over,
        invitation=loop.seat.words,
        rescues=loop.seat.handed_over,
        label_budget=pilot.label_budget if pilot else 0,
        rewind=(loop.scrub.at, ticks) if loop.scrub else None,
        hold=loop.held_success,
        hold_wished=loop.config.hold_ticks,
        remaining_s=(loop.config.max_ticks - ticks) / loop.plant.control_hz if loop.config.max_ticks else float("inf"),
        countdown_s=max(0.0, loop.starts_at_s - now_s) if loop.starts_at_s is not None else 0.0,
        worst_ms=1e3 * recorder.max_lateness_s,
        mode_names=loop.config.mode_names,
        mode_counts=dict(+loop.tally.modes),
        plan=loop.config.plan,
        kept=loop.tally.strip(),
        target=loop.config.target,
        all_successes=loop.tally.all_successes,
        dead_cues=loop.hands.dead_cues | (frozenset() if loop.plant.can_restore else frozenset({Cue.REWIND})),
        scene_seed=loop.seed,
    )


def desk_status(desk: "Desk") -> Status:
    answered, asked = desk.pile.answered, len(desk.pile)
    missing = asked - len(answered)
    waits = f"{missing} states wait for your answer" if missing else f"all {asked} answered: this goes on by itself"
    paused = "paused" if desk.stick.connected else f"{desk.device.name} is unplugged: plug it in"
    return replace(
        _what_both_show(desk, desk.question),
        env_id=desk.env_id,
        queue=(desk.number + 1, asked),
        steps=desk.exhibit.step,
        elapsed_s=desk.exhibit.step / desk.plant.control_hz,
        message=paused if desk.phase is Phase.PAUSED else desk.message,
        invitation=waits,
        labels=sum(answered.values()),
        labels_left=missing,
        label_budget=asked,
        scene_seed=desk.exhibit.scene_seed,
    )


def _what_both_show(place: "Loop | Desk", question: Question | None) -> Status:
    hands, sight = place.hands, place.sight
    return Status(
        phase=place.phase,
        device=place.device.name,
        env_id="",
        stick=place.stick,
        camera=sight.camera,
        message=place.message,
        ways=tuple(question.ways) if question else (),
        chosen=question.chosen if question else 0,
        ghosts=ghosts_of(place.seer, question),
        score=question.score if question else float("nan"),
        learning=place.learning(),
        control_mode=hands.mode,
        directions=hands.directions,
        precise=PRECISE_BUTTON in place.stick.held,
        profile=place.device.profile,
        orbit=sight.orbit,
        lateness_ms=1e3 * place.late_s,
        control_hz=place.plant.control_hz,
        hands_words=hands.words,
        stick_help=hands.stick_help,
        dead_cues=hands.dead_cues,
    )
