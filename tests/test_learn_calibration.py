"""Specification of `learn.calibration`: a policy that is as sure as it may be is told from one that is not."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_lines import run
from test_learn_support import TOY, episode, expert_episode, expert_session, session_of, step, toy_expert

from data.errors import UserError
from data.session import Session
from learn.calibration import Calibration, calibrate, judge
from learn.checkpoint import Checkpoint, load_policy
from learn.policies.head import Prediction
from learn.train import TrainConfig, train

NOISE = 0.15  # of the demonstrator, in full ranges
ROWS = 2000


def gaussians(weights: list[float], means: list[float], scales: list[float]) -> Prediction:
    """The same mixture for each of ROWS rows, in one dimension."""
    every = [torch.tensor(values).view(1, 1, -1).expand(1, ROWS, -1) for values in (weights, means, scales)]
    return Prediction(every[0].log(), every[1].unsqueeze(-1), every[2].unsqueeze(-1))


def levels_at(predicted: Prediction, place: float) -> float:
    return float(judge(predicted, torch.full((ROWS, 1), place))[1].mean())


def shaking(action: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(0.5 * action + rng.normal(0.0, NOISE, 2), -1.0, 1.0).astype(np.float32)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Forty episodes of an expert whose hand shakes."""
    folder = tmp_path_factory.mktemp("noisy")
    episodes = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        episodes.append(expert_episode(seed, lambda obs, rng=rng: shaking(toy_expert(obs), rng)))
    return session_of(folder, *episodes)


def trained(session: Session, out: Path, **changes) -> Checkpoint:
    train(session, replace(TrainConfig(steps=300, hidden=(32, 32), valid_fraction=0.25), **changes), out)
    return load_policy(out)


# -- regions and likelihoods -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "level"), [(0.0, 0.0), (0.6745, 0.5), (-1.2816, 0.8), (1.96, 0.95)])
def test_a_gaussians_regions_are_its_central_intervals(place: float, level: float) -> None:
    assert levels_at(gaussians([1.0], [0.0], [1.0]), place) == pytest.approx(level, abs=0.01)


def test_between_two_modes_is_outside_of_every_region() -> None:
    fork = gaussians([0.5, 0.5], [-1.0, 1.0], [0.1, 0.1])
    assert levels_at(fork, 0.0) > 0.99
    assert levels_at(fork, 1.0) < 0.05


def test_the_likelier_mode_is_in_the_smaller_region() -> None:
    assert levels_at(gaussians([0.9, 0.1], [-1.0, 1.0], [0.1, 0.1]), 1.0) > 0.85


def test_the_likelihood_is_the_mixtures() -> None:
    log_density, _ = judge(gaussians([0.25, 0.75], [0.0, 2.0], [1.0, 0.5]), torch.zeros(ROWS, 1))
    expected = math.log(0.25 / math.sqrt(2 * math.pi) + 0.75 * math.exp(-8.0) / (0.5 * math.sqrt(2 * math.pi)))
    assert float(log_density[0, 0]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("claimed", "covered"), [(1.0, 0.5), (3.0, 0.957), (1 / 3, 0.178)])
