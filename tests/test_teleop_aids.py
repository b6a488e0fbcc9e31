"""Aids: what is measured at the gripper and what is drawn into the scene, on the real arm."""

import mujoco
import numpy as np
import pytest
from test_teleop_support import put

from teleop.aids import WHITE, Readout, make_aids, near_edges, read_out
from teleop.envs.arm import ArmEnv
from teleop.envs.probe import Probe
from teleop.envs.tasks.lift import HALF_M, LIFTED_M, Lift
from teleop.envs.tasks.reach import Reach

OPEN, CLOSE = -1.0, 1.0


@pytest.fixture
def lift():
    env = Lift()
    env.reset(seed=0)
    yield env
    env.close()


@pytest.fixture
def reach():
    env = Reach()
    env.reset(seed=0)
    yield env
    env.close()


def drive(env, ticks, x=0.0, y=0.0, z=0.0, roll=0.0, grip=OPEN):
    for _ in range(ticks):
        env.step(np.array([x, y, z, roll, 0, 0, grip], np.float32))


def grasp(env):
    """Close the fingers round a cube that hangs between them until they hold it."""
    for _ in range(20):
        put(env, "cube", env.tcp_pos_m)
        drive(env, 1, grip=CLOSE)
    drive(env, 5, grip=CLOSE)
    assert np.linalg.norm(env.cube_pos_m - env.tcp_pos_m) < 0.01, "the cube is held in the air"


def test_nothing_is_felt_in_the_air(lift):
    reading = Probe(lift).read()
    assert (reading.grip_n, reading.push_n) == (0.0, 0.0)
    assert reading.below_z_m == pytest.approx(0.0, abs=1e-9)


def test_what_lies_below_is_the_first_solid_thing(lift, reach):
    put(lift, "cube", [*lift.tcp_pos_m[:2], HALF_M])
    assert Probe(lift).read().below_z_m == pytest.approx(2 * HALF_M, abs=1e-3)
    put(reach, "goal", [*reach.tcp_pos_m[:2], 0.08])
    assert Probe(reach).read().below_z_m == pytest.approx(0.0, abs=1e-9), "the goal is a mark, not a thing"


def test_a_held_cube_is_felt_and_is_not_what_lies_below(lift):
    grasp(lift)
    reading = Probe(lift).read()
    assert 3.0 < reading.grip_n < 60.0
    assert reading.push_n == 0.0
    assert reading.below_z_m == pytest.approx(0.0, abs=1e-6)
    drive(lift, 15)
    assert Probe(lift).read().grip_n == 0.0


def test_pushing_on_the_table_is_felt_as_a_push(lift):
    drive(lift, 12, roll=1.0)
    drive(lift, 40, z=-0.6)
    assert Probe(lift).read().push_n > 5.0


def test_probing_changes_nothing(lift):
    grasp(lift)
    before = lift.sim_state().tobytes()
    probe = Probe(lift)
    first = probe.read()
    assert probe.read() == first
    assert lift.sim_state().tobytes() == before


def test_the_numbers_are_the_distances(lift):
    put(lift, "cube", lift.tcp_pos_m - [0.0, 0.03, 0.04])
    readout = read_out(lift, Probe(lift).read())
    assert readout.distance_m == pytest.approx(0.05)
    assert readout.height_m == pytest.approx(lift.tcp_pos_m[2])
    assert readout.width_m == pytest.approx(0.08, abs=1e-6)


# -- edges -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", ["x+", "x-", "y+", "y-", "z+", "z-"])
def test_every_edge_warns_on_its_side(lift, edge):
    assert near_edges(lift) == ()
    put(lift, "cube", [5.0, 5.0, -3.0])
    axis, push = edge[0], 1 if edge[1] == "+" else -1
    drive(lift, 160, **{axis: 0.1 * push})
    assert near_edges(lift) == (edge,)


def test_a_grasp_from_the_table_is_no_edge(lift):
    drive(lift, 200, z=-0.02)
    assert lift.tcp_pos_m[2] > 0.012
    while lift.tcp_pos_m[2] < HALF_M:
        drive(lift, 1, z=0.02)
    assert near_edges(lift) == ()


# -- what is drawn -----------------------------------------------------------------------------------------------------


def kinds(env):
    reading = Probe(env).read()
    return make_aids(env, reading, near_edges(env))


def test_the_drop_line_ends_under_the_fingertips(lift):
    put(lift, "cube", [*lift.tcp_pos_m[:2], HALF_M])
    line = next(g for g in kinds(lift) if g.rgba == WHITE)
    np.testing.assert_allclose(line.pos_m[:2], lift.tcp_pos_m[:2], atol=1e-6)
    ends = line.pos_m[2] + np.array([-1, 1]) * line.size_m[2]
    np.testing.assert_allclose(sorted(ends), [2 * HALF_M, lift.tcp_pos_m[2]], atol=3e-3)


def test_the_goal_of_lifting_is_a_ghost_cube_that_fades(lift):
    alphas = []
    for height in (HALF_M, HALF_M + LIFTED_M / 2, HALF_M + LIFTED_M):
        put(lift, "cube", [0.5, 0.1, height])
        alphas.append([g.rgba[3] for g in lift.goal_ghost()])
        for ghost in lift.goal_ghost():
            np.testing.assert_allclose(ghost.pos_m, [0.5, 0.1, HALF_M + LIFTED_M])
            assert ghost.size_m == (HALF_M,) * 3
    assert alphas[0][0] == pytest.approx(2 * alphas[1][0])
    assert alphas[2] == []


def test_a_goal_in_the_air_has_a_line_to_the_table(reach):
    put(reach, "goal", [0.5, 0.2, 0.3])
    below = [g for g in kinds(reach) if np.allclose(g.pos_m[:2], [0.5, 0.2], atol=1e-6) and 2 * g.size_m[2] > 0.25]
    assert len(below) == 1


def test_close_to_the_target_nothing_hides_it(lift):
    put(lift, "cube", np.add(lift.tcp_pos_m, [0.0, 0.0, 0.01]))
    near = len(kinds(lift))
    put(lift, "cube", np.add(lift.tcp_pos_m, [0.0, 0.2, 0.01]))
    assert len(kinds(lift)) > near


def test_a_task_without_hooks_has_no_target_and_no_ghost():
    class Bare(ArmEnv):
        def object_obs(self):
            return np.zeros(0)

        def is_success(self):
            return False

    env = Bare()
    env.reset(seed=0)
    assert env.target_pos_m() is None
    assert env.goal_ghost() == ()
    readout = read_out(env, Probe(env).read())
    assert isinstance(readout, Readout)
    assert readout.distance_m is None
    assert all(g.kind == mujoco.mjtGeom.mjGEOM_BOX for g in kinds(env))
    env.close()
