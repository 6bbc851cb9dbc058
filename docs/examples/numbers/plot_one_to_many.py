r"""
One input, many answers
=======================

If an input has several answers, their mean is often far from all of them. `LatentEBMRegressor`
learns an energy :math:`F(x, y)` that is low at each of the answers. Its Gibbs distribution is a
density with a mode for each answer.
"""

# %%
# A learned density
# -----------------
#
# Bishop's inverse problem, x = y + 0.3 sin(2πy) + noise, has three answers for x in the middle of
# its range. Dark blue means a high learned density p(y | x); dots are the 800 samples that it was
# learned from. The line is the prediction of a regressor of the mean.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.datasets import (
    make_fork,
    make_inverse_sine,
    make_ring,
    make_two_branches,
)
from sklearn_ebm.energies import Experts
from sklearn_ebm.inspection import ConditionalDensityDisplay

# Half of the default, for speed.
energy = Experts(hidden_layer_sizes=(64, 64), n_members=5)


def fitted(X, y):
    """Return the energy and a regressor of the mean, learned from the samples."""
    mean = HistGradientBoostingRegressor(
        max_iter=50, min_samples_leaf=60, random_state=0
    )
    with threadpool_limits(1):  # for so few samples, several threads are slower
        mean.fit(X, y)
    return LatentEBMRegressor(energy, random_state=0).fit(X, y), mean


X, y = make_inverse_sine(800, random_state=0)
model, mean = fitted(X, y)
figure, axis = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
display = ConditionalDensityDisplay.from_estimator(
    model, X, scale="density", levels=(), modes=False, y_range=(-0.08, 1.08),
    colorbar=False, ax=axis,
)  # fmt: skip
display.density_.set_cmap("Blues")
display.density_.set_clim(0, 8)  # the density is higher where there is one answer
axis.scatter(X[:, 0], y, s=7, c="#333333", linewidths=0, label="samples")
axis.plot(
    display.x,
    mean.predict(display.x[:, None]),
    c="#D55E00",
    linewidth=2.5,
    label="predicted mean",
)
axis.set(xlabel="x", ylabel="y", title="learned density p(y | x)")
axis.legend(loc="upper left")
plt.show()

# %%
# Densities, learned and exact
# ----------------------------
#
# The data are four of the generated problems of `sklearn_ebm.datasets`, with 800 samples each. The
# left column shows the samples and the prediction of a regressor of the mean. The middle column
# shows the learned density and its modes; the area of a mode is its probability. The right column
# shows the exact density. Dark means a high density; the colour scale differs between rows. Numbers
# are mean log-likelihoods of new samples, in nats.

problems = [make_two_branches, make_fork, make_inverse_sine, make_ring]
figure, axes = plt.subplots(4, 3, figsize=(7.2, 9.2), sharex="row", sharey="row")
figure.set_layout_engine("constrained")
for row, make in enumerate(problems):
    X, y, truth = make(800, random_state=0, return_truth=True)
    X_new, y_new = make(800, random_state=1)
    model, mean = fitted(X, y)

    pad = 0.12 * (y.max() - y.min())
    answers = np.linspace(y.min() - pad, y.max() + pad, 240)
    points, line, right = axes[row]
    display = ConditionalDensityDisplay.from_estimator(
        model, X, scale="density", levels=(), min_probability=0.1,
        y_range=answers[[0, -1]], colorbar=False, ax=line,
    )  # fmt: skip
    x = display.x[:, None]
    every_x, every_y = np.repeat(x, len(answers), axis=0), np.tile(answers, len(x))
    exact = np.exp(truth.log_prob(every_x, every_y)).reshape(len(x), -1)

    points.scatter(X[:, 0], y, s=4, c="#999999", linewidths=0)
    points.plot(x, mean.predict(x), c="#0072B2", linewidth=2.5)
    highest = np.quantile(exact, 0.99)
    display.density_.set_clim(0, highest)
    right.pcolormesh(
        x[:, 0], answers, exact.T, cmap="magma_r", vmin=0, vmax=highest, rasterized=True
    )
    for axis, log_likelihood in (
        (line, model.log_prob(X_new, y_new)),
        (right, truth.log_prob(X_new, y_new)),
    ):
        axis.text(
            0.03, 0.96, f"{log_likelihood.mean():.2f} nats", va="top",
            transform=axis.transAxes,
        )  # fmt: skip
    points.set_ylabel(f"{make.__name__.removeprefix('make_').replace('_', ' ')}\ny")
    points.set_ylim(answers[0], answers[-1])
for axis, title in zip(
    axes[0],
    ("samples, predicted mean", "learned density, modes", "exact density"),
    strict=True,
):
    axis.set_title(title, fontsize="medium")
for axis in axes[:, 1:].flat:
    axis.set(xlabel="", ylabel="")
for axis in axes[-1]:
    axis.set_xlabel("x")
plt.show()
