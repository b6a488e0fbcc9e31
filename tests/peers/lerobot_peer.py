"""What `check_lerobot.py` does in LeRobot's own Python: it knows LeRobot, and nothing of ours but gymnasium's environments.

Every command prints one JSON object on its last line.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.configs import RGBEncoderConfig
from lerobot.datasets.dataset_tools import delete_episodes, merge_datasets, recompute_stats, split_dataset
from lerobot.datasets.lerobot_dataset import LeRobotDataset

Facts = dict[str, Any]
CHUNK = 8
MADE_FPS, MADE_LENGTHS, MADE_SIZE = 25, (5, 9, 7), (96, 128)


def opened(root: str, backend: str = "pyav", **options: Any) -> LeRobotDataset:
    return LeRobotDataset("check/" + Path(root).name, root=root, video_backend=backend, **options)


def dump(root: str, out: str, backend: str) -> Facts:
    """Every value of every frame, as a user of the data set sees it; pictures as bytes again."""
    dataset = opened(root, backend)
    frames = [dataset[i] for i in range(len(dataset))]
    np.savez(out, **{key: np.stack([value_of(frame[key]) for frame in frames]) for key in frames[0]})
    return {"frames": len(frames), "fps": dataset.fps, "robot": dataset.meta.robot_type, "episodes": dataset.num_episodes}


def value_of(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.ndim == 3:
        return (value * 255).round().byte().permute(1, 2, 0).numpy()
    return value.numpy() if isinstance(value, torch.Tensor) else np.str_(value)


def windows(root: str, out: str) -> Facts:
    """Windows of past and future, as a policy's training asks for them, through a DataLoader's processes."""
    fps = opened(root).fps
    cameras = list(opened(root).meta.camera_keys)
    past = {key: [-1 / fps, 0.0] for key in ["observation.state", *cameras]}
    dataset = opened(root, delta_timestamps={**past, "action": [i / fps for i in range(CHUNK)]})
    loader = torch.utils.data.DataLoader(dataset, batch_size=16, num_workers=2)
    batches = list(loader)
    keys = ["index", "action", "action_is_pad", "observation.state", "observation.state_is_pad"]
    np.savez(out, **{key: np.concatenate([batch[key].numpy() for batch in batches]) for key in keys})
    shapes = {key: list(batches[0][key].shape) for key in ["action", *past]}
    return {"batches": len(batches), "shapes": shapes}


def stats(root: str, _: str) -> Facts:
    """How far our statistics are from those that LeRobot computes itself, relative to each feature's range."""
    dataset = opened(root)
    ours = {key: dict(value) for key, value in dataset.meta.stats.items()}
    theirs = recompute_stats(dataset, skip_image_video=True).meta.stats
    worst: dict[str, float] = {}
    for feature, figures in theirs.items():
        if feature in dataset.meta.camera_keys:
            continue
        extent = np.maximum(np.asarray(figures["max"], float) - np.asarray(figures["min"], float), 1e-6)
        for name, value in figures.items():
            apart = np.max(np.abs(np.asarray(value, float) - np.asarray(ours[feature][name], float)) / (1.0 if name == "count" else extent))
            worst[name] = max(worst.get(name, 0.0), float(apart))
    return worst


def edit(root: str, out: str) -> Facts:
    """LeRobot's own tools on a data set: one episode deleted, split in two, and put together again."""
    folder = Path(out)
    delete_episodes(opened(root), [1], output_dir=folder / "deleted", repo_id="check/deleted")
    parts = split_dataset(opened(root), {"a": [0], "b": [1, 2]}, output_dir=folder / "split")
    merge_datasets([parts["b"], parts["a"]], output_repo_id="check/merged", output_dir=folder / "merged")
    return {name: len(opened(str(folder / name))) for name in ("deleted", "merged")}


