"""The scripted operator: a person's hands, seeded, that solve the tasks through the sticks alone."""

import numpy as np
import pytest
from test_teleop_support import LIFT, PERIOD_S, REACH, TableDevice, loop_of, scripted_session

from data.errors import UserError
from data.schema import Outcome, Phase, Source
from teleop.devices.device import View
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv
from teleop.experts import expert_for
from teleop.loop import LoopConfig
from teleop.mapping import MappingConfig, stick_to_action
from teleop.stick import Axis, Button, Stick, stick_from_array

SEEDS = 20


@pytest.fixture(scope="module", params=[REACH, LIFT])
def episodes(request, tmp_path_factory):
    """Twenty episodes that a practised operator recorded."""
    session = scripted_session(tmp_path_factory.mktemp(request.param), request.param, SEEDS)
    return [session.read(n) for n in range(SEEDS)]


@pytest.fixture(scope="module")
def arm():
    env, arm = make_plant(LIFT, {"max_episode_steps": 1200})
    env.reset(seed=0)
    yield arm
    env.close()


def drive(arm, ticks, operator, scene=0):
    """The sticks of an operator who drives for a while."""
    arm.reset(seed=scene)
    sticks = []
    for _ in range(ticks):
        stick = operator.poll((), View(Phase.HUMAN))
        sticks.append(stick.to_array())
        arm.step(stick_to_action(stick, MappingConfig()))
    return np.array(sticks)


def operator_of(arm, seed=0, **habits):
    return ScriptedOperator(arm, MappingConfig(), OperatorConfig(**habits), seed)


def roughness(session):
    """Mean squared third difference of the hand's path (m²): how jerky it was."""
    jerks = [np.diff(session.read(n).obs["robot0_eef_pos"], 3, axis=0) for n in range(len(session))]
    return float(np.mean(np.concatenate(jerks) ** 2))


# -- it solves the tasks -----------------------------------------------------------------------------------------------


def test_it_solves_nearly_every_scene(episodes):
    successes = sum(episode.meta.outcome is Outcome.SUCCESS for episode in episodes)
    assert successes >= 0.95 * SEEDS


def test_the_scenes_are_all_different(episodes):
    assert len({episode.obs["object"][0].tobytes() for episode in episodes}) == SEEDS


def test_it_takes_a_person_s_time(episodes):
    seconds = [len(episode) * PERIOD_S for episode in episodes]
    assert 0.5 < np.median(seconds) < 15.0


def test_every_stick_stays_within_its_stops(episodes):
    sticks = np.concatenate([episode.steps["stick"] for episode in episodes])
    assert np.abs(sticks).max() <= 1.0
    assert np.abs(sticks[:, :4]).max() > 0.9, "it never pushed a stick to its stop"


def test_the_arm_moved_by_its_sticks_alone(episodes):
    """The executed actions are what the mapping makes of the stored sticks; nothing else ever moved the arm."""
    for episode in episodes:
        sticks = [stick_from_array(row) for row in episode.steps["stick"]]
        np.testing.assert_array_equal(episode.steps["actions"], [stick_to_action(s, MappingConfig()) for s in sticks])


def test_what_it_did_is_marked_scripted_and_never_human(episodes):
    for episode in episodes:
        assert np.all(episode.steps["source"] == Source.SCRIPTED)
        assert episode.meta.operator == "scripted operator"
        assert episode.meta.settings["operator"]["skill"] == 1.0


def test_it_does_not_touch_the_simulator(arm):
    arm.reset(seed=0)
    operator = operator_of(arm)
    for phase in (Phase.READY, Phase.HUMAN, Phase.ASKING, Phase.POLICY, Phase.PAUSED):
        before = arm.sim_state().tobytes()
        for _ in range(30):
            operator.poll((), View(phase))
        assert arm.sim_state().tobytes() == before


# -- it is seeded ------------------------------------------------------------------------------------------------------


def test_the_same_seed_moves_the_sticks_the_same(arm):
    np.testing.assert_array_equal(drive(arm, 80, operator_of(arm, 3)), drive(arm, 80, operator_of(arm, 3)))


