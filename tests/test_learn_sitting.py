"""One sitting: from an empty session to a policy, with the scripted person, in a real environment."""

import json
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from command_lines import run, run_killed
from test_teleop_support import Memory

from data.effort import effort_of, efforts_by_round
from data.errors import UserError
from data.report.tiles import duration
from data.schema import Outcome, Phase
from data.session import Session
from learn.checkpoint import load_policy
from learn.futures.future import Futures
from learn.gates.foresight import ForesightGate
from learn.promotion import Verdict, read_verdicts
from learn.rescue.trouble import Scout
from learn.rounds import read_rounds
from learn.sitting.belief import belief
from learn.sitting.homework import Findings, SecondLook
from learn.sitting.log import SittingLog, minutes_left, read_log, write_log
from learn.sitting.page import page
from learn.sitting.panel import panel, standing
from teleop.cockpit import PARTING_S, CockpitConfig, open_cockpit
from teleop.screen import Fact

REACH = "PandaReach-v0"
QUICK = ["--env", REACH, "--device", "scripted", "--headless", "--steps", 150, "--evaluation-episodes", 4, "--workers", 1, "--scenes", 3]
QUICK += ["--propagate", 0]  # else one demonstration is enough


@pytest.fixture(scope="module")
def sat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sitting of half a minute, in which the policy stays bad enough to need its person."""
    folder = tmp_path_factory.mktemp("sitting")
    words = ["learn", "dagger", folder / "session", "--out", folder / "model", *QUICK, "--minutes", 0.4, "--target", 0.99]
    assert run(*words) == 0
    return folder


# -- what it is sure of ------------------------------------------------------------------------------------------------


def test_the_more_scenes_say_so_the_surer_it_is() -> None:
    assert belief(0, 0, 0.95) == pytest.approx(0.05), "before anything is known all rates are alike"
    assert belief(20, 20, 0.95) == pytest.approx(1 - 0.95**21)
    assert belief(44, 44, 0.95) >= 0.9 > belief(43, 43, 0.95)
    assert belief(95, 100, 0.95) < belief(190, 200, 0.95) < 0.7, "to be at the target on average is not to be sure of it"
    assert belief(0, 50, 0.95) == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(ValueError, match="between 0 and 1"):
        belief(1, 1, 1.0)


# -- the whole of it ---------------------------------------------------------------------------------------------------


def test_it_begins_with_nothing_and_ends_with_a_policy_the_session_and_a_page(sat: Path) -> None:
    log, session = read_log(sat / "model"), Session.open(sat / "session")
    assert log is not None
    assert [f.number for f in log.findings] == list(range(len(log.findings)))
    assert log.rollouts == 4
    champion = max(v.number for v in read_verdicts(sat / "model") if v.promoted)
    assert champion == log.champion
    assert load_policy(sat / "model").fingerprint == load_policy(sat / "model" / "rounds" / str(champion)).fingerprint
    assert effort_of(session).total_s >= 24.0, "it went on until the minutes were over"
    text = (sat / "model" / "sitting.html").read_text(encoding="utf-8")
    assert f"after {duration(effort_of(session).total_s)} of a simulated person" in text
    assert "http" not in text.replace('http-equiv="Content-Security-Policy"', ""), "it asks nothing of the network"


def test_the_person_shows_first_and_helps_where_the_policy_fails_afterwards(sat: Path) -> None:
    session = Session.open(sat / "session")
    rows = session.rows()
    assert rows[0].dagger_round == -1
    assert rows[0].seed == rows[0].number
    helped = [row for row in rows if row.dagger_round >= 1 and row.seed >= 50_000]
    assert helped, "scenes in which it failed in the background"
    for row in helped:
        steps, meta = session.read(row.number).steps, session.read(row.number).meta
        assert steps["phase"][0] == Phase.HUMAN, "the person has the wheel from the beginning"
        assert not np.isnan(steps["labels"][0]).any()
        assert meta.settings["policy"]["round"] == row.dagger_round - 1


def test_an_episode_ends_where_the_policy_gets_there_by_itself(sat: Path) -> None:
    """And the simulator says so again."""
    session = Session.open(sat / "session")
    cut = [row for row in session.rows() if row.outcome is Outcome.PARTIAL and row.dagger_round >= 1]
    assert cut
    row = cut[-1]
    policy = load_policy(sat / "model" / "rounds" / str(row.dagger_round - 1)).policy
    futures = Futures(policy, REACH, {})
    state = np.asarray(session.read(row.number).steps["sim_state"][-1])
    assert futures.roll(policy, state, row.seed, seed=0, steps=150).success
    futures.close()
    assert row.labels > 0
    assert row.teaches


def test_every_step_of_it_replays_to_the_bit(sat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("teleop", "replay", sat / "session", "--verify") == 0
    assert run("data", "check", sat / "session") == 0
    capsys.readouterr()


def test_the_same_seed_gives_the_same_sitting(tmp_path: Path) -> None:
    for name in ("one", "other"):
        words = ["learn", "dagger", tmp_path / name, "--out", tmp_path / f"{name}-model", *QUICK, "--minutes", 0.1]
        assert run(*words) == 0
    one, other = (read_log(tmp_path / f"{name}-model") for name in ("one", "other"))
    assert one is not None
    assert other is not None
    assert [(f.minutes, f.successes, f.rollouts) for f in one.findings] == [(f.minutes, f.successes, f.rollouts) for f in other.findings]


def test_a_sitting_that_was_killed_is_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["dagger", tmp_path / "session", "--out", tmp_path / "model", *QUICK, "--minutes", 0.2]
    killed = run_killed(150, "teleop.recorder Recorder add", *words)
    assert killed.returncode == -signal.SIGKILL
    before = Session.open(tmp_path / "session").rows()
    assert sum(row.steps for row in before) >= 149, "the running episode is a partial one now"
    findings = read_log(tmp_path / "model")
    capsys.readouterr()
    assert run("learn", *words, "--resume") == 0
    after = read_log(tmp_path / "model")
    assert after is not None
    assert [row.uid for row in Session.open(tmp_path / "session").rows()][: len(before)] == [row.uid for row in before]
    assert findings is None or after.findings[: len(findings.findings)] == findings.findings
    assert run("learn", "dagger", tmp_path / "session", "--out", tmp_path / "model", "--status", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["homeworks"] == len(after.findings)


# -- what was shown, carried over ----------------------------------------------------------------------------------------


CARRIED = [*QUICK[:5], "--steps", 800, *QUICK[7:-4], "--scenes", 10, "--propagate", 20, "--minutes", 0.3, "--target", 0.9]


@pytest.fixture(scope="module")
def rested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sitting in which what was shown is carried over to other scenes."""
    folder = tmp_path_factory.mktemp("rested")
    assert run("learn", "dagger", folder / "session", "--out", folder / "model", *CARRIED) == 0
    return folder


