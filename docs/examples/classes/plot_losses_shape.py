"""
The shape of each loss
======================

A loss is a function of the energy of the right answer, :math:`F(y)`, and the energies of wrong
answers, :math:`F(\\bar y)`. Gradient descent lowers an energy for which the slope of the loss is
positive, and raises an energy for which it is negative.

All plots are computed by calling the losses with the energies of two answers, the first of which is
right.
"""

# %%
# Losses of differences
# ---------------------
# These losses depend only on :math:`F(y) - F(\bar y)`, which is negative if the prediction is
# right.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ebm import losses


def evaluate(loss, right, wrong):
    """Value and slopes of a loss at pairs of energies."""
    energies = np.column_stack([np.ravel(right), np.ravel(wrong)])
    correct = np.tile([True, False], (len(energies), 1))
    return loss(energies, correct)


COLOURS = ["#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]
STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1))]
of_differences = {
    "perceptron": losses.Perceptron(),
    "hinge, m = 1": losses.Hinge(),
    "log (nll, β = 1)": losses.Log(),
    "nll, β = 3": losses.NLL(beta=3),
    "mce (mee, β = 1)": losses.MCE(),
    "mee, β = 3": losses.MEE(beta=3),
}
difference = np.linspace(-3, 3, 601)


def draw(axis, column):
    """Draw the value (0) or the slope in F(y) (1) of each loss."""
    lines = zip(of_differences.items(), COLOURS, STYLES, strict=True)
    for (name, loss), colour, style in lines:
        value, slope = evaluate(loss, difference, np.zeros_like(difference))
        curve = (value, slope[:, 0])[column]
        axis.plot(difference, curve, color=colour, ls=style, linewidth=2, label=name)
    axis.axvline(0, color="0.7", linewidth=1, zorder=0)
    axis.grid(alpha=0.3)
    axis.set_xlabel("F(y) − F(ȳ)     right answer lower  ←  0  →  wrong answer lower")


figure, axis = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
draw(axis, 0)
axis.set(ylim=(-0.1, 3.2), ylabel="value", title="Losses of differences, two answers")
axis.legend(loc="upper left")
plt.show()

# %%
# The slope in :math:`F(\bar y)` is minus the slope in :math:`F(y)`.

figure, axis = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
draw(axis, 1)
axis.set_ylabel("slope in F(y)")
plt.show()

# %%
# The slope of the perceptron vanishes if the prediction is right, that of the hinge beyond the
# margin, and that of the log loss never. The slopes of ``mce`` and ``mee`` decrease again for badly
# misclassified samples. With two answers ``nll`` at β = 1 equals ``log``, and ``mee`` at β = 1
# equals ``mce``; with more answers they differ, because ``nll`` and ``mee`` depend on all of them.

# %%
# Losses of both energies
# -----------------------
# ``simple``, ``square_square`` and ``square_exp`` pin the level: they depend on the energies
# themselves, not only on their difference. ``lvq2`` depends on their ratio, and ``energy`` only on
# the right answer; both need energies that are never negative. Arrows show the direction of
# gradient descent (minus the slope). Above the dashed line, F(y) = F(ȳ), predictions are right.

of_two_energies = {
    "simple, m = 1": losses.Simple(),
    "square_square, m = 1": losses.SquareSquare(),
    "square_exp, γ = 1": losses.SquareExp(),
    "hinge, m = 1 (not pinned)": losses.Hinge(),
    "lvq2, δ = M = 1": losses.LVQ2(),
    "energy": losses.EnergyLoss(),
}
never_negative = {"lvq2, δ = M = 1", "energy"}

figure, axes = plt.subplots(3, 2, figsize=(7.2, 9.6), layout="constrained")
for axis, (name, loss) in zip(axes.flat, of_two_energies.items(), strict=True):
    low, high = (0.02, 3.02) if name in never_negative else (-1.0, 2.0)
    side, coarse = np.linspace(low, high, 151), np.linspace(low + 0.15, high - 0.15, 9)
    right, wrong = np.meshgrid(side, side)
    value = evaluate(loss, right, wrong)[0].reshape(right.shape)
    filled = axis.contourf(
        right, wrong, value, np.linspace(0, 4, 17), cmap="cividis", extend="max"
    )
    right, wrong = np.meshgrid(coarse, coarse)
    slope = evaluate(loss, right, wrong)[1]
    # The longest arrows are cut to one length.
    push = -slope / np.maximum(np.hypot(*slope.T)[:, None], 1.0)
    moves = slope.any(axis=1)
    axis.quiver(
        right.ravel()[moves], wrong.ravel()[moves], *push[moves].T,
        color="white", angles="xy", scale=13, width=0.008,
    )  # fmt: skip
    axis.plot([low, high], [low, high], color="#D55E00", linewidth=1.5, linestyle="--")
    axis.set_title(name)
    axis.set_aspect("equal")
    axis.set_xlabel("F(y), right answer")
    axis.set_ylabel("F(ȳ), wrong answer")
bar = figure.colorbar(filled, ax=axes, shrink=0.6)
bar.set_label("value of the loss")
plt.show()
