"""Any Gymnasium environment: driven with sticks, recorded, rewound, replayed, trained from."""

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from test_teleop_support import REST, TableDevice, loop_of, push, tap

from data.cli import run_command
from data.errors import UserError
from data.schema import Outcome, Phase
from data.session import Session
from learn.commands import COMMANDS as LEARN
from learn.evaluate import evaluate
from learn.policies import PolicyConfig, build_policy
from teleop.commands import COMMANDS
from teleop.envs import make_env, make_plant
from teleop.envs.guest import spaces as guest_spaces
from teleop.envs.guest.remote import RemoteSimulator
from teleop.envs.guest.spaces import GuestError
from teleop.envs.guest.wire import receive, send
from teleop.grip import GripStyle
from teleop.guest_hands import GuestHands, hands_of
from teleop.loop import LoopConfig
from teleop.mapping import Directions, MappingConfig
from teleop.replay import plant_of, verify
from teleop.stick import Axis, Button, make_stick

pytestmark = pytest.mark.real_time

DOOR = "gymnasium_robotics:AdroitHandDoor-v1"
EXACT = ("Reacher-v5", "Pusher-v5", DOOR)
EVERY = ("CartPole-v1", *EXACT)
NEEDS_ROBOTICS = pytest.mark.skipif(importlib.util.find_spec("gymnasium_robotics") is None, reason="gymnasium-robotics is not installed")
FAREWELL = "AdroitHand.*were updated in v1.2.1"  # gymnasium-robotics says so on every import


def each(*ids):
    return [pytest.param(env_id, marks=NEEDS_ROBOTICS if env_id == DOOR else ()) for env_id in ids]


@pytest.fixture(scope="module")
def guests():
    """Plants by id, opened once."""
    opened = {}

    def open_it(env_id, **kwargs):
        key = (env_id, *kwargs.items())
        if key not in opened:
            opened[key] = make_plant(env_id, kwargs)[1]
        return opened[key]

    yield open_it
    for plant in opened.values():
        plant.close()


def some_actions(plant, n=30, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (n, plant.action_space.shape[0])).astype(np.float32)


def walked(plant, actions, seed=3):
    """States and observations of an episode, first to last."""
    obs, _ = plant.reset(seed=seed)
    states, seen = [plant.sim_state()], [obs]
    for action in actions:
        obs, _, terminated, truncated, _ = plant.step(action)
        states.append(plant.sim_state())
        seen.append(obs)
        if terminated or truncated:
            break
    return states, seen


def same(one, other):
    return set(one) == set(other) and all(np.array_equal(one[key], other[key]) for key in one)


