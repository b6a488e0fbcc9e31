"""Rewind: scrub back through exact states, let go, drive on; what was left is an episode of its own."""

import numpy as np
import pytest
from test_teleop_support import LIFT, PERIOD_S, REACH, REST, UNPLUGGED, Always, AskAt, TableDevice, loop_of, push, tap

from data.schema import Outcome, Phase
from data.trim import whole
from teleop.envs import make_plant
from teleop.loop import LoopConfig
from teleop.pilot import Pilot
from teleop.replay import verify
from teleop.stick import Button

START = tap(Button.START)
SIDE, BACK_A_TICK = push(left_x=0.6), push(lt=0.16)
NEVER = LoopConfig(hold_ticks=0)


@pytest.fixture(scope="module")
def envs():
    made = {name: make_plant(name, {"max_episode_steps": 1200})[0] for name in (REACH, LIFT)}
    yield made
    for env in made.values():
        env.close()


@pytest.fixture
def sit(envs, tmp_path):
    def run(rows, config=NEVER, env_id=REACH, pilot=None):
        env, device = envs[env_id], TableDevice(rows)
        loop, session, memory = loop_of(tmp_path / "session", env, env.unwrapped, device, config, pilot, env_id)
        loop.run()
        return loop, session, memory

    return run


def exact(episode):
    env, arm = make_plant(episode.meta.env_id, {})
    env.reset(seed=0)
    verdict = verify(arm, episode)
    env.close()
    return verdict.exact


def weave(n, seed):
    rng = np.random.default_rng(seed)
    return [push(left_x=float(x), left_y=float(y), right_y=float(z), rt=float(g)) for x, y, z, g in rng.uniform(-1, 1, (n, 4))]


def test_letting_go_drives_on_from_the_exact_state_and_keeps_the_other_branch(sit):
    first, second = weave(12, 0), weave(6, 1)
    _, session, memory = sit([START, *first, *[BACK_A_TICK] * 5, *second, tap(Button.Y)], env_id=LIFT)
    kept, left = session.read(0), session.read(1)
    step = len(kept) - len(second)  # the tick that lets go drives already
    assert (kept.meta.outcome, left.meta.outcome) == (Outcome.SUCCESS, Outcome.ABANDONED)
    assert (left.meta.parent, left.meta.branch_step) == (0, step) == (0, 1 + len(first) - 5)
    assert len(left) == 1 + len(first)
    np.testing.assert_array_equal(kept.steps["sim_state"][: step + 1], left.steps["sim_state"][: step + 1])
    np.testing.assert_array_equal(kept.steps["stick"][step:], [s.to_array() for s in second])
    assert exact(kept)
    assert exact(left)
    assert any("the branch that was left is episode 1" in s.message for s in memory.shown)


def test_what_is_shown_while_scrubbing_is_the_recorded_state_of_that_step(envs, tmp_path):
    env, shown = envs[LIFT], []
    arm = env.unwrapped
    loop, session, memory = loop_of(
        tmp_path, env, arm, TableDevice([START, *weave(10, 2), *[BACK_A_TICK] * 6, tap(Button.B)]), NEVER, env_id=LIFT
    )
    show = memory.show
    memory.show = lambda status: (show(status), shown.append(arm.sim_state()))
    loop.run()
    left = session.read(1)
    scrubbed = [(s.rewind, state) for s, state in zip(memory.shown, shown, strict=True) if s.phase is Phase.REWIND]
    assert [at for (at, _), _ in scrubbed] == [10, 9, 8, 7, 6, 5]
    assert {of for (_, of), _ in scrubbed} == {11}
    for (at, _), state in scrubbed:
        assert state.tobytes() == left.steps["sim_state"][at].tobytes()


def test_a_deeper_pull_goes_faster_but_gently_at_first(sit):
    _, _, memory = sit([START, *weave(60, 3), *[push(lt=1.0)] * 14, tap(Button.B)])
    at = [s.rewind[0] for s in memory.shown if s.rewind]
    steps = -np.diff([61, *at])
    assert steps[0] == 1
    assert max(steps) == 4
    assert np.all(np.diff(steps) >= -1)


