"""Specification of `learn.policies`: what every policy of the grid has in common, and what each head is for."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_learn_support import TOY_CONFIG, toy_obs, toy_policy

from data.errors import UserError
from learn.policies import Batch, Noise, Policy, PolicyConfig, Seen, build_policy, policy_names
from learn.policies.config import PRESETS
from learn.policies.doubt import mutual_information
from learn.policies.encoder import cropped, spatial_softmax
from learn.policies.flow import ways_among
from learn.policies.head import Prediction
from learn.policies.layers import MemberLinear
from learn.policies.normalize import CLIP, STD_FLOOR, ActionRange, Normalizer

CAMERA = {"image_keys": ("front_image",), "image_shapes": ((40, 48, 3),)}
SMALL = {"hidden": (16, 16), "experts": 3, "integration_steps": 3}
NO_PICTURES = [kind for kind in policy_names() if not PRESETS[kind].sees]
EVERY_KIND = pytest.mark.parametrize("kind", policy_names())


def config_of(kind: str, **changes) -> PolicyConfig:
    preset = PRESETS[kind]
    seen = CAMERA if preset.sees else {}
    shape = {"chunk": min(preset.chunk, 4), "execute": 1}
    return replace(TOY_CONFIG, kind=kind, **{**SMALL, **seen, **shape, **changes})


def obs_of(config: PolicyConfig, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return toy_obs(seed) | {
        key: rng.integers(0, 256, shape, np.uint8) for key, shape in zip(config.image_keys, config.image_shapes, strict=True)
    }


def batch_of(config: PolicyConfig, count: int = 6, seed: int = 0) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    members = config.members
    leading = (members, count, config.chunk) if config.is_sequence else (members, count)
    images = {
        k: torch.randint(256, (*leading, *s), generator=draw, dtype=torch.uint8)
        for k, s in zip(config.image_keys, config.image_shapes, strict=True)
    }
    target = torch.rand(members, count, config.chunk, 2, generator=draw) * 2 - 1
    rows = torch.arange(count).expand(members, -1)
    return Batch(Seen(torch.randn(*leading, 4, generator=draw), images), target, torch.ones(members, count, config.chunk), rows)


def attending(policy: Policy, count: int = 6) -> Policy:
    policy.head.attend(torch.randn(count, 4, generator=torch.Generator().manual_seed(0)), torch.arange(count) // 3)
    return policy


# -- the grid ----------------------------------------------------------------------------------------------------------


def test_only_policies_that_exist_are_offered() -> None:
    assert set(policy_names()) == set(PRESETS)


@EVERY_KIND
def test_a_policy_gives_a_bounded_chunk_for_any_observation(kind: str) -> None:
    config = config_of(kind)
    policy = build_policy(config)
    chunk = policy.act({key: value * 1e6 if value.dtype == np.float32 else value for key, value in obs_of(config).items()})
    assert chunk.shape == (1 if config.is_sequence else config.chunk, 2)
    assert chunk.dtype == np.float32
    assert np.abs(chunk).max() <= 1.0


@EVERY_KIND
def test_modes_are_probable_in_all_and_each_can_be_asked_for(kind: str) -> None:
    config = config_of(kind)
    policy, obs = build_policy(config), obs_of(config)
    modes = policy.modes(obs)
    assert sum(mode.probability for mode in modes) == pytest.approx(1.0, abs=1e-5)
    for k, mode in enumerate(modes[:3]):
        policy.forget()
        np.testing.assert_allclose(policy.act(obs, mode=k), mode.chunk, atol=1e-5)
    with pytest.raises(ValueError, match=f"mode {len(modes)}: there are {len(modes)} here"):
        policy.act(obs, mode=len(modes))


@EVERY_KIND
def test_one_member_never_doubts_and_several_do(kind: str) -> None:
    one, three = config_of(kind), config_of(kind, members=3)
    assert build_policy(one).doubt(obs_of(one)) == pytest.approx(0.0, abs=1e-6)
    assert build_policy(three).doubt(obs_of(three)) >= 0.0
    if kind not in ("flow", "visual-flow"):  # whose velocity begins as zero, in every member
        assert build_policy(three).doubt(obs_of(three)) > 0.0


@EVERY_KIND
def test_some_steps_of_training_lower_the_loss(kind: str) -> None:
    config = config_of(kind, members=2)
    policy = attending(build_policy(config))
    batch = batch_of(config)
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = policy.loss(batch, Noise(), 0.9)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert np.isfinite(losses).all()


@EVERY_KIND
def test_what_is_past_a_window_s_end_does_not_count(kind: str) -> None:
    config = config_of(kind)
    if config.chunk == 1:
        pytest.skip("a window of one step has no end to reach past")
    policy = attending(build_policy(config)).eval()
    batch = batch_of(config)
    valid = batch.valid.clone()
    valid[..., -1] = 0.0
    other = batch.target.clone()
    other[..., -1, :] = 0.9
    if kind == "act":
        return  # its encoder sees the whole chunk, padded as in ACT
    before, after = (policy.head.loss(*_lesson(policy, batch, t, valid)) for t in (batch.target, other))
    if kind in ("flow", "visual-flow"):
        assert before.shape == after.shape  # tokens look at each other; only the error of the padding is left out
    else:
        torch.testing.assert_close(before, after)


def _lesson(policy: Policy, batch: Batch, target: torch.Tensor, valid: torch.Tensor):
    from learn.policies.head import Lesson

    return policy.encoder(batch.seen), Lesson(policy.action_range.to_unit(target), valid), Noise()


@EVERY_KIND
def test_the_seed_decides_the_weights_and_a_config_survives_json(kind: str) -> None:
    config = config_of(kind)
    first, again, other = (build_policy(config, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    assert PolicyConfig.from_json(config.to_json()) == config


def test_building_a_policy_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    build_policy(TOY_CONFIG)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "oracle"}, "--policy oracle is not known here; allowed: act, bc"),
        ({"members": 0}, "--members 0"),
        ({"hidden": (0,)}, "--hidden 0"),
        ({"hidden": (10**9,)}, "at most 8192"),
        ({"obs_dims": (2,)}, "one width"),
        ({"obs_keys": ("goal", "goal")}, "names a key twice"),
        ({"action_dim": 0}, "at least one action dimension"),
        ({"chunk": 4, "execute": 5}, "--chunk 4 --execute 5"),
        ({"chunk": 0}, "--chunk 0"),
        ({"experts": 1}, "--experts 1"),
        ({"integration_steps": 0}, "--integration-steps 0"),
        ({"image_keys": ("front_image",), "image_shapes": ((16, 16, 3),)}, "too small to learn from"),
    ],
)
def test_impossible_configs_are_refused(change: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        build_policy(replace(TOY_CONFIG, **change))


# -- ranges ------------------------------------------------------------------------------------------------------------


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


def test_an_action_dimension_that_nobody_moved_stays_where_it_was() -> None:
    reach = ActionRange(2)
    reach.fit(torch.tensor([[0.3, -1.0], [0.3, 0.5]]))
    torch.testing.assert_close(reach.from_unit(torch.tensor([[5.0, 1.0]])), torch.tensor([[0.3, 0.5]]))
    inside = torch.tensor([[0.3, 0.1]])
    torch.testing.assert_close(reach.from_unit(reach.to_unit(inside)), inside)


# -- layers and eyes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 3])
def test_members_are_independent_linear_layers(members: int) -> None:
    layer, x = MemberLinear(members, 4, 2), torch.randn(members, 5, 4)
    for k in range(members):
        torch.testing.assert_close(layer(x)[k], x[k] @ layer.weight[k].T + layer.bias[k])


def test_a_keypoint_is_where_the_heat_is() -> None:
    heat = torch.zeros(1, 2, 5, 9)
    heat[0, 0, 0, 8] = heat[0, 1, 2, 4] = 100.0
    torch.testing.assert_close(spatial_softmax(heat), torch.tensor([[1.0, -1.0, 0.0, 0.0]]))


def test_crops_are_taken_where_they_were_drawn_and_in_the_middle_when_acting() -> None:
    images = torch.arange(2 * 6 * 8 * 3, dtype=torch.uint8).view(2, 6, 8, 3)
    cut = cropped(images, (4, 5), torch.tensor([[0, 0], [2, 3]]))
    assert torch.equal(cut[0], images[0, :4, :5])
    assert torch.equal(cut[1], images[1, 2:, 3:])
    assert torch.equal(cropped(images, (4, 6), None), images[:, 1:5, 1:7])


def test_resnet_sees_as_well() -> None:
    config = config_of("visual", encoder="resnet18")
    assert sum(p.numel() for p in build_policy(config).encoder.eyes.parameters()) > 11e6
    assert build_policy(config).act(obs_of(config)).shape == (config.chunk, 2)


# -- heads -------------------------------------------------------------------------------------------------------------


def test_bc_s_loss_is_zero_at_its_own_actions_and_mse_elsewhere() -> None:
    policy = toy_policy(members=2)
    batch = batch_of(policy.config)
    unit = policy.head(policy.encoder(batch.seen)).detach()
    assert policy.loss(replace(batch, target=unit), Noise()).item() == 0.0
    assert policy.loss(replace(batch, target=unit + 0.5), Noise()).item() == pytest.approx(0.25, rel=1e-5)


def test_act_is_the_mean_of_bc_s_members_and_orders_keys_as_the_config_does() -> None:
    policy, obs = toy_policy(members=4), toy_obs()
    features = policy.encoder(policy.see(obs).expand(4, 1))
    np.testing.assert_allclose(policy.act(obs), policy.head(features).mean(dim=0)[0].detach(), rtol=1e-6)
    np.testing.assert_array_equal(policy.act(obs), policy.act({**dict(reversed(obs.items())), "unused": np.zeros(9)}))


def test_bc_s_doubt_is_the_rms_spread_of_its_members() -> None:
    policy, obs = toy_policy(members=4), toy_obs()
    actions = policy.proposals(obs).chunks[:, 0, 0].detach().numpy()
    assert policy.doubt(obs) == pytest.approx(float(np.sqrt(actions.var(axis=0).mean())), rel=1e-4)


def fork(kind: str, steps: int, seed: int = 0, *, each_its_own: bool = False, **changes) -> Policy:
    """A policy taught that from anywhere one goes all left or all right, as often, one way an episode.

    With `each_its_own` the first member is taught one way only, the second the other.
    """
    config = config_of(kind, obs_keys=("position",), obs_dims=(2,), **changes)
    policy = build_policy(config, seed)
    draw = torch.Generator().manual_seed(seed)
    episodes = torch.arange(40).repeat_interleave(10)
    side = (episodes % 2) * 2.0 - 1.0
    state = torch.randn(400, 2, generator=draw) * 0.1
    state[:, 0] += side * (torch.arange(400) % 10) * 0.3  # the path that this way leads along
    policy.head.attend(state, episodes)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    noise = Noise(draw)
    for step in range(steps):
        rows = torch.randint(400, (config.members, 64), generator=draw)
        if each_its_own:
            rows = rows // 20 * 20 + rows % 10 + torch.arange(config.members).unsqueeze(-1) % 2 * 10
        target = side[rows][..., None, None].expand(-1, -1, config.chunk, 2)
        batch = Batch(Seen(state[rows]), target, torch.ones(*rows.shape, config.chunk), rows)
        loss = policy.loss(batch, noise, step / steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return policy.eval()


AT_THE_FORK = {"position": np.zeros(2, np.float32)}


def test_regression_averages_at_a_fork() -> None:
    assert np.abs(fork("bc", 300).act(AT_THE_FORK)).max() < 0.5


@pytest.mark.parametrize("sticky", ["episode", "chunk"])
def test_a_mixture_knows_both_ways_of_a_fork(sticky: str) -> None:
    modes = fork("moe", 400, experts=4, sticky=sticky).modes(AT_THE_FORK)
    for side in (-1.0, 1.0):
        share = sum(mode.probability for mode in modes if np.abs(mode.chunk - side).max() < 0.3)
        assert 0.2 < share < 0.8


def test_a_flow_goes_either_way_and_finds_both() -> None:
    policy = fork("flow", 500, hidden=(32, 32), integration_steps=8)
    noise = Noise(torch.Generator().manual_seed(1))
    ends = np.array([policy.act(AT_THE_FORK, noise=noise)[0, 0] for _ in range(40)])
    assert (np.abs(np.abs(ends) - 1.0) < 0.35).mean() > 0.8
    assert 8 <= (ends > 0).sum() <= 32
    assert {float(np.sign(mode.chunk[0, 0])) for mode in policy.modes(AT_THE_FORK)[:2]} == {-1.0, 1.0}


@pytest.mark.parametrize(("kind", "changes"), [("moe", {"experts": 4}), ("flow", {"hidden": (32,), "integration_steps": 8})])
def test_a_fork_that_all_members_know_is_no_doubt_and_one_of_which_each_knows_a_way_is(kind: str, changes: dict) -> None:
    """The spread of all members' actions is 1 in both."""
    known, unknown = (fork(kind, 400, members=2, each_its_own=own, **changes).doubt(AT_THE_FORK) for own in (False, True))
    assert known < 0.3 * math.log(2)
    assert unknown > 0.9 * math.log(2)


