"""Saliency: what in its pictures decides on what a policy does next, and pictures that show it."""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from learn.policies import Observation, Policy
from learn.policies.encoder import Seen
from learn.policies.noise import SharedNoise

Image = NDArray[np.uint8]
Heat = NDArray[np.float32]
GRID = 14  # patches along a side, each twice as wide as its share
BLUR_SHARE = 3  # the pictures are blurred over a third of their side
GLOW = np.array([255.0, 64.0, 32.0])
STRENGTH = 0.7  # of the glow where saliency is highest
DIMMED = 0.45  # what is left of the light where there is none


@torch.no_grad()
def saliency(policy: Policy, obs: Observation) -> dict[str, Heat]:
    """Of each image key a map (H, W) in [0, 1]: how far the next chunk of actions moves when what is there is wiped away.

    Patch by patch the picture is replaced by a blurred one (occlusion: Zeiler & Fergus 2014, *Visualizing and
    Understanding Convolutional Networks*; blurred: Fong & Vedaldi 2017). All cameras' maps share one scale, so that they
    can be compared. The same call gives the same maps.
    """
    seen = policy.see(obs)
    found = {key: _effect(policy, seen, key) for key in policy.config.image_keys}
    most = max((float(effect.max()) for effect in found.values()), default=0.0)
    return {key: _grown(effect / max(most, 1e-12), seen.images[key].shape[1:3]) for key, effect in found.items()}


def overlay(picture: Image, heat: Heat) -> Image:
    """A picture (H, W, 3) that glows where the map (H, W) is high and is dimmed where it is low."""
    strength = heat[..., None]
    lit = picture * (DIMMED + (1.0 - DIMMED) * strength)
    glowing: Image = np.clip(lit * (1.0 - STRENGTH * strength) + GLOW * STRENGTH * strength, 0.0, 255.0).astype(np.uint8)
    return glowing


def _effect(policy: Policy, seen: Seen, key: str) -> Tensor:
    """(GRID, GRID) root mean square changes of the chunk."""
    picture = seen.images[key]
    wiped = _wiped(picture[0])
    everything = seen.expand(len(wiped) + 1)
    whole = Seen(everything.state, {**everything.images, key: torch.cat([picture, wiped])})
    chunks = policy.act_batch(whole, SharedNoise())
    return (chunks[1:] - chunks[0]).square().mean(dim=(1, 2)).sqrt().view(GRID, GRID)


def _wiped(picture: Tensor) -> Tensor:
    """(GRID², H, W, 3) uint8: a picture (H, W, 3) with one patch after the other melted into its blurred self."""
    height, width, _ = picture.shape
    blurred = _blurred(picture)
    patches = torch.eye(GRID * GRID, device=picture.device).view(-1, 1, GRID, GRID)
    masks = interpolate(patches, (height, width), mode="bilinear", align_corners=False)[:, 0, :, :, None]
    return torch.lerp(picture.float(), blurred, masks).byte()


def _blurred(picture: Tensor) -> Tensor:
    pixels = picture.permute(2, 0, 1)[None].float()
    reach = max(1, min(picture.shape[:2]) // BLUR_SHARE // 2)
    blurred = avg_pool2d(pad(pixels, (reach,) * 4, mode="reflect"), 2 * reach + 1, stride=1)
    return blurred[0].permute(1, 2, 0)


def _grown(effect: Tensor, size: torch.Size) -> Heat:
    whole = interpolate(effect[None, None], tuple(size), mode="bilinear", align_corners=False)[0, 0]
    return cast(Heat, whole.cpu().numpy())