def make(root: str, codec: str) -> Facts:
    """A data set by LeRobot's own writer: a film, PNGs, a robot of its own, two tasks."""
    joints = [f"joint{i}.pos" for i in range(6)]
    shape = (*MADE_SIZE, 3)
    names = ["height", "width", "channels"]
    features = {
        "action": {"dtype": "float32", "shape": (6,), "names": joints},
        "observation.state": {"dtype": "float32", "shape": (6,), "names": joints},
        "observation.effort": {"dtype": "float32", "shape": (2,), "names": None},
        "observation.images.top": {"dtype": "video", "shape": shape, "names": names},
        "observation.images.side": {"dtype": "image", "shape": shape, "names": names},
        "next.reward": {"dtype": "float32", "shape": (1,), "names": None},
        "next.success": {"dtype": "bool", "shape": (1,), "names": None},
    }
    dataset = LeRobotDataset.create(
        "check/made", MADE_FPS, features, root=root, robot_type="so101", rgb_encoder=RGBEncoderConfig(vcodec=codec)
    )
    rng = np.random.default_rng(0)
    for episode, length in enumerate(MADE_LENGTHS):
        for t in range(length):
            dataset.add_frame(
                {
                    "action": rng.uniform(-1, 1, 6).astype(np.float32),
                    "observation.state": rng.normal(size=6).astype(np.float32),
                    "observation.effort": np.array([episode, t], np.float32),
                    "observation.images.top": scene(episode, t),
                    "observation.images.side": rng.integers(0, 256, shape, np.uint8),
                    "next.reward": np.array([t], np.float32),
                    "next.success": np.array([t == length - 1 and episode != 1]),
                    "task": f"do {episode % 2}",
                }
            )
        dataset.save_episode()
    dataset.finalize()
    return {"frames": len(opened(root))}


def scene(episode: int, t: int) -> np.ndarray:
    """A bright square that says which frame of which episode this is, on a soft ground."""
    height, width = MADE_SIZE
    y, x = np.mgrid[:height, :width]
    picture = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 60 * episode)], axis=-1).astype(np.uint8)
    picture[10 * episode : 10 * episode + 20, 10 * t : 10 * t + 20] = 255
    return picture


def act(root: str, out: str, env_id: str, steps: str) -> Facts:
    """Train a small ACT on the data set, and try it out in the environment that it was recorded in."""
    import gymnasium
    from lerobot.configs import FeatureType, NormalizationMode
    from lerobot.policies.act import ACTConfig, ACTPolicy, make_act_pre_post_processors
    from lerobot.utils.feature_utils import dataset_to_policy_features

    torch.manual_seed(0)
    torch.set_num_threads(1)
    fps = opened(root).fps
    dataset = opened(root, delta_timestamps={"action": [i / fps for i in range(CHUNK)]})
    features = dataset_to_policy_features(dataset.meta.features)
    outputs = {key: feature for key, feature in features.items() if feature.type is FeatureType.ACTION}
    inputs = {
        key: feature for key, feature in features.items() if key.startswith("observation.") and feature.type is not FeatureType.ACTION
    }
    config = ACTConfig(
        input_features=inputs,
        output_features=outputs,
        chunk_size=CHUNK,
        n_action_steps=CHUNK,
        dim_model=64,
        n_heads=4,
        dim_feedforward=256,
        n_encoder_layers=2,
        n_vae_encoder_layers=1,
        use_vae=False,
        dropout=0.0,
        device="cpu",
        pretrained_backbone_weights=None,
        normalization_mapping=dict.fromkeys(("VISUAL", "STATE", "ENV", "ACTION"), NormalizationMode.MEAN_STD),
    )
    policy = ACTPolicy(config)
    before, after = make_act_pre_post_processors(config, dataset_stats=dataset.meta.stats)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    losses = []
    policy.train()
    while len(losses) < int(steps):
        for batch in torch.utils.data.DataLoader(dataset, batch_size=32, shuffle=True, drop_last=True):
            loss, _ = policy.forward(before(batch))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
            if len(losses) == int(steps):
                break
    policy.save_pretrained(out)
    successes, episodes = 0, 10
    policy.eval()
    env = gymnasium.make(env_id, **json.loads(Path(out, "env_kwargs.json").read_text()))
    for seed in range(episodes):
        obs, info = env.reset(seed=1000 + seed)
        policy.reset()
        terminated = truncated = False
        while not (terminated or truncated):
            with torch.no_grad():
                action = after(policy.select_action(before(batch_of(obs, dataset.meta.features))))
            obs, _, terminated, truncated, info = env.step(action[0].numpy().clip(-1, 1))
        successes += bool(info["success"])
    return {"loss": [np.mean(losses[:10]), np.mean(losses[-10:])], "successes": successes, "episodes": episodes}


def batch_of(obs: dict[str, np.ndarray], features: dict[str, Any]) -> dict[str, torch.Tensor]:
    """An observation of ours as LeRobot's policies want it; a feature's names say which keys it is made of."""
    batch = {}
    for name, feature in features.items():
        if name.startswith("observation.image"):
            picture = obs[name.rpartition(".")[2] + "_image"]
            batch[name] = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
        elif name.startswith("observation."):
            keys = dict.fromkeys(part.rpartition(".")[0] for part in feature["names"])
            batch[name] = torch.from_numpy(np.concatenate([obs[key] for key in keys]))[None]
    return batch


COMMANDS: dict[str, Callable[..., Facts]] = {"dump": dump, "windows": windows, "stats": stats, "edit": edit, "make": make, "act": act}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
