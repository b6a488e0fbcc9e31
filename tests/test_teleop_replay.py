"""Replay: exact to the bit, or it says where not; and as a video."""

import dataclasses
import json
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from test_teleop_support import LIFT, REACH, scripted_session

from data.cli import run_command
from data.episode_file import write_episode
from data.errors import UserError
from data.video import last_picture, write_video
from teleop.commands import COMMANDS
from teleop.envs.render import FAST
from teleop.replay import FilmStyle, frames, plant_of, verify

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
    arm = plant_of(session, session.read(0))
    for number in range(2):
        verdict = verify(arm, session.read(number))
        assert verdict.exact
        assert verdict.worst == 0.0
        assert verdict.steps == len(session.read(number))


def test_the_order_of_verifying_does_not_matter(session):
    arm = plant_of(session, session.read(0))
    assert all(verify(arm, session.read(number)).exact for number in (1, 0, 1))


@pytest.mark.parametrize("step", [0, 7])
def test_one_changed_action_is_found_at_its_step(session, step):
    episode = session.read(1)
    actions = episode.steps["actions"].copy()
    actions[step, 2] += 1e-3
    verdict = verify(plant_of(session, episode), altered(episode, actions=actions))
    assert verdict.first_difference == step
    assert not verdict.exact
    assert verdict.worst > 0


def test_the_lowest_bit_of_one_state_is_found_where_it_flipped(session):
    episode = session.read(0)
    states = episode.steps["sim_state"].copy()
    position = 1 + 2  # time, then qpos
    states[5, position] = np.nextafter(states[5, position], np.inf)
    assert verify(plant_of(session, episode), altered(episode, sim_state=states)).first_difference == 4


def test_minus_zero_is_not_zero(session):
    episode = session.read(0)
    states = episode.steps["sim_state"].copy()
    column = int(np.flatnonzero((states[3] == 0.0) & ~np.signbit(states[3]))[0])
    states[3, column] = -0.0
    assert verify(plant_of(session, episode), altered(episode, sim_state=states)).first_difference == 2


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
    arm = plant_of(reach, dataclasses.replace(episode, meta=with_cameras))
    assert "front_image" not in arm.observation_space.spaces
    assert verify(arm, episode).exact


def test_the_frames_are_the_stored_states(reach):
    episode = reach.read(0)
    arm = plant_of(reach, episode)
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


def test_a_film_that_breaks_off_leaves_nothing(tmp_path):
    def pictures():
        yield np.zeros((32, 48, 3), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "film.mp4", pictures(), FPS)
    assert write_video(tmp_path / "film.mp4", [], FPS) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_last_picture_of_a_film_is_one_jpeg(tmp_path):
    write_video(tmp_path / "film.mp4", (np.full((32, 48, 3), v, np.uint8) for v in range(0, 200, 4)), FPS)
    picture = last_picture(tmp_path / "film.mp4")
    assert picture.startswith(b"\xff\xd8\xff")
    assert picture.endswith(b"\xff\xd9")
    assert picture.count(b"\xff\xd8\xff") == 1
    (tmp_path / "not.mp4").write_bytes(b"nothing")
    assert last_picture(tmp_path / "not.mp4") == b""


def test_several_episodes_become_a_folder_of_films_of_the_wished_size_and_rate(reach, tmp_path, capsys):
    folder = tmp_path / "films"
    assert replay(reach, "--episode", "1", "0", "1", "--video", str(folder), "--size", "128", "96", "--fps", "10", "--look", "hulls") == 0
    assert sorted(path.name for path in folder.iterdir()) == ["000000.mp4", "000001.mp4"]
    assert [line.split(" (")[0] for line in capsys.readouterr().out.splitlines()] == ["wrote episode 1", "wrote episode 0"]
    facts = next(imageio_ffmpeg.read_frames(str(folder / "000001.mp4")))
    assert (facts["size"], facts["fps"]) == ((128, 96), 10.0)
    states = len(reach.read(1)) + 1
    assert imageio_ffmpeg.count_frames_and_secs(folder / "000001.mp4")[0] == len({*range(0, states, 2), states - 1})


def test_a_folder_takes_all_episodes_where_none_is_named(tmp_path, capsys):
    session = scripted_session(tmp_path / "session", REACH, 2, max_steps=4)
    (tmp_path / "films.of.today").mkdir()
    assert replay(session, "--video", str(tmp_path / "films.of.today"), "--size", "64", "48", "--look", "hulls") == 0
    assert len(list((tmp_path / "films.of.today").iterdir())) == 2


def test_json_tells_apart_what_differs_and_what_cannot_be_read(tmp_path, capsys):
    session = scripted_session(tmp_path, REACH, 3, max_steps=6)
    change_an_action(session, 1)
    session.episode_path(2).write_bytes(b"nothing")
    assert replay(session, "--verify", "--json") == 1
    *lines, last = capsys.readouterr().out.splitlines()
    found = json.loads(last)
    assert (found["episodes"], found["exact"], found["differing"], list(found["unreadable"])) == (3, 1, [1], ["2"])
    assert "000002.hdf5 cannot be read as an episode" in found["unreadable"]["2"]
    assert lines[0] == "episode 0: the same to the bit"


def test_states_of_another_model_are_refused_in_one_line(tmp_path, capsys):
    session = scripted_session(tmp_path, REACH, 1, max_steps=4)
    episode = session.read(0)
    write_episode(session.episode_path(0), altered(episode, sim_state=episode.steps["sim_state"][:, :-1]))
    assert replay(session, "--verify") == 2
    assert "it was recorded with another version of the environment or of MuJoCo" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--video {}.mp4 --episode 0 1", "is one film and 2 episodes are asked for; give a folder, or one --episode"),
        ("--video {} --size 641 480", "--size 641 480 cannot be filmed; give an even width and height within 64 48 … 3840 2160"),
        ("--video {} --size 4000 480", "--size 4000 480 cannot be filmed"),
        ("--video {} --fps 0", "--fps 0 is no number of pictures a second; give 1 or more"),
        ("--video {} --quality 11", "--quality 11 is outside 1 (small files) … 10"),
        ("--json", "--json tells what --verify found; add --verify"),
    ],
)
def test_a_film_that_cannot_be_made_is_refused_in_one_line(reach, tmp_path, capsys, words, says):
    assert replay(reach, *words.format(tmp_path / "new").split()) == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert len(shown.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_without_a_display_playing_is_refused_with_what_works(reach, monkeypatch, capsys):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert replay(reach) == 2
    assert "there is no display to play on; use --video OUT.mp4 or --verify" in capsys.readouterr().err


def test_an_episode_that_is_not_there_is_answered_with_those_that_are(reach, capsys):
    assert replay(reach, "--verify", "--episode", "7") == 2
    assert "has no episode 7; allowed: 0 to 1" in capsys.readouterr().err


def test_a_rate_that_does_not_divide_the_steps_gives_the_next_lower_one():
    style = FilmStyle("front", (64, 48), 20, FAST)
    assert [style.every(hz) for hz in (20.0, 50.0, 80.0, 100.0, 12.5)] == [1, 3, 4, 5, 1]
