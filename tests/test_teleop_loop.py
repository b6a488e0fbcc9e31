"""THE loop, driven by a table of sticks on the real Reach: what is pressed is what happens is what is kept."""

import gymnasium
import numpy as np
import pytest
from test_teleop_support import (
    LIFT,
    PERIOD_S,
    REACH,
    REST,
    UNPLUGGED,
    TableDevice,
    hold,
    loop_of,
    push,
    scripted_session,
    tap,
)

from data.errors import UserError
from data.schema import Outcome, Phase, Source
from data.session import Session
from teleop.bindings import MODE_TAGS
from teleop.envs import make_plant
from teleop.loop import LoopConfig
from teleop.mapping import MappingConfig, stick_to_action
from teleop.replay import verify
from teleop.stick import Button

START, STOP = tap(Button.START), tap(Button.START)
SIDE = push(left_x=0.6)
NEVER = LoopConfig(hold_ticks=0)


@pytest.fixture
def sit(env, tmp_path):
    """Sit down with a table of sticks: the loop after it ran, its session and the screen's memory."""

    def run(rows, config=NEVER):
        loop, session, memory = loop_of(tmp_path / "session", env, env.unwrapped, TableDevice(rows), config)
        loop.run()
        return loop, session, memory

    return run


def outcomes(session):
    return [meta.outcome for _, meta in session.metas()]


def driven(*sticks):
    """The rows a tick of driving leaves behind, and the actions they mean."""
    return np.array([s.to_array() for s in sticks]), np.array([stick_to_action(s, MappingConfig()) for s in sticks])


# -- a person alone ----------------------------------------------------------------------------------------------------


def test_the_sticks_and_actions_kept_are_the_ones_driven_with(sit):
    rng = np.random.default_rng(0)
    axes = ("left_x", "left_y", "right_x", "right_y", "rt")
    sticks = [push(**{a: float(v) for a, v in zip(axes, rng.uniform(-1, 1, 5), strict=True)}) for _ in range(30)]
    _, session, _ = sit([REST, REST, START, *sticks, STOP, REST])
    rows, actions = driven(START, *sticks)
    steps = session.read(0).steps
    np.testing.assert_array_equal(steps["stick"], rows)
    np.testing.assert_array_equal(steps["actions"], actions)
    assert np.all(steps["source"] == Source.HUMAN)
    assert np.all(steps["phase"] == Phase.HUMAN)


def test_an_episode_starts_with_the_press_and_ends_with_the_next(sit):
    _, session, _ = sit([REST, SIDE, SIDE, START, SIDE, SIDE, STOP, SIDE])
    assert len(session) == 1
    assert len(session.read(0)) == 3  # the tick that starts drives; the tick that stops does not


def test_before_the_start_the_arm_does_not_move(sit):
    _, session, _ = sit([SIDE] * 10 + [START, REST, STOP])
    first = session.read(0)
    fresh, arm = make_plant(REACH, {})
    fresh.reset(seed=0)
    assert first.steps["sim_state"][0].tobytes() == arm.sim_state().tobytes()
    fresh.close()


def test_what_was_observed_before_the_action_is_kept_with_it(sit):
    _, session, _ = sit([START, SIDE, SIDE, SIDE, STOP])
    episode = session.read(0)
    hand = np.array([*episode.obs["robot0_eef_pos"], episode.final_obs["robot0_eef_pos"]])
    assert np.all(np.diff(hand[1:, 1]) > 1e-3), "stick right is +y"
    fresh, arm = make_plant(REACH, {})
    for t in range(len(episode)):
        seen = arm.restore(episode.steps["sim_state"][t])
        assert all(seen[k].tobytes() == episode.obs[k][t].tobytes() for k in seen)
    fresh.close()


def test_time_is_the_clock_s(sit):
    _, session, _ = sit([START, REST, REST, REST, STOP])
    np.testing.assert_allclose(session.read(0).steps["time_s"], np.arange(4) * PERIOD_S, atol=1e-9)