def ways(*members: tuple[float, ...], scale: float = 0.05) -> Prediction:
    """Members whose next action is one of these, equally likely."""
    means = torch.tensor(members).view(len(members), 1, -1, 1)
    return Prediction(torch.full(means.shape[:3], -math.log(means.shape[2])), means, torch.full_like(means, scale))


def test_members_that_see_the_same_ways_tell_nothing_whatever_their_order() -> None:
    assert mutual_information(ways((-1.0, 1.0), (-1.0, 1.0))) == pytest.approx(0.0, abs=1e-6)
    assert mutual_information(ways((-1.0, 1.0), (1.0, -1.0), (-1.0, 1.0))) == pytest.approx(0.0, abs=1e-4)


def test_members_that_share_nothing_tell_all_there_is() -> None:
    assert mutual_information(ways((-1.0,), (0.0,), (1.0,))) == pytest.approx(math.log(3), rel=1e-3)


def test_half_of_what_is_shared_is_half_of_the_doubt() -> None:
    """Of (−1, 0) and (0, 1) an action is shared half of the time, and tells all else."""
    assert mutual_information(ways((-1.0, 0.0), (0.0, 1.0))) == pytest.approx(0.5 * math.log(2), rel=0.02)


def test_what_a_hand_would_not_tell_apart_is_hardly_a_doubt() -> None:
    near, far = (mutual_information(ways((0.0,), (off,), scale=0.001)) for off in (0.02, 0.5))
    assert near < 0.01
    assert far > 0.6