# -- Gymnasium ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", each(*EVERY))
@pytest.mark.filterwarnings("ignore:.*A Box observation space (minimum|maximum) value is -?infinity")
def test_gymnasium_s_own_checker_is_content(env_id):
    env = make_env(env_id)
    check_env(env, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("env_id", each(*EVERY))
def test_the_same_seed_and_actions_give_the_same_states(env_id, guests):
    plant = guests(env_id)
    actions = some_actions(plant)
    first, again = walked(plant, actions)[0], walked(plant, actions)[0]
    assert [s.tobytes() for s in first] == [s.tobytes() for s in again]
    assert len({s.tobytes() for s in first}) > 5, "nothing moved"
    assert walked(plant, actions, seed=4)[0][0].tobytes() != first[0].tobytes()


@pytest.mark.parametrize(
    ("space", "vector", "action"),
    [
        (spaces.Box(-2.0, 2.0, (2,)), [-1.0, 0.5], [-2.0, 1.0]),
        (spaces.Box(0.0, 10.0, (1,)), [0.0], [5.0]),
        (spaces.Box(-np.inf, np.inf, (1,)), [0.25], [0.25]),
        (spaces.Box(-1.0, 1.0, (2, 1)), [3.0, -0.1], [[1.0], [-0.1]]),
        (spaces.Discrete(3), [-1.0, -1.0, 0.2], 2),
        (spaces.Discrete(2, start=5), [1.0, -1.0], 5),
        (spaces.MultiDiscrete([2, 3]), [-1.0, 1.0, -1.0, -1.0, 1.0], [1, 2]),
        (spaces.MultiBinary(3), [0.5, -0.5, 1.0], [1, 0, 1]),
    ],
)
def test_a_vector_in_one_box_is_every_kind_of_action(space, vector, action):
    assert guest_spaces.action_width(space) == len(vector)
    made = guest_spaces.to_action(np.array(vector, np.float32), space)
    assert np.allclose(made, action)
    assert space.contains(made)


def test_an_action_that_no_stick_can_mean_is_refused():
    with pytest.raises(GuestError, match=r"Text.*cannot be driven with sticks; allowed: Box, Discrete, MultiDiscrete, MultiBinary"):
        guest_spaces.action_width(spaces.Text(5))


def test_observations_become_named_arrays():
    space = spaces.Dict(
        {"arm": spaces.Dict({"pos": spaces.Box(-1, 1, (2,))}), "top": spaces.Box(0, 255, (4, 4, 3), np.uint8), "n": spaces.Discrete(3)}
    )
    value = {"arm": {"pos": np.array([0.5, 1.0])}, "top": np.full((4, 4, 3), 7, np.uint8), "n": 2}
    obs = guest_spaces.to_obs(value, space)
    assert {k: (v.shape, v.dtype) for k, v in obs.items()} == {
        "arm_pos": ((2,), np.float32), "top": ((4, 4, 3), np.uint8), "n": ((3,), np.float32),
    }  # fmt: skip
    assert obs["n"].tolist() == [0.0, 0.0, 1.0]


# -- exact states ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", each(*EXACT))
def test_a_step_back_puts_back_everything_to_the_bit(env_id, guests):
    plant = guests(env_id)
    actions = some_actions(plant)
    states, seen = walked(plant, actions)
    middle = len(states) // 2
    assert same(plant.restore(states[middle]), seen[middle])
    for t in range(middle, len(states) - 1):
        assert same(plant.step(actions[t])[0], seen[t + 1])
        assert plant.sim_state().tobytes() == states[t + 1].tobytes()


@NEEDS_ROBOTICS
def test_a_state_holds_what_the_env_moves_in_its_model_at_a_reset(guests):
    """The door stands elsewhere after each reset: MuJoCo's own state does not say where."""
    plant = guests(DOOR)
    actions = some_actions(plant)
    states, _ = walked(plant, actions, seed=3)
    plant.reset(seed=8)
    plant.stand_as(states[0])
    for action, state in zip(actions, states[1:], strict=True):
        plant.step(action)
        assert plant.sim_state().tobytes() == state.tobytes()


SLIDER = """<mujoco><worldbody><body><joint name="j" type="slide"/><geom size="0.1"/></body></worldbody>
<actuator><motor joint="j"/></actuator></mujoco>"""


class Forgetful(gymnasium.Env):
    """Counts in Python, by attributes and a list: none of it is in the simulator."""

    observation_space, action_space = spaces.Box(-np.inf, np.inf, (2,)), spaces.Box(-1.0, 1.0, (1,))

    def __init__(self):
        import mujoco

        self.model = mujoco.MjModel.from_xml_string(SLIDER)
        self.data, self.count, self.log = mujoco.MjData(self.model), 0, [0.0]
        self.view = self.data.qpos  # a view: must stay one

    def reset(self, *, seed=None, options=None):
        import mujoco

        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        self.count, self.log = 0, [float(self.np_random.uniform())]
        return self._get_obs(), {}

    def _get_obs(self):
        return np.array([self.view[0], self.count + sum(self.log)], np.float32)

    def step(self, action):
        import mujoco

        self.count += 1
        self.log.append(float(self.np_random.uniform()))
        self.data.ctrl[:] = action + 0.1 * self.log[-1]
        mujoco.mj_step(self.model, self.data)
        return self._get_obs(), 0.0, False, False, {}


def test_what_python_keeps_is_put_back_as_well():
    gymnasium.register("Forgetful-v0", entry_point=lambda: Forgetful())
    plant = make_plant("Forgetful-v0", {})[1]
    actions = some_actions(plant, 12)
    states, seen = walked(plant, actions)
    assert same(plant.restore(states[5]), seen[5])
    for t in range(5, 12):
        assert same(plant.step(actions[t])[0], seen[t + 1])
        assert plant.sim_state().tobytes() == states[t + 1].tobytes()
    plant.close()


def test_a_state_of_another_env_is_refused(guests):
    with pytest.raises(UserError, match=r"has 3 numbers, Reacher-v5 needs \d+; use the env it was recorded with"):
        guests("Reacher-v5").restore(np.zeros(3))


# -- through the loop --------------------------------------------------------------------------------------------------

START, STOP = tap(Button.START), tap(Button.Y)


@pytest.mark.parametrize("env_id", each(*EXACT))
def test_driven_rewound_and_replayed_to_the_bit(tmp_path, env_id, guests):
    plant = guests(env_id)
    back = push(lt=0.5)
    rows = [REST, START, *[push(left_x=0.9)] * 8, *[push(left_y=-0.7, left_x=0.2)] * 6, back, back, back, *[push(left_x=-1.0)] * 5, STOP]
    loop, session, memory = loop_of(tmp_path / "s", plant, plant, TableDevice(rows), env_id=env_id)
    loop.run()
    kept, left = session.read(0), session.read(1)
    assert [kept.meta.outcome, left.meta.outcome] == [Outcome.SUCCESS, Outcome.ABANDONED]
    assert Phase.REWIND in {status.phase for status in memory.shown}
    assert 0 < left.meta.branch_step < len(left)
    assert np.abs(kept.steps["actions"]).max() > 0.05
    assert all(verify(plant, episode).exact for episode in (kept, left))
    again = plant_of(session, kept)
    assert verify(again, kept).exact, "in an env of its own"
    again.close()


def test_without_mujoco_rewind_is_refused_with_a_word_and_replay_is_exact(tmp_path, guests):
    plant = guests("CartPole-v1")
    rows = [REST, START, *[tap(Button.RIGHT)] * 3, push(lt=1.0), *[tap(Button.LEFT)] * 3, STOP]
    loop, session, memory = loop_of(tmp_path / "s", plant, plant, TableDevice(rows), env_id="CartPole-v1")
    loop.run()
    episode = session.read(0)
    assert len(session) == 1, "nothing was rewound"
    assert any("no rewind: CartPole-v1 has no MuJoCo underneath" in status.message for status in memory.shown)
    # The last choice stays while nothing is pressed.
    assert np.argmax(episode.steps["actions"], axis=1).tolist() == [0, 1, 1, 1, 1, 0, 0, 0]
    assert verify(plant, episode).exact
    altered = episode.steps["sim_state"].copy()
    altered[4] += 1e-12
    changed = type(episode)(episode.meta, {**episode.steps, "sim_state": altered}, episode.obs, episode.final_obs)
    assert verify(plant, changed).first_difference == 3


def test_an_episode_ends_when_the_env_says_so(tmp_path, guests):
    plant = guests("CartPole-v1")
    loop, session, _ = loop_of(tmp_path / "s", plant, plant, TableDevice([REST, START, *[tap(Button.RIGHT)] * 40]), env_id="CartPole-v1")
    loop.run()
    first = session.read(0)
    assert first.meta.outcome is Outcome.FAILURE, "the pole fell"
    assert 5 < len(first) < 20
    assert first.steps["dones"].tolist() == [0] * (len(first) - 1) + [1]


def test_a_return_above_the_registered_threshold_is_a_success(guests):
    plant = guests("CartPole-v1")
    obs, _ = plant.reset(seed=0)
    for t in range(500):  # a PD controller balances it to the end
        x, v, angle, speed = obs["state"]
        right = 0.1 * x + 0.4 * v + 3.0 * angle + speed > 0
        obs, _, terminated, truncated, info = plant.step(np.array([-1.0, 1.0] if right else [1.0, -1.0], np.float32))
        assert not terminated
        assert info["success"] == (t == 499)
    assert truncated


def test_a_policy_learns_from_it_and_is_evaluated(tmp_path, guests):
    """The pole, balanced through the D-pad by a rule, then by what was learnt from it."""
    plant, session_path = guests("CartPole-v1"), tmp_path / "session"

    class Balancing(TableDevice):
        def poll(self, events, view):
            self.views.append(view)
            if view.phase is Phase.READY:
                return START
            x, v, angle, speed = loop.obs["state"]
            return tap(Button.RIGHT if 0.1 * x + 0.4 * v + 3.0 * angle + speed > 0 else Button.LEFT)

    config = LoopConfig(episodes=2)
    loop, session, _ = loop_of(session_path, plant, plant, Balancing([]), config, env_id="CartPole-v1")
    loop.run()
    assert [row.outcome for row in session.rows()] == ["success", "success"]
    words = ["train", str(session_path), "--out", str(tmp_path / "model"), "--steps", "400", "--torch-device", "cpu"]
    assert run_command("learn", LEARN, [w for w in words if w not in ("--torch-device", "cpu")]) == 0
    from learn.checkpoint import load_policy

    loaded = load_policy(tmp_path / "model")
    result = evaluate(loaded.policy, loaded.env_id, loaded.env_kwargs, 5, 100_000)
    assert result.mean_return > 200, "a pole that nobody holds falls after 10 steps"


# -- sticks ------------------------------------------------------------------------------------------------------------


def hands_for(plant, **kwargs):
    hands = hands_of(plant, MappingConfig(), GripStyle.HOLD, Directions.CAMERA, **kwargs)
    assert isinstance(hands, GuestHands)
    return hands


def test_four_numbers_a_bank_and_x_goes_on_to_the_next(guests):
    hands = hands_for(guests("Pusher-v5"))
    assert hands.words == ("bank 1", "of 2")
    full = make_stick({Axis.LEFT_X: 1.0, Axis.LEFT_Y: -1.0, Axis.RIGHT_Y: 1.0, Axis.RIGHT_X: -1.0})
    np.testing.assert_allclose(hands.action(full, 0.0), [1, 1, -1, -1, 0, 0, 0])
    hands.next_mode()
    np.testing.assert_allclose(hands.action(full, 0.0), [0, 0, 0, 0, 1, 1, -1])
    hands.next_mode()
    assert hands.mode_index == 0
    slow = make_stick({Axis.LEFT_X: 1.0}, held=[Button.LB])
    assert hands.action(slow, 0.0)[0] == pytest.approx(MappingConfig().precise)


@NEEDS_ROBOTICS
def test_positions_stay_where_the_stick_has_brought_them(guests):
    plant = guests(DOOR)
    hands = hands_for(plant)
    hands.begin(latched=False)
    for _ in range(25):  # a quarter of a second at 0.8 a second
        action = hands.action(push(left_x=1.0), 0.0)
        hands.note(action)
    assert action[0] == pytest.approx(0.2, abs=1e-4)
    assert hands.action(REST, 0.0)[0] == pytest.approx(0.2, abs=1e-4)
    hands.note(np.full(28, 0.5, np.float32))  # a policy drove: no jump at the takeover
    np.testing.assert_allclose(hands.action(REST, 0.0), 0.5)


def test_a_map_that_was_printed_is_the_map_that_is_read(tmp_path, capsys, guests):
    for env_id in ("CartPole-v1", "Pusher-v5"):
        assert run_command("teleop", COMMANDS, ["envs", env_id]) == 0
        (tmp_path / "map.toml").write_text(capsys.readouterr().out)
        from teleop.stick_map import read_stick_map, stick_map_for

        wanted = guests(env_id).wanted_map()
        printed, own = read_stick_map(tmp_path / "map.toml", wanted), stick_map_for(wanted)
        assert (printed.buttons, printed.rest_choice, printed.banks) == (own.buttons, own.rest_choice, own.banks)
        assert [(r.stick, r.action, r.scale) for r in printed.axes] == [(r.stick, r.action, r.scale) for r in own.axes]


def test_an_own_map_changes_sticks_and_rate(tmp_path, guests):
    from teleop.stick_map import read_stick_map

    path = tmp_path / "map.toml"
    lines = ["hz = 10", "[[axis]]", 'stick = "rt"', "action = 0", "[[button]]", 'button = "a"', "action = 1", "value = -0.5"]
    path.write_text("\n".join([*lines, "[rest]", "values = [-1.0, 0.25]"]))
    sticks = read_stick_map(path, guests("Reacher-v5").wanted_map())
    hands = hands_for(guests("Reacher-v5"), sticks=sticks)
    assert sticks.hz == 10
    np.testing.assert_allclose(hands.action(REST, 0.0), [-1.0, 0.25])
    np.testing.assert_allclose(hands.action(tap(Button.A, rt=1.0), 0.0), [1.0, -0.5])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hz = ", "is not TOML"),
        ("[[axis]]\nstick = 'left_x'\naction = 2\n", "action 2 does not exist; allowed: 0 … 1"),
        ("[[axis]]\nstick = 'middle'\naction = 0\n", "'middle' is not a valid Axis; sticks: "),
        ("[[axis]]\naction = 0\n", "an [[axis]] needs stick and action"),
        ("[[axes]]\n", "axes is not known; allowed: hz, [[axis]], [[button]], [default], [rest]"),
        ("[rest]\nvalues = [0.0]\n", "rest has 1 values, the action has 2"),
        ("hz = 1000\n", "hz 1000.0 is outside 1 … 200"),
        ("[default]\nspeed = 2\n", "unexpected keyword argument 'speed'"),
    ],
)
def test_a_wrong_map_is_one_line(tmp_path, capsys, text, says):
    (tmp_path / "map.toml").write_text(text)
    words = ["record", "--env", "Reacher-v5", "--sticks", str(tmp_path / "map.toml"), "--session", str(tmp_path / "s"), "--headless"]
    assert run_command("teleop", COMMANDS, [*words, "--device", "scripted"]) == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert len(shown.strip().splitlines()) == 1
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--env CartPole-v1", "no scripted operator knows CartPole-v1; drive it yourself: --device gamepad or keyboard"),
        ("--env Nope-v1", "there is no environment 'Nope-v1'"),
        ("--env no_such_module:Thing-v0", "install it, or run it in the Python that has it: --env-python"),
        ("--env CartPole-v1 --env-python /no/python", "--env-python /no/python does not exist"),
        ("--env Reacher-v5 --cameras front", "there is no camera 'front' in Reacher-v5; allowed: free"),
        ("--env Reacher-v5 --cameras free:8x8:depth", "camera 'free' of Reacher-v5 gives pictures only"),
        ("--env Reacher-v5 --env-args colour=red", "Reacher-v5 does not take these options"),
        ("--env Reacher-v5 --env-args colour", "--env-args colour is not NAME=VALUE"),
        ("--env PandaReach-v0 --sticks map.toml", "--sticks is for environments that are not ours"),
    ],
)
def test_what_cannot_be_driven_is_one_line(tmp_path, capsys, words, says):
    common = ["--session", str(tmp_path / "s"), "--headless", "--device", "scripted"]
    assert run_command("teleop", COMMANDS, ["record", *words.split(), *common]) == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert len(shown.strip().splitlines()) == 1
    assert not (tmp_path / "s").exists()


