"""Replay: exact to the bit, or it says where not; and as a video."""

import dataclasses
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from test_teleop_support import LIFT, REACH, scripted_session

from data.cli import run_command
from data.episode_file import write_episode
from data.errors import UserError
from data.video import write_video
from teleop.commands import COMMANDS
from teleop.envs.render import FAST
from teleop.replay import arm_of, frames, verify

FPS = 20


@pytest.fixture(scope="module", params=[REACH, LIFT])
def session(request, tmp_path_factory):
    return scripted_session(tmp_path_factory.mktemp(request.param), request.param, 2)


@pytest.fixture(scope="module")
def reach(tmp_path_factory):
    return scripted_session(tmp_path_factory.mktemp("reach"), REACH, 2)


def replay(session, *options):
    return run_command("teleop", COMMANDS, ["replay", str(session.path), *options])


def altered(episode, **columns):
    return dataclasses.replace(episode, steps={**episode.steps, **columns})


def change_an_action(session, number):
    """Step 3 of the episode did something else than what is stored now; the file is sound."""
    episode = session.read(number)
    actions = episode.steps["actions"].copy()
    actions[3, 0] += np.float32(0.01)
    write_episode(session.episode_path(number), altered(episode, actions=actions))


def test_recorded_episodes_replay_exactly(session):
    arm = arm_of(session, session.read(0))
    for number in range(2):
        verdict = verify(arm, session.read(number))
        assert verdict.exact
        assert verdict.worst == 0.0
        assert verdict.steps == len(session.read(number))


def test_the_order_of_verifying_does_not_matter(session):
    arm = arm_of(session, session.read(0))
    assert all(verify(arm, session.read(number)).exact for number in (1, 0, 1))


@pytest.mark.parametrize("step", [0, 7])
def test_one_changed_action_is_found_at_its_step(session, step):
    episode = session.read(1)
    actions = episode.steps["actions"].copy()
    actions[step, 2] += 1e-3
    verdict = verify(arm_of(session, episode), altered(episode, actions=actions))
    assert verdict.first_difference == step
    assert not verdict.exact
    assert verdict.worst > 0


def test_the_lowest_bit_of_one_state_is_found_where_it_flipped(session):
    episode = session.read(0)
    states = episode.steps["sim_state"].copy()
    position = 1 + 2  # time, then qpos
    states[5, position] = np.nextafter(states[5, position], np.inf)
    assert verify(arm_of(session, episode), altered(episode, sim_state=states)).first_difference == 4


def test_minus_zero_is_not_zero(session):
    episode = session.read(0)
    states = episode.steps["sim_state"].copy()
    column = int(np.flatnonzero((states[3] == 0.0) & ~np.signbit(states[3]))[0])
    states[3, column] = -0.0
    assert verify(arm_of(session, episode), altered(episode, sim_state=states)).first_difference == 2


def test_the_command_says_yes_with_exit_code_0(session, capsys):
    assert replay(session, "--verify") == 0
    assert capsys.readouterr().out.strip() == "2 of 2 episodes replay bit for bit"


def test_the_command_says_no_with_exit_code_1_and_where(tmp_path, capsys):
    session = scripted_session(tmp_path, REACH, 2)
    change_an_action(session, 1)
    assert replay(session, "--verify") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("episode 1: differs from step 3 on, by up to ")
    assert lines[1] == "1 of 2 episodes replay bit for bit"
    assert replay(session, "--verify", "--episode", "0") == 0


def test_an_episode_recorded_with_cameras_verifies_without_them(reach):
    episode = reach.read(0)
    with_cameras = dataclasses.replace(episode.meta, env_kwargs={"cameras": ["front"], "image_size": 32})
    arm = arm_of(reach, dataclasses.replace(episode, meta=with_cameras))
    assert arm.cameras == ()
    assert verify(arm, episode).exact


def test_the_frames_are_the_stored_states(reach):
    episode = reach.read(0)
    arm = arm_of(reach, episode)
    images = list(frames(arm, episode, "front", 64, 48, FAST))
    assert len(images) == len(episode) + 1
    arm.restore(episode.steps["sim_state"][-1])
    np.testing.assert_array_equal(images[-1], arm.draw("front", 64, 48, FAST))
    assert not np.array_equal(images[0], images[-1])
    arm.close()


def test_the_command_writes_a_video_with_a_frame_for_every_state(tmp_path, capsys):
    path = tmp_path / "new" / "episode.mp4"
    session = scripted_session(tmp_path / "session", REACH, 1, max_steps=6)
    assert replay(session, "--episode", "0", "--video", str(path)) == 0
    expected = 6 + 1
    assert capsys.readouterr().out.strip() == f"wrote episode 0 ({expected} frames) to {path}"
    count, seconds = imageio_ffmpeg.count_frames_and_secs(path)
    assert count == expected
    assert seconds == pytest.approx(expected / FPS, abs=0.06)
    assert [p.name for p in path.parent.iterdir()] == ["episode.mp4"], "no half-written file is left"


def test_a_video_shows_its_pictures_in_order(tmp_path):
    brightness = [40, 120, 200]
    count = write_video(tmp_path / "steps.mp4", (np.full((32, 48, 3), v, np.uint8) for v in brightness for _ in range(5)), FPS)
    assert count == 15
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        str(tmp_path / "steps.mp4"),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    decoded = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8).reshape(15, 32, 48, 3)
    np.testing.assert_allclose(decoded.mean(axis=(1, 2, 3))[2::5], brightness, atol=8)


def test_a_video_must_be_an_mp4(tmp_path):
    with pytest.raises(UserError, match=r"--video .*movie.gif is not an .mp4; give a name that ends in .mp4"):
        write_video(tmp_path / "movie.gif", [], FPS)


def test_without_a_display_playing_is_refused_with_what_works(reach, monkeypatch, capsys):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert replay(reach) == 2
    assert "there is no display to play on; use --video OUT.mp4 or --verify" in capsys.readouterr().err


def test_an_episode_that_is_not_there_is_answered_with_those_that_are(reach, capsys):
    assert replay(reach, "--verify", "--episode", "7") == 2
    assert "has no episode 7; allowed: 0 to 1" in capsys.readouterr().err
