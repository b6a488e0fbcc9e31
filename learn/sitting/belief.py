"""Belief: how sure rollouts make us that a policy is as good as it should be."""

import math


def belief(successes: int, rollouts: int, target: float) -> float:
    """The probability that the success rate is at least `target`, in [0, 1], after so many rollouts.

    Bayes with a uniform prior: the posterior is Beta(1 + successes, 1 + failures), whose tail is a binomial one (Gelman et
    al., *Bayesian Data Analysis*, section 2.1). Stopping by it may be asked as often as one likes; only the prior is assumed.
    """
    if not 0.0 < target < 1.0:
        raise ValueError(f"a target of {target}: give a share between 0 and 1")
    n = rollouts + 1
    return min(1.0, math.fsum(math.comb(n, k) * target**k * (1.0 - target) ** (n - k) for k in range(successes + 1)))