# -- pictures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", each(*EVERY))
def test_every_env_can_be_looked_at(env_id, guests):
    plant = guests(env_id)
    plant.reset(seed=0)
    image = plant.draw(plant.camera_names[0], 160, 120)
    assert (image.shape, image.dtype) == ((120, 160, 3), np.uint8)
    assert image.std() > 5, "an empty picture"


def test_a_guest_s_cameras_are_recorded(tmp_path, guests):
    plant = guests("Reacher-v5", cameras=("free:48x32",))
    loop, session, _ = loop_of(tmp_path / "s", plant, plant, TableDevice([REST, START, *[push(left_x=1.0)] * 3, STOP]), env_id="Reacher-v5")
    loop.run()
    images = session.read(0).obs["free_image"]
    assert images.shape == (4, 32, 48, 3)
    assert np.abs(images[0].astype(int) - images[-1]).sum() > 0


# -- in another Python -------------------------------------------------------------------------------------------------


def test_messages_survive_the_wire():
    import io

    value = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": [1, 2.5, None, "x", True], "c": {"d": np.zeros((0,), np.uint8)}}
    stream = io.BytesIO()
    send(stream, value)
    stream.seek(0)
    again = receive(stream)
    assert again["b"] == value["b"]
    assert again["a"].dtype == np.float32
    assert np.array_equal(again["a"], value["a"])
    assert again["c"]["d"].shape == (0,)
    with pytest.raises(EOFError):
        receive(stream)