def test_two_gaussians_tell_as_much_as_an_integral_says() -> None:
    scale, x = math.sqrt(0.2**2 + 0.1**2), np.linspace(-3.0, 3.0, 20001)
    p, q = (np.exp(-0.5 * ((x - m) / scale) ** 2) / (scale * math.sqrt(2 * math.pi)) for m in (0.0, 0.3))
    exact = 0.5 * np.trapezoid(p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q)), x)
    assert mutual_information(ways((0.0,), (0.3,), scale=0.2)) == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("kind", ["moe", "flow", "bc-rnn-gmm"])
def test_doubt_is_the_same_each_time_and_at_most_the_log_of_the_members(kind: str) -> None:
    config = config_of(kind, members=3)
    policy = build_policy(config)
    doubts = [policy.doubt(obs_of(config, seed)) for seed in range(5)]
    assert doubts == [policy.doubt(obs_of(config, seed)) for seed in range(5)]
    assert all(0.0 <= doubt <= math.log(3) for doubt in doubts)


def test_a_dimension_that_nobody_moved_is_nothing_to_doubt() -> None:
    config = config_of("moe", members=3)
    policy, obs = build_policy(config), obs_of(config)
    assert policy.doubt(obs) > 1e-3
    policy.action_range.fit(torch.zeros(3, 2))
    assert policy.doubt(obs) == pytest.approx(0.0, abs=1e-6)


