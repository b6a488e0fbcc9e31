"""How a person drives: devices, environments, the loop. Importing registers the Gymnasium environments."""

import gymnasium

ENV_IDS = {
    "PandaReach-v0": ("teleop.envs.reach:PandaReach", 150),
    "PandaLift-v0": ("teleop.envs.lift:PandaLift", 300),
}

for _env_id, (_entry_point, _max_steps) in ENV_IDS.items():
    gymnasium.register(_env_id, entry_point=_entry_point, max_episode_steps=_max_steps)