@pytest.mark.parametrize(
    ("button", "outcome"),
    [
        (Button.START, Outcome.FAILURE),  # the task judges: not solved
        (Button.Y, Outcome.SUCCESS),
        (Button.B, Outcome.FAILURE),
        (Button.BACK, Outcome.DISCARDED),
        (Button.GUIDE, Outcome.PARTIAL),
    ],
)
@pytest.mark.parametrize("paused", [False, True], ids=["driving", "paused"])
def test_how_an_episode_is_ended_is_how_it_is_marked(sit, button, outcome, paused):
    pause = [tap(Button.L3), REST] if paused else []
    loop, session, memory = sit([START, SIDE, *pause, tap(button)])
    assert outcomes(session) == [outcome]
    assert [(k.number, k.outcome) for k in loop.tally.kept] == [(0, outcome)]
    assert memory.shown[-1].phase is Phase.QUIT
    assert memory.shown[-1].message.startswith(f"episode 0 kept: {outcome}")


def test_a_solved_task_stopped_with_start_is_a_success(env, tmp_path):
    """Start judges by the task: the hand is brought to the goal first."""
    arm = env.unwrapped

    def onto_the_goal():
        arm.data.mocap_pos[0] = arm.tcp_pos_m
        return REST

    loop, session, _ = loop_of(tmp_path, env, arm, TableDevice([START, REST, onto_the_goal, REST, STOP]), NEVER)
    loop.run()
    assert outcomes(session) == [Outcome.SUCCESS]


def test_ready_buttons_end_nothing_and_keep_nothing(sit):
    _, session, memory = sit([tap(Button.Y), tap(Button.B), tap(Button.BACK), tap(Button.L3), REST])
    assert len(session) == 0
    assert {s.phase for s in memory.shown[:-1]} == {Phase.READY}


def test_holding_start_does_not_stop_what_it_started(sit):
    _, session, _ = sit([START, hold(Button.START), hold(Button.START), SIDE, tap(Button.Y)])
    assert len(session.read(0)) == 4


def test_a_discarded_take_is_kept_but_not_offered_for_training(sit):
    _, session, _ = sit([START, SIDE, tap(Button.BACK), START, SIDE, tap(Button.Y)])
    assert outcomes(session) == [Outcome.DISCARDED, Outcome.SUCCESS]


def test_undo_moves_the_last_episode_to_the_trash(sit, tmp_path):
    loop, session, memory = sit([START, SIDE, tap(Button.Y), START, SIDE, tap(Button.B), REST, tap(Button.X), REST])
    assert outcomes(session) == [Outcome.SUCCESS]
    assert [(k.number, k.outcome) for k in loop.tally.kept] == [(0, Outcome.SUCCESS)]
    assert (tmp_path / "session" / "trash" / "000001.hdf5").exists()
    assert memory.shown[-2].message == "episode 1 moved to trash/"


def test_undo_does_not_reach_into_an_earlier_sitting(sit):
    sit([START, SIDE, tap(Button.Y)])
    _, session, memory = sit([tap(Button.X), REST])
    assert outcomes(session) == [Outcome.SUCCESS]
    assert memory.shown[0].message == "nothing to undo in this sitting"


def test_undo_with_nothing_kept_says_so(sit):
    _, _, memory = sit([tap(Button.X), REST])
    assert memory.shown[0].message == "nothing to undo in this sitting"


def test_while_paused_time_stands_still_and_nothing_is_kept(sit):
    rows = [START, SIDE, tap(Button.L3), SIDE, SIDE, SIDE, tap(Button.L3), SIDE, tap(Button.Y)]
    _, session, memory = sit(rows)
    episode = session.read(0)
    assert len(episode) == 4  # START, SIDE, then the tick that goes on, SIDE
    assert [s.phase for s in memory.shown[2:6]] == [Phase.PAUSED] * 4
    assert memory.shown[3].message == "paused"
    np.testing.assert_allclose(np.diff(episode.steps["time_s"]), [PERIOD_S, 5 * PERIOD_S, PERIOD_S], atol=1e-9)
    assert verify(*_arm_and(episode)).exact, "the pause left a seam in the states"


