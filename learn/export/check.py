"""Check: an exported policy beside the policy itself, look by look, on observations within and beyond what it was trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learn.driver import Driver
from learn.export.graph import MEMORY, NOISE, Graph
from learn.policies import Noise, Policy, PolicyConfig

TOLERANCE = 1e-5  # in actions, of which the whole range is 2: half a micrometre of a 5 cm step
LOOKS, FEWEST_EPISODES = 256, 4
SPREADS = (0.5, 1.0, 3.0, 30.0)  # of observations, in the demonstrations' standard deviations; what is beyond 10 is clipped
BLOCK_PX = 12

Feeds = dict[str, NDArray[np.generic]]
Run = Callable[[Feeds], Sequence[NDArray[np.float32]]]


@dataclass(frozen=True)
class Agreement:
    """The largest difference between two policies' actions, over so many looks."""

    difference: float
    looks: int


@dataclass(frozen=True)
class Heard(Noise):
    """Draws, and keeps what it drew since it was last asked."""

    drawn: list[Tensor] = field(default_factory=list)

    def normal(self, shape: Sequence[int], device: torch.device) -> Tensor:
        return self._kept(super().normal(shape, device))

    def uniform(self, shape: Sequence[int], device: torch.device) -> Tensor:
        return self._kept(super().uniform(shape, device))

    def _kept(self, value: Tensor) -> Tensor:
        self.drawn.append(value.cpu())
        return value


def agreement(run: Run, graph: Graph, policy: Policy, seed: int = 0) -> Agreement:
    """Drive episodes of random observations with `policy` and, from the same draws, with `run`, which is `graph` in another program.

    Episodes are long enough for everything remembered to be forgotten again.
    """
    looks = 2 * policy.config.chunk + 2 if graph.memory else 4
    episodes = max(FEWEST_EPISODES, LOOKS // looks)
    driver, rng, worst = Driver(policy), np.random.default_rng(seed), 0.0
    for episode in range(episodes):
        driver.begin(episode)
        heard = driver.noise = Heard(driver.noise.generator)
        memory: Feeds = {MEMORY + name: np.zeros(shape, np.float32) for name, shape in graph.memory.items()}
        for _ in range(looks):
            obs = _observation(policy, SPREADS[episode % len(SPREADS)], rng)
            heard.drawn.clear()
            expected = driver.act(obs).copy()
            actions, *kept = run({**{key: value[None] for key, value in obs.items()}, **memory, **_draws(graph, heard, rng)})
            memory = dict(zip(memory, kept, strict=True))
            worst = max(worst, _apart(actions[0], expected))
            for _ in expected[1:]:  # the rest of the plan is carried out unseen
                driver.act(obs)
    return Agreement(worst, episodes * looks)


def _apart(actions: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Infinite for another shape, and for what is no number."""
    if actions.shape != expected.shape:
        return np.inf
    return float(np.nan_to_num(np.abs(actions.astype(np.float64) - expected), nan=np.inf).max())


def _draws(graph: Graph, heard: Heard, rng: np.random.Generator) -> Feeds:
    """What the driver drew, the first member's part; anything where it drew nothing."""
    draws: Feeds = {}
    for name, (draw, shape) in graph.noise.items():
        if heard.drawn:
            draws[NOISE + name] = heard.drawn[0][:1].reshape(shape).numpy()
        else:
            draws[NOISE + name] = getattr(rng, draw)(size=shape).astype(np.float32)
    return draws


def _observation(policy: Policy, spread: float, rng: np.random.Generator) -> Mapping[str, NDArray[np.generic]]:
    """One look's vectors (n,) float32 and pictures (H, W, 3) uint8."""
    config, normalizer = policy.config, policy.encoder.normalizer
    around, std = normalizer.mean.cpu().numpy(), normalizer.std.cpu().numpy()
    state = (around + spread * std * rng.standard_normal(config.obs_dim)).astype(np.float32)
    vectors = np.split(state, np.cumsum(config.obs_dims)[:-1]) if config.obs_keys else []
    return dict(zip((*config.obs_keys, *config.image_keys), [*vectors, *_pictures(config, rng)], strict=True))


def _pictures(config: PolicyConfig, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Half of them noise, half of them blocks of one colour."""
    pictures = []
    for height, width, channels in config.image_shapes:
        size = int(rng.choice([1, BLOCK_PX]))
        blocks = rng.integers(0, 256, (height // size + 1, width // size + 1, channels), np.uint8)
        pictures.append(np.ascontiguousarray(blocks.repeat(size, axis=0).repeat(size, axis=1)[:height, :width]))
    return pictures
