"""Play an episode's stored states in a window."""

from data.episode import Episode
from data.schema import Phase
from teleop.clock import RealClock
from teleop.envs.panda import PandaEnv
from teleop.screen import Status
from teleop.stick import stick_from_array
from teleop.window import Window, WindowConfig


def play(arm: PandaEnv, episode: Episode, number: int, camera: str, clock: RealClock) -> None:
    """Show every stored state once at the rate it was recorded; Esc or closing the window ends it."""
    meta = episode.meta
    window = Window(arm, WindowConfig(meta.env_id, meta.env_kwargs, f"episode {number} of {meta.env_id}", keyboard=True))
    for t in range(len(episode)):
        clock.wait()
        window.poll()
        if window.wants_to_quit():
            break
        arm.restore(episode.steps["sim_state"][t])
        window.show(_status(arm, episode, number, camera, t))
    window.close()


def _status(arm: PandaEnv, episode: Episode, number: int, camera: str, t: int) -> Status:
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
        camera=arm.camera_names.index(camera),
        message=f"replaying episode {number}: {episode.meta.outcome}",
    )