def _arm_and(episode):
    env, arm = make_plant(episode.meta.env_id, {})
    env.reset(seed=0)
    return arm, episode


def test_unplugging_pauses_and_l3_goes_on(sit):
    rows = [START, SIDE, UNPLUGGED, UNPLUGGED, UNPLUGGED, REST, SIDE, tap(Button.L3), SIDE, tap(Button.Y)]
    _, session, memory = sit(rows)
    assert [s.phase for s in memory.shown[2:7]] == [Phase.PAUSED] * 5
    assert memory.shown[2].message == "table is unplugged: plug it in"
    assert memory.shown[5].message == "back again: press L3 to go on"
    assert memory.shown[7].message == ""
    assert outcomes(session) == [Outcome.SUCCESS]
    np.testing.assert_array_equal(session.read(0).steps["stick"], driven(START, SIDE, tap(Button.L3), SIDE)[0])


def test_unplugged_before_the_start_nothing_starts(sit):
    _, session, memory = sit([UNPLUGGED, UNPLUGGED, REST])
    assert len(session) == 0
    assert {s.phase for s in memory.shown[:-1]} == {Phase.READY}


@pytest.mark.parametrize("button", MODE_TAGS)
@pytest.mark.parametrize("paused", [False, True], ids=["before", "paused"])
def test_the_d_pad_tags_the_behaviour_mode(sit, button, paused):
    pause = tap(Button.L3)
    rows = [START, SIDE, pause, tap(button), pause, tap(Button.Y)] if paused else [tap(button), START, SIDE, tap(Button.Y)]
    _, session, memory = sit(rows)
    assert session.read(0).meta.behaviour_mode == MODE_TAGS[button]
    assert MODE_TAGS[button] in {s.mode for s in memory.shown}


def test_while_driving_the_d_pad_tilts_and_tags_nothing(sit):
    _, session, _ = sit([START, hold(Button.LEFT), tap(Button.LEFT), SIDE, tap(Button.Y)])
    episode = session.read(0)
    assert episode.meta.behaviour_mode == ""
    assert abs(episode.steps["actions"][1, 3]) == pytest.approx(MappingConfig().rotate)


def test_the_same_tag_again_takes_it_off(sit):
    _, session, _ = sit([tap(Button.LEFT), tap(Button.LEFT), START, SIDE, tap(Button.Y)])
    assert session.read(0).meta.behaviour_mode == ""


def test_the_tag_stays_for_the_next_episode(sit):
    _, session, _ = sit(
        [tap(Button.UP), START, SIDE, tap(Button.Y), START, SIDE, tap(Button.Y), tap(Button.RIGHT), START, SIDE, tap(Button.Y)]
    )
    assert [m.behaviour_mode for _, m in session.metas()] == ["over", "over", "right"]


def test_lb_and_the_d_pad_tag_the_last_episode_afterwards(sit):
    after = [tap(Button.LB, Button.DOWN), REST]
    _, session, memory = sit([tap(Button.UP), START, SIDE, tap(Button.Y), START, SIDE, tap(Button.Y), *after])
    assert [m.behaviour_mode for _, m in session.metas()] == ["over", "under"]
    assert memory.shown[-2].message == "episode 1 is tagged under"
    assert memory.shown[-2].mode == "over", "the next one's tag stays"
    assert verify(*_arm_and(session.read(1))).exact


