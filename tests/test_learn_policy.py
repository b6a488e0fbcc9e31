"""Specification of `learn.policy` and `learn.normalize`."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_learn_support import TOY_CONFIG, toy_obs, toy_policy

from data.errors import UserError
from learn.normalize import CLIP, STD_FLOOR, Normalizer
from learn.policy import Batch, MemberLinear, PolicyConfig, build_policy, policy_names


def test_normalised_rows_have_zero_mean_and_unit_deviation() -> None:
    values = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10.0, 0.1]) + 5.0
    normalizer = Normalizer(3)
    normalizer.fit(values)
    scaled = normalizer(values)
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std(dim=0, correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_a_constant_dimension_does_not_explode() -> None:
    normalizer = Normalizer(1)
    normalizer.fit(torch.full((10, 1), 0.7))
    torch.testing.assert_close(normalizer(torch.tensor([[0.7 + STD_FLOOR]])), torch.tensor([[1.0]]), atol=1e-4, rtol=0)
    assert normalizer(torch.tensor([[1e9]])) == CLIP


def test_members_are_independent_linear_layers() -> None:
    layer = MemberLinear(3, 4, 2)
    layer.reset(torch.Generator().manual_seed(0))
    x = torch.randn(3, 5, 4)
    for k in range(3):
        torch.testing.assert_close(layer(x)[k], x[k] @ layer.weight[k] + layer.bias[k])


def test_act_is_one_bounded_action_even_far_away() -> None:
    chunk = toy_policy().act({key: value * 1e6 for key, value in toy_obs().items()})
    assert chunk.shape == (1, 2)
    assert chunk.dtype == np.float32
    assert np.abs(chunk).max() <= 1.0


def test_act_is_the_mean_of_the_members() -> None:
    policy, obs = toy_policy(members=4), toy_obs()
    row = torch.from_numpy(np.concatenate([obs["goal"], obs["position"]]))[None]
    np.testing.assert_allclose(policy.act(obs)[0], policy.member_actions(row).mean(dim=0)[0].detach(), rtol=1e-6)


def test_act_orders_keys_as_the_config_does() -> None:
    obs = toy_obs()
    turned = dict(reversed(obs.items()))
    np.testing.assert_array_equal(toy_policy().act(obs), toy_policy().act({**turned, "unused": np.zeros(9)}))


def test_doubt_is_the_rms_spread_of_the_members() -> None:
    policy, obs = toy_policy(members=4), toy_obs()
    row = torch.from_numpy(np.concatenate([obs["goal"], obs["position"]]))[None]
    actions = policy.member_actions(row)[:, 0].detach().numpy()
    assert policy.doubt(obs) == pytest.approx(float(np.sqrt(actions.var(axis=0).mean())), rel=1e-5)
    assert policy.doubt(obs) > 0.0


def test_one_member_never_doubts() -> None:
    assert toy_policy(members=1).doubt(toy_obs()) == 0.0


def test_bc_has_one_mode() -> None:
    policy, obs = toy_policy(), toy_obs()
    (mode,) = policy.modes(obs)
    assert mode.probability == 1.0
    np.testing.assert_array_equal(mode.chunk, policy.act(obs, mode=0))
    with pytest.raises(ValueError, match="has one mode"):
        policy.act(obs, mode=1)


def test_loss_is_zero_at_the_members_own_actions_and_mse_elsewhere() -> None:
    policy = toy_policy(members=2)
    obs = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    actions = policy(obs).detach()
    assert policy.loss(Batch(obs, actions)).item() == 0.0
    assert policy.loss(Batch(obs, actions + 0.5)).item() == pytest.approx(0.25, rel=1e-5)


def test_the_seed_decides_the_weights_and_members_differ() -> None:
    first, again, other = build_policy(TOY_CONFIG, 3), build_policy(TOY_CONFIG, 3), build_policy(TOY_CONFIG, 4)
    assert torch.equal(first.layers[0].weight, again.layers[0].weight)
    assert not torch.equal(first.layers[0].weight, other.layers[0].weight)
    ensemble = build_policy(replace(TOY_CONFIG, members=2), 3)
    assert not torch.equal(ensemble.layers[0].weight[0], ensemble.layers[0].weight[1])


def test_a_config_survives_json() -> None:
    assert PolicyConfig.from_json(TOY_CONFIG.to_json()) == TOY_CONFIG


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "oracle"}, "--policy oracle is not known here; allowed: bc"),
        ({"members": 0}, "--members 0"),
        ({"hidden": (0,)}, "--hidden 0"),
        ({"obs_dims": (2,)}, "one width"),
        ({"obs_keys": ("goal", "goal")}, "names a key twice"),
        ({"action_dim": 0}, "at least one action dimension"),
    ],
)
def test_impossible_configs_are_refused(change: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        replace(TOY_CONFIG, **change)


def test_only_policies_that_exist_are_offered() -> None:
    assert policy_names() == ("bc",)
