"""Scenes: which seeds studies demonstrate in, and what an environment is called in names of files."""

SCENES_A_SEED = 1000  # between the first scenes of two seeds: the k-th episode of seed s starts from reset(seed=SCENES_A_SEED · s + k)


def slug_of(env_id: str) -> str:
    """ "CartPole-v1": "cartpole"."""
    return env_id.rpartition("-")[0].lower()
