"""The scripted person as supervisor: lets a good policy drive, takes over from a bad one, gives the wheel back."""

from collections.abc import Sequence

import numpy as np
import pytest
from test_teleop_scripted_answers import CLEAN, DETOUR, MAPPING, LikeTheExpert, sitting, way
from test_teleop_support import LIFT, REACH, Always, AskAt, loop_of

from data.schema import Outcome, Phase, Source
from teleop.devices.device import View
from teleop.devices.habits import OperatorConfig
from teleop.devices.scripted import ScriptedOperator
from teleop.devices.supervisor import Supervisor
from teleop.envs import make_plant
from teleop.loop import LoopConfig
from teleop.pilot import Pilot
from teleop.stick import BUTTONS, Button

RB = 6 + BUTTONS.index(Button.RB)
STILL = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)
AWAY = (-0.3, 0.0, 0.3, 0.0, 0.0, 0.0, -1.0)
WATCHFUL = {"skill": 2.0, "reaction_s": (0.2, 0.0)}
REACTION_TICKS = 4


@pytest.fixture
def watched(tmp_path, request):
    """Episodes in which the scripted person watches a policy drive."""

    def run(env_id, policy_of, episodes=1, seed=0, folder="session", **habits):
        env, arm = make_plant(env_id, {"max_episode_steps": 1200})
        request.addfinalizer(env.close)
        operator = ScriptedOperator(arm, MAPPING, OperatorConfig(**{"supervises": True, **habits}), 0)
        config = LoopConfig(episodes=episodes, seed=seed, max_ticks=400)
        loop, session, _ = loop_of(tmp_path / folder, env, arm, operator, config, Pilot(policy_of(arm), AskAt(()), 0), env_id=env_id)
        loop.run()
        return [session.read(number) for number in range(episodes)]

    return run


def driven_by_hand(episode):
    return episode.steps["phase"] == Phase.HUMAN


