"""make experts: the experts of the studies, by reinforcement learning with stable-baselines3, kept as model folders of ours.

Their networks are such that one of our `bc` policies is the same function, so nothing of stable-baselines3 is needed to drive
with them. Needs `pip install "gamepad-dagger[experts]"`. Ten minutes of one core in all; after an interruption the same command
goes on, and comes to the same weights.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import gymnasium  # noqa: E402
import mujoco  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from data.cli import progress_bar, run_command  # noqa: E402
from data.errors import UserError, one_of  # noqa: E402
from data.files import replace_file  # noqa: E402
from learn.checkpoint import Checkpoint, load_policy, save_policy  # noqa: E402
from learn.driver import Driver  # noqa: E402
from learn.evaluate import FIRST_EVALUATION_SEED  # noqa: E402
from learn.model_folder import current_versions  # noqa: E402
from learn.policies import Policy, PolicyConfig, build_policy  # noqa: E402
from learn.policies.normalize import CLIP  # noqa: E402
from learn.studies.expert import CARD_NAME, experts_folder  # noqa: E402
from learn.studies.returns import at_random, returns_of, whole_episode  # noqa: E402
from teleop.envs import make_env  # noqa: E402

EPISODES = 100  # of the returns on the card
COMPARED_EPISODES = 20  # of the expert and as many at random: in their states both policies are asked
OBS_SCALE = 8.0  # a power of two: dividing by it and multiplying the weights is exact, and nothing meets the normaliser's clip
SAME = 1e-6  # actions in [-1, 1]


@dataclass(frozen=True)
class Recipe:
    """How an expert is trained. The step size falls linearly to 0. `parts`: how often it is kept on the way.

    `least`: the mean return below which it is not written. `settings` are stable-baselines3's, `source` where they are from.
    """

    env_id: str
    algorithm: Literal["PPO", "SAC"]
    steps: int
    lr: float
    hidden: tuple[int, ...]
    least: float
    source: str
    envs: int = 1
    parts: int = 1
    seed: int = 0
    clip_range: float | None = None
    """of PPO; falls as the step size does"""
    critic: tuple[int, ...] | None = None
    """widths of what judges, where they are not `hidden`"""
    obs_scale: tuple[float, ...] | None = None
    """what each number of an observation is multiplied by, so that all are of about one size; powers of two, so that it is exact"""
    settings: Mapping[str, Any] = field(default_factory=dict)


RECIPES = (
    Recipe(
        env_id="CartPole-v1",
        algorithm="PPO",
        steps=100_000,
        lr=1e-3,
        hidden=(64, 64),
        least=475.0,
        source="RL Baselines3 Zoo, hyperparams/ppo.yml; ReLU instead of tanh",
        envs=8,
        clip_range=0.2,
        settings={"n_steps": 32, "batch_size": 256, "gae_lambda": 0.8, "gamma": 0.98, "n_epochs": 20, "ent_coef": 0.0},
    ),
    Recipe(
        env_id="Reacher-v5",
        algorithm="SAC",
        steps=40_000,
        lr=1e-3,
        hidden=(64, 64),
        least=-4.5,
        source="Haarnoja et al. 2018 as in stable-baselines3, with a shorter horizon, larger steps and a smaller actor",
        parts=8,
        critic=(128, 128),
        obs_scale=(1.0, 1.0, 1.0, 1.0, 4.0, 4.0, 1 / 8, 1 / 8, 4.0, 4.0),
        settings={"gamma": 0.95, "tau": 0.01, "batch_size": 256, "buffer_size": 40_000, "learning_starts": 1000},
    ),
)


@dataclass(frozen=True)
class Train:
    """Train, convert, compare, measure, write."""

    envs: tuple[str, ...] = tuple(recipe.env_id for recipe in RECIPES)
    """which experts"""
    work: Path = ROOT / "runs" / "experts"
    """what is kept on the way"""
    out: Path = field(default_factory=experts_folder)
    """where the model folders go"""

    def run(self) -> int:
        try:
            import stable_baselines3  # noqa: F401
        except ImportError as error:
            raise UserError('training experts needs stable-baselines3; install it with: pip install "gamepad-dagger[experts]"') from error
        wanted = [recipe for recipe in RECIPES if recipe.env_id in self.envs]
        if len(wanted) < len(self.envs):
            raise UserError(f"--envs {' '.join(self.envs)}: allowed: {one_of(recipe.env_id for recipe in RECIPES)}")
        torch.set_num_threads(1)
        for recipe in wanted:
            self.make(recipe)
        return 0

    def make(self, recipe: Recipe) -> None:
        """One expert, from nothing or from where it was interrupted."""
        model = train(recipe, self.work / recipe.env_id)
        states = states_of(model, recipe)
        policy = converted(model, recipe, states)
        difference = compare(AsTrained(model, recipe), policy, states, discrete=recipe.algorithm == "PPO")
        print(f"{recipe.env_id}: the same actions in {len(states)} states, largest difference {difference:.1e}")
        facts = measured(policy, recipe) | {"steps": model.num_timesteps, "states_compared": len(states), "largest_difference": difference}
        if facts["mean"] < recipe.least:
            reason = f"the mean return {facts['mean']:.2f} of {recipe.env_id} is below {recipe.least}"
            raise UserError(f"{reason}; nothing was written: change its recipe in tests/train_experts.py")
        folder = write(policy, recipe, facts, self.out)
        print(f"{folder}: {facts['mean']:.2f} ± {facts['sd']:.2f}, at random {facts['random_mean']:.2f} ± {facts['random_sd']:.2f}")


# -- reinforcement learning ----------------------------------------------------------------------------------------------


def train(recipe: Recipe, work: Path) -> Any:
    """The trained model. Each part begins with fresh environments and seeds of its own, so that being interrupted changes nothing."""
    kept, part = work / "kept.json", 0
    identity = json.loads(json.dumps(asdict(recipe)))
    work.mkdir(parents=True, exist_ok=True)
    if kept.exists():
        found = json.loads(kept.read_text(encoding="utf-8"))
        part = found["parts"] if found["recipe"] == identity else 0
    model = load_model(recipe, work, part) if part else new_model(recipe)
    with progress_bar(f"{recipe.env_id} {recipe.algorithm}", recipe.steps) as advance:
        for k in range(part, recipe.parts):
            begin_part(model, recipe, k)
            goal = round(recipe.steps * (k + 1) / recipe.parts)

            def on_step(*_: object) -> bool:
                if model.num_timesteps % 500 < recipe.envs:
                    advance(model.num_timesteps, "")
                return True

            model.learn(goal - model.num_timesteps, callback=on_step, reset_num_timesteps=False)
            keep_model(model, work, k + 1)
            replace_file(kept, json.dumps({"parts": k + 1, "recipe": identity}).encode())
            for old in work.glob("part-*"):
                if not old.name.startswith(f"part-{k + 1}."):
                    old.unlink()
    return model


def new_model(recipe: Recipe) -> Any:
    import stable_baselines3

    layers: Any = list(recipe.hidden)
    if recipe.algorithm == "SAC":
        layers = {"pi": layers, "qf": list(recipe.critic or recipe.hidden)}
    kind = getattr(stable_baselines3, recipe.algorithm)
    networks = {"net_arch": layers, "activation_fn": torch.nn.ReLU}
    settings = dict(recipe.settings) | ({} if recipe.clip_range is None else {"clip_range": recipe.clip_range})
    return kind("MlpPolicy", environments(recipe), policy_kwargs=networks, seed=recipe.seed, device="cpu", **settings)


def begin_part(model: Any, recipe: Recipe, part: int) -> None:
    """Its seeds and its step sizes, which fall to 0 over the whole training."""
    model.set_env(environments(recipe))
    model.set_random_seed(1000 * recipe.seed + part)
    span = round(recipe.steps / recipe.parts)

    def falling(most: float) -> Any:
        """stable-baselines3 asks with the share of the steps so far and of this part that is left."""
        end = span * (part + 1)
        return lambda left: most * max(0.0, 1.0 - (1.0 - left) * end / recipe.steps)

    model.learning_rate = falling(recipe.lr)
    model._setup_lr_schedule()
    if recipe.clip_range is not None:
        model.clip_range = falling(recipe.clip_range)


def environments(recipe: Recipe) -> Any:
    from stable_baselines3.common.env_util import make_vec_env

    return make_vec_env(recipe.env_id, recipe.envs, wrapper_class=lambda env: scaled(env, recipe))


def scaled(env: gymnasium.Env[Any, Any], recipe: Recipe) -> gymnasium.Env[Any, Any]:
    """What is learned in."""
    if recipe.obs_scale is None:
        return env
    scale, space = np.array(recipe.obs_scale), env.observation_space
    return gymnasium.wrappers.TransformObservation(env, lambda obs: obs * scale, space)


def keep_model(model: Any, work: Path, parts: int) -> None:
    model.save(work / f"part-{parts}.zip")
    if hasattr(model, "save_replay_buffer"):
        model.save_replay_buffer(work / f"part-{parts}.pkl")


def load_model(recipe: Recipe, work: Path, parts: int) -> Any:
    import stable_baselines3

    kind = getattr(stable_baselines3, recipe.algorithm)
    model = kind.load(work / f"part-{parts}.zip", environments(recipe), device="cpu")
    if hasattr(model, "load_replay_buffer"):
        model.load_replay_buffer(work / f"part-{parts}.pkl")
    return model


# -- conversion ----------------------------------------------------------------------------------------------------------


def converted(model: Any, recipe: Recipe, states: NDArray[np.float32]) -> Policy:
    """The `bc` policy that is the same function of the state (D,).

    SAC's actor without its noise is tanh of an MLP, as the head of `bc` is. PPO takes the choice of the largest of an MLP's
    numbers; tanh keeps their order, and a power of two keeps them where tanh is far from flat.
    """
    body, last = network_of(model, recipe.algorithm)
    layers = [layer for layer in body if isinstance(layer, torch.nn.Linear)] + [last]
    reach = float(np.abs(states).max())
    if reach > CLIP * OBS_SCALE / 2:
        raise UserError(f"{recipe.env_id}: an observation of {reach:.1f} comes too near to {CLIP * OBS_SCALE}, where policies clip")
    policy = build_policy(PolicyConfig(("state",), (layers[0].in_features,), last.out_features, hidden=recipe.hidden))
    policy.encoder.normalizer.std.fill_(OBS_SCALE)
    ours: Any = policy.head.mlp.layers
    with torch.no_grad():
        for mine, theirs in zip(ours, layers, strict=True):
            mine.weight.copy_(theirs.weight[None])
            mine.bias.copy_(theirs.bias[None])
        ours[0].weight *= torch.from_numpy(OBS_SCALE * scale_of(recipe))
        if recipe.algorithm == "PPO":
            shrink = 2.0 ** -np.ceil(np.log2(float(last(body(torch.from_numpy(states * scale_of(recipe)))).abs().max())))
            ours[-1].weight *= shrink
            ours[-1].bias *= shrink
    return policy.eval()


def scale_of(recipe: Recipe) -> NDArray[np.float32]:
    """(D,) or (1,)."""
    return np.array(recipe.obs_scale or (1.0,), np.float32)


def network_of(model: Any, algorithm: str) -> tuple[Any, Any]:
    """What stands before the last layer, and the last layer, of what acts."""
    if algorithm == "SAC":
        return model.actor.latent_pi, model.actor.mu
    return model.policy.mlp_extractor.policy_net, model.policy.action_net


def states_of(model: Any, recipe: Recipe) -> NDArray[np.float32]:
    """(N, D) where the model leads, and where chance does."""
    states: list[NDArray[np.float32]] = []
    with closing(make_env(recipe.env_id)) as env:
        for actor in (AsTrained(model, recipe), at_random(recipe.env_id)):
            for seed in range(COMPARED_EPISODES):
                whole_episode(actor, env, seed, lambda obs, *_: states.append(np.asarray(obs["state"], np.float32)))
    return np.stack(states)


class AsTrained:
    """A model of stable-baselines3 as an actor of ours: a choice is 1 among −1."""

    def __init__(self, model: Any, recipe: Recipe) -> None:
        self.model, self.scale = model, scale_of(recipe)

    def begin(self, seed: int) -> None: ...

    def act(self, obs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        action, _ = self.model.predict(np.asarray(obs["state"]) * self.scale, deterministic=True)
        if action.ndim:
            return np.asarray(action, np.float32)[None]
        numbers = -np.ones((1, self.model.action_space.n), np.float32)
        numbers[0, int(action)] = 1.0
        return numbers


def compare(theirs: AsTrained, policy: Policy, states: NDArray[np.float32], *, discrete: bool) -> float:
    """The largest difference of an action's number, of discrete ones 1 where the choice is another; refuses more than `SAME`."""
    driver, largest = Driver(policy), 0.0
    for state in states:
        wanted, got = theirs.act({"state": state})[0], driver.act({"state": state})[0]
        apart = float(wanted.argmax() != got.argmax()) if discrete else float(np.abs(wanted - got).max())
        largest = max(largest, apart)
    if largest > SAME:
        raise UserError(f"the converted policy acts otherwise: by {largest:.1e} in one of {len(states)} states; nothing was written")
    return largest