def test_modes_have_the_names_that_were_given_and_are_counted_against_the_plan(sit):
    names = {**MODE_TAGS, Button.LEFT: "inside"}
    config = LoopConfig(hold_ticks=0, mode_names=names, plan={"inside": 2, "over": 1})
    rows = [tap(Button.LEFT), START, SIDE, tap(Button.Y), START, SIDE, tap(Button.B), START, SIDE, tap(Button.Y)]
    _, _, memory = sit(rows, config)
    assert memory.shown[-1].mode_counts == {"inside": 2}
    _, session, memory = sit([tap(Button.UP), START, SIDE, tap(Button.Y)], config)
    assert memory.shown[0].mode_counts == {"inside": 2}, "earlier sittings count"
    assert memory.shown[-1].mode_counts == {"inside": 2, "over": 1}
    assert memory.shown[-1].plan == {"inside": 2, "over": 1}
    assert [m.behaviour_mode for _, m in session.metas()] == ["inside"] * 3 + ["over"]


def test_the_mode_asked_for_on_the_command_line_is_the_first_tag(sit):
    _, session, _ = sit([START, SIDE, tap(Button.Y)], LoopConfig(hold_ticks=0, mode="under"))
    assert session.read(0).meta.behaviour_mode == "under"


def test_the_camera_button_shows_the_next_camera(sit):
    _, _, memory = sit([REST, tap(Button.R3), START, tap(Button.R3), REST])
    assert [s.camera for s in memory.shown[:5]] == [0, 0, 1, 1, 2]  # a tap is known by its end


def test_a_window_that_is_closed_ends_the_run_and_keeps_a_partial(env, tmp_path):
    loop, session, memory = loop_of(tmp_path, env, env.unwrapped, TableDevice([START, SIDE, SIDE, SIDE, SIDE]), NEVER)
    memory.wants_to_quit = lambda: len(memory.shown) == 3
    loop.run()
    assert outcomes(session) == [Outcome.PARTIAL]
    assert len(session.read(0)) == 3


def test_ctrl_c_in_the_middle_of_an_episode_keeps_what_was_driven(env, tmp_path):
    def ctrl_c():
        raise KeyboardInterrupt

    loop, session, _ = loop_of(tmp_path, env, env.unwrapped, TableDevice([START, SIDE, SIDE, ctrl_c]), NEVER)
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert outcomes(session) == [Outcome.PARTIAL]
    assert len(session.read(0)) == 3


def test_ctrl_c_in_the_middle_of_a_step_leaves_no_half_step_behind(env, tmp_path):
    """A scripted recording spends its time in `env.step`, so that is where Ctrl-C comes."""

    class Interrupted(gymnasium.Wrapper):
        steps = 0

        def step(self, action):
            result = self.env.step(action)
            self.steps += 1
            if self.steps == 4:
                raise KeyboardInterrupt
            return result

    loop, session, _ = loop_of(tmp_path, Interrupted(env), env.unwrapped, TableDevice([START] + [SIDE] * 9), NEVER)
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    episode = session.read(0)
    assert len(episode) == 3
    assert verify(*_arm_and(episode)).exact


def test_an_error_in_the_middle_of_an_episode_keeps_what_was_driven_and_is_seen(env, tmp_path):
    def broken():
        raise OSError("the pad caught fire")

    loop, session, _ = loop_of(tmp_path, env, env.unwrapped, TableDevice([START, SIDE, broken]), NEVER)
    with pytest.raises(OSError, match="caught fire"):
        loop.run()
    assert outcomes(session) == [Outcome.PARTIAL]


def test_ctrl_c_between_episodes_keeps_no_empty_one(env, tmp_path):
    def ctrl_c():
        raise KeyboardInterrupt

    loop, session, _ = loop_of(tmp_path, env, env.unwrapped, TableDevice([START, SIDE, tap(Button.Y), ctrl_c]), NEVER)
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert outcomes(session) == [Outcome.SUCCESS]


# -- ends by itself ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold_ticks", [1, 10])
def test_an_episode_ends_when_success_has_held(env, tmp_path, hold_ticks):
    arm = env.unwrapped

    def onto_the_goal():
        arm.data.mocap_pos[0] = arm.tcp_pos_m
        return REST

    rows = [START, REST, REST, onto_the_goal] + [REST] * 30
    loop, session, memory = loop_of(tmp_path, env, arm, TableDevice(rows), LoopConfig(episodes=1, hold_ticks=hold_ticks))
    loop.run()
    assert len(session.read(0)) == 3 + hold_ticks
    assert outcomes(session) == [Outcome.SUCCESS]
    assert any(s.success for s in memory.shown) == (hold_ticks > 1)


