"""What the operator sets on the pad while driving, on the real arm: control modes, directions, joint, grip, countdown."""

import numpy as np
import pytest
from test_teleop_support import LIFT, REST, Always, AskAt, TableDevice, hold, loop_of, push, tap

from data.schema import Outcome, Phase
from teleop import feel
from teleop.control import ArmKinematics
from teleop.envs import make_plant
from teleop.envs.robots.builtin import PANDA
from teleop.envs.scene import PREFIX
from teleop.grip import GripStyle
from teleop.hands import MODES
from teleop.loop import LoopConfig
from teleop.mapping import ControlMode, Directions, MappingConfig
from teleop.pilot import Pilot
from teleop.stick import Button

START, MODE = tap(Button.START), tap(Button.X)
NEVER = LoopConfig(hold_ticks=0)
FULL = MappingConfig().translate


@pytest.fixture
def sit(env, tmp_path):
    def run(rows, config=NEVER, pilot=None):
        device = TableDevice(rows)
        loop, session, memory = loop_of(tmp_path / "session", env, env.unwrapped, device, config, pilot)
        loop.run()
        return device, session, memory

    return run


def test_x_goes_through_the_control_modes_and_they_are_stored(sit):
    rows = [START, *[row for _ in range(4) for row in (push(left_x=1.0, right_x=1.0), MODE)], tap(Button.Y)]
    _, session, memory = sit(rows)
    steps = session.read(0).steps
    assert [MODES[m] for m in steps["control_mode"][1::2]] == list(ControlMode)
    moved, turned = np.any(steps["actions"][1::2, :3], axis=1), np.any(steps["actions"][1::2, 3:6], axis=1)
    assert moved.tolist() == [True, True, False, True]
    assert turned.tolist() == [True, False, True, True]
    assert {s.control_mode for s in memory.shown} == set(ControlMode)


def test_the_control_mode_stays_for_the_next_episode(sit):
    _, session, _ = sit([START, MODE, push(left_x=1.0), tap(Button.Y), START, push(left_x=1.0), tap(Button.Y)])
    assert session.read(1).steps["control_mode"].tolist() == [1, 1]


@pytest.mark.parametrize(("joint", "sign"), [(0, 1), (1, -1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1)])  # 1 the other way: into the table
def test_a_joint_moves_the_hand_as_that_joint_alone_would(env, tmp_path, joint, sign):
    """The hand follows the path that turning this one joint gives, within 5 % of its length and 1.5 degrees over half a second."""
    arm = env.unwrapped
    choose = [tap(Button.RIGHT)] * joint
    rows = [START, MODE, MODE, MODE, *choose, *[push(left_x=0.9 * sign)] * 10, *[REST] * 10, tap(Button.Y)]
    loop, session, memory = loop_of(tmp_path, env, arm, TableDevice(rows), NEVER)
    loop.run()
    assert memory.shown[-1].hands_words == (f"joint {joint + 1}", "of 7")
    steps = session.read(0).steps
    env.reset(seed=0)
    arm.restore(steps["sim_state"][0])
    q = np.array(arm.data.ctrl[[arm.model.actuator(PREFIX + a).id for a in PANDA.arm_actuators]])
    kinematics = ArmKinematics(arm.model, tuple(PREFIX + j for j in PANDA.arm_joints), PREFIX + "tcp")
    start = kinematics.pose(q)
    arm.restore(steps["sim_state"][-1])
    turns = np.linspace(0.0, 0.6, 601)
    poses = [kinematics.pose(q + np.eye(7)[joint] * sign * turn) for turn in turns]
    off = [float(np.linalg.norm(p.pos_m - arm.tcp_pos_m)) for p in poses]
    best = int(np.argmin(off + 0.05 * np.array([np.linalg.norm(p.rot - arm.tcp_rot) for p in poses])))
    assert turns[best] > 0.05, "it did turn"
    path_m = np.linalg.norm(poses[best].pos_m - start.pos_m)
    assert off[best] < max(2e-3, 0.05 * path_m)
    assert np.linalg.norm(poses[best].rot - arm.tcp_rot) < 0.025
    assert path_m > 0.05 or joint in (4, 6)