def takeovers(episode):
    """(first, one past the last) step of each time the person drove."""
    edges = np.diff(np.concatenate([[0], driven_by_hand(episode).astype(int), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def watch(supervisor, *, apart: Sequence[float] = (0.0,), left_m=0.5, stage="approach"):
    """One more tick; whether the person drives."""
    supervisor.watch(np.array(apart))
    supervisor.decide(stage, left_m)
    return supervisor.holds


def ticks_until(supervisor, holds=True, **seen):
    return next(n for n in range(400) if watch(supervisor, **seen) is holds)


def supervisor_of(ways=1, **habits):
    return Supervisor(
        ways, OperatorConfig(**{"skill": 2.0, "reaction_s": (0.2, 0.0), "supervises": True, **habits}), np.random.default_rng(0)
    )


# -- whom it lets drive ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", [REACH, LIFT])
def test_a_policy_that_knows_the_task_is_left_alone(watched, env_id):
    for episode in watched(env_id, LikeTheExpert, episodes=4):
        assert episode.meta.outcome is Outcome.SUCCESS
        assert not driven_by_hand(episode).any()
        assert not episode.steps["stick"][:, :4].any()


def test_any_good_way_to_do_it_is_left_alone_also_one_it_does_not_feel_like(watched):
    (episode,) = watched(DETOUR, lambda arm: LikeTheExpert(arm, mode="over-right"), preferences={"left": 1.0}, **WATCHFUL)
    assert episode.meta.outcome is Outcome.SUCCESS
    assert not driven_by_hand(episode).any()


def test_one_that_only_answers_never_takes_over(watched):
    (episode,) = watched(REACH, lambda arm: Always(AWAY), supervises=False)
    assert not driven_by_hand(episode).any()


# -- whom it does not --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [STILL, AWAY])
def test_a_policy_that_does_not_know_the_task_is_taken_over_from_and_the_task_done(watched, action):
    for episode in watched(REACH, lambda arm: Always(action), episodes=4):
        assert episode.meta.outcome is Outcome.SUCCESS
        hand = driven_by_hand(episode)
        assert hand.any()
        assert np.all(episode.steps["source"][hand] == Source.SCRIPTED)
        np.testing.assert_array_equal(episode.steps["labels"][hand], episode.steps["actions"][hand])


def test_rb_is_held_exactly_while_it_drives(watched):
    for episode in watched(LIFT, lambda arm: LikeTheExpert(arm, range(20, 60)), episodes=3):
        np.testing.assert_array_equal(episode.steps["stick"][:, RB] == 1.0, driven_by_hand(episode))


def test_it_lets_go_when_the_policy_is_right_again(watched):
    for episode in watched(LIFT, lambda arm: LikeTheExpert(arm, range(24), AWAY), episodes=3, **WATCHFUL):
        assert episode.meta.outcome is Outcome.SUCCESS
        ((first, end),) = takeovers(episode)
        assert first < 30
        assert end < len(episode)
        assert np.all(episode.steps["source"][end:] == Source.POLICY)


def test_a_cube_that_the_policy_lets_go_of_is_picked_up_again(watched):
    (episode,) = watched(LIFT, lambda arm: LikeTheExpert(arm, range(36, 400), AWAY), **WATCHFUL)
    assert episode.meta.outcome is Outcome.SUCCESS
    assert driven_by_hand(episode)[-20:].all()


@pytest.mark.parametrize("mode", ["left", "right"])
def test_it_goes_on_in_the_way_that_the_policy_was_about(watched, mode):
    """Past the first board, whichever way it would have gone itself: the policy is not fought."""
    policy = lambda arm: LikeTheExpert(arm, range(12, 400), (-0.3, 0, -0.1, 0, 0, 0, -1), mode=mode)  # noqa: E731
    (episode,) = watched(DETOUR, policy, preferences={"left": 1.0}, **WATCHFUL)
    assert episode.meta.outcome is Outcome.SUCCESS
    assert driven_by_hand(episode).any()
    assert episode.meta.found_mode.split("-")[0] == mode


def test_the_same_seeds_give_the_same_takeovers_whatever_was_driven_before(watched):
    policy = lambda arm: LikeTheExpert(arm, range(15, 45), AWAY)  # noqa: E731
    before = watched(LIFT, policy, episodes=2, seed=3)
    (alone,) = watched(LIFT, policy, episodes=1, seed=4, folder="alone")
    assert driven_by_hand(alone).any()
    np.testing.assert_array_equal(before[1].steps["stick"], alone.steps["stick"])


# -- when exactly ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("apart", "seconds"), [(0.8, None), (1.0, 1.85), (np.sqrt(2), 0.9), (2.0, 0.55)])
def test_the_further_the_policy_is_from_what_it_would_do_the_sooner_it_takes_over(apart, seconds):
    """The leaky integral 1 − e^−t of the disagreement reaches 0.85; one that stays below is none of its business."""
    supervisor = supervisor_of(stuck_s=1000.0)
    if seconds is None:
        assert not any(watch(supervisor, apart=[apart]) for _ in range(400))
    else:
        assert ticks_until(supervisor, apart=[apart]) == pytest.approx(20 * seconds + REACTION_TICKS, abs=2)


def test_a_short_slip_of_the_policy_is_forgiven():
    supervisor = supervisor_of()
    assert not any(watch(supervisor, apart=[2.0]) for _ in range(8))
    assert not any(watch(supervisor, apart=[0.2], left_m=0.5 - 0.01 * n) for n in range(40))


def test_what_rights_itself_before_the_hand_has_moved_is_not_taken_over_from():
    supervisor = supervisor_of(reaction_s=(1.0, 0.0))
    assert not any(watch(supervisor, apart=[2.0]) for _ in range(12))
    assert not any(watch(supervisor, apart=[0.0], left_m=0.5 - 0.01 * n) for n in range(40))


def test_no_progress_for_some_seconds_is_taken_over_from():
    supervisor = supervisor_of(stuck_s=4.0)
    assert ticks_until(supervisor) == pytest.approx(80 + REACTION_TICKS, abs=2)


def test_going_to_and_fro_is_no_progress():
    supervisor = supervisor_of(stuck_s=4.0)
    seen = [{"stage": stage, "left_m": left} for stage, left in (("approach", 0.2), ("descend", 0.02))] * 100
    assert [watch(supervisor, **look) for look in seen].index(True) < 90


def test_getting_nearer_is_progress():
    supervisor = supervisor_of(stuck_s=1.0)
    assert not any(watch(supervisor, left_m=1.0 - 0.002 * n) for n in range(200))


def test_a_policy_that_cannot_make_up_its_mind_is_at_odds_with_both_ways():
    supervisor = supervisor_of(2, stuck_s=1000.0)
    assert any(watch(supervisor, apart=[2.0, 0.0] if n // 5 % 2 else [0.0, 2.0]) for n in range(100))


def test_trust_has_to_be_won_for_a_while():
    supervisor = supervisor_of()
    ticks_until(supervisor, apart=[2.0])
    assert all(watch(supervisor, apart=[0.0]) for _ in range(3))
    assert ticks_until(supervisor, holds=False, apart=[0.0]) < 10


def test_who_agrees_by_halves_does_not_win_it_back():
    supervisor = supervisor_of()
    ticks_until(supervisor, apart=[2.0])
    assert all(watch(supervisor, apart=[0.65]) for _ in range(200))


def test_it_agrees_only_with_the_way_that_it_drives():
    supervisor = supervisor_of(2)
    ticks_until(supervisor, apart=[2.0, 1.0])
    assert supervisor.way == 1
    assert all(watch(supervisor, apart=[0.0, 1.0]) for _ in range(100))


def test_now_and_then_it_looks_away_and_is_late():
    delays = np.array([_delay(seed) for seed in range(400)])
    assert np.mean(delays > 15) == pytest.approx(0.05, abs=0.03)
    assert np.median(delays) == pytest.approx(REACTION_TICKS, abs=1)


def _delay(seed):
    """Ticks from the alarm to the hand on RB."""
    supervisor = Supervisor(1, OperatorConfig(supervises=True), np.random.default_rng(seed))
    alarm = next(n for n in range(100) if not watch(supervisor, apart=[2.0]) and supervisor.unease[0] >= 0.85)
    return next(n for n in range(alarm, 400) if watch(supervisor, apart=[2.0])) - alarm


# -- a wheel that is handed over ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("supervises", [False, True])
def test_a_wheel_that_is_handed_over_is_driven_without_rb(supervises):
    env, arm = make_plant(DETOUR, {"max_episode_steps": 1200})
    operator = sitting(arm, preferences={"left": 1.0}, supervises=supervises, **{k: v for k, v in CLEAN.items() if k != "skill"})
    right = way(arm, "right")
    assert not any(operator.poll((), View(Phase.POLICY, proposal=right)).held for _ in range(20))
    sticks = [operator.poll((), View(Phase.HUMAN, proposal=-right, handed_over=True)) for _ in range(60)]
    assert not any(stick.held for stick in sticks)
    assert np.abs(sticks[-1].axes[:4]).max() > 0.3
    assert sticks[-1].axes[0] > 0, "on in the way that the policy was about: to the right"
    back = operator.poll((), View(Phase.POLICY, proposal=right))
    assert not back.held
    assert not back.axes[:4].any()
    env.close()
