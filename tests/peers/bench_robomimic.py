"""robomimic's side of `make bench`: its SequenceDataset, its training loop, its rollout policy, on our session as it is.

Run by the Python of an environment with `pip install torch torchvision robomimic==0.3.0 six`.
"""

import bench_server  # isort: skip

import contextlib
import io
from typing import Any

import numpy as np
import robomimic
import robomimic.utils.obs_utils as obs_utils
import robomimic.utils.train_utils as train_utils
import torch
from robomimic.algo import RolloutPolicy, algo_factory
from robomimic.config import config_factory

CAMERAS = ["front_image", "wrist_image"]
_open: dict[str, Any] = {}


def config_of(data: str, low_dim: list[str], rgb: list[str], cache: str, chunk: int, batch: int, hidden: list[int]) -> Any:
    config = config_factory("bc")
    with config.values_unlocked():
        config.train.data, config.train.hdf5_filter_key, config.train.hdf5_cache_mode = data, "usable", cache
        config.train.batch_size, config.train.num_data_workers, config.train.cuda = batch, 0, False
        config.train.seq_length, config.train.dataset_keys = chunk, ["actions"]
        config.algo.actor_layer_dims = hidden
        config.observation.modalities.obs.low_dim, config.observation.modalities.obs.rgb = low_dim, rgb
        encoder = config.observation.encoder.rgb
        encoder.core_class, encoder.core_kwargs.backbone_class = "VisualCore", "ResNet18Conv"
        encoder.core_kwargs.backbone_kwargs.pretrained, encoder.core_kwargs.pool_class = False, "SpatialSoftmax"
    config.lock()
    return config


def algorithm(config: Any, widths: dict[str, int]) -> Any:
    torch.set_num_threads(1)
    obs_utils.initialize_obs_utils_with_config(config)
    shapes = {key: [width] for key, width in widths.items()} | {key: [3, 84, 84] for key in config.observation.modalities.obs.rgb}
    return algo_factory("bc", config, obs_key_shapes=shapes, ac_dim=7, device=torch.device("cpu"))


def loader_of(config: Any) -> Any:
    """As its train script makes it."""
    with contextlib.redirect_stdout(io.StringIO()):
        obs_utils.initialize_obs_utils_with_config(config)
        dataset, _ = train_utils.load_data_for_training(config, obs_keys=obs_keys(config))
    return torch.utils.data.DataLoader(dataset, batch_size=config.train.batch_size, shuffle=True, num_workers=0, drop_last=True)


def obs_keys(config: Any) -> list[str]:
    return [*config.observation.modalities.obs.low_dim, *config.observation.modalities.obs.rgb]


def windows(data: str, widths: dict[str, int], rgb: list[str], cache: str, batch: int, batches: int) -> float:
    """Windows a second of its DataLoader: what is seen (pictures as its network wants them) and an action."""
    key = f"windows {rgb} {cache}"
    if key not in _open:
        config = config_of(data, list(widths), rgb, cache, 1, batch, [8])
        _open[key] = config, endless(loader_of(config)), algorithm(config, widths)
    config, stream, algo = _open[key]
    obs_utils.initialize_obs_utils_with_config(config)

    def gather() -> None:
        for _ in range(batches):
            algo.postprocess_batch_for_training(algo.process_batch_for_training(next(stream)), obs_normalization_stats=None)

    return batch * batches / bench_server.seconds_of(gather)


def endless(loader: Any) -> Any:
    while True:
        yield from loader


def train(data: str, widths: dict[str, int], hidden: list[int], batch: int, steps: int) -> float:
    """Steps a second of its own epoch, all of the data in memory."""
    if "train" not in _open:
        config = config_of(data, list(widths), [], "all", 1, batch, hidden)
        _open["train"] = config, loader_of(config), algorithm(config, widths)
    config, loader, algo = _open["train"]
    obs_utils.initialize_obs_utils_with_config(config)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return steps / bench_server.seconds_of(lambda: train_utils.run_epoch(algo, loader, epoch=1, num_steps=steps))


def look(data: str, widths: dict[str, int], hidden: list[int], times: int) -> float:
    """Median milliseconds of its rollout policy for one observation, on one thread."""
    if "look" not in _open:
        config = config_of(data, list(widths), [], "all", 1, 256, hidden)
        _open["look"] = config, RolloutPolicy(algorithm(config, widths))
        _open["look"][1].start_episode()
    config, policy = _open["look"]
    obs_utils.initialize_obs_utils_with_config(config)
    rng = np.random.default_rng(0)
    obs = {key: rng.normal(size=width).astype(np.float32) for key, width in widths.items()}
    return 1e3 * float(np.median([bench_server.seconds_of(lambda: policy(obs)) for _ in range(times)]))


if __name__ == "__main__":
    commands = {"windows": windows, "train": train, "look": look}
    bench_server.serve(commands, {"robomimic": robomimic.__version__, "torch": torch.__version__})
