"""Plays any policy that `python -m learn export` wrote, without torch: python play.py policy.onnx [episodes]"""

import json
import sys

import gymnasium
import numpy as np
import onnxruntime

policy = onnxruntime.InferenceSession(sys.argv[1])
inputs, facts = policy.get_inputs(), policy.get_modelmeta().custom_metadata_map
noise = json.loads(facts["noise"])
env = gymnasium.make(facts["env_id"], **json.loads(facts["env_kwargs"]))
episodes, successes = int((sys.argv[2:] or ["20"])[0]), 0
for seed in range(100_000, 100_000 + episodes):
    draw = np.random.default_rng(seed)
    memory = {i.name: np.zeros(i.shape, np.float32) for i in inputs if i.name.startswith("memory.")}
    (obs, info), over = env.reset(seed=seed), False
    while not over:
        seen = {i.name: obs[i.name].reshape(i.shape) for i in inputs if i.name in obs}
        drawn = {name: getattr(draw, kind)(size=shape).astype(np.float32) for name, (kind, shape) in noise.items()}
        actions, *kept = policy.run(None, seen | memory | drawn)
        memory = dict(zip(memory, kept, strict=True))
        for action in actions[0]:  # these, then look again
            obs, _, terminated, truncated, info = env.step(action)
            if over := info["success"] or terminated or truncated:
                break
    successes += info["success"]
print(f"{successes} of {episodes} episodes succeed: {successes / episodes:.0%}")