def test_scrubbing_stops_at_the_start_and_drives_on_from_there(sit):
    _, session, _ = sit([START, *weave(6, 4), *[BACK_A_TICK] * 20, SIDE, SIDE, tap(Button.Y)])
    kept, left = session.read(0), session.read(1)
    assert len(kept) == 2
    assert left.meta.branch_step == 0
    assert kept.steps["sim_state"][0].tobytes() == left.steps["sim_state"][0].tobytes()
    assert exact(kept)


def test_rewinding_twice_leaves_two_branches_of_one_parent(sit):
    rows = [
        START,
        *weave(8, 5),
        *[BACK_A_TICK] * 3,
        *weave(8, 6),
        *[BACK_A_TICK] * 5,
        *weave(4, 7),
        tap(Button.Y),
        START,
        SIDE,
        tap(Button.Y),
    ]
    _, session, _ = sit(rows)
    metas = dict(session.metas())
    assert [m.outcome for m in metas.values()] == [Outcome.SUCCESS, Outcome.ABANDONED, Outcome.ABANDONED, Outcome.SUCCESS]
    assert [(m.parent, m.branch_step) for m in metas.values()] == [(-1, -1), (0, 6), (0, 9), (-1, -1)]
    assert all(exact(session.read(n)) for n in metas)
    assert metas[3].seed == 3


def test_time_goes_on_while_scrubbing(sit):
    _, session, _ = sit([START, *weave(4, 8), *[BACK_A_TICK] * 3, *weave(2, 9), tap(Button.Y)])
    time_s = session.read(0).steps["time_s"]
    assert np.all(np.diff(time_s) > 0)
    assert np.diff(time_s).max() == pytest.approx(7 * PERIOD_S), "three ticks of scrubbing over three steps that were taken back"


def test_the_gripper_stays_as_it_was_at_that_step_until_the_trigger_moves(sit):
    closing = [push(rt=1.0)] * 6
    opened = [push(rt=0.0)] * 6
    on = [push(left_x=0.5), push(left_x=0.5, rt=0.05), push(left_x=0.5, rt=0.4)]
    _, session, _ = sit([START, *closing, *opened, *[BACK_A_TICK] * 8, *on, tap(Button.Y)])
    kept = session.read(0)
    np.testing.assert_allclose(kept.steps["actions"][-3:, 6], [1.0, 1.0, -0.2], atol=1e-6)


def test_rewinding_a_success_starts_its_holding_anew(envs, tmp_path):
    env = envs[REACH]
    arm = env.unwrapped

    def onto_the_goal():
        arm.data.mocap_pos[0] = arm.tcp_pos_m
        return SIDE

    still = [REST] * 3
    rows = [START, SIDE, SIDE, onto_the_goal, *still, *[BACK_A_TICK] * 5, SIDE, tap(Button.Y)]
    loop, _, memory = loop_of(tmp_path, env, arm, TableDevice(rows), LoopConfig(hold_ticks=6))
    loop.run()
    assert max(s.hold for s in memory.shown) == 4
    assert memory.shown[-2].hold == 0


def test_nothing_to_rewind_before_the_first_step(sit):
    _, session, memory = sit([push(lt=1.0), push(lt=1.0), START, SIDE, tap(Button.Y)])
    assert Phase.REWIND not in {s.phase for s in memory.shown}
    assert len(session) == 1


def test_unplugged_while_scrubbing_pauses_at_that_step(sit):
    rows = [START, *weave(6, 10), *[BACK_A_TICK] * 3, UNPLUGGED, UNPLUGGED, REST, tap(Button.L3), SIDE, tap(Button.Y)]
    _, session, memory = sit(rows)
    assert Phase.PAUSED in {s.phase for s in memory.shown}
    assert session.read(1).meta.branch_step == 4
    assert len(session.read(0)) == 4 + 2
    assert exact(session.read(0))


