"""Play an episode's stored states in a window."""

from data.episode import Episode
from data.schema import Phase
from teleop.clock import RealClock
from teleop.envs.plant import Plant
from teleop.replay import stand_through
from teleop.screen import Status
from teleop.stick import stick_from_array
from teleop.window import Window, WindowConfig


def play(plant: Plant, episode: Episode, number: int, camera: str, clock: RealClock) -> None:
    """Show every stored state once at the rate it was recorded; Esc or closing the window ends it."""
    meta = episode.meta
    window = Window(plant, WindowConfig(meta.env_id, meta.env_kwargs, f"episode {number} of {meta.env_id}", keyboard=True))
    for t in stand_through(plant, episode):
        clock.wait()
        window.poll()
        if window.wants_to_quit():
            break
        window.show(_status(plant, episode, number, camera or plant.camera_names[0], min(t, len(episode) - 1)))
    window.close()


def _status(plant: Plant, episode: Episode, number: int, camera: str, t: int) -> Status:
    return Status(
        phase=Phase(int(episode.steps["phase"][t])),
        device=episode.meta.operator,
        env_id=episode.meta.env_id,
        mode=episode.meta.behaviour_mode,
        episodes=number,
        wished=None,
        successes=int(episode.meta.success),
        steps=t,
        elapsed_s=float(episode.steps["time_s"][t]),
        late_ticks=episode.meta.late_ticks,
        success=False,
        stick=stick_from_array(episode.steps["stick"][t]),
        camera=plant.camera_names.index(camera),
        scene_seed=episode.meta.seed,
        control_hz=episode.meta.control_hz,
        message=f"replaying episode {number}: {episode.meta.outcome}",
    )