def test_an_observation_that_a_recurrent_policy_has_just_acted_on_counts_once() -> None:
    config = config_of("bc-rnn-gmm", chunk=10, members=2)
    policy, before = build_policy(config), build_policy(config)
    for each in (policy, before):
        each.act(toy_obs(0), mode=0)
    doubt = before.doubt(toy_obs(1))
    policy.act(toy_obs(1), mode=0)
    assert policy.doubt(toy_obs(1)) == pytest.approx(doubt, abs=1e-7)
    assert policy.doubt(toy_obs(2)) != pytest.approx(before.doubt(toy_obs(2)), abs=1e-7)


def test_a_recurrent_policy_remembers_until_told_to_forget() -> None:
    config = config_of("bc-rnn-gmm", chunk=10)
    policy, obs = build_policy(config), toy_obs()
    first, second = policy.act(obs, mode=0), policy.act(obs, mode=0)
    assert not np.array_equal(first, second)
    policy.forget()
    np.testing.assert_array_equal(policy.act(obs, mode=0), first)


def test_asking_a_recurrent_policy_for_its_doubt_does_not_move_it_on() -> None:
    config = config_of("bc-rnn-gmm", members=2)
    policy, again = build_policy(config), build_policy(config)
    policy.doubt(toy_obs())
    np.testing.assert_array_equal(policy.act(toy_obs(), mode=0), again.act(toy_obs(), mode=0))


def test_chunks_that_are_alike_are_one_way() -> None:
    chunks = torch.cat([torch.full((6, 2, 3), 1.0), torch.full((2, 2, 3), -1.0)]) + 0.01 * torch.randn(8, 2, 3)
    ways, shares = ways_among(chunks)
    assert shares.tolist() == [0.75, 0.25]
    torch.testing.assert_close(ways, torch.stack([torch.full((2, 3), 1.0), torch.full((2, 3), -1.0)]), atol=0.1, rtol=0)


# -- noise -------------------------------------------------------------------------------------------------------------


def test_two_processes_draw_between_them_what_one_would() -> None:
    device = torch.device("cpu")
    one = Noise(torch.Generator().manual_seed(3))
    whole = [one.normal((2, 6, 3), device), one.uniform((2, 6), device), one.integers(9, (2, 6))]
    parts = []
    for rank in range(2):
        two = Noise(torch.Generator().manual_seed(3), rank, 2)
        parts.append([two.normal((2, 3, 3), device), two.uniform((2, 3), device), two.integers(9, (2, 3))])
    for drawn, left, right in zip(whole, *parts, strict=True):
        assert torch.equal(drawn, torch.cat([left, right], dim=1))
