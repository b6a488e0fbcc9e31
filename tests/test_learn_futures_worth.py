"""Specification of `learn worth`: what a correction changed, by the world with it and the world without."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from command_lines import run
from data_tools import snapshot
from test_learn_futures_support import AWAY, REACH, arm_of, driven, goal_keeper, person_step, policy_step, stops_short, undecided
from test_learn_support import session_of

from data.errors import UserError
from data.schema import Outcome, Phase
from data.session import Session
from data.worth import WORTH_NAME, Correction, latest_worth, net_worth, read_ledger, write_ledger
from data.worth_table import HEADING, best_and_worst, worth_row, worth_summary, worth_table
from learn.checkpoint import Checkpoint, save_policy
from learn.futures.corrections import DriverName, Stretch, corrected_in, corrections_of
from learn.futures.future import Futures
from learn.futures.worth import WorthConfig, worth_of

SEED = 3
PERSON = goal_keeper()
LOST = goal_keeper(0.0)  # it stands still


@pytest.fixture(scope="module")
def plant():
    plant = arm_of()
    yield plant
    plant.close()


def helped(begin, end):
    """The policy stands still, a person drives to the ball from step `begin` up to, but not, `end`."""

    def tick(t, obs):
        proposal = LOST.act(obs)[0]
        return person_step(PERSON.act(obs)[0], proposal) if begin <= t < end else policy_step(proposal)

    return tick


@pytest.fixture(scope="module")
def rescue(plant):
    """A person takes over for good after four steps, and arrives."""
    return driven(plant, SEED, 100, helped(4, 100), dagger_round=1, uid="rescue")


@pytest.fixture(scope="module")
def vain(plant):
    """A person helps twice, and lets go each time before it is done."""

    def tick(t, obs):
        return helped(2, 4)(t, obs) if t < 6 else helped(6, 8)(t, obs)

    return driven(plant, SEED, 12, tick, dagger_round=1, uid="vain")


def worth_in(session, policies, path, on_correction=lambda found, left: None, **config):
    return worth_of(corrected_in(session), policies, path, WorthConfig(**config), on_correction)


@pytest.fixture
def session(rescue, vain, tmp_path) -> Session:
    return session_of(tmp_path / "session", rescue, vain)


# -- where somebody took the policy's place ----------------------------------------------------------------------------


def test_a_correction_is_a_run_of_steps_in_which_somebody_else_drove(rescue, vain) -> None:
    assert corrections_of(rescue) == [Stretch(4, len(rescue), pytest.approx(0.05 * (len(rescue) - 4)))]
    assert [(s.begin, s.end) for s in corrections_of(vain)] == [(2, 4), (6, 8)]


def test_who_drives_as_the_policy_would_is_still_at_the_wheel_but_who_accepts_corrects_nothing(plant) -> None:
    def tick(t, obs):
        proposal = LOST.act(obs)[0]
        if t == 3:
            return person_step(proposal, proposal, Phase.ASKING, latency_s=0.4)  # accepted
        if t == 6:
            return person_step(PERSON.act(obs)[0], proposal, Phase.ASKING, latency_s=0.4)
        return person_step(proposal, proposal) if 8 <= t < 10 else policy_step(proposal)

    assert [(s.begin, s.end) for s in corrections_of(driven(plant, SEED, 12, tick))] == [(6, 7), (8, 10)]


def test_a_demonstration_has_no_corrections(plant) -> None:
    person = driven(plant, SEED, 8, lambda t, obs: (AWAY, {**person_step(AWAY, AWAY)[1], "policy_action": None}))
    assert corrections_of(person) == []


def test_human_time_is_from_the_question_to_the_next_step_that_is_no_answer(plant) -> None:
    times_s = [0.0, 0.05, 0.90, 0.95, 1.65, 1.70, 1.75, 1.80]  # asked at 0.10 and at 1.00; the second one is answered yes

    def tick(t, obs):
        proposal = LOST.act(obs)[0]
        answers = {2: (PERSON.act(obs)[0], 0.8), 3: (PERSON.act(obs)[0], float("nan")), 4: (proposal, 0.65)}
        if t not in answers:
            action, facts = policy_step(proposal)
        else:
            action, facts = person_step(answers[t][0], proposal, Phase.ASKING, answers[t][1])
        return action, {**facts, "time_s": times_s[t]}

    (only,) = corrections_of(driven(plant, SEED, 8, tick))
    assert (only.begin, only.end) == (2, 4)
    assert only.human_s == pytest.approx(0.8 + 0.1)


# -- what it was worth -------------------------------------------------------------------------------------------------


def test_a_rescue_is_worth_an_episode_and_help_in_vain_nothing(session, tmp_path) -> None:
    found = worth_in(session, LOST, tmp_path / "worth.json")
    assert [(c.episode, c.begin, c.before, c.after, c.worth) for c in found] == [(0, 4, 0, 1, 1), (1, 2, 0, 0, 0), (1, 6, 0, 0, 0)]
    assert {c.rolls for c in found} == {1}  # it draws nothing: there is one future only
    assert found[0].per_human_second == pytest.approx(1.0 / found[0].human_s)
    assert net_worth(found[:1]) == 1.0
    assert net_worth(found[1:]) == 0.0


def test_help_that_was_not_needed_is_worth_nothing(session, tmp_path) -> None:
    found = worth_in(session, goal_keeper(), tmp_path / "worth.json")
    assert [c.before for c in found] == [1, 1, 1]
    assert [c.worth for c in found] == [0, 0, 0]
    assert net_worth(found[1:]) == -1.0  # without any, that episode would have succeeded


def test_both_worlds_are_tried_on_the_same_seeds_and_end_at_the_same_time(session, rescue, tmp_path) -> None:
    policy = undecided((0.5, 0.5), (0.0, 1.0))
    first = worth_in(session, policy, tmp_path / "worth.json", rolls=6)[0]
    futures = Futures(policy, REACH, {})
    states, horizon = rescue.steps["sim_state"], 150  # Reach's own time limit
    for step, share in ((first.begin, first.before), (first.end, first.after)):
        tried = [futures.roll(policy, states[step], SEED, seed=k, steps=horizon - step).success for k in range(6)]
        assert share == pytest.approx(np.mean(tried))
    futures.close()
    assert first.rolls == 6
    assert 0.0 < first.before < first.after == 1.0


def test_what_is_known_is_not_tried_again(session, tmp_path, monkeypatch) -> None:
    path, heard = tmp_path / "worth.json", []
    first = worth_in(session, LOST, path, on_correction=lambda found, left: heard.append(found))
    assert heard == first
    monkeypatch.setattr(Futures, "roll", None)
    assert worth_in(session, LOST, path, on_correction=lambda found, left: heard.append(found)) == first
    assert len(heard) == 3
    with pytest.raises(TypeError):
        worth_in(session, goal_keeper(), path)  # another policy has another worth


def test_a_call_that_was_broken_off_is_gone_on_with(session, tmp_path) -> None:
    path, whole = tmp_path / "worth.json", worth_in(session, LOST, tmp_path / "whole.json")

    def break_off(found, left):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worth_in(session, LOST, path, on_correction=break_off)
    assert read_ledger(path) == whole[:1]
    heard = []
    assert worth_in(session, LOST, path, on_correction=lambda found, left: heard.append(found)) == whole
    assert heard == whole[1:]


def test_several_processes_find_the_same(session, tmp_path) -> None:
    one, two = (worth_in(session, LOST, tmp_path / f"{workers}.json", workers=workers) for workers in (1, 2))
    assert one == two


def test_each_episode_is_judged_with_the_policy_that_drove_it_and_left_out_without(session, tmp_path) -> None:
    found = worth_in(session, {0: LOST, 1: goal_keeper()}, tmp_path / "worth.json")
    assert [c.before for c in found] == [0, 1, 1]
    assert len({c.fingerprint for c in found}) == 2
    assert [c.episode for c in worth_in(session, {1: LOST}, tmp_path / "worth.json")] == [1, 1]
    assert len(read_ledger(tmp_path / "worth.json")) == 5


def test_a_shaken_policy_that_draws_nothing_has_many_futures(session, rescue, tmp_path) -> None:
    path, policy = tmp_path / "worth.json", stops_short()
    plain, shaken = (worth_in(session, policy, path, rolls=3, shake=shake)[0] for shake in (0.0, 0.1))
    assert (plain.rolls, plain.before, plain.shake) == (1, 0.0, 0.0)
    assert (shaken.rolls, shaken.shake) == (3, 0.1)
    futures, steps = Futures(policy, REACH, {}), 150 - shaken.begin
    state = rescue.steps["sim_state"][shaken.begin]
    tried = [futures.roll(policy, state, SEED, seed=k, steps=steps, shake=0.1).success for k in range(3)]
    futures.close()
    assert shaken.before == pytest.approx(np.mean(tried))
    assert shaken.before > 0.0
    assert len(read_ledger(path)) == 6  # neither is taken for the other


def test_the_last_call_s_answer_is_the_one_that_is_shown(session, tmp_path) -> None:
    path = tmp_path / "worth.json"
    calls = [worth_in(session, policy, path) for policy in (LOST, goal_keeper(), LOST)]
    numbers = {one.uid: one.number + 7 for one in corrected_in(session)}
    assert [c.before for c in calls[1]] == [1, 1, 1]
    assert latest_worth(read_ledger(path), numbers) == [replace(c, episode=c.episode + 7) for c in calls[2]]
    assert [c.uid for c in latest_worth(read_ledger(path), {"vain": 1})] == ["vain", "vain"]


def test_what_is_no_correction_any_more_leaves_the_ledger(session, tmp_path) -> None:
    path = tmp_path / "worth.json"
    stale, other = (replace(worth_in(session, LOST, path)[1], uid=uid, begin=1) for uid in ("vain", "elsewhere"))
    write_ledger(path, [stale, other])
    found = worth_in(session, LOST, path)
    assert read_ledger(path) == [other, *found]


def test_a_session_without_corrections_has_no_worth(plant, tmp_path) -> None:
    alone = session_of(tmp_path / "alone", driven(plant, SEED, 5, lambda t, obs: policy_step(AWAY)))
    assert worth_in(alone, LOST, tmp_path / "worth.json") == []


def test_a_ledger_that_is_none_is_refused(session, tmp_path) -> None:
    path = tmp_path / "worth.json"
    for text in ("{", "[]", json.dumps({"format_version": 0, "corrections": []}), json.dumps({"format_version": 1, "corrections": [{}]})):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"worth\.json is no ledger of corrections"):
            worth_in(session, LOST, path)
    for wrong, says in (({"rolls": 0}, "--rolls 0"), ({"workers": 0}, "--workers 0"), ({"shake": 1.5}, "shake 1.5 is outside 0 … 1")):
        with pytest.raises(UserError, match=says):
            WorthConfig(**wrong)


def test_an_old_episode_without_a_name_is_known_by_its_content(vain, tmp_path) -> None:
    nameless = replace(vain, meta=replace(vain.meta, uid=""))
    two = [session_of(tmp_path / name, nameless) for name in ("a", "b")]
    found = [worth_in(one, LOST, tmp_path / "worth.json") for one in two]
    assert len(found[0]) == len(found[1]) == 2


# -- the table ---------------------------------------------------------------------------------------------------------


def correction(episode, before, after, human_s=2.0, success=True, rolls=8, begin=0, shake=0.0):
    return Correction(f"e{episode}", episode, 1, begin, begin + 5, human_s, "policy", rolls, shake, before, after, success)


def test_the_ledger_keeps_every_field(tmp_path) -> None:
    some = [correction(0, 0.25, 0.875), correction(1, 1.0, 0.5, success=False)]
    write_ledger(tmp_path / "worth.json", some)
    assert [asdict(c) for c in read_ledger(tmp_path / "worth.json")] == [asdict(c) for c in some]
    assert read_ledger(tmp_path / "none.json") == []


def test_the_table_shows_the_best_and_the_worst_by_what_a_second_was_worth() -> None:
    some = [correction(k, 0.5, 0.5 + k / 10) for k in range(-4, 5)]
    rows = [worth_row(c) for c in best_and_worst(some, shown=2)]
    assert [row[0] for row in rows] == ["4", "3", "-3", "-4"]
    assert rows[0] == ("4", "0–5", "2.0", "50 %", "90 %", "+0.40", "+0.20")
    assert rows[-1][-2:] == ("−0.40", "−0.20")
    assert len(best_and_worst(some[:3], shown=2)) == 3  # none twice
    lines = worth_table(some, shown=2).splitlines()
    assert lines[1].split() == [word for heading in HEADING for word in heading.split()]
    assert len(lines) == 6


def test_a_minute_is_worth_what_all_corrections_added_over_what_they_took() -> None:
    some = [correction(0, 0.0, 1.0, 6.0), correction(0, 1.0, 0.5, 6.0, begin=9), correction(1, 0.5, 0.5, 3.0, success=False)]
    facts = worth_summary(some)
    assert facts["worth"] == pytest.approx(0.5)
    assert facts["worth_per_human_minute"] == pytest.approx(0.5 / 15 * 60)
    assert facts["net_worth"] == pytest.approx((1.0 - 0.5) / 2)  # 1 − 0 and 0 − 0.5
    assert (facts["corrections"], facts["episodes"], facts["helped"], facts["harmed"]) == (3, 2, 1, 1)
    assert worth_table([]).startswith("no corrections")
    assert "one future each" in worth_table([correction(0, 0.0, 1.0, rolls=1)])
    assert "1 correction in 1 episode, 2 s of a person's time (8 futures each, shaken by 0.1)" in worth_table(
        [correction(0, 0, 1, shake=0.1)]
    )


def test_outcomes_are_those_of_the_episodes(session, rescue, vain) -> None:
    assert (rescue.meta.outcome, vain.meta.outcome) == (Outcome.SUCCESS, Outcome.FAILURE)


# -- the command -------------------------------------------------------------------------------------------------------


def named(episode, policy_round=0, fingerprint="learned from this", kind="bc"):
    said = {"round": policy_round, "kind": kind, "fingerprint": fingerprint}
    return replace(episode, meta=replace(episode.meta, settings={**episode.meta.settings, "policy": said}))


@pytest.fixture
def model(tmp_path):
    """As `learn dagger` leaves it: a policy that stands still drove in round 1, one that arrives afterwards."""
    for number, policy in enumerate((LOST, goal_keeper())):
        save_policy(tmp_path / "model" / "rounds" / str(number), Checkpoint(policy, REACH, {}, "learned from this"))
    return tmp_path / "model"


@pytest.fixture
def driven_by_rounds(rescue, vain, tmp_path) -> Session:
    return session_of(tmp_path / "driven", named(rescue), named(vain, 1))


def test_an_episode_names_the_policy_that_drove_it_or_does_not(rescue) -> None:
    assert DriverName.of(named(rescue, 2).meta) == DriverName(2, "bc", "learned from this")
    for settings in ({}, {"policy": "mine"}, {"policy": {"round": "1"}}):
        assert DriverName.of(replace(rescue.meta, settings=settings)) is None


def test_the_command_tries_the_policy_that_drove_and_prints_the_table(driven_by_rounds, model, capsys) -> None:
    words = ["worth", driven_by_rounds.path, model, "--shake", 0, "--workers", 1, "--json"]
    assert run("learn", *words) == 0
    first, heading, best, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("3 corrections in 2 episodes, ")
    assert heading.split()[:2] == ["episode", "steps"]
    assert best.split()[:2] == ["0", f"4–{len(driven_by_rounds.read(0))}"]
    said = json.loads(last)
    assert (said["corrections"], said["worth"], said["helped"], said["left_out"], said["shake"]) == (3, 1.0, 1, 0, 0.0)
    assert [c.before for c in read_ledger(driven_by_rounds.path / WORTH_NAME)] == [0, 1, 1]


def test_the_command_goes_on_where_ctrl_c_stopped_it(driven_by_rounds, model, capsys, monkeypatch) -> None:
    words = ["worth", driven_by_rounds.path, model, "--shake", 0, "--workers", 1]
    roll, tried = Futures.roll, []

    def interrupted(*arguments, **options):
        tried.append(arguments)
        if len(tried) == 4:
            raise KeyboardInterrupt
        return roll(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Futures, "roll", interrupted)
        assert run("learn", *words) == 130
    kept = read_ledger(driven_by_rounds.path / WORTH_NAME)
    assert [c.episode for c in kept] == [0]
    assert run("learn", *words) == 0
    assert read_ledger(driven_by_rounds.path / WORTH_NAME)[:1] == kept
    assert "3 corrections" in capsys.readouterr().out


def test_corrections_of_policies_that_nobody_named_are_left_out_and_counted(rescue, vain, model, tmp_path, capsys) -> None:
    mixed = session_of(tmp_path / "mixed", named(rescue), vain)
    assert run("learn", "worth", mixed.path, model, "--shake", 0, "--workers", 1, "--json") == 0
    out = capsys.readouterr().out
    assert "left out: 2 corrections of policies that the episodes do not name" in out
    assert json.loads(out.splitlines()[-1])["left_out"] == 2


def test_the_ledger_lies_in_the_session_and_its_tools_leave_it_alone(driven_by_rounds, model, tmp_path, capsys) -> None:
    path = driven_by_rounds.path / WORTH_NAME
    assert run("learn", "worth", driven_by_rounds.path, model, "--episodes", 1, "--shake", 0, "--workers", 1) == 0
    before = path.read_bytes()
    for words in (["check"], ["recover"], ["inspect"], ["tag", "--episodes", 0, "--mode", "left"], ["delete", "--episodes", 0]):
        assert run("data", words[0], driven_by_rounds.path, *words[1:]) == 0, capsys.readouterr().err
    assert run("data", "merge", tmp_path / "both", driven_by_rounds.path) == 0
    assert path.read_bytes() == before
    assert len(Session.open(tmp_path / "both")) == 1


@pytest.mark.parametrize(
    ("episodes", "words", "says"),
    [
        ("named", ("{model}x",), "there is no model at"),
        ("named", ("{session}",), "holds no rounds of learn dagger (no rounds/ in it); give the folder that it made"),
        ("later", ("{model}",), "episode 0 was driven by the policy of round 5, {model} has those of 0, 1; give the --out"),
        ("other", ("{model}",), "episode 0 was driven by a bc of data other data"),
        ("moe", ("{model}",), "episode 0 was driven by a moe of data learned from"),
        ("nobody", ("{model}",), "none of the 1 correction in {session} says which policy it corrected"),
        ("none", ("{model}",), "{session} holds no corrections: nobody took a policy's place"),
        ("stateless", ("{model}",), "episode 0 has no simulator states"),
        ("cart", ("{model}",), "CartPole-v1 cannot be put back into a state"),
        ("named", ("{model}", "--rolls", "0"), "--rolls 0"),
        ("named", ("{model}", "--shake", "-1"), "shake -1.0 is outside 0 … 1"),
        ("named", ("{model}", "--episodes", "9"), "--episodes '9' is not there"),
    ],
)
def test_a_mistake_is_one_line(episodes, words, says, rescue, plant, model, tmp_path, capsys) -> None:
    made = {
        "named": lambda: named(rescue),
        "later": lambda: named(rescue, 5),
        "other": lambda: named(rescue, fingerprint="other data"),
        "moe": lambda: named(rescue, kind="moe"),
        "nobody": lambda: rescue,
        "none": lambda: driven(plant, SEED, 5, lambda t, obs: policy_step(AWAY)),
        "stateless": lambda: replace(named(rescue), steps={**rescue.steps, "sim_state": np.zeros((len(rescue) + 1, 0))}),
        "cart": lambda: replace(named(rescue), meta=replace(named(rescue).meta, env_id="CartPole-v1")),
    }
    session = session_of(tmp_path / "session", made[episodes]())
    names = {"model": model, "session": session.path}
    before = snapshot(tmp_path)
    capsys.readouterr()
    assert run("learn", "worth", session.path, *(word.format(**names) for word in words), "--workers", 1) == 2
    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert line.startswith("error: ")
    assert says.format(**names) in line
    assert shown.out == ""
    assert snapshot(tmp_path) == before