def test_a_swaps_the_directions_and_the_heading_is_stored(sit):
    away = push(left_y=-1.0)
    _, session, memory = sit([START, away, tap(Button.A, left_y=-1.0), away, tap(Button.Y)])
    steps = session.read(0).steps
    assert steps["heading_deg"].tolist() == [180, 180, 0, 0]
    np.testing.assert_allclose(steps["actions"][:, 0], [0, -FULL, FULL, FULL], atol=1e-6)
    assert [s.directions for s in memory.shown[1:4]] == [Directions.CAMERA, Directions.BASE, Directions.BASE]


def test_camera_directions_follow_an_orbited_view(sit):
    """After turning the view by 40 degrees "away" is 40 degrees elsewhere, and the stored heading says so."""
    turn = [hold(Button.R3, right_x=1.0)] * 10
    _, session, _ = sit([*turn, REST, START, push(left_y=-1.0), tap(Button.Y)])
    steps = session.read(0).steps
    heading = float(steps["heading_deg"][1])
    assert abs(heading - 180.0) == pytest.approx(40.0, abs=0.2)
    expected = FULL * np.array([np.cos(np.radians(heading)), np.sin(np.radians(heading))])
    np.testing.assert_allclose(steps["actions"][1, :2], expected, atol=1e-3)


def test_orbiting_while_driving_does_not_turn_the_hand_but_is_kept_raw(sit):
    _, session, _ = sit([START, hold(Button.R3, right_x=1.0, right_y=1.0), tap(Button.Y)])
    steps = session.read(0).steps
    assert not np.any(steps["actions"][1, :6])
    assert steps["stick"][1, 2:4].tolist() == [1.0, 1.0]


def test_a_toggled_gripper_stays_closed_when_the_finger_lets_go(sit):
    rows = [START, push(rt=1.0), push(rt=0.0), push(left_x=0.5), push(rt=0.9), REST, tap(Button.Y)]
    _, session, _ = sit(rows, LoopConfig(hold_ticks=0, grip=GripStyle.TOGGLE))
    assert session.read(0).steps["actions"][:, 6].tolist() == [-1, 1, 1, 1, -1, -1]


def test_a_countdown_comes_before_the_first_step_and_can_be_called_off(sit):
    config = LoopConfig(hold_ticks=0, countdown_s=0.2)
    rows = [START, REST, START, *[REST] * 8, START, *[REST] * 4, push(left_x=0.5), tap(Button.Y)]
    _, session, memory = sit(rows, config)
    assert len(session) == 1
    left = [s.countdown_s for s in memory.shown]
    np.testing.assert_allclose(left[:3], [0.2, 0.15, 0.0], atol=1e-9)
    np.testing.assert_allclose(left[11:16], [0.2, 0.15, 0.1, 0.05, 0.0], atol=1e-9)
    assert len(session.read(0)) == 1, "the tick in which it is over only starts"


def test_back_before_the_start_takes_the_last_one_again_from_the_same_start(sit):
    rows = [START, push(left_x=0.5), tap(Button.B), tap(Button.BACK), START, push(left_x=-0.5), tap(Button.Y)]
    _, session, _ = sit(rows)
    assert [(n, m.outcome, m.seed) for n, m in session.metas()] == [(1, Outcome.SUCCESS, 0)]
    undone = session.path / "trash" / "000000.hdf5"
    assert undone.exists()


def test_the_run_ends_when_the_session_holds_the_wished_successes(sit):
    good, bad = [START, REST, tap(Button.Y)], [START, REST, tap(Button.B)]
    sit([*good, *bad])
    _, session, memory = sit([*bad, *good, *good, *good], LoopConfig(hold_ticks=0, target=2))
    assert sum(m.success for _, m in session.metas()) == 2
    assert len(session) == 4
    assert (memory.shown[-1].target, memory.shown[-1].all_successes) == (2, 2)


