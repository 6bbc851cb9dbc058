r"""
Sharp edges of the likelihood
=============================

The likelihood of continuous answers has no upper bound. A density that is ever narrower and higher
at the answers it was shown gains without end, :math:`-\log p(y_i | x_i) \to -\infty`, and says that
nothing lies beside them, however near. A network with enough weights goes there unless something
stops it.
"""

# %%
# Learning without and with the cures
# -----------------------------------
#
# 80 rows of `make_two_branches`. One network without any cure: no noise on rows and answers, hardly
# a floor under the scales, weights that do not decay, and no early stopping. The likelihood of its
# own rows rises and rises, that of new rows turns after some dozens of passes. Noise on rows and
# answers, more of it than by default, is a cure by itself: no turn in 1000 passes. The default of
# experts has little noise and stops instead: each of its ten members leaves out rows of its own,
# and learning keeps the parameters at which those were most likely.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.datasets import make_two_branches
from sklearn_ebm.energies import Experts

X, y, truth = make_two_branches(80, random_state=0, return_truth=True)
X_new, y_new = make_two_branches(1000, random_state=1)
bare = Experts(n_members=1, input_noise=0.0, answer_noise=0.0, min_scale=1e-6)
blurred = Experts(n_members=1, input_noise=0.1, answer_noise=0.1, min_scale=1e-6)
long = {"early_stopping": False, "max_iter": 1000, "random_state": 0}
models = {
    "no cure": LatentEBMRegressor(bare, C=np.inf, **long),
    "noise alone": LatentEBMRegressor(blurred, C=np.inf, **long),
    "default": LatentEBMRegressor("experts", random_state=0),
}
for name, model in models.items():
    watched = {"X_val": X_new, "y_val": y_new} if name != "default" else {}
    model.fit(X, y, **watched)
    print(f"{name:12s} {model.log_prob(X_new, y_new).mean():6.2f} nats for new rows")
print(f"{'exact':12s} {truth.log_prob(X_new, y_new).mean():6.2f}")

# Losses are those of answers in units of their standard deviation; one of a density in the unit of
# y is larger by the logarithm of that unit.
unit = np.log(y.std())
figure, axis = plt.subplots(figsize=(8.5, 4.6), layout="constrained")
for name, colour in (("no cure", "#D55E00"), ("noise alone", "#0072B2")):
    model = models[name]
    passes = np.arange(1, model.n_iter_ + 1)
    axis.plot(passes, model.validation_loss_curve_ + unit, c=colour, linewidth=2.5, label=name)
    axis.plot(passes, model.loss_curve_[1:] + unit, "--", c=colour, linewidth=1.2)
axis.scatter(
    models["default"].n_iter_, -models["default"].log_prob(X_new, y_new).mean(), s=110, c="black",
    marker="D", label="default, where it stopped", zorder=3,
)  # fmt: skip
axis.axhline(
    -truth.log_prob(X_new, y_new).mean(), c="#999999", linewidth=1.5, label="exact density"
)
axis.set(xscale="log", ylim=(-1.5, 3.5))
axis.set_xlabel("passes over the rows", fontsize=13)
axis.set_ylabel("negative log-likelihood, nats", fontsize=13)
axis.set_title("new rows; dashed: rows that were learned", fontsize=14)
axis.legend(fontsize=12, loc="upper left")
plt.show()

# %%
# The density at one input
# ------------------------
#
# Without a cure there are inputs at which a hump has become a spike, far narrower than answers
# spread; this is the worst of them. The marks are the answers to inputs within 0.1: the spike has
# next to nothing for most of them, and so for new ones. With the default there are two humps. From
# 80 rows they are not quite where they should be, but no answer beside a mark is a surprise.

inputs = np.linspace(-0.9, 0.9, 181)[:, None]
laws = models["no cure"].predict_distribution(inputs)
worst = laws.log_prob(laws.mode()).argmax()
x = inputs[[worst]]
answers = np.linspace(-1.6, 1.6, 2001)
near = np.abs(X[:, 0] - x[0, 0]) < 0.1
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
exact = np.exp(truth.log_prob(np.repeat(x, len(answers), axis=0), answers))
for axis, name in zip(axes, ("no cure", "default"), strict=True):
    density = models[name].predict_distribution(x).pdf(answers[None])[0]
    axis.fill_between(answers, exact, color="#CCCCCC", label="exact")
    axis.plot(answers, density, c="#D55E00" if name == "no cure" else "black", linewidth=2)
    axis.plot(
        y[near],
        np.full(near.sum(), -0.05 * density.max()),
        "|",
        c="#0072B2",
        markersize=12,
        markeredgewidth=2,
    )
    axis.set_title(f"{name}, highest {density.max():.1f}", fontsize=14)
    axis.set_xlabel(f"y, at x = {x[0, 0]:.2f}", fontsize=13)
axes[0].set_ylabel("density", fontsize=13)
axes[0].legend(fontsize=12)
plt.show()
