"""Method: who the experts are and how it was measured, for the page."""

from collections.abc import Iterator, Mapping
from typing import Any

from learn.studies.page import Section, paragraph, table
from learn.studies.scenes import SCENES_A_SEED
from learn.studies.trajectories.recipe import Recipe

Found = Mapping[str, Mapping[str, Any]]  # by environment, as `TrajectoriesStudy.findings` has them


def experts(found: Found) -> Section:
    """Their cards, as `make experts` has written them."""
    heads = ("", *found)
    cards = {env_id: dict(_card(one["expert"], one["expert_versions"])) for env_id, one in found.items()}
    rows = [(name, *(card[name] for card in cards.values())) for name in next(iter(cards.values()))]
    text = (
        "Trained with stable-baselines3 by tests/train_experts.py (make experts) and kept as policies of ours, which act the same; their "
        "cards lie beside them in learn/studies/experts/."
    )
    return Section("experts", "The experts", [table(heads, rows, numbers=()), paragraph(text, note=True)])


def _card(expert: Mapping[str, Any], versions: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    recipe = expert["recipe"]
    yield "algorithm", f"{recipe['algorithm']}, stable-baselines3 {versions['stable-baselines3']}"
    yield "steps, seed", f"{expert['steps']:,}, {recipe['seed']}"
    yield "network", f"{' × '.join(map(str, recipe['hidden']))} units, ReLU"
    yield f"return over {expert['episodes']} episodes", f"{expert['mean']:.2f} ± {expert['sd']:.2f}".replace("-", "−")
    yield "at random, same seeds", f"{expert['random_mean']:.2f} ± {expert['random_sd']:.2f}".replace("-", "−")
    yield "settings from", recipe["source"]
    same = expert["largest_difference"]
    yield "our policy acts as theirs", f"in {expert['states_compared']:,} states, " + (f"to {same:.0e}" if same else "always")


def method(found: Found, recipe: Recipe, seeds: int) -> Section:
    texts = (_demonstrated(recipe, seeds), _cloned(recipe), _sure(recipe, seeds))
    names = ("expert_return", "random_return", "demonstrated_return")
    ends = [(env_id, *(f"{one[name]:.2f}".replace("-", "−") for name in names)) for env_id, one in found.items()]
    heads = ("", "expert (100 %)", "at random (0 %)", "the demonstrations themselves")
    return Section("method", "How it was measured", [*map(paragraph, texts), table(heads, ends)])


def _demonstrated(recipe: Recipe, seeds: int) -> str:
    return (
        "The expert moved the sticks and the D-pad of the recorder's loop, so its demonstrations are sessions like a person's. Each of the "
        f"{seeds} seeds has {recipe.trajectories} trajectories of its own, the k-th of seed s from reset(seed={SCENES_A_SEED} · s + k), "
        "and learns from the first 1, 2, … of them: fewer are always among more. Every trajectory goes to the environment's own end and is "
        "learned from whatever it came to."
    )


def _cloned(recipe: Recipe) -> str:
    return (
        f"Behaviour cloning is learn train --policy bc with {' × '.join(map(str, recipe.hidden))} units, {recipe.steps} minibatches of 256 "
        f"and a weight decay of {recipe.weight_decay:g}, the same for every number; nothing is held out and the last weights are taken, so "
        f"no return was looked at to choose any. Judged are {recipe.episodes} whole episodes from reset(seed={recipe.scenes.start}) on, "
        "the same for everybody, from none of which a demonstration started."
    )


def _sure(recipe: Recipe, seeds: int) -> str:
    return (
        f"An interval is Student's t over the {seeds} seeds' scores; a seed's trajectories, first weights and minibatches are its own, so "
        "all of that varies in it. The episodes are the same for all seeds: the interval says how well the mean over trainings is known in "
        f"these {recipe.episodes} scenes."
    )
