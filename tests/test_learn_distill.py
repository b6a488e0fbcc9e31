"""Specification of `learn.distill`: what a flow does in many steps a mixture learns to do in one, modes and all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_learn_support import TOY_CONFIG, expert_session, toy_obs

from data.errors import UserError
from learn.checkpoint import load_policy
from learn.distill import Apprentice, mixture_score
from learn.policies import Policy, PolicyConfig, build_policy
from learn.train import TrainConfig, train

FLOW = replace(TOY_CONFIG, kind="flow", chunk=4, execute=2, hidden=(16, 16), integration_steps=4)
MOE = replace(TOY_CONFIG, kind="moe", chunk=4, execute=2, hidden=(16, 16), experts=3)


def test_the_score_of_a_mixture_is_the_gradient_of_its_log_density() -> None:
    draw = torch.Generator().manual_seed(0)
    means, scales = torch.randn(3, 2, 4, 2, generator=draw), torch.rand(3, 2, 4, 2, generator=draw) + 0.5
    log_weights = torch.randn(3, 2, generator=draw).log_softmax(dim=0)
    x = torch.randn(3, 2, 4, 2, generator=draw, requires_grad=True)
    off = (x.unsqueeze(1) - means) / scales
    density = torch.logsumexp(log_weights - (0.5 * off.square() + scales.log()).sum(dim=(-2, -1)), dim=1)
    (exact,) = torch.autograd.grad(density.sum(), x)
    torch.testing.assert_close(mixture_score(x.detach(), means, scales, log_weights), exact)


def test_the_teacher_s_score_is_right_where_it_is_known() -> None:
    """A velocity of −x / (1 − τ) + … : of chunks that are all 0, x_τ = (1 − τ) ε, so v = −x / (1 − τ), the score −x / (1 − τ)²."""
    teacher = build_policy(FLOW)
    apprentice = build_policy(MOE, 0, lambda config: Apprentice(config, teacher))
    assert isinstance(apprentice, Apprentice)
    tau, x = torch.tensor([0.5, 0.8])[:, None, None], torch.randn(1, 2, 4, 2)

    class Known(torch.nn.Module):
        def sight(self, features: torch.Tensor) -> torch.Tensor:
            return features

        def forward(self, x: torch.Tensor, tau: torch.Tensor, sight: torch.Tensor) -> torch.Tensor:
            return -x / (1.0 - tau[:, None, None])

    teacher.head.nets[0] = Known()  # type: ignore[index]
    torch.testing.assert_close(apprentice._score(x, tau, torch.zeros(1, 2, 4)), -x / (1.0 - tau) ** 2)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Policy]:
    """A session, a flow trained on it, and its apprentice."""
    folder = tmp_path_factory.mktemp("taught")
    session = expert_session(folder / "session", 20)
    common = {"batch_size": 64, "chunk": 4, "execute": 2, "weight_decay": 0.0, "lr": 3e-3}
    train(session, TrainConfig("flow", steps=400, hidden=(32, 32), **common), folder / "flow")
    config = TrainConfig("moe", steps=400, hidden=(32, 32), experts=3, teacher=folder / "flow", **common)
    return session.path, folder / "flow", train(session, config, folder / "moe").policy


def test_the_apprentice_acts_as_its_teacher_does(taught: tuple[Path, Path, Policy]) -> None:
    _, flow, apprentice = taught
    teacher = load_policy(flow).policy
    stranger = build_policy(apprentice.config, 1)
    off, off_stranger = (
        np.mean([np.abs(policy.act(toy_obs(k)) - teacher.act(toy_obs(k))).mean() for k in range(20)]) for policy in (apprentice, stranger)
    )
    assert off < 0.25
    assert off < 0.5 * off_stranger


def test_what_is_saved_is_a_mixture_like_any_other(taught: tuple[Path, Path, Policy]) -> None:
    _, flow, apprentice = taught
    saved = load_policy(flow.parent / "moe")
    assert type(saved.policy) is Policy
    np.testing.assert_array_equal(saved.policy.act(toy_obs()), apprentice.act(toy_obs()))
    assert saved.summary["train"]["teacher"] == str(flow)
    assert not [name for name in saved.policy.state_dict() if "teacher" in name or "samples" in name]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "bc", "chunk": 4}, "--teacher is for --policy moe and visual-moe"),
        ({"members": 2}, "with --members 1"),
        ({"chunk": 5}, "--teacher has chunk 4, this policy would have 5"),
        ({"obs_keys": ("goal", "nose")}, "--teacher has obs keys"),
    ],
)
def test_who_cannot_learn_from_a_teacher_is_told_why(change: dict, complaint: str) -> None:
    wanted: PolicyConfig = replace(MOE, **change)
    with pytest.raises(UserError, match=complaint):
        Apprentice(wanted, build_policy(FLOW))


def test_only_a_flow_teaches() -> None:
    with pytest.raises(UserError, match="--teacher must be a flow or visual-flow policy, this is moe"):
        Apprentice(MOE, build_policy(MOE))