# -- what is written -----------------------------------------------------------------------------------------------------


def measured(policy: Policy, recipe: Recipe) -> dict[str, Any]:
    """Returns of the converted policy and of chance, from the same seeds."""
    seeds = range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + EPISODES)
    expert = returns_of(Driver(policy), recipe.env_id, seeds)
    chance = returns_of(at_random(recipe.env_id), recipe.env_id, seeds)
    return {
        "episodes": EPISODES,
        "first_seed": FIRST_EVALUATION_SEED,
        "mean": fmean(expert),
        "sd": stdev(expert),
        "returns": expert,
        "random_mean": fmean(chance),
        "random_sd": stdev(chance),
    }


def write(policy: Policy, recipe: Recipe, facts: Mapping[str, Any], out: Path) -> Path:
    """The model folder and its card."""
    import stable_baselines3

    versions = current_versions() | {
        "stable-baselines3": stable_baselines3.__version__,
        "gymnasium": gymnasium.__version__,
        "mujoco": mujoco.__version__,
    }
    recipe_json = asdict(recipe)
    fingerprint = hashlib.sha256(json.dumps(recipe_json, sort_keys=True).encode()).hexdigest()
    summary = {"expert": {**facts, "recipe": recipe_json}}
    folder = save_policy(out / recipe.env_id, Checkpoint(policy, recipe.env_id, {}, fingerprint, summary, versions))
    replace_file(folder / CARD_NAME, card(recipe, facts, versions).encode())
    assert load_policy(folder).env_id == recipe.env_id
    return folder


