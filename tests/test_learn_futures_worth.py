"""Specification of `learn.futures.worth`: what a correction changed, by the world with it and the world without."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from test_learn_futures_support import AWAY, REACH, arm_of, driven, goal_keeper, person_step, policy_step, undecided
from test_learn_support import session_of

from data.errors import UserError
from data.schema import Outcome, Phase
from data.session import Session
from learn.futures.corrections import Stretch, corrections_of
from learn.futures.future import Futures
from learn.futures.ledger import Correction, net_worth, read_ledger, write_ledger
from learn.futures.worth import worth_of
from learn.futures.worth_table import HEADING, worth_rows, worth_summary, worth_table

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
    found = worth_of(session, LOST, tmp_path / "worth.json")
    assert [(c.episode, c.begin, c.before, c.after, c.worth) for c in found] == [(0, 4, 0, 1, 1), (1, 2, 0, 0, 0), (1, 6, 0, 0, 0)]
    assert {c.rolls for c in found} == {1}  # it draws nothing: there is one future only
    assert found[0].per_human_second == pytest.approx(1.0 / found[0].human_s)
    assert net_worth(found[:1]) == 1.0
    assert net_worth(found[1:]) == 0.0


def test_help_that_was_not_needed_is_worth_nothing(session, tmp_path) -> None:
    found = worth_of(session, goal_keeper(), tmp_path / "worth.json")
    assert [c.before for c in found] == [1, 1, 1]
    assert [c.worth for c in found] == [0, 0, 0]
    assert net_worth(found[1:]) == -1.0  # without any, that episode would have succeeded


def test_both_worlds_are_tried_on_the_same_seeds_and_end_at_the_same_time(session, rescue, tmp_path) -> None:
    policy = undecided((0.5, 0.5), (0.0, 1.0))
    first = worth_of(session, policy, tmp_path / "worth.json", rolls=6)[0]
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
    first = worth_of(session, LOST, path, on_correction=heard.append)
    assert heard == first
    monkeypatch.setattr(Futures, "roll", None)
    assert worth_of(session, LOST, path, on_correction=heard.append) == first
    assert len(heard) == 3
    with pytest.raises(TypeError):
        worth_of(session, goal_keeper(), path)  # another policy has another worth


def test_a_call_that_was_broken_off_is_gone_on_with(session, tmp_path) -> None:
    path, whole = tmp_path / "worth.json", worth_of(session, LOST, tmp_path / "whole.json")

    def break_off(correction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worth_of(session, LOST, path, on_correction=break_off)
    assert read_ledger(path) == whole[:1]
    heard = []
    assert worth_of(session, LOST, path, on_correction=heard.append) == whole
    assert heard == whole[1:]


def test_several_processes_find_the_same(session, tmp_path) -> None:
    one, two = (worth_of(session, LOST, tmp_path / f"{workers}.json", workers=workers) for workers in (1, 2))
    assert one == two


def test_each_round_is_judged_with_the_policy_that_drove_it(session, tmp_path) -> None:
    found = worth_of(session, {1: LOST, 2: goal_keeper()}, tmp_path / "worth.json")
    assert [c.before for c in found] == [0, 0, 0]
    with pytest.raises(UserError, match="episode 0 was driven in round 1, there are policies for 0, 2"):
        worth_of(session, {0: LOST, 2: LOST}, tmp_path / "worth.json")


def test_a_session_without_corrections_has_no_worth(plant, tmp_path) -> None:
    alone = session_of(tmp_path / "alone", driven(plant, SEED, 5, lambda t, obs: policy_step(AWAY)))
    assert worth_of(alone, LOST, tmp_path / "worth.json") == []


def test_a_ledger_that_is_none_is_refused(session, tmp_path) -> None:
    path = tmp_path / "worth.json"
    for text in ("{", "[]", json.dumps({"format_version": 0, "corrections": []}), json.dumps({"format_version": 1, "corrections": [{}]})):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"worth\.json is no ledger of corrections"):
            worth_of(session, LOST, path)
    with pytest.raises(UserError, match="rolls 0"):
        worth_of(session, LOST, path, rolls=0)


def test_an_old_episode_without_a_name_is_known_by_its_content(vain, tmp_path) -> None:
    nameless = replace(vain, meta=replace(vain.meta, uid=""))
    two = [session_of(tmp_path / name, nameless) for name in ("a", "b")]
    found = [worth_of(one, LOST, tmp_path / "worth.json") for one in two]
    assert len(found[0]) == len(found[1]) == 2


# -- the table ---------------------------------------------------------------------------------------------------------


def correction(episode, before, after, human_s=2.0, success=True, rolls=8, begin=0):
    return Correction(f"e{episode}", episode, 1, begin, begin + 5, human_s, "policy", rolls, before, after, success)


def test_the_ledger_keeps_every_field(tmp_path) -> None:
    some = [correction(0, 0.25, 0.875), correction(1, 1.0, 0.5, success=False)]
    write_ledger(tmp_path / "worth.json", some)
    assert [asdict(c) for c in read_ledger(tmp_path / "worth.json")] == [asdict(c) for c in some]
    assert read_ledger(tmp_path / "none.json") == []


def test_the_table_shows_the_best_and_the_worst_by_what_a_second_was_worth() -> None:
    some = [correction(k, 0.5, 0.5 + k / 10) for k in range(-4, 5)]
    rows = worth_rows(some, shown=2)
    assert [row[0] for row in rows] == ["4", "3", "-3", "-4"]
    assert rows[0] == ("4", "0–5", "2.0", "50 %", "90 %", "+0.40", "+0.20")
    assert rows[-1][-2:] == ("−0.40", "−0.20")
    assert len(worth_rows(some[:3], shown=2)) == 3  # none twice
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


def test_outcomes_are_those_of_the_episodes(session, rescue, vain) -> None:
    assert (rescue.meta.outcome, vain.meta.outcome) == (Outcome.SUCCESS, Outcome.FAILURE)
