r"""
Answers on a curve
==================

The energy `Decoder` has a continuous latent variable: an angle :math:`z`, the position of the
answer on a closed curve, with
:math:`G(x, y, z) = \frac12 \|(y - \mathrm{Dec}(x, z))/\sigma\|^2` plus terms
that do not depend on y. The angle is not observed and is eliminated, which leaves a surface
:math:`F(x, \cdot)` that is low along the curve.
"""

# %%
# The valley for three inputs
# ---------------------------
#
# The answers for a given `x` lie on an ellipse that grows (`make_horn`) or rotates (`make_ellipse`)
# with `x`. Colour is the energy, dots are answers drawn from its Gibbs distribution, and the white
# line is the noise-free curve. The training data contain only single noisy answers, no two of them
# for the same `x`.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.datasets import make_ellipse, make_horn
from sklearn_ebm.energies import Decoder
from sklearn_ebm.inspection import ConditionalDensityDisplay, LatentDisplay


def horn(x, angle):
    first, second = 1.5 * x + 2 * (1 - x), 2 * x + 1.5 * (1 - x)
    return np.exp(2 * x) * np.column_stack(
        [first * np.cos(angle), second * np.sin(angle)]
    )


def ellipse(x, angle):
    turn = np.pi * x / 2
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([2 * np.cos(angle), np.sin(angle)]) @ matrix.T


angles = np.linspace(0, 2 * np.pi, 300)


models = {}
figure, axes = plt.subplots(2, 3, figsize=(7.2, 5.4), layout="constrained")
for row, (make, curve) in enumerate([(make_horn, horn), (make_ellipse, ellipse)]):
    X, y, truth = make(800, random_state=0, return_truth=True)
    X_new, y_new = make(1000, random_state=1)
    energy = Decoder(hidden_layer_sizes=(32, 32), n_members=1)
    model = LatentEBMRegressor(energy, max_iter=250, random_state=0).fit(X, y)
    models[make] = model
    learned, exact = (
        model.log_prob(X_new, y_new).mean(),
        truth.log_prob(X_new, y_new).mean(),
    )
    print(f"{make.__name__}: {learned:.2f} nats a row, the exact density {exact:.2f}")

    for axis, x in zip(axes[row], (0.1, 0.5, 0.9), strict=True):
        half_width = 1.35 * np.abs(curve(x, angles)).max()
        display = ConditionalDensityDisplay.from_estimator(
            model, X, x=[x], levels=(), modes=False, samples=50, colorbar=False,
            y_range=[-half_width, half_width], ax=axis,
        )  # fmt: skip
        axis.plot(*curve(x, angles).T, c="white", linewidth=1)
        axis.set_aspect("equal")
        axis.set_title(
            f"{make.__name__.removeprefix('make_')}, x = {x}", fontsize="medium"
        )
bar = figure.colorbar(
    display.density_, ax=axes, shrink=0.8, pad=0.01, ticks=[0, 1, 8, 55, 377]
)
bar.set_label("energy above its minimum, in nats")
plt.show()

# %%
# Position on the curve
# ---------------------
#
# Each answer has the colour of the angle with the largest responsibility :math:`r_z(x, y) =
# \partial F / \partial G_z`. The angles were not part of the training data. Up to the starting
# point and the direction, the learned angles agree with the angles of the curve.

figure, axes = plt.subplots(2, 1, figsize=(5.6, 8.6), layout="constrained")
for axis, (make, model) in zip(axes, models.items(), strict=True):
    LatentDisplay.from_estimator(
        model, *make(800, random_state=0), kind="points", ax=axis
    )
    axis.set_aspect("equal")
    axis.set_title(make.__name__.removeprefix("make_"))
plt.show()

# %%
# From a free energy to a minimum
# -------------------------------
#
# The elimination of z depends on β: :math:`F_\beta(x, y) = -\frac1\beta \log \sum_z
# e^{-\beta G(x, y, z)}`, which tends to :math:`\min_z G(x, y, z)` for :math:`\beta \to \infty`. All
# of these surfaces can be computed from the latent energies of one model. At a small β every angle
# contributes, also one that is far from y: the interior of the curve has low energy as well. With
# growing β the nearest angle dominates; the last panel corresponds to ``inference="min"``.

from sklearn_ebm.inference import Minimum, SoftMinimum


def plane(half_width, size=161):
    """A square grid of answers, as (size, size, 2)."""
    side = np.linspace(-half_width, half_width, size)
    return np.stack(np.meshgrid(side, side), axis=-1)


def draw(axis, half_width, surface, levels):
    """Draw a surface of energies over the square of answers, dark where it is low."""
    axis.set_aspect("equal")
    axis.set_xlabel("$y_1$")
    return axis.contourf(
        *plane(half_width).transpose(2, 0, 1), 1 + surface - surface.min(), levels,
        norm="log", cmap="viridis", extend="max",
    )  # fmt: skip


ring, x, half_width = models[make_ellipse], 0.5, 2.6
grid = plane(half_width)
latent = ring.latent_energies([[x]], grid.reshape(1, -1, 2))  # (1, answers, angles)
eliminations = {
    r"$\beta = 0.01$": SoftMinimum(beta=0.01),
    r"$\beta = 0.1$": SoftMinimum(beta=0.1),
    r"$\beta = 1$": SoftMinimum(beta=1.0),
    r"$\beta = \infty$, min": Minimum(),
}
figure, axes = plt.subplots(2, 2, figsize=(7.2, 7.0), layout="constrained")
sections = {}
along = np.linspace(-half_width, half_width, len(grid))
for axis, (name, eliminate) in zip(axes.flat, eliminations.items(), strict=True):
    surface = eliminate(latent).energies.reshape(grid.shape[:2])
    draw(axis, half_width, surface, np.logspace(0, 2.5, 11))
    axis.plot(along, -along, "--", c="white", linewidth=1)
    axis.set(title=name, ylabel="$y_2$")
    sections[name] = np.diagonal(surface[:, ::-1])[::-1] - surface.min()
plt.show()

# %%
# The same energies above their minimum, along the dashed line:

# sphinx_gallery_thumbnail_number = 4
figure, axis = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
colours = plt.colormaps["viridis"]([0.9, 0.65, 0.35, 0.0])
for (name, section), colour in zip(sections.items(), colours, strict=True):
    axis.plot(along, section, c=colour, linewidth=2.5, label=name)
axis.set(xlim=(-1.8, 1.8), ylim=(0, 100))
axis.set(xlabel="$y_1$ along the dashed line", ylabel="energy above its minimum")
axis.legend(loc="upper center")
plt.show()