def test_one_demonstration_is_enough_where_it_can_be_carried_over(rested: Path) -> None:
    log, session = read_log(rested / "model"), Session.open(rested / "session")
    assert log is not None
    assert log.reached
    assert len(session) == 1, "the person has shown it once, and rested"
    assert log.rested_s > effort_of(session).total_s
    lessons = Session.open(rested / "model" / "lessons").rows()
    assert log.findings[0].propagated == 20
    assert log.findings[0].episodes == 21
    assert sum(row.operator == "propagated" for row in lessons) >= 20
    assert minutes_left(replace(log, reached=False)) == "not known yet", "nothing says what another minute would bring"


def test_scenes_in_which_the_policy_fails_are_the_next_that_are_carried_over_to(rested: Path) -> None:
    log = read_log(rested / "model")
    assert log is not None
    failed = log.findings[0].rollouts - log.findings[0].successes
    assert failed >= log.findings[0].solved > 0, "after 150 minibatches it does fail somewhere"
    assert {row.seed for row in Session.open(rested / "model" / "lessons").rows()} & set(range(50_000, 60_000))
    assert log.findings[0].troubles == ()


def test_a_sitting_killed_while_it_carries_over_is_gone_on_with(tmp_path: Path) -> None:
    """As the first policy is learned from: with lessons, and no finding yet."""
    words = ["dagger", tmp_path / "session", "--out", tmp_path / "model", *CARRIED]
    killed = run_killed(5, "learn.propagate.carrier Carrier carry", *words)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    half = Session.open(tmp_path / "model" / "lessons").rows()
    assert len(half) == 5, "what was shown, and four scenes"
    assert run("learn", *words, "--resume") == 0
    log, lessons = read_log(tmp_path / "model"), Session.open(tmp_path / "model" / "lessons").rows()
    assert log is not None
    assert log.reached
    assert [row.uid for row in lessons[:5]] == [row.uid for row in half]