def card(recipe: Recipe, facts: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """Markdown."""
    settings: Sequence[tuple[str, Any]] = [("learning_rate", f"{recipe.lr:g}, falling linearly to 0"), *recipe.settings.items()]
    if recipe.clip_range is not None:
        settings = [*settings, ("clip_range", f"{recipe.clip_range:g}, falling linearly to 0")]
    critic = f", the critics' {' × '.join(map(str, recipe.critic))}" if recipe.critic else ""
    how = "the choice of the largest number" if recipe.algorithm == "PPO" else "the mean action, without noise"
    rows = [
        ("algorithm", f"{recipe.algorithm} (stable-baselines3 {versions['stable-baselines3']}), {how}"),
        ("steps in the environment", f"{facts['steps']}, in {recipe.envs} environment{'s' if recipe.envs > 1 else ''} at a time"),
        ("network", f"{' × '.join(map(str, recipe.hidden))} units, ReLU{critic}"),
        ("settings", ", ".join(f"{name} {value}" for name, value in settings)),
        ("settings from", recipe.source),
        *([("observations", f"times {', '.join(f'{scale:g}' for scale in recipe.obs_scale)}")] if recipe.obs_scale else []),
        ("seed", recipe.seed),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        (f"return, {EPISODES} whole episodes", f"{facts['mean']:.2f} ± {facts['sd']:.2f} (mean ± standard deviation)"),
        ("return at random, same seeds", f"{facts['random_mean']:.2f} ± {facts['random_sd']:.2f}"),
        ("seeds of these episodes", f"{facts['first_seed']} … {facts['first_seed'] + EPISODES - 1}"),
    ]
    apart = facts["largest_difference"]
    same = f"actions differ by at most {apart:.1e}" if apart else "all actions are the same"
    ordered = ", the last layer's times a power of two, which changes no choice" if recipe.algorithm == "PPO" else ""
    scales = " and the scales above" if recipe.obs_scale else ""
    text = (
        "Converted to a `bc` policy of ours that is the same function: the weights are those of stable-baselines3's network, the first "
        f"layer's times {OBS_SCALE:g}{scales} where the observation is divided by {OBS_SCALE:g}{ordered}. Asked in "
        f"{facts['states_compared']} states of {COMPARED_EPISODES} episodes that it drove and {COMPARED_EPISODES} at random: {same}."
    )
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    again = f"`python tests/train_experts.py --envs {recipe.env_id}` (`make experts`) trains it again and writes this card."
    return f"# Expert for {recipe.env_id}\n\n| | |\n| --- | --- |\n{table}\n\n{text}\n\n{again}\n"


if __name__ == "__main__":
    sys.exit(run_command("train_experts", {"experts": Train}, ["experts", *sys.argv[1:]]))
