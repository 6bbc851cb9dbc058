r"""
Sharp edges of the likelihood
=============================

The likelihood of continuous answers has no upper bound. Narrower and higher peaks at the training
answers always improve it, :math:`-\log p(y_i | x_i) \to -\infty`, although the density next to the
peaks becomes zero. A network with enough weights overfits in this way unless it is regularised.
"""

# %%
# Learning with and without regularisation
# ----------------------------------------
#
# 80 samples of `make_two_branches`. The first model is one network without regularisation: no noise
# on features and answers, almost no lower limit of the scales, no weight decay, and no early
# stopping. The likelihood of the training samples keeps increasing, that of new samples decreases
# after some dozens of passes. In the second model, noise on features and answers (more than the
# default) is sufficient to prevent this for 1000 passes. The default of experts has little noise
# and uses early stopping: each of its ten members holds out some samples, and learning keeps the
# parameters with the highest held-out likelihood.

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
    "unregularised": LatentEBMRegressor(bare, C=np.inf, **long),
    "noise alone": LatentEBMRegressor(blurred, C=np.inf, **long),
    "default": LatentEBMRegressor("experts", random_state=0),
}
for name, model in models.items():
    watched = {"X_val": X_new, "y_val": y_new} if name != "default" else {}
    model.fit(X, y, **watched)
    print(f"{name:13s} {model.log_prob(X_new, y_new).mean():6.2f} nats for new samples")
print(f"{'exact':13s} {truth.log_prob(X_new, y_new).mean():6.2f}")

# The recorded losses refer to y in units of its standard deviation. For the original
# unit, the logarithm of the standard deviation is added.
unit = np.log(y.std())
figure, axis = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
for name, colour in (("unregularised", "#D55E00"), ("noise alone", "#0072B2")):
    model = models[name]
    passes = np.arange(1, model.n_iter_ + 1)
    axis.plot(
        passes, model.validation_loss_curve_ + unit, c=colour, linewidth=2.5, label=name
    )
    axis.plot(passes, model.loss_curve_[1:] + unit, "--", c=colour, linewidth=1.2)
axis.scatter(
    models["default"].n_iter_, -models["default"].log_prob(X_new, y_new).mean(), s=90,
    c="black", marker="D", label="default, early stopping", zorder=3,
)  # fmt: skip
axis.axhline(
    -truth.log_prob(X_new, y_new).mean(),
    c="#999999",
    linewidth=1.5,
    label="exact density",
)
axis.set(xscale="log", ylim=(-1.5, 3.5))
axis.set_xlabel("passes over the samples")
axis.set_ylabel("negative log-likelihood (nats)")
axis.set_title("new samples; dashed: training samples")
axis.legend(loc="upper left")
plt.show()

# %%
# The density at one input
# ------------------------
#
# Without regularisation, the density has spikes at some inputs that are far narrower than the
# spread of the answers. The plot shows the input with the highest spike. The marks are training
# answers of inputs within a distance of 0.1: for most of them, and hence for new answers, the
# density is almost zero. The default has two broader modes. With 80 samples their positions are not
# exact, but the density is not close to zero at likely answers.

inputs = np.linspace(-0.9, 0.9, 181)[:, None]
laws = models["unregularised"].predict_distribution(inputs)
worst = laws.log_prob(laws.mode()).argmax()
x = inputs[[worst]]
answers = np.linspace(-1.6, 1.6, 2001)
near = np.abs(X[:, 0] - x[0, 0]) < 0.1
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
exact = np.exp(truth.log_prob(np.repeat(x, len(answers), axis=0), answers))
for axis, name in zip(axes, ("unregularised", "default"), strict=True):
    density = models[name].predict_distribution(x).pdf(answers[None])[0]
    axis.fill_between(answers, exact, color="#CCCCCC", label="exact")
    axis.plot(
        answers,
        density,
        c="#D55E00" if name == "unregularised" else "black",
        linewidth=2,
    )
    axis.plot(
        y[near],
        np.full(near.sum(), -0.05 * density.max()),
        "|",
        c="#0072B2",
        markersize=12,
        markeredgewidth=2,
    )
    axis.set_title(f"{name}, highest {density.max():.1f}", fontsize="medium")
    axis.set_xlabel(f"y, at x = {x[0, 0]:.2f}")
axes[0].set_ylabel("density")
axes[0].legend()
plt.show()