def test_where_nothing_can_be_carried_over_the_person_shows_the_whole_scene(copied: Path, tmp_path: Path) -> None:
    """Scenes that no demonstration leads through are the person's, from beginning to end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learn.propagate.carrier.Carrier.carry", lambda self, seed, tries: None)
        words = ["learn", "dagger", copied, "--out", tmp_path / "model", *CARRIED[2:], "--env", "PandaLift-v0"]
        before = effort_of(Session.open(copied)).total_s / 60
        assert run(*words, "--minutes", before + 0.05) == 0
    session = Session.open(copied)
    helped = [row for row in session.rows() if row.dagger_round >= 1]
    assert helped
    for row in helped:
        assert np.all(session.read(row.number).steps["phase"] == Phase.HUMAN)
        assert row.success, "it was not cut short"


def test_from_failures_alone_nothing_is_learned(copied: Path, tmp_path: Path) -> None:
    assert run("data", "tag", copied, "--episodes", "all", "--outcome", "failure") == 0
    env = Session.open(copied).env_of().env_id
    words = ["learn", "dagger", copied, "--out", tmp_path / "model", *QUICK[2:], "--env", env, "--target", 0.9]
    before = effort_of(Session.open(copied)).total_s / 60
    assert run(*words, "--minutes", before + 0.01) == 0
    log, rows = read_log(tmp_path / "model"), Session.open(copied).rows()
    assert any(row.success for row in rows), "the person has shown it once"
    assert log is not None
    assert all(f.episodes == 1 for f in log.findings)


def test_another_policy_needs_another_folder(sat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["learn", "dagger", sat / "session", "--out", sat / "model", "--policy", "moe", "--device", "scripted", "--headless"]
    assert run(*words, "--target", 0.9) == 2
    assert "is of a bc, not of a moe; give --policy bc or another --out" in capsys.readouterr().err


# -- its parts ---------------------------------------------------------------------------------------------------------


def test_a_scout_remembers_where_the_policy_fails_and_finds_where_to_start(sat: Path) -> None:
    policy = load_policy(sat / "model" / "rounds" / "0").policy
    futures = Futures(policy, REACH, {})
    scout = Scout(policy, futures, most_steps=40)
    tried = scout.tries(range(60_000, 60_006))
    assert (scout.rollouts, scout.successes) == (6, sum(tried))
    troubles = scout.troubles(most=2)
    assert [t.seed for t in troubles] == [60_000 + k for k, good in enumerate(tried) if not good][:2]
    futures.close()


def test_a_rescue_knows_when_both_are_of_one_mind_and_leaves_the_wheel_to_the_person() -> None:
    gate, action = ForesightGate(), np.zeros(7, np.float32)
    assert not gate.asks(1.0)
    assert [gate.hands_back(0.0, action, action) for _ in range(3)] == [False] * 3
    assert gate.agrees
    gate.begin()
    assert not gate.agrees
    gate.hands_back(0.0, action, action)
    gate.hands_back(0.0, action, action + 1.0)
    assert not gate.agrees


def findings(number: int, minutes: float, successes: int, rollouts: int = 20) -> Findings:
    sure = belief(successes, rollouts, 0.95)
    verdict = Verdict(number, None, True, 20, successes)
    return Findings(number, Path(str(number)), verdict, number, minutes, number + 1, successes, rollouts, sure, (), "f", 100, 1000)


def test_the_log_is_kept_and_says_how_many_minutes_are_left(tmp_path: Path) -> None:
    log = SittingLog(REACH, "bc", 0.95)
    assert (log.champion, log.evidence) == (None, 0.0)
    assert minutes_left(log) == "not known yet"
    for k, successes in enumerate((0, 6, 12, 16)):
        log = log.with_findings(findings(k, 2.0 * k, successes))
    write_log(tmp_path, log)
    assert read_log(tmp_path) == log
    assert minutes_left(log)[0].isdigit()
    assert log.evidence == pytest.approx(0.584, abs=0.001), "Wilson's lower end of 16 of 20"
    sure = log.with_findings(findings(4, 9.0, 60, 60))
    assert sure.reached
    assert minutes_left(sure) == "none"
    (tmp_path / "sitting.json").write_text("{}")
    with pytest.raises(UserError, match="is damaged"):
        read_log(tmp_path)


def test_what_may_be_good_enough_is_looked_at_again_in_other_scenes(sat: Path) -> None:
    log = read_log(sat / "model")
    assert log is not None
    counts = {"successes": 2, "rollouts": 3, "sure": belief(2, 3, 0.5), "looked_again": False}
    first = replace(log.findings[0], **counts)
    again = SecondLook(first, sat / "model" / "rounds" / "0", sat / "session", REACH, {}, target=0.5, scenes=3).do()
    assert again.looked_again
    assert (again.rollouts - 3) % 3 == 0
    assert 3 < again.rollouts <= 30
    assert again.sure == belief(again.successes, again.rollouts, 0.5)
    assert again.reached or again.sure <= 0.05 or again.rollouts == 30
    assert SittingLog(REACH, "bc", 0.5).with_findings(first).with_findings(again).findings == (again,), "it takes the first look's place"


def test_the_window_says_how_good_it_is_what_it_cost_and_what_is_left() -> None:
    log = SittingLog(REACH, "bc", 0.95)
    first = {fact.label: fact for fact in panel(log, 0.1, minutes_left(log), 0, "learning policy 0")}
    assert (first["success"].value, first["to go"].value, first["now"].value) == (
        "not known yet",
        "not known yet",
        "learning policy 0",
    )
    for k, successes in enumerate((0, 6, 12, 16)):
        log = log.with_findings(findings(k, 2.0 * k, successes))
    later = {fact.label: fact for fact in panel(log, 6.3, minutes_left(log), 3, "")}
    assert later["success"] == Fact("success", "80 % of 20", 0.8, 0.95)
    assert later["to go"].value == f"{minutes_left(log)} min"
    assert (later["your time"].value, later["scenes to show it"].value) == ("6 min 18 s", "3")
    assert not {"now", "carried over to"} & set(later)
    assert Fact("carried over to", "12 scenes") in panel(log, 6.3, "3", 0, "", carried=12)
    assert standing(replace(log, successes=97, rollouts=100))[0].value == "97 % of 100", "in the end what it was judged by"


@dataclass
class Leaving(Memory):
    """A screen of somebody who leaves after `patience` pictures."""

    patience: int = 10**6

    def wants_to_quit(self) -> bool:
        return len(self.shown) >= self.patience


def test_the_last_picture_says_what_it_came_to_until_one_has_seen_it() -> None:
    with open_cockpit(CockpitConfig(REACH, device="scripted", headless=True)) as cockpit:
        hurried, patient = Leaving(patience=3), Leaving()
        replace(cockpit, screen=hurried).part("97 % of 100 new scenes")
        replace(cockpit, screen=patient).part("97 % of 100 new scenes")
    assert len(hurried.shown) == 3
    assert len(patient.shown) == round(PARTING_S * 20)
    assert {(status.waiting, status.message) for status in patient.shown} == {("DONE", "97 % of 100 new scenes")}


def test_the_page_of_one_that_was_left_says_that_it_is_not_there_yet(sat: Path) -> None:
    log, session = read_log(sat / "model"), Session.open(sat / "session")
    assert log is not None
    text = page(session, replace(log, successes=None, rollouts=0), efforts_by_round(session))
    assert "Not at 99 % yet" in text


def test_the_page_of_one_demonstration_goes_policy_by_policy(rested: Path, sat: Path) -> None:
    pages = [(folder / "model" / "sitting.html").read_text(encoding="utf-8") for folder in (rested, sat)]
    assert ["policies learned" in text for text in pages] == [True, False]
    assert ["learning curve" in text.split("How this was measured")[0] for text in pages] == [False, True]
    assert "Carried over" in pages[0]


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{new}"], "a new session needs an environment: give --env"),
        (["{new}", "--env", "PandaNothing-v0"], "there is no environment 'PandaNothing-v0'"),
        (["{new}", "--env", REACH, "--target", "1.5"], "--target 1.5: give a success rate between 0 and 1"),
        (["{session}", "--env", "PandaLift-v0", "--target", "0.9"], "is of PandaReach-v0; leave --env out"),
        (["{new}", "--env", REACH, "--gate", "lazy", "--rounds", "2"], "--gate, --rounds: of rounds"),
        (["{new}", "--env", REACH, "--resume"], "no sitting was begun"),
        (["{new}", "--status"], "no sitting was begun"),
    ],
)
def test_a_mistake_is_one_line(sat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    places = {"new": tmp_path / "new", "session": sat / "session"}
    given = [word.format(**places) for word in words]
    assert run("learn", "dagger", *given, "--out", tmp_path / "out", "--headless", "--device", "scripted") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists(), "nothing is made of a mistake"


# -- the same in rounds ------------------------------------------------------------------------------------------------


def test_the_foresight_gate_asks_only_in_scenes_in_which_the_policy_fails(copied: Path, tmp_path: Path) -> None:
    few = ["--rounds", 1, "--episodes", 3, "--labels", 60, "--steps", 5, "--members", 1, "--evaluation-episodes", 1, "--scenes", 1]
    words = ["dagger", copied, "--gate", "foresight", "--out", tmp_path / "out", "--device", "scripted", "--headless", *few]
    assert run("learn", *words) == 0
    session, (_, first) = Session.open(copied), read_rounds(tmp_path / "out")
    rows = [row for row in session.rows() if row.dagger_round == 1]
    assert 1 <= len(rows) <= 3
    assert first.labels == sum(row.labels for row in rows) <= 60
    policy = load_policy(tmp_path / "out" / "rounds" / "0").policy
    futures = Futures(policy, rows[0].env_id, rows[0].env_kwargs)
    for row in rows:
        state = futures.start_of(row.seed)
        assert not futures.roll(policy, state, row.seed, seed=row.seed, steps=60).success
        assert session.read(row.number).steps["phase"][0] == Phase.HUMAN
    futures.close()


def test_who_quits_a_round_of_rescues_goes_on_with_the_scenes_that_are_left(copied: Path, tmp_path: Path) -> None:
    few = ["--rounds", 1, "--steps", 5, "--members", 1, "--evaluation-episodes", 1, "--scenes", 1]
    words = ["dagger", copied, "--gate", "foresight", "--out", tmp_path / "out", "--device", "scripted", "--headless", *few]
    assert run("learn", *words, "--episodes", 2, "--labels", 5) == 0
    first = [row.seed for row in Session.open(copied).rows() if row.dagger_round == 1]
    assert len(first) == 1, "after five labels nothing more may be asked"