def test_an_env_in_another_python_gives_the_same_to_the_bit(guests):
    here, there = guests("Pusher-v5"), guests("Pusher-v5", python=sys.executable)
    actions = some_actions(here)
    (ours, seen), (theirs, seen_there) = walked(here, actions), walked(there, actions)
    assert [s.tobytes() for s in ours] == [s.tobytes() for s in theirs]
    assert all(same(a, b) for a, b in zip(seen, seen_there, strict=True))
    assert same(there.restore(theirs[10]), seen_there[10])
    assert there.draw("free", 64, 48).std() > 5
    cart = guests("CartPole-v1", python=sys.executable)
    cart.reset(seed=0)
    assert cart.draw(cart.camera_names[0], 90, 60).std() > 5
    assert cart.own_picture().shape == (400, 600, 3)


def test_the_other_python_does_not_see_our_packages_nor_we_its(tmp_path):
    """An environment that prints, and whose package exists in the other Python only."""
    package = tmp_path / "elsewhere"
    package.mkdir()
    (package / "only_there.py").write_text(
        textwrap.dedent(
            """
            import gymnasium, sys
            from gymnasium import spaces
            print("noise on standard output")
            assert "teleop" not in sys.modules and "torch" not in sys.modules
            class Quiet(gymnasium.Env):
                observation_space, action_space = spaces.Box(-1, 1, (1,)), spaces.Discrete(2)
                def reset(self, *, seed=None, options=None):
                    super().reset(seed=seed)
                    return self.observation_space.sample() * 0, {}
                def step(self, action):
                    print("more noise")
                    if action == 1:
                        raise RuntimeError("it broke")
                    return self.observation_space.sample() * 0, 1.0, False, False, {"is_success": True}
            gymnasium.register("Quiet-v0", entry_point=Quiet)
            """
        )
    )
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nPYTHONPATH={package} exec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    plant = make_plant("only_there:Quiet-v0", {"python": str(wrapper)})[1]
    plant.reset(seed=0)
    assert plant.step(np.array([1.0, -1.0], np.float32))[4] == {"success": True}
    with pytest.raises(GuestError, match="RuntimeError: it broke"):
        plant.step(np.array([-1.0, 1.0], np.float32))
    plant.close()
    assert "only_there" not in sys.modules


