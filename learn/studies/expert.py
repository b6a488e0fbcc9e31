"""Experts: policies from reinforcement learning that studies are demonstrated by; each is a model folder with a card beside it."""

from importlib import resources
from pathlib import Path

from data.errors import UserError, one_of
from learn.checkpoint import Checkpoint, load_policy

CARD_NAME = "card.md"


def expert_names() -> tuple[str, ...]:
    """The environments that there is an expert for."""
    return tuple(sorted(folder.name for folder in experts_folder().iterdir() if (folder / CARD_NAME).is_file()))


def load_expert(env_id: str) -> Checkpoint:
    """The expert of an environment, with what is known of it in `summary["expert"]` (as on its card).

    `make experts` has trained and measured it. Raises UserError where there is none.
    """
    if env_id not in expert_names():
        raise UserError(f"there is no expert for {env_id}; there is one for {one_of(expert_names())} (tests/train_experts.py makes them)")
    return load_policy(experts_folder() / env_id)


def experts_folder() -> Path:
    """Where they lie in the package."""
    return Path(str(resources.files("learn.studies"))) / "experts"
