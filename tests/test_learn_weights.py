"""Specification of `learn.weights` and of what training makes of it: who decided a step, and how often it is learned from."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from test_learn_support import corrected_episode, episode, expert_episode, session_of, step
from test_learn_train import assert_same_weights, interrupt_at

from data.cli import run_command
from data.episode import Episode
from data.errors import UserError
from data.schema import Outcome, Phase, Source
from data.session import Session
from learn.calibration import calibrate
from learn.checkpoint import load_policy
from learn.commands import COMMANDS
from learn.dataset import load_frames, split_episodes
from learn.distributed import Team
from learn.fit import Fit, Material
from learn.policies import Noise, build_policy
from learn.progress import PROGRESS_NAME
from learn.train import TrainConfig, train
from learn.weights import BEFORE_STEPS, LABELLED_BY, WEIGHTINGS, Kind, counts_of, kinds_of, weights_of
from learn.windows import Draw, Windows

D, C, B, P = Kind.DEMONSTRATION, Kind.CORRECTION, Kind.BEFORE, Kind.POLICY
OBS = {"goal": [0.0, 0.0], "position": [0.0, 0.0]}
QUICK = TrainConfig(steps=20, batch_size=16, hidden=(8, 8))


def drive(words: str, outcome: Outcome = Outcome.SUCCESS) -> Episode:
    """A letter a step: h a person drives, p the policy, a the person answers, l a label is given and the policy goes on."""
    steps = []
    for t, letter in enumerate(words):
        here = {"goal": [0.1, -0.2], "position": [0.01 * t, 0.5]}
        action = [0.01 * t, -0.01 * t]
        source = Source.POLICY if letter in "pl" else Source.HUMAN
        one = step(here, action, source, label=[0.5, 0.01 * t] if letter == "l" else action if letter == "a" else None)
        asked = {"phase": Phase.ASKING, "policy_action": np.zeros(2, np.float32)} if letter in "al" else {}
        steps.append(replace(one, **asked))
    return episode(steps, outcome)


def kinds(words: str) -> str:
    return "".join("DCBP"[kind] for kind in kinds_of(drive(words)))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Ten demonstrations, four rollouts with corrections, two that went well without."""
    rollouts = [corrected_episode(seed, every=7 if seed < 14 else 99) for seed in range(10, 16)]
    return session_of(tmp_path_factory.mktemp("session"), *map(expert_episode, range(10)), *rollouts)


# -- who decided a step ------------------------------------------------------------------------------------------------


def test_where_no_policy_drove_everything_is_a_demonstration() -> None:
    assert kinds("hhhh") == "DDDD"
    assert set(kinds_of(episode([step(OBS, [0.1, 0.2], label=[0.5, 0.5])] * 3))) == {D}


def test_answers_takeovers_and_labels_beside_the_policy_s_action_are_corrections() -> None:
    assert kinds("h" + "p" * 20 + "a") == "C" + "P" * 5 + "B" * 15 + "C"
    assert kinds("ppppppppppppppppphhh") == "PP" + "B" * 15 + "CCC"
    assert kinds("llll") == "CCCC"


def test_what_leads_to_a_correction_ends_at_the_correction_before_it() -> None:
    assert kinds("ppppaapphpppp") == "BBBBCCBBCPPPP"


def test_a_takeover_without_any_step_of_the_policy_is_a_correction_where_it_proposed_something() -> None:
    proposed = replace(step(OBS, [0.1, 0.1], Source.HUMAN), policy_action=np.ones(2, np.float32))
    assert set(kinds_of(episode([proposed] * 3))) == {C}


def test_inferred_actions_are_demonstrations_and_those_nobody_accepted_are_not_learned_from(tmp_path: Path) -> None:
    labelled = drive("pplllp")
    labelled = replace(labelled, meta=replace(labelled.meta, settings={LABELLED_BY: {}}))
    assert set(kinds_of(labelled)) == {D}
    assert len(load_frames(session_of(tmp_path, labelled), weighting="iwr")) == 3


# -- how often it is learned from --------------------------------------------------------------------------------------


