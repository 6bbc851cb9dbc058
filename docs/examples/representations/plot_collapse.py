r"""
Collapse of an energy surface, and its three cures
==================================================

An energy :math:`F(x)` that is learned without a target should be low at samples that resemble the
data and high elsewhere. Learning only lowers the energies of the data. If nothing raises the
energies elsewhere, the surface may become low everywhere: it collapses.
"""

# %%
# Data in the plane
# -----------------
#
# The samples lie near two curves, so the energy can be drawn for every point of the plane.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Kernel
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.losses import SquareSquare
from sklearn_ebm.metrics import collapse_ratio
from sklearn_ebm.representation import (
    Autoencoder,
    VariationalAutoencoder,
    VectorQuantizer,
)


def moons(random_state):
    """Draw 600 samples, centred."""
    X, _ = make_moons(600, noise=0.06, random_state=random_state)
    return (X - [0.5, 0.25]) * [1.25, 1.6]


X, X_test = moons(0), moons(1)

# %%
# Two energies that collapse
# --------------------------
#
# A linear auto-encoder with two components reconstructs every point of the plane, and ``fit``
# warns. With hidden layers the energy is a little lower at the data than elsewhere, but it is low
# nearly everywhere. Such a partial collapse may come without a warning.

networks = {"hidden_layer_sizes": (64, 64), "activation": "silu", "random_state": 2}
linear = Autoencoder(2, hidden_layer_sizes=())
wide = Autoencoder(2, **networks, max_iter=300)
for model in (linear, wide):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X)
    assert all(warning.category is CollapseWarning for warning in caught)
    print("hidden layers:", model.hidden_layer_sizes)
    print(*(warning.message for warning in caught))

# %%
# The contrastive cure
# --------------------
#
# Negatives are drawn at random from the square. A classifier with the answers "data" and "noise"
# has two energies. Only the first one is the energy of this figure: the loss ``square_square``
# lowers :math:`F(x, \text{data})` to 0 or below at the data, and raises it to the margin or above
# at the negatives. For this loss, energies below 0 are as good as 0, and they are shown as 0.

HALF = 2.5  # half the side of the square


class AgainstNoise:
    """Energy of the answer "data" of a classifier that has also seen uniform noise."""

    def fit(self, X):
        noise = np.random.default_rng(0).uniform(-HALF, HALF, (4 * len(X), 2))
        answer = np.repeat(["data", "noise"], [len(X), len(noise)])
        self.classifier_ = EBMClassifier(
            Kernel(300, gamma=3.0),
            SquareSquare(margin=0.5),
            C=10.0,
            class_weight="balanced",
        ).fit(np.concatenate([X, noise]), answer)
        return self

    def energies(self, X):
        return np.maximum(self.classifier_.energies(X)[:, 0], 0)


contrastive = AgainstNoise().fit(X)

# %%
# Its energy, and the data:

side = np.linspace(-HALF, HALF, 161)
plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
levels = np.linspace(0, 0.5, 11)


def draw(axis, energies):
    """Draw energies above their minimum, and the data."""
    surface = energies.reshape(len(side), -1)
    above = surface - surface.min()
    drawn = axis.contourf(side, side, above, levels, cmap="cividis", extend="max")
    axis.plot(*X[::2].T, "o", color="white", markersize=2, markeredgewidth=0)
    axis.set(aspect="equal", xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    return drawn


figure, axis = plt.subplots(figsize=(5.4, 4.6), layout="constrained")
drawn = draw(axis, contrastive.energies(plane))
axis.set(xlabel="$x_1$", ylabel="$x_2$")
figure.colorbar(drawn, ticks=levels[::2], label="F(x) above its minimum")
plt.show()

# %%
# The regularised and the architectural cure
# ------------------------------------------
#
# The variational auto-encoder has a code of two components as well. The noise of the code and the
# KL divergence limit how many different samples can have a low energy. The other two energies are
# limited by construction: their reconstructions lie on one curve, or are 24 points.

variational = VariationalAutoencoder(
    2, **networks | {"hidden_layer_sizes": (128, 128, 128)}, noise=0.1, max_iter=200
).fit(X)
narrow = Autoencoder(1, **networks, max_iter=400).fit(X)
points = VectorQuantizer(24).fit(X)

# %%
# The six surfaces
# ----------------
#
# Each panel shows the energy above its minimum in the square. The energies of the variational
# auto-encoder are in nats; they are multiplied by the variance of its noise, so that they have the
# unit of the others, squared units of x. The unit of the contrastive energy is set by its margin,
# 0.5, the upper end of the colours. The white dots are the data. The ratio is
# :func:`~sklearn_ebm.metrics.collapse_ratio` of samples that were not used in learning.

panels = [
    ("collapsed: linear,\ncode of 2 components", linear, 1.0),
    ("nearly collapsed: hidden layers,\ncode of 2 components", wide, 1.0),
    (
        "regularised: variational,\ncode of 2 components",
        variational,
        variational.noise_**2,
    ),
    ("contrastive: negatives\nat random points", contrastive, 1.0),
    ("architectural: hidden layers,\ncode of 1 component", narrow, 1.0),
    ("architectural: quantiser,\n24 codes", points, 1.0),
]
figure, axes = plt.subplots(
    3, 2, figsize=(7.2, 9.6), sharex=True, sharey=True, layout="constrained"
)
for axis, (title, model, unit) in zip(axes.flat, panels, strict=True):
    drawn = draw(axis, unit * model.energies(plane))
    ratio = collapse_ratio(model, X_test)
    axis.set_title(f"{title}\nratio {ratio:.1f}", fontsize="medium")
    print(f"{ratio:5.2f}  {title!r}")
for axis in axes[-1]:
    axis.set_xlabel("$x_1$")
for axis in axes[:, 0]:
    axis.set_ylabel("$x_2$")
figure.colorbar(
    drawn,
    ax=axes,
    shrink=0.5,
    ticks=levels[::2],
    label="F(x) above its minimum",
)
plt.show()

# %%
# The first two surfaces are low nearly everywhere. The other four are low along the curves, and
# each of them also where its cure does not reach. The variational auto-encoder is low beside the
# curves, the narrow auto-encoder along the continuation of its curve, and the quantiser around each
# code. The contrastive energy is the most precise one, but it has seen negatives in every part of
# the plane. In many dimensions there are too many parts. The networks have many minima: from
# another start, the curve of the narrow auto-encoder may be torn.