def test_quitting_while_scrubbing_keeps_everything(envs, tmp_path):
    env = envs[REACH]
    loop, session, memory = loop_of(tmp_path, env, env.unwrapped, TableDevice([START, *weave(6, 11), *[BACK_A_TICK] * 9]), NEVER)
    memory.wants_to_quit = lambda: len(memory.shown) == 12
    loop.run()
    assert [m.outcome for _, m in session.metas()] == [Outcome.PARTIAL]
    assert len(session.read(0)) == 7
    assert exact(session.read(0))


def test_undo_takes_the_branches_along(sit, tmp_path):
    _, session, _ = sit([START, *weave(6, 12), *[BACK_A_TICK] * 3, SIDE, tap(Button.Y), tap(Button.X), REST])
    assert len(session) == 0
    assert sorted(p.name for p in (tmp_path / "session" / "trash").iterdir()) == ["000000.hdf5", "000001.hdf5"]


def test_tagging_afterwards_tags_the_branches_too(sit):
    _, session, _ = sit([START, *weave(6, 12), *[BACK_A_TICK] * 3, SIDE, tap(Button.Y), tap(Button.LB, Button.UP), REST])
    assert [m.behaviour_mode for _, m in session.metas()] == ["over", "over"]


def test_a_take_that_is_given_up_at_its_start_leaves_only_the_branch(sit):
    rows = [START, *weave(6, 13), *[BACK_A_TICK] * 12, UNPLUGGED, REST, tap(Button.BACK), REST]
    _, session, _ = sit(rows)
    assert [(n, m.outcome, m.parent) for n, m in session.metas()] == [(1, Outcome.ABANDONED, -1)]


def test_an_abandoned_branch_is_not_offered_for_training(sit, tmp_path):
    import h5py

    sit([START, *weave(6, 14), *[BACK_A_TICK] * 3, SIDE, tap(Button.Y)])
    with h5py.File(tmp_path / "session" / "session.hdf5") as index:
        assert [n.decode() for n in index["mask/usable"]] == ["demo_0"]
        assert sorted(index["data"]) == ["demo_0", "demo_1"]


def test_a_branch_of_a_trimmed_episode_counts_its_steps_from_the_trimmed_start(sit):
    _, session, _ = sit([START, *[REST] * 20, *weave(8, 15), *[BACK_A_TICK] * 3, *weave(3, 16), tap(Button.Y)])
    kept, left = session.read(0), session.read(1)
    assert kept.meta.idle_start == left.meta.idle_start == 16
    step = left.meta.branch_step
    assert kept.steps["sim_state"][step].tobytes() == left.steps["sim_state"][step].tobytes()
    assert kept.steps["sim_state"][step + 1].tobytes() != left.steps["sim_state"][step + 1].tobytes()
    assert len(whole(left)) == 29
    assert all(exact(e) for e in (kept, left, whole(kept)))


def test_a_policy_that_is_rewound_drives_on_from_there(sit):
    pilot = Pilot(Always(), AskAt(()), 0)
    _, session, _ = sit([START, *[REST] * 8, *[BACK_A_TICK] * 4, REST, REST, tap(Button.Y)], pilot=pilot)
    kept, left = session.read(0), session.read(1)
    assert left.meta.branch_step == 5
    assert np.all(kept.steps["phase"] == Phase.POLICY)
    assert len(kept) == 7
    assert exact(kept)


def test_an_open_question_is_dropped_by_a_rewind_and_may_come_again(sit):
    pilot = Pilot(Always(), AskAt((3, 5)), 9)
    _, _, memory = sit([START, REST, REST, REST, BACK_A_TICK, REST, REST, push(left_x=0.5), REST, tap(Button.Y)], pilot=pilot)
    phases = [s.phase for s in memory.shown]
    assert phases[3] is Phase.ASKING
    assert phases[4] is Phase.REWIND
    assert Phase.ASKING in phases[5:]
    assert pilot.labels == 1
