"""Specification of `--cluster ray`: a real Ray of two cores does what this machine does alone, whoever of its workers dies."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_work import die, die_once, double, meet, not_opened, opened, refuse
from command_lines import run
from test_learn_futures_support import arm_of, driven, goal_keeper
from test_learn_futures_worth import LOST, helped, worth_in
from test_learn_support import session_of
from test_teleop_generate import assert_same, record

from data import cluster
from data.cores import worker_pool
from data.errors import UserError
from learn.evaluate import evaluate
from learn.propagate.propagation import FIRST_SCENE, propagate

ROOT = Path(__file__).parent.parent
# A cluster that listens to this machine only, and lets in who has its token.
AS_ON_RAY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
REACH = "PandaReach-v0"


# -- before there is one -----------------------------------------------------------------------------------------------


def test_without_ray_there_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    words = ["record", "--env", REACH, "--session", tmp_path / "s", "--device", "scripted", "--headless", "--episodes", 1]
    assert run("teleop", *words, "--cluster", "ray") == 2
    assert capsys.readouterr().err == 'error: --cluster ray needs Ray; install it with: pip install "gamepad-dagger[cluster]"\n'


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:1", "no Ray cluster lets us in at .*:1 .*; give another RAY_ADDRESS=HOST:PORT, or none"),
        ("nowhere", "RAY_ADDRESS=nowhere is no address; give HOST:PORT of the cluster's head"),
        (
            "ray://127.0.0.1:10001",
            "RAY_ADDRESS=ray://127.0.0.1:10001: give HOST:PORT of the cluster's head, and run this on a machine of the",
        ),
    ],
)
def test_a_cluster_that_does_not_answer_is_one_line(address: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=says), cluster.connected():
        pass


# -- on one ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_ray() -> Iterator[Any]:
    """Ray on this machine, kept for all that follows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        patch.setattr(cluster, "core_count", lambda: 2)
        with cluster.connected() as ray:
            yield ray


def test_it_listens_to_this_machine_only_and_tells_nobody_of_itself(on_ray: Any) -> None:
    assert {node["NodeManagerAddress"] for node in on_ray.nodes()} == {"127.0.0.1"}
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.usefixtures("on_ray")
def test_items_come_back_in_order_from_two_processes_that_are_closed_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMEPAD_DAGGER_CONFIG", "somewhere")
    with worker_pool(None, opened, tmp_path, cluster="ray") as pool:
        assert list(pool.map(double, range(20))) == list(range(0, 40, 2))
        assert sorted(pool.as_done(double, range(20))) == list(range(0, 40, 2))
        said = set(pool.map(meet, ["GAMEPAD_DAGGER_CONFIG"] * 2))
        with pytest.raises(UserError, match=r"^7 is no number$"):
            list(pool.map(refuse, [7]))
    assert {value for _, value in said} == {"somewhere"}
    pids = {pid for pid, _ in said}
    assert len(pids - {os.getpid()}) == 2
    assert {path.name for path in tmp_path.iterdir()} == {f"met-{pid}" for pid in pids}


@pytest.mark.usefixtures("on_ray")
def test_what_a_killed_worker_was_at_is_done_by_another(tmp_path: Path) -> None:
    with worker_pool(2, opened, tmp_path, cluster="ray") as pool:
        assert list(pool.map(die_once, range(8))) == list(range(0, 16, 2))
    assert (tmp_path / "died").exists()


@pytest.mark.usefixtures("on_ray")
def test_work_that_kills_whoever_is_at_it_is_given_up(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="3 workers have died of the same piece of work"),
        worker_pool(2, opened, tmp_path, cluster="ray") as pool,
    ):
        list(pool.map(die, [1]))
    assert len(list(tmp_path.glob("died-*"))) == 3


@pytest.mark.usefixtures("on_ray")
def test_what_cannot_be_opened_is_told_in_its_own_words() -> None:
    with pytest.raises(UserError, match=r"^there is none$"), worker_pool(2, not_opened, "there is none", cluster="ray") as pool:
        list(pool.map(double, [1]))


@pytest.mark.usefixtures("on_ray")
def test_a_machine_with_another_simulator_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Here it is the asking process that has another one."""
    theirs = cluster.versions()
    monkeypatch.setattr(cluster, "versions", lambda: {**theirs, "mujoco": "2.0.0"})
    says = rf"the machine \S+ has mujoco {theirs['mujoco']}, this one 2.0.0: it would come to other results; install the same there"
    with pytest.raises(UserError, match=says), worker_pool(2, opened, tmp_path, cluster="ray") as pool:
        list(pool.map(double, [1]))


INTERRUPTED = """
import itertools, os, signal, sys
from pathlib import Path
from data.cores import worker_pool
from cluster_work import meet, opened

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs this may be deaf
    try:
        with worker_pool(2, opened, Path(sys.argv[1]), cluster="ray") as pool:
            for k, (pid, _) in enumerate(pool.map(meet, itertools.repeat("HOME"))):
                print(pid, flush=True)
                if k == 5:
                    os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def test_ctrl_c_on_a_cluster_that_runs_already_leaves_no_worker_on_it(on_ray: Any, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED, encoding="utf-8")
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environ = {**os.environ, "PYTHONPATH": path, "RAY_ADDRESS": on_ray.get_runtime_context().gcs_address, **AS_ON_RAY}
    words = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert "Ray: the cluster at" in done.stderr
    for pid in set(done.stdout.split()):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    assert list(tmp_path.glob("open-*")) == [], "closed, not killed"


# -- what is done with it ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_ray")
def test_rollouts_are_those_of_this_machine() -> None:
    policy = goal_keeper()
    alone, there = (evaluate(policy, REACH, {}, 5, 100_000, workers=1, cluster=where) for where in ("local", "ray"))
    assert there.rollouts == alone.rollouts
    assert there.successes == 5


@pytest.mark.usefixtures("on_ray")
def test_episodes_are_those_of_this_machine_and_so_is_what_is_carried_over(tmp_path: Path) -> None:
    words = ["--episodes", "3", "--cameras", "front:16x16", "--workers", "2"]
    here, there = (record(tmp_path / where, *words, "--cluster", where) for where in ("local", "ray"))
    assert_same(here, there)
    scenes, lessons = range(FIRST_SCENE, FIRST_SCENE + 2), []
    for where in ("local", "ray"):
        lessons.append(propagate(there, tmp_path / f"lessons-{where}", scenes, workers=1, cluster=where).lessons)
    assert [row.operator for row in lessons[0].rows()].count("propagated") == 2
    assert_same(*lessons)


@pytest.mark.usefixtures("on_ray")
def test_a_correction_is_worth_what_it_is_worth_on_this_machine(tmp_path: Path) -> None:
    plant = arm_of()
    session = session_of(tmp_path / "session", driven(plant, 3, 12, helped(4, 12), dagger_round=1, uid="helped"))
    plant.close()
    here, there = (worth_in(session, LOST, tmp_path / f"{where}.json", workers=2, cluster=where) for where in ("local", "ray"))
    assert there == here
    assert len(here) == 1
