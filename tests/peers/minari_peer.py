"""Minari's side of `check_minari.py`: run by an interpreter that has Minari, it compares what that reads with our values."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import minari
import numpy as np

STEPS = 120


def say(name: str, what: str) -> None:
    print(f"  minari {minari.__version__}, {name}: {what}", flush=True)


def check(is_so: bool, what: str) -> None:
    if not is_so:
        sys.exit(f"FAILED: {what}")


def check_values(name: str, folder: Path) -> None:
    """Every observation, action, reward, end, info and seed, to the bit."""
    dataset, compared = minari.load_dataset(name), 0
    seeds = [about.get("seed") for about in dataset.storage.get_episode_metadata(dataset.episode_indices)]
    files = sorted(folder.glob("*.npz"), key=lambda path: int(path.stem))
    check(len(files) == dataset.total_episodes == len(dataset), f"{name} has {dataset.total_episodes} episodes, not {len(files)}")
    for read, file in zip(dataset, files, strict=True):
        ours = dict(np.load(file))
        check(seeds[read.id] == int(ours.pop("seed")), f"{name} episode {read.id}: seed")
        theirs = {"actions": read.actions, "rewards": read.rewards, "terminations": read.terminations, "truncations": read.truncations}
        seen = read.observations if isinstance(read.observations, dict) else {"": read.observations}
        theirs |= {f"observations/{key}".rstrip("/"): value for key, value in seen.items()}
        theirs |= {f"infos/{key}": value for key, value in read.infos.items()}
        check(theirs.keys() == ours.keys(), f"{name} episode {read.id} has {sorted(theirs.keys() ^ ours.keys())} on one side only")
        for key, value in theirs.items():
            same = (value.dtype, value.shape, value.tobytes()) == (ours[key].dtype, ours[key].shape, ours[key].tobytes())
            check(same, f"{name} episode {read.id}: {key}")
            compared += value.size
    say(
        name,
        f"{dataset.total_episodes} episodes, {dataset.total_steps} steps, {compared:,} numbers and {len(seeds)} seeds equal to the bit",
    )


def check_spaces(name: str) -> None:
    dataset, rows = minari.load_dataset(name), 0
    for read in dataset:
        for t in range(len(read) + 1):
            seen = {k: v[t] for k, v in read.observations.items()} if isinstance(read.observations, dict) else read.observations[t]
            check(dataset.observation_space.contains(seen), f"{name}: an observation outside its space")
            check(t == len(read) or dataset.action_space.contains(read.actions[t]), f"{name}: an action outside its space")
            rows += 1
    say(name, f"{rows} observations and {rows - len(dataset)} actions are in their spaces")


def check_tools(name: str) -> None:
    dataset = minari.load_dataset(name)
    count = len(dataset)
    sampled = dataset.sample_episodes(count)
    check({int(read.id) for read in sampled} == set(range(count)), f"{name}: sample_episodes")
    ended = dataset.filter_episodes(lambda read: bool(read.infos["success"][-1]))
    terminated = dataset.filter_episodes(lambda read: bool(read.terminations[-1]))
    check(list(ended.episode_indices) == list(terminated.episode_indices), f"{name}: filter_episodes")
    parts = minari.split_dataset(dataset, [1, count - 1], seed=0)
    check([len(part) for part in parts] == [1, count - 1], f"{name}: split_dataset")
    both = minari.combine_datasets([dataset, dataset], f"{name.split('/')[0].removesuffix('-v0')}-twice-v0")
    check((both.total_episodes, both.total_steps) == (2 * count, 2 * dataset.total_steps), f"{name}: combine_datasets")
    for one, other in zip([*dataset, *dataset], both, strict=True):
        check(one.actions.tobytes() == other.actions.tobytes(), f"{name}: actions in combine_datasets")
    say(name, f"sample_episodes {len(sampled)}, filter_episodes {len(ended)}, split_dataset 1 + {count - 1}, combine_datasets {len(both)}")


def check_listed(*expected: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = minari.list_local_datasets(compatible_minari_version=True)
    check(set(expected) <= set(found), f"list_local_datasets has {sorted(found)}")
    say(", ".join(expected), "in list_local_datasets without a warning")


def check_environment(name: str) -> None:
    """Made from the data set alone, with its seed and its actions it gives the recorded observations (all but pictures) again."""
    dataset = minari.load_dataset(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # our package is on the path, not installed
        env = dataset.recover_environment()
    check(env.observation_space == dataset.observation_space, f"{name}: {env.observation_space} is not {dataset.observation_space}")
    check(env.action_space == dataset.action_space, f"{name}: {env.action_space} is not {dataset.action_space}")
    about, read = next(iter(dataset.storage.get_episode_metadata([0]))), dataset[0]
    seen = [env.reset(seed=int(about["seed"]))[0]]
    for action in read.actions:
        obs, _, terminated, truncated, _ = env.step(action)
        seen.append(obs)
        if terminated or truncated:
            break
    recorded = [
        {k: v[t] for k, v in read.observations.items()} if isinstance(read.observations, dict) else read.observations[t]
        for t in range(len(seen))
    ]
    same = sum(is_same(one, other) for one, other in zip(seen, recorded, strict=True))
    if about["gamepad_dagger"]["idle_start"] == 0:  # else it does not begin where the seed leads to
        check(same == len(seen), f"{name}: {len(seen) - same} of {len(seen)} observations are others")
    say(name, f"recover_environment: {env.spec.id}, at most {env.spec.max_episode_steps} steps; {same} of {len(seen)} observations again")
    env.close()


def is_same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(is_same(one[key], other[key]) for key in one.keys() | other.keys() if not key.endswith("_image"))
    return bool(np.array_equal(one, other))


def collect(name: str, env: gymnasium.Env[Any, Any], act: Callable[[], Any], folder: Path) -> None:
    """A data set made by Minari's own DataCollector, and its values as plain arrays."""
    collector = minari.DataCollector(env, record_infos=True, jpeg_encoding=False)
    for seed in (3, None):  # Minari draws one of 64 bits where none is given
        collector.reset(seed=seed)
        for _ in range(STEPS):
            _, _, terminated, truncated, _ = collector.step(act())
            if terminated or truncated:
                break
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about authors and the like
        dataset = collector.create_dataset(name, algorithm_name="random", description="for a check")
    folder.mkdir(parents=True)
    seeds = [about["seed"] for about in dataset.storage.get_episode_metadata(range(len(dataset)))]
    for read in dataset:
        seen = read.observations if isinstance(read.observations, dict) else {"state": read.observations}
        named = {f"observations/{key}": value for key, value in seen.items()}
        np.savez(folder / f"{read.id}.npz", actions=read.actions, rewards=read.rewards, seed=np.array(seeds[read.id], np.uint64), **named)
    collector.close()
    say(name, f"DataCollector: {len(dataset)} episodes, {dataset.total_steps} steps")


def main(work: Path, with_environments: bool) -> None:
    names = ["panda/lift-v0", "cart-v0"]
    for name in names:
        check_values(name, work / name)
        check_spaces(name)
        check_tools(name)
    check_listed(*names)
    cart = gymnasium.make("CartPole-v1")
    cart.action_space.seed(0)
    collect("collected-cart-v0", cart, cart.action_space.sample, work / "collected-cart-v0")
    if not with_environments:
        say("recover_environment", "NOT checked, this interpreter has not all that our environments need")
        return
    for name in names:
        check_environment(name)
    lift = gymnasium.make("teleop:PandaLift-v0")
    lift.action_space.seed(0)
    collect("collected-lift-v0", lift, lift.action_space.sample, work / "collected-lift-v0")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "with-environments")