def test_coverage_tells_the_too_sure_from_the_too_unsure(claimed: float, covered: float) -> None:
    target = torch.randn(ROWS, 1, generator=torch.Generator().manual_seed(0))
    log_density, levels = judge(gaussians([1.0], [0.0], [claimed]), target)
    found = Calibration(-log_density.double().numpy(), levels.double().numpy(), np.arange(ROWS) // 20, (0,))
    assert found.coverage(0.5) == pytest.approx(covered, abs=0.03)
    low, high = found.coverage_interval(0.5)
    assert low < found.coverage(0.5) < high


def test_no_claim_is_likelier_than_the_true_one() -> None:
    target = torch.randn(ROWS, 1, generator=torch.Generator().manual_seed(0))
    means = [float(judge(gaussians([1.0], [0.0], [claimed]), target)[0].mean()) for claimed in (0.5, 0.8, 1.0, 1.25, 2.0)]
    assert means.index(max(means)) == 2


def test_few_episodes_make_a_wide_interval() -> None:
    levels = np.random.default_rng(0).random((200, 1))
    few, many = (Calibration(levels, levels, np.arange(200) // share, (0,)).coverage_interval(0.5) for share in (50, 4))
    alike = np.sort(levels, axis=0)  # an episode's steps now say the same
    clustered = Calibration(alike, alike, np.arange(200) // 50, (0,)).coverage_interval(0.5)
    assert clustered[1] - clustered[0] > few[1] - few[0]
    assert many[1] - many[0] < 0.2


# -- policies ----------------------------------------------------------------------------------------------------------


def test_least_squares_on_a_shaking_hand_is_as_sure_as_it_may_be(noisy: Session, tmp_path: Path) -> None:
    found = calibrate(trained(noisy, tmp_path), noisy)
    assert len(np.unique(found.episode)) == 10
    for region in (0.5, 0.8, 0.95):
        assert found.coverage(region) == pytest.approx(region, abs=0.08)
    reach = load_policy(tmp_path).policy.action_range.reach.numpy()
    entropy = sum(math.log(NOISE / half * math.sqrt(2 * math.pi * math.e)) for half in reach)
    assert entropy - 0.1 < found.mean_nll < entropy + 0.7, "the hand's shaking cannot be foretold, the rest nearly"


def test_an_overfit_policy_is_too_sure(noisy: Session, tmp_path: Path) -> None:
    few = session_of(tmp_path / "few", *(noisy.read(number) for number in range(6)))
    overfit = trained(few, tmp_path / "model", steps=1500, hidden=(256, 256), weight_decay=0.0, valid_fraction=0.34)
    assert calibrate(overfit, few).coverage(0.95) < 0.85


@pytest.mark.parametrize("kind", ["moe", "flow", "act", "bc-rnn-gmm"])
def test_every_kind_of_policy_can_be_judged(noisy: Session, tmp_path: Path, kind: str) -> None:
    found = calibrate(trained(noisy, tmp_path, policy=kind, steps=60, chunk=4, hidden=(16, 16)), noisy)
    assert np.isfinite(found.nll).all()
    assert found.levels.min() >= 0.0
    assert found.levels.max() <= 1.0
    assert found.levels.shape == (len(found.episode), 2)


def test_an_ensemble_is_a_mixture_of_its_members(noisy: Session, tmp_path: Path) -> None:
    found = calibrate(trained(noisy, tmp_path, members=3), noisy)
    assert found.coverage(0.8) == pytest.approx(0.8, abs=0.1)


# -- which episodes ----------------------------------------------------------------------------------------------------


def test_what_was_trained_on_does_not_judge(noisy: Session, tmp_path: Path) -> None:
    everything = trained(noisy, tmp_path, steps=5, valid_fraction=0.0)
    with pytest.raises(UserError, match="trained on every episode"):
        calibrate(everything, noisy)


def test_another_session_judges_with_every_episode_that_no_spread_is_fitted_to(noisy: Session, tmp_path: Path) -> None:
    other = expert_session(tmp_path / "other", 6)
    knows = calibrate(trained(noisy, tmp_path / "moe", policy="moe", steps=5), other)
    learns = calibrate(trained(noisy, tmp_path / "bc", steps=5), other)
    assert sorted(set(knows.episode)) == [0, 1, 2, 3, 4, 5]
    assert sorted(set(learns.episode)) == [3, 4, 5]


def test_sessions_that_do_not_fit_are_refused(noisy: Session, tmp_path: Path) -> None:
    model = trained(noisy, tmp_path / "model", steps=5)
    one = expert_session(tmp_path / "one", 1)
    with pytest.raises(UserError, match="one episode is not enough"):
        calibrate(model, one)
    elsewhere = session_of(tmp_path / "elsewhere", replace_env(expert_episode(0)))
    with pytest.raises(UserError, match=f"the policy is of {TOY}"):
        calibrate(model, elsewhere)
    wide = {"goal": np.zeros(3), "position": np.zeros(2)}
    wider = session_of(tmp_path / "wider", *(episode([step(wide, [k / 5, 0.0]) for k in range(5)]) for _ in range(2)))
    with pytest.raises(UserError, match="does not fit the policy"):
        calibrate(model, wider)


def test_episodes_shorter_than_the_window_of_a_sequence_policy_cannot_judge(noisy: Session, tmp_path: Path) -> None:
    model = trained(noisy, tmp_path / "model", policy="bc-rnn-gmm", steps=2, chunk=28, hidden=(8,))
    with pytest.raises(UserError, match="shorter than the policy's window of 28 steps"):
        calibrate(model, expert_session(tmp_path / "short", 2))


def replace_env(one):
    return replace(one, meta=replace(one.meta, env_id="Other-v0"))


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_says_prints_and_draws(noisy: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(noisy, tmp_path / "model")
    picture = tmp_path / "pictures" / "reliability.png"
    assert run("learn", "calibrate", tmp_path / "model", noisy.path, "--plot", picture, "--json") == 0
    line, drawn, last = capsys.readouterr().out.splitlines()
    assert "as sure as it may be" in line or "too " in line
    assert drawn == f"picture: {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")
    summary = json.loads(last)
    assert set(summary["coverage"]) == {"50", "80", "95"}
    low, high = summary["coverage_interval"]["80"]
    assert low <= summary["coverage"]["80"] <= high


def test_a_picture_of_another_kind_is_refused(noisy: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(noisy, tmp_path / "model", steps=5)
    assert run("learn", "calibrate", tmp_path / "model", noisy.path, "--plot", tmp_path / "picture.doc") == 2
    assert "give a .png" in capsys.readouterr().err