def shares(counts: dict[Kind, int], weighting: str) -> dict[Kind, float]:
    """How much of what is drawn each kind is."""
    of = np.repeat(np.array(list(counts), np.uint8), list(counts.values()))
    weights = weights_of(of, weighting)  # type: ignore[arg-type]
    assert weights[weights > 0].mean() == pytest.approx(1.0)
    assert all(len(set(weights[of == kind])) == 1 for kind in counts), "steps of a kind weigh the same"
    return {kind: round(float(weights[of == kind].sum() / weights.sum()), 6) for kind in counts}


MIXED = {D: 300, C: 50, B: 150, P: 500}


def test_corrections_weigh_as_much_as_all_else_in_iwr() -> None:
    assert shares(MIXED, "iwr") == {C: 0.5, **{kind: round(0.5 * MIXED[kind] / 950, 6) for kind in (D, B, P)}}


def test_in_sirius_corrections_are_half_demonstrations_keep_their_share_and_what_led_to_a_correction_has_none() -> None:
    assert shares(MIXED, "sirius") == {D: 0.3, C: 0.5, B: 0.0, P: 0.2}


def test_many_demonstrations_leave_the_policy_nothing_in_sirius_and_corrections_their_half() -> None:
    assert shares({D: 800, C: 20, B: 80, P: 100}, "sirius") == {D: 0.5, C: 0.5, B: 0.0, P: 0.0}


def test_uniform_weighs_all_the_same() -> None:
    assert set(weights_of(np.array([D, C, C], np.uint8), "uniform")) == {1.0}


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("counts", [{D: 7}, {D: 7, P: 5}, {C: 3}, {P: 4}])
def test_without_corrections_or_with_nothing_else_all_weigh_the_same(weighting: str, counts: dict[Kind, int]) -> None:
    of = np.repeat(np.array(list(counts), np.uint8), list(counts.values()))
    assert set(weights_of(of, weighting)) == {1.0}  # type: ignore[arg-type]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_weights_are_finite_and_one_on_average_whatever_is_missing(weighting: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        counts = rng.integers(0, 50, 4) * rng.integers(0, 2, 4)
        if not counts[[D, C, P]].any() or (counts[B] and not counts[C]):
            continue  # what leads to a correction comes with it
        weights = weights_of(np.repeat(np.arange(4), counts).astype(np.uint8), weighting)  # type: ignore[arg-type]
        assert np.isfinite(weights).all()
        assert weights.min() >= 0.0
        assert weights[weights > 0].mean() == pytest.approx(1.0)


# -- frames ------------------------------------------------------------------------------------------------------------


def test_other_weightings_also_learn_from_what_the_policy_did_in_successes_only(tmp_path: Path) -> None:
    words = "p" * 20 + "ah"
    session = session_of(tmp_path, drive("hh"), drive(words), drive(words, Outcome.FAILURE))
    found = {name: load_frames(session, weighting=name) for name in WEIGHTINGS}
    assert [len(found[name]) for name in WEIGHTINGS] == [2 + 2 + 1, 2 + 22 + 1, 2 + 22 + 1]
    frames = found["iwr"]
    assert frames.kinds is not None
    assert counts_of(frames.kinds) == {"demonstration": 2, "correction": 3, "before": BEFORE_STEPS, "policy": 5}
    np.testing.assert_array_equal(frames.target[2:24], session.read(1).steps["actions"])
    np.testing.assert_array_equal(frames.target[frames.shown], found["uniform"].target)


def test_windows_go_on_from_a_correction_into_the_policy_s_driving_but_in_sirius_never_into_what_led_to_one(tmp_path: Path) -> None:
    session = session_of(tmp_path, drive("hppa" + "p" * 18 + "a"))
    ends = {name: load_frames(session, weighting=name).run_ends() for name in ("iwr", "sirius")}
    assert set(ends["iwr"]) == {22}
    assert ends["sirius"][[0, 3, 4, 6, 22]].tolist() == [0, 6, 6, 6, 22], "1 and 2 led to 3, and 7 to 21 led to 22"


def test_the_fingerprint_knows_the_weighting(session: Session) -> None:
    assert len({load_frames(session, weighting=name).fingerprint for name in WEIGHTINGS}) == 3
    assert load_frames(session).fingerprint == load_frames(session, weighting="uniform").fingerprint