def test_the_longest_episode_is_counted_in_ticks_that_are_kept(sit):
    """Rewound ticks do not count: the limit is the episode's, not the sitting's."""
    rows = [START, *[REST] * 6, *[push(lt=0.16)] * 4, *[push(left_x=0.3)] * 20]
    _, session, memory = sit(rows, LoopConfig(hold_ticks=0, max_ticks=10, episodes=1))
    assert len(session.read(0)) == 10
    assert memory.shown[0].remaining_s == 0.45


def test_the_pad_shakes_on_success_at_the_limit_and_when_asked(env, tmp_path, sit):
    down = [push(right_y=1.0)] * 30
    device, _, _ = sit([START, *down, tap(Button.Y)])
    assert device.rumbles == [feel.AT_LIMIT], "once, not at every tick"
    device, _, _ = sit([START, REST, push(left_x=0.5), REST, tap(Button.Y)], pilot=Pilot(Always((0,) * 6 + (-1,)), AskAt((1,)), 9))
    assert device.rumbles == [feel.ASKED]
    arm = env.unwrapped

    def onto_the_goal():
        arm.data.mocap_pos[0] = arm.tcp_pos_m
        return REST

    device = TableDevice([START, REST, onto_the_goal, REST, REST, tap(Button.Y)])
    loop_of(tmp_path / "goal", env, arm, device, NEVER)[0].run()
    assert device.rumbles == [feel.SUCCEEDED]


def test_lateness_is_kept_for_every_tick_and_shown(env, tmp_path):
    loop, session, memory = loop_of(tmp_path, env, env.unwrapped, TableDevice([START, REST, REST, REST, tap(Button.Y)]), NEVER)
    for late_s in (0.0, 0.004, 0.0005, 0.003, 0.0):
        loop.tick(late_s)
    episode = session.read(0)
    np.testing.assert_allclose(episode.steps["lateness_s"], [0.0, 0.004, 0.0005, 0.003], atol=1e-9)
    assert (episode.meta.late_ticks, episode.meta.max_lateness_s) == (2, 0.004)
    assert memory.shown[3].lateness_ms == pytest.approx(3.0)
    assert memory.shown[3].worst_ms == pytest.approx(4.0)


def test_the_strip_shows_earlier_sittings_too(sit):
    sit([START, REST, tap(Button.Y), START, REST, tap(Button.BACK)])
    _, session, memory = sit([REST, tap(Button.LEFT), START, REST, tap(Button.B), REST])
    assert [(k.number, k.outcome, k.mode) for k in memory.shown[0].kept] == [(0, Outcome.SUCCESS, "")]
    assert [(k.number, k.outcome, k.mode) for k in memory.shown[-1].kept] == [(0, Outcome.SUCCESS, ""), (2, Outcome.FAILURE, "left")]
    for kept in memory.shown[-1].kept:
        np.testing.assert_array_equal(kept.end_state, session.read(kept.number).steps["sim_state"][-1])


def test_ready_is_ready_while_the_countdown_runs(sit):
    _, _, memory = sit([START, REST], LoopConfig(countdown_s=1.0))
    assert {s.phase for s in memory.shown[:2]} == {Phase.READY}


def test_lift_can_be_driven_in_every_mode_without_an_error(tmp_path):
    env, arm = make_plant(LIFT, {})
    rng = np.random.default_rng(0)
    rows = [START]
    for _ in range(40):
        axes = dict(zip(("left_x", "left_y", "right_x", "right_y", "rt"), map(float, rng.uniform(-1, 1, 5)), strict=True))
        rows += [push(**axes), hold(Button.UP, Button.LB, **axes), tap(rng.choice([Button.X, Button.A, Button.RIGHT, Button.R3]))]
    loop, session, _ = loop_of(tmp_path, env, arm, TableDevice([*rows, tap(Button.Y)]), NEVER, env_id=LIFT)
    loop.run()
    assert len(session.read(0)) == 121
    env.close()
