r"""
Branch weights: likelihood, contrastive divergence and score matching
=====================================================================

If an input has answers on two branches, an energy should be low at both, and the depth of each
should match its probability. Of three ways to learn the same energy, two get the weights of the
branches, their probabilities, wrong.
"""

# %%
# An answer is on the upper branch with probability 0.8, at every :math:`x`. No answers lie between
# the branches.

import warnings

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.exceptions import SamplingWarning
from sklearn_ebm.losses.negatives import MCMC


def two_branches(n_samples, seed):
    """Samples, and whether each is on the upper branch."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2.6, -0.5, (n_samples, 1))
    height, upper = -np.sin(X[:, 0]), rng.random(n_samples) < 0.8
    noise = np.where(upper, 0.075, 0.15) * rng.normal(size=n_samples)
    return X, np.where(upper, height, -height) + noise


X, y = two_branches(1000, 0)

# %%
# - ``"nll"`` estimates the partition function from draws of a proposal, which cover both branches.
# - Contrastive divergence, ``negatives="mcmc"``, compares each answer with the end of a short chain
#   that starts at this answer. The chain stays in its branch, so right answers and negatives are on
#   the same branch, and nothing changes the depth of one branch relative to the other.
# - ``"score_matching"`` compares slopes of the energy with those of the data. A number that is
#   added to the energies of one branch changes no slope there.
# - With ``MCMC(jump_every=2)``, every second step of the chain is a jump: it proposes a draw of the
#   proposal. This cures contrastive divergence.
#
# ``fit`` warns of the two ways that cannot learn the weights.

ways = {
    "likelihood": {},
    "contrastive divergence": {"negatives": "mcmc"},
    "score matching": {"loss": "score_matching"},
    "divergence with jumps": {"negatives": MCMC(jump_every=2)},
}
models = {}
for name, settings in ways.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SamplingWarning)
        model = LatentEBMRegressor("joint", max_iter=60, random_state=0, **settings)
        models[name] = model.fit(X, y)
    print(f"{name}: {len(caught)} warning" + "s" * (len(caught) != 1))

# %%
# The weight of the upper branch is the probability of an answer above 0.

x_new = np.linspace(-2.5, -0.6, 39)[:, None]
weights = {}
for name, model in models.items():
    weights[name] = 1 - model.predict_distribution(x_new).cdf(np.zeros(len(x_new)))
    low, mean, high = (
        function(weights[name]) for function in (np.min, np.mean, np.max)
    )
    print(f"{name:24s} mean {mean:.2f}, from {low:.2f} to {high:.2f}")

styles = ("#0072B2", "-"), ("#D55E00", "--"), ("#CC79A7", ":"), ("#009E73", "-.")
figure, axis = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
axis.axhline(0.8, color="0.4", linewidth=1, label="truth")
for (name, weight), (color, style) in zip(weights.items(), styles, strict=True):
    axis.plot(x_new, weight, style, color=color, label=name)
axis.set(ylim=(0, 1.02), xlabel="x", ylabel="weight of the upper branch")
axis.legend(loc="lower left")
plt.show()

# %%
# The learned densities, dark where they are high:

grid = np.linspace(-1.6, 1.6, 161)
figure, axes = plt.subplots(1, 3, figsize=(7.2, 3.0), sharey=True, layout="constrained")
for axis, name in zip(axes, list(models)[:3], strict=True):
    density = np.exp(models[name].log_prob(x_new, np.tile(grid, (len(x_new), 1))))
    axis.pcolormesh(
        x_new[:, 0], grid, np.minimum(density.T, 3), cmap="Blues", shading="auto"
    )
    axis.set_title(name, fontsize="medium")
    axis.set_xlabel("x")
axes[0].set_ylabel("y")
plt.show()