def test_every_weighting_holds_out_the_same_and_is_validated_on_what_demonstrators_showed(session: Session) -> None:
    every = [load_frames(session, weighting=name) for name in WEIGHTINGS]
    for seed in range(3):
        held_out = []
        for frames in every:
            training, valid = split_episodes(frames, 0.3, seed)
            assert not set(frames.episode[training]) & set(frames.episode[valid])
            held_out.append(np.c_[frames.obs, frames.target][valid])
        np.testing.assert_array_equal(held_out[0], held_out[1])
        np.testing.assert_array_equal(held_out[0], held_out[2])


def test_rollouts_alone_teach_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no step to learn from"):
        load_frames(session_of(tmp_path, drive("pppp")), weighting="iwr")


# -- drawing -----------------------------------------------------------------------------------------------------------


def noise(seed: int = 1, rank: int = 0, world: int = 1) -> Noise:
    return Noise(torch.Generator().manual_seed(seed), rank, world)


@pytest.mark.parametrize("members", [1, 3])
def test_without_weights_drawing_is_the_integer_draw_it_always_was(members: int) -> None:
    places = Draw(50, members, 7).places(noise(8), (members, 40))
    drawn = torch.randint(50, (members, 40), generator=torch.Generator().manual_seed(8))
    if members > 1:
        drawn = torch.randint(50, (members, 50), generator=torch.Generator().manual_seed(7)).gather(1, drawn)
    assert torch.equal(places, drawn)


@pytest.mark.parametrize("members", [1, 3])
def test_rows_are_drawn_as_often_as_they_weigh(members: int) -> None:
    weights = torch.tensor([4.0, 0.5, 1.0, 0.25, 0.25], dtype=torch.float64).repeat(8)
    draw = Draw(40, members, 0, weights)
    places, times = draw.places(noise(), (members, 200_000)), torch.ones(members, 40)
    if draw.resample is not None:
        times = torch.zeros(members, 40).scatter_add_(1, draw.resample, torch.ones(members, 40))
        assert (times == 0).any(dim=1).all(), "a resample leaves rows out"
    expected = times * weights
    expected = expected / expected.sum(dim=1, keepdim=True)
    for member in range(members):
        found = torch.bincount(places[member], minlength=40) / 200_000
        torch.testing.assert_close(found.double(), expected[member].double(), rtol=0.0, atol=0.002)


