"""Generating on several cores: the same episodes as one after the other."""

from pathlib import Path

import numpy as np
import pytest

from data.cli import run_command
from data.errors import UserError
from data.session import Session
from teleop import generate as module
from teleop.cockpit import CockpitConfig
from teleop.commands import COMMANDS
from teleop.devices.scripted import OperatorConfig
from teleop.generate import Plan, generate
from teleop.loop import LoopConfig
from teleop.tally import Tally

REACH = "PandaReach-v0"
DIFFER = {"uid", "created"}


def record(path: Path, *words: str, env: str = REACH) -> Session:
    common = ["record", "--env", env, "--session", str(path), "--device", "scripted", "--headless", "--seed", "5"]
    assert run_command("teleop", COMMANDS, [*common, *words]) == 0
    return Session.open(path)


def assert_same(one: Session, other: Session) -> None:
    assert [p.name for p in one.episode_paths()] == [p.name for p in other.episode_paths()]
    for row in one.rows():
        a, b = one.read(row.number), other.read(row.number)
        for part in ("steps", "obs", "final_obs"):
            ours, theirs = getattr(a, part), getattr(b, part)
            assert set(ours) == set(theirs)
            assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours), (row.number, part)
        facts = [{k: v for k, v in vars(e.meta).items() if k not in DIFFER} for e in (a, b)]
        assert facts[0] == facts[1]


def test_any_number_of_workers_records_what_one_process_records(tmp_path):
    sessions = [record(tmp_path / str(n), "--episodes", "6", "--workers", str(n), "--cameras", "front:16x16") for n in (1, 2, 3)]
    assert [row.seed for row in sessions[0].rows()] == [5, 6, 7, 8, 9, 10]
    for other in sessions[1:]:
        assert_same(sessions[0], other)


def test_modes_are_those_of_one_process(tmp_path):
    one, two = (record(tmp_path / str(n), "--episodes", "3", "--workers", str(n), env="PandaDetour-v0") for n in (1, 2))
    assert_same(one, two)
    assert all(row.found_mode for row in two.rows())


def test_it_goes_on_where_a_session_stopped(tmp_path):
    whole = record(tmp_path / "whole", "--episodes", "5", "--workers", "1")
    record(tmp_path / "parts", "--episodes", "2", "--workers", "2")
    parts = record(tmp_path / "parts", "--episodes", "3", "--workers", "2")
    assert_same(whole, parts)


def test_a_target_keeps_exactly_the_episodes_it_needs(tmp_path):
    """A clumsy operator with little time fails at times: what counts is success."""
    one, two = (record(tmp_path / str(n), "--target", "3", "--workers", str(n), "--skill", "0", "--max-seconds", "1.5") for n in (1, 2))
    assert_same(one, two)
    outcomes = [str(row.outcome) for row in two.rows()]
    assert outcomes.count("success") == 3
    assert outcomes[-1] == "success"


def test_an_interruption_keeps_what_is_there_and_the_next_run_goes_on(tmp_path):
    def interrupt(tally: Tally) -> None:
        if tally.counted == 2:
            raise KeyboardInterrupt

    session = Session.create(tmp_path / "s")
    plan = Plan(CockpitConfig(env_id=REACH, device="scripted", headless=True, seed=5), LoopConfig(episodes=6, seed=5), 2)
    with pytest.raises(KeyboardInterrupt):
        generate(session, plan, Tally.of(session), interrupt)
    assert len(session) == 2
    generate(session, Plan(plan.cockpit, LoopConfig(episodes=2, seed=5), 2), Tally.of(session))
    assert_same(record(tmp_path / "whole", "--episodes", "4", "--workers", "1"), session)


def test_a_worker_s_mistake_is_one_line(tmp_path, capsys, monkeypatch):
    session = Session.create(tmp_path / "s")
    plan = Plan(CockpitConfig(env_id="PandaNowhere-v0", device="scripted"), LoopConfig(episodes=2), 2)
    with pytest.raises(UserError, match="there is no environment 'PandaNowhere-v0'"):
        generate(session, plan, Tally.of(session))
    assert len(session) == 0
    words = ["record", "--env", REACH, "--session", str(tmp_path / "t"), "--device", "scripted", "--headless", "--workers", "0"]
    assert run_command("teleop", COMMANDS, words) == 2
    assert "--workers 0 is not a count; give 1 or more" in capsys.readouterr().err


def test_few_episodes_are_driven_here(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "worker_pool", None)
    assert len(record(tmp_path / "s", "--episodes", "2")) == 2


def test_the_operator_s_settings_travel(tmp_path):
    session = Session.create(tmp_path / "s")
    cockpit = CockpitConfig(env_id=REACH, device="scripted", headless=True, operator=OperatorConfig(skill=2.0))
    generate(session, Plan(cockpit, LoopConfig(episodes=1), 1), Tally.of(session))
    assert session.read(0).meta.settings["operator"]["skill"] == 2.0
    assert np.all(session.read(0).steps["lateness_s"] == 0.0)