def test_a_process_that_dies_is_one_line():
    remote = RemoteSimulator(sys.executable, "CartPole-v1", {})
    remote._process.kill()
    remote._process.wait()
    with pytest.raises(GuestError, match="the environment's process has ended"):
        remote.reset(0)
    remote.close()


# -- with a hand on a gamepad ------------------------------------------------------------------------------------------


def test_cartpole_is_driven_with_a_real_gamepad_event(tmp_path):
    """The real command, SDL's own virtual gamepad, the real clock."""
    tests = Path(__file__).parent
    env = os.environ | {"OMP_NUM_THREADS": "1", "SDL_VIDEODRIVER": "dummy"}
    words = [sys.executable, str(tests / "drive_guest_with_gamepad.py"), str(tmp_path / "s")]
    done = subprocess.run(words, cwd=tests.parent, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    session = Session.open(tmp_path / "s")
    episode = session.read(0)
    chosen = np.argmax(episode.steps["actions"], axis=1)
    assert {0, 1} <= set(chosen.tolist())
    assert episode.meta.control_hz == 25.0, "slowed down by the stick map"
    assert verify(plant_of(session, episode), episode).exact


def test_a_policy_fits_what_a_guest_observes(guests):
    plant = guests("Reacher-v5")
    policy = build_policy(PolicyConfig(("state",), (10,), 2), seed=0)
    result = evaluate(policy, "Reacher-v5", {}, 2, 0)
    assert [r.length for r in result.rollouts] == [50, 50]
    assert plant.longest_steps == 50
