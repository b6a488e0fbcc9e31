"""What a policy sees, as one row of features: normalised state, and keypoints found in the images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from data.errors import UserError
from learn.policies.config import EncoderKind, PolicyConfig
from learn.policies.noise import Noise
from learn.policies.normalize import Normalizer

CROP_SHARE = 0.9  # 76 of 84 pixels, as robomimic crops
KEYPOINTS = 32


@dataclass(frozen=True)
class Seen:
    """Raw observations: `state` (…, D) float32 and `images` (…, H, W, 3) uint8 by key, with the same leading shape."""

    state: Tensor
    images: Mapping[str, Tensor] = field(default_factory=dict)

    def expand(self, *shape: int) -> "Seen":
        """The same for everybody: a new leading shape of which the present one is the end."""
        images = {key: image.expand(*shape, *image.shape[-3:]) for key, image in self.images.items()}
        return Seen(self.state.expand(*shape, self.state.shape[-1]), images)

    def to(self, device: torch.device | str) -> "Seen":
        return Seen(self.state.to(device), {key: image.to(device) for key, image in self.images.items()})


class Encoder(nn.Module):
    """`Seen` (…) to features (…, width). Images are cropped at random while training, in the middle otherwise."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.normalizer = Normalizer(config.obs_dim)
        self.keys = config.image_keys
        self.eyes = nn.ModuleList(Eye(shape, config.encoder) for shape in config.image_shapes)
        self.width = config.obs_dim + 2 * KEYPOINTS * len(self.keys)

    def forward(self, seen: Seen, noise: Noise | None = None) -> Tensor:
        state: Tensor = self.normalizer(seen.state)
        if not self.keys:
            return state
        leading = state.shape[:-1]
        found = []
        for key, eye in zip(self.keys, self.eyes, strict=True):
            corners = None if noise is None else cast(Eye, eye).corners(leading, noise)
            found.append(eye(seen.images[key].flatten(0, -4), corners))
        return torch.cat([state, *(points.view(*leading, -1) for points in found)], dim=-1)


class Eye(nn.Module):
    """One camera: images (B, H, W, 3) uint8 to keypoints (B, 2 · KEYPOINTS) in [-1, 1].

    A CNN, or ResNet18 (He et al. 2016, with group norm, which needs no running statistics), then the spatial softmax of
    Finn et al. (2016), *Deep Spatial Autoencoders*.
    """

    def __init__(self, shape: tuple[int, int, int], kind: EncoderKind) -> None:
        super().__init__()
        if min(shape[:2]) < 32:
            raise UserError(f"images of {shape[1]}×{shape[0]} are too small to learn from; record at 32×32 or larger (84×84 is usual)")
        self.crop = (round(shape[0] * CROP_SHARE), round(shape[1] * CROP_SHARE))
        self.spare = (shape[0] - self.crop[0], shape[1] - self.crop[1])
        body, channels = _cnn() if kind == "cnn" else _resnet18()
        self.body = cast(nn.Module, body.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        self.points = nn.Conv2d(channels, KEYPOINTS, 1)

    def forward(self, images: Tensor, corners: Tensor | None = None) -> Tensor:
        return spatial_softmax(self.heat(images, corners))

    def corners(self, leading: Sequence[int], noise: Noise) -> Tensor:
        """(B, 2) where to cut each image, drawn for windows of a leading shape (K, B, …)."""
        return torch.stack([noise.integers(spare + 1, leading).flatten() for spare in self.spare], dim=1)

    def heat(self, images: Tensor, corners: Tensor | None = None) -> Tensor:
        """(B, KEYPOINTS, h, w) how much each place looks like each keypoint."""
        cut = cropped(images, self.crop, corners)
        pixels = cut.permute(0, 3, 1, 2).to(self.points.weight.dtype, memory_format=torch.channels_last).div(127.5).sub(1.0)
        return cast(Tensor, self.points(self.body(pixels)))


def cropped(images: Tensor, size: tuple[int, int], corners: Tensor | None) -> Tensor:
    """(B, h, w, 3) of (B, H, W, 3): each image from its upper left corner (B, 2), all from the middle without."""
    if corners is None:
        top, left = (images.shape[1] - size[0]) // 2, (images.shape[2] - size[1]) // 2
        return images[:, top : top + size[0], left : left + size[1]]
    places = zip(images, corners.tolist(), strict=True)
    return torch.stack([image[top : top + size[0], left : left + size[1]] for image, (top, left) in places])


def spatial_softmax(heat: Tensor) -> Tensor:
    """Where each of (B, P, h, w) heat maps is hottest, softly: (B, 2P), x then y of each in [-1, 1]."""
    _, points, height, width = heat.shape
    share = heat.flatten(2).softmax(dim=-1).view(-1, points, height, width)
    xs = torch.linspace(-1.0, 1.0, width, device=heat.device, dtype=heat.dtype)
    ys = torch.linspace(-1.0, 1.0, height, device=heat.device, dtype=heat.dtype)
    return torch.stack([share.sum(dim=2) @ xs, share.sum(dim=3) @ ys], dim=-1).flatten(1)


def _cnn() -> tuple[nn.Module, int]:
    """Three strided convolutions and one more, as in Levine et al. (2016), *End-to-End Training of Deep Visuomotor Policies*."""
    layers: list[nn.Module] = []
    channels = (3, 32, 32, 64)
    for k, (a, b) in enumerate(pairwise(channels)):
        layers += [nn.Conv2d(a, b, 5 if k == 0 else 3, stride=2, padding=2 if k == 0 else 1), nn.ReLU()]
    layers += [nn.Conv2d(channels[-1], 64, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers), 64


def _resnet18() -> tuple[nn.Module, int]:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.GroupNorm(4, 64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    width = 64
    for stage in (64, 128, 256, 512):
        layers += [_Residual(width, stage), _Residual(stage, stage)]
        width = stage
    return nn.Sequential(*layers), width


class _Residual(nn.Module):
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        stride = 1 if width_in == width_out else 2
        self.way = nn.Sequential(
            nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False),
            nn.GroupNorm(width_out // 16, width_out),
            nn.ReLU(),
            nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False),
            nn.GroupNorm(width_out // 16, width_out),
        )
        self.skip = nn.Identity() if stride == 1 else nn.Conv2d(width_in, width_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.skip(x) + self.way(x))