def test_success_that_does_not_hold_does_not_end(env, tmp_path):
    arm = env.unwrapped

    def onto_the_goal():
        arm.data.mocap_pos[0] = arm.tcp_pos_m
        return REST

    def away():
        arm.data.mocap_pos[0] = [0.5, 0.3, 0.3]
        return REST

    rows = [START, onto_the_goal, REST, REST, away, REST, onto_the_goal, REST, away, REST, tap(Button.B)]
    loop, session, _ = loop_of(tmp_path, env, arm, TableDevice(rows), LoopConfig(hold_ticks=4))
    loop.run()
    assert len(session.read(0)) == 10


def test_the_longest_episode_is_cut_off_and_judged(tmp_path):
    env, arm = make_plant(REACH, {"max_episode_steps": 7})
    loop, session, _ = loop_of(tmp_path, env, arm, TableDevice([START] + [REST] * 20), NEVER)
    loop.run()
    assert outcomes(session) == [Outcome.FAILURE]
    assert len(session.read(0)) == 7
    env.close()


def test_the_run_ends_with_the_wished_number_of_episodes(sit):
    rows = [START, SIDE, tap(Button.BACK), START, SIDE, tap(Button.Y), START, SIDE, tap(Button.B), START, SIDE]
    loop, session, _ = sit(rows, LoopConfig(episodes=2, hold_ticks=0))
    assert outcomes(session) == [Outcome.DISCARDED, Outcome.SUCCESS, Outcome.FAILURE], "a discarded take does not count"
    assert (loop.tally.counted, loop.tally.successes) == (2, 1)


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_a_resumed_session_goes_on_with_its_numbers_and_seeds(env, tmp_path):
    for _ in range(2):
        rows = [START, SIDE, tap(Button.Y), START, SIDE, tap(Button.Y)]
        loop, session, _ = loop_of(tmp_path, env, env.unwrapped, TableDevice(rows), LoopConfig(hold_ticks=0, seed=100))
        loop.run()
    assert [(n, m.seed) for n, m in session.metas()] == [(0, 100), (1, 101), (2, 102), (3, 103)]


def test_an_undone_scene_is_not_drawn_again(sit):
    _, session, _ = sit([START, SIDE, tap(Button.Y), START, SIDE, tap(Button.Y), tap(Button.X), START, SIDE, tap(Button.Y)])
    assert [m.seed for _, m in session.metas()] == [0, 2]


def test_the_stored_seed_gives_the_stored_scene(sit):
    _, session, _ = sit([START, SIDE, tap(Button.Y), START, SIDE, tap(Button.Y)])
    fresh, arm = make_plant(REACH, {})
    for number, meta in session.metas():
        fresh.reset(seed=meta.seed)
        assert arm.sim_state().tobytes() == session.read(number).steps["sim_state"][0].tobytes()
    fresh.close()


def test_the_screen_shows_how_far_one_is(sit):
    _, _, memory = sit([START, SIDE, tap(Button.Y), START, SIDE, SIDE], LoopConfig(episodes=5, hold_ticks=0))
    last = memory.shown[-2]
    assert (last.episodes, last.wished, last.successes, last.steps, last.phase) == (1, 5, 1, 3, Phase.HUMAN)
    assert last.elapsed_s == pytest.approx(2 * PERIOD_S)
    assert last.stick is SIDE


def test_a_session_refuses_another_env(tmp_path):
    scripted_session(tmp_path, REACH, 1)
    with pytest.raises(UserError, match=f"holds episodes of {REACH}, not {LIFT}; give another --session or that --env"):
        Session.open(tmp_path).check_env(LIFT)