@pytest.mark.parametrize("members", [1, 3])
def test_two_processes_share_what_one_would_have_drawn(members: int) -> None:
    weights = torch.rand(90, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.01
    draw = Draw(90, members, 5, weights)
    for seed in range(5):
        whole = draw.places(noise(seed), (members, 32))
        shared = [draw.places(noise(seed, rank, 2), (members, 16)) for rank in range(2)]
        assert torch.equal(torch.cat(shared, dim=1), whole)


# -- training ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 3])
def test_uniform_is_training_without_weights_to_the_bit(session: Session, tmp_path: Path, members: int) -> None:
    config, frames = replace(QUICK, members=members), load_frames(session)
    rows, valid = (torch.from_numpy(part) for part in split_episodes(frames, config.valid_fraction, config.seed))
    policy = build_policy(config.policy_config(frames), config.seed)
    policy.fit_ranges(torch.from_numpy(frames.obs)[rows], torch.from_numpy(frames.target)[rows])
    fit = Fit(policy, Material(Windows(frames, policy.config, "cpu"), rows, valid), config.recipe(), config.seed, 1, Team(), fast=False)
    for _ in range(config.recipe().steps):
        fit.advance()
    assert_same_weights(train(session, config, tmp_path).policy, fit.average)


@pytest.mark.parametrize("weights", ["iwr", "sirius"])
def test_without_episodes_of_a_policy_every_weighting_is_uniform_to_the_bit(tmp_path: Path, weights: str) -> None:
    demonstrations = session_of(tmp_path / "s", *map(expert_episode, range(5)))
    for members in (1, 2):
        config = replace(QUICK, members=members)
        plain = train(demonstrations, config, tmp_path / "plain").policy
        assert_same_weights(train(demonstrations, replace(config, weights=weights), tmp_path / "other").policy, plain)


def test_the_weighting_decides_the_policy(session: Session, tmp_path: Path) -> None:
    """What a correction asks is what a policy of little width learns when corrections are half."""
    results = {name: train(session, replace(QUICK, steps=300, weights=name), tmp_path / name) for name in WEIGHTINGS}
    frames = load_frames(session)
    assert frames.kinds is not None
    seen = torch.from_numpy(frames.obs[frames.kinds == C])
    asked = frames.target[frames.kinds == C]
    off = {}
    for name, result in results.items():
        policy = result.policy
        acted = [policy.act({"goal": row[:2], "position": row[2:]})[0] for row in seen.numpy()]
        off[name] = float(np.abs(np.array(acted) - asked).mean())
    assert off["sirius"] < off["uniform"]
    assert load_policy(tmp_path / "iwr").summary["train"]["weights"] == "iwr"
    assert load_policy(tmp_path / "iwr").summary["kinds"]["before"] > 0
    assert load_policy(tmp_path / "uniform").summary["kinds"]["before"] == 0


@pytest.mark.parametrize(("policy", "weights", "members"), [("moe", "iwr", 1), ("bc", "sirius", 3), ("bc-rnn-gmm", "sirius", 1)])
def test_a_weighted_training_is_resumed_exactly(session: Session, tmp_path: Path, policy: str, weights: str, members: int) -> None:
    chunk = 1 if policy == "bc" else 3
    config = replace(QUICK, policy=policy, weights=weights, members=members, chunk=chunk, experts=3, steps=40)
    whole = train(session, config, tmp_path / "whole").policy
    assert train(session, config, tmp_path / "part", progress=interrupt_at(18)).interrupted
    with pytest.raises(UserError, match="was begun with other data"):
        train(session, replace(config, weights="uniform"), tmp_path / "part", resume=True)
    assert_same_weights(train(session, config, tmp_path / "part", resume=True).policy, whole)


@pytest.mark.parametrize(("weights", "there"), [("iwr", {D, C, B, P}), ("sirius", {D, C, P})])
def test_the_mixture_keeps_tables_of_the_rows_that_are_drawn_and_of_no_others(
    session: Session, tmp_path: Path, weights: str, there: set[Kind]
) -> None:
    config = replace(QUICK, policy="moe", chunk=2, experts=3, weights=weights)
    train(session, config, tmp_path, progress=interrupt_at(10))
    kept = safetensors.torch.load_file(tmp_path / PROGRESS_NAME)
    frames = load_frames(session, weighting=weights)  # type: ignore[arg-type]
    training, _ = split_episodes(frames, QUICK.valid_fraction, QUICK.seed)
    drawn = training[weights_of(frames.kinds[training], weights) > 0]  # type: ignore[index, arg-type]
    assert set(frames.kinds[drawn]) == there  # type: ignore[index]
    np.testing.assert_array_equal(kept["head.episodes"], np.unique(frames.episode[drawn], return_inverse=True)[1])
    assert kept["head.scores"].shape == (1, len(drawn), 3)
    assert kept["head.scores"].any(dim=-1).float().mean() > 0.5, "of those that were drawn meanwhile"


def test_calibration_judges_what_demonstrators_showed_in_the_episodes_that_were_held_out(session: Session, tmp_path: Path) -> None:
    judged = []
    for name in WEIGHTINGS:
        train(session, replace(QUICK, policy="moe", chunk=1, experts=2, weights=name, valid_fraction=0.3), tmp_path / name)
        judged.append(sorted(calibrate(load_policy(tmp_path / name), session).episode.tolist()))
    assert judged[0] == judged[1] == judged[2]
    assert 0 < len(set(judged[0])) < len(session)


# -- words -------------------------------------------------------------------------------------------------------------


def test_a_weighting_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UserError, match="--weights heavy: no such weighting; give one of iwr, sirius, uniform"):
        TrainConfig(weights="heavy")  # type: ignore[arg-type]


def test_the_command_takes_it(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"train {session.path} --out {tmp_path} --steps 5 --hidden 8 --weights sirius --rollouts 0 --json"
    assert run_command("learn", COMMANDS, words.split()) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["steps"] == 5
    assert run_command("learn", COMMANDS, f"train {session.path} --out {tmp_path} --weights heavy".split()) == 2
    assert "sirius" in capsys.readouterr().err