def test_another_seed_moves_them_differently(arm):
    assert not np.array_equal(drive(arm, 80, operator_of(arm, 3)), drive(arm, 80, operator_of(arm, 4)))


# -- it is a person ----------------------------------------------------------------------------------------------------


def test_skill_makes_the_hand_smoother(tmp_path):
    clumsy, practised, clean = (roughness(scripted_session(tmp_path / str(s), LIFT, 6, skill=s)) for s in (0.0, 1.0, 2.0))
    assert clean < practised < clumsy


def test_a_stick_needs_time_to_travel(arm):
    sticks = drive(arm, 80, operator_of(arm, noise=0.0))[:, :4]
    slew = OperatorConfig().slew_per_s * PERIOD_S
    assert np.abs(np.diff(sticks, axis=0)).max() <= slew + 1e-6


def test_a_clean_operator_is_still_slower_than_a_machine(arm):
    sticks = drive(arm, 40, operator_of(arm, skill=2.0))
    assert np.abs(sticks[0, :4]).max() <= OperatorConfig().slew_per_s * PERIOD_S + 1e-6


def test_it_thinks_before_it_presses_start(arm):
    operator = operator_of(arm, think_s=(0.6, 0.0))
    presses = [Button.START in operator.poll((), View(Phase.READY)).pressed for _ in range(20)]
    assert presses.index(True) == 12


def test_while_the_policy_drives_or_the_loop_is_paused_its_sticks_rest(arm):
    arm.reset(seed=0)
    arm.step(np.array([0, 0, 0, 0, 0, 0, 1], np.float32))
    operator = operator_of(arm)
    for phase in (Phase.POLICY, Phase.PAUSED):
        stick = operator.poll((), View(phase))
        assert not stick.held | stick.pressed
        assert not stick.axes[:4].any()
        assert stick.axis(Axis.RT) == 1.0, "the trigger finger stays as the gripper is"


def test_an_answer_takes_time_and_holds_rb(arm):
    arm.reset(seed=0)
    operator = operator_of(arm, decision_s=(0.8, 0.0))
    operator.poll((), View(Phase.POLICY))
    sticks = [operator.poll((), View(Phase.ASKING)) for _ in range(20)]
    answered = [Button.RB in s.held for s in sticks]
    assert answered.index(True) == 16
    assert np.abs(sticks[16].axes[:4]).max() > 0.2


def test_a_question_right_after_an_answer_is_answered_at_once(arm):
    arm.reset(seed=0)
    operator = operator_of(arm, decision_s=(0.8, 0.0))
    while Button.RB not in operator.poll((), View(Phase.ASKING)).held:
        pass
    operator.poll((), View(Phase.POLICY))
    assert Button.RB in operator.poll((), View(Phase.ASKING)).held


@pytest.mark.parametrize("skill", [-0.1, 2.1])
def test_a_skill_off_the_scale_is_refused(skill):
    with pytest.raises(ValueError, match=rf"skill {skill} is outside 0 \(clumsy\) … 2 \(clean\)"):
        OperatorConfig(skill=skill)


def test_a_task_it_does_not_know_is_named():
    class Juggle(ArmEnv):
        pass

    with pytest.raises(UserError, match=r"no scripted operator knows Juggle; allowed: Detour, Drawer, Lift, .*, Stack"):
        expert_for(Juggle.__new__(Juggle))


def test_its_sticks_in_another_hand_give_the_same_states(arm, tmp_path):
    """Played back by a device that knows nothing, its sticks move the arm exactly alike: they are all it acts with."""
    session = scripted_session(tmp_path / "scripted", LIFT, 1)
    episode = session.read(0)
    sticks = [stick_from_array(row) for row in episode.steps["stick"]]
    env, other = make_plant(LIFT, {"max_episode_steps": 600})
    # The tick that starts also drives, so the first stick carries the button.
    rows = [Stick(sticks[0].axes, sticks[0].held, frozenset({Button.START})), *sticks[1:]]
    loop, copied, _ = loop_of(tmp_path / "copied", env, other, TableDevice(rows), LoopConfig(episodes=1), env_id=LIFT)
    loop.run()
    assert copied.read(0).steps["sim_state"].tobytes() == episode.steps["sim_state"].tobytes()
    env.close()
