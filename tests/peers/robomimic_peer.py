"""Run by the Python that has robomimic: trains one of its algorithms on a session, rolls it out in our env, says how it went.

`python robomimic_peer.py {bc,bc-rnn-gmm,image-bc} DATASET OUT EPOCHS STEPS ROLLOUTS`; the last line is one JSON object.
"""

import json
import sys
from pathlib import Path

import torch
from robomimic.config import config_factory
from robomimic.scripts.train import train

import teleop.envs.robomimic as ours

LOW_DIM = ["robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos"]
HORIZON = 300


def config_of(kind: str, data: str, out: str, epochs: int, steps: int, rollouts: int):
    config = config_factory("bc")
    with config.values_unlocked():
        config.train.data, config.train.output_dir, config.experiment.name = data, out, kind
        config.train.num_epochs, config.experiment.epoch_every_n_steps = epochs, steps
        config.train.hdf5_filter_key, config.train.num_data_workers, config.train.cuda = "usable", 0, False
        config.experiment.save.every_n_epochs = epochs
        rollout = config.experiment.rollout
        rollout.n, rollout.horizon, rollout.rate, rollout.terminate_on_success = rollouts, HORIZON, epochs, True
        config.experiment.render_video = False
        seen = config.observation.modalities.obs
        seen.low_dim = [*LOW_DIM, "object"]
        if kind == "bc-rnn-gmm":
            config.train.seq_length = config.algo.rnn.horizon = 10
            config.algo.rnn.enabled = config.algo.gmm.enabled = True
        if kind == "image-bc":
            config.train.hdf5_cache_mode, config.train.batch_size = "low_dim", 16
            seen.low_dim, seen.rgb = LOW_DIM, ["front_image", "wrist_image"]
            rgb = config.observation.encoder.rgb
            rgb.core_class = "VisualCore"
            rgb.core_kwargs.backbone_class = "ResNet18Conv"
            rgb.core_kwargs.backbone_kwargs.pretrained = False
            rgb.core_kwargs.pool_class = "SpatialSoftmax"
    config.lock()
    return config


def main() -> None:
    kind, data, out, *numbers = sys.argv[1:]
    ours.install()
    train(config_of(kind, data, out, *map(int, numbers)), torch.device("cpu"))
    (run,) = sorted(Path(out, kind).iterdir())[-1:]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(run / "logs" / "tb"))
    log.Reload()
    losses = [event.value for event in log.Scalars("Train/Loss")]
    rates = {tag: log.Scalars(tag)[-1].value for tag in log.Tags()["scalars"] if tag.startswith("Rollout/Success_Rate")}
    models = sorted(str(path) for path in (run / "models").glob("*.pth"))
    print(json.dumps({"losses": losses, "success_rate": next(iter(rates.values())), "model": models[-1]}))


if __name__ == "__main__":
    main()
