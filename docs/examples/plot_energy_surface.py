"""
An energy surface
=================

An energy :math:`F(x, y)` is low where the answer `y` suits the input `x`. Here there are three
classes in the plane, so the model is three surfaces over the plane, one for each answer, and the
free energy, which says how well the best answers fit.

The linear energy sees the plane through radial basis functions. It stays linear in what is learned,
and is far from a plane over the plane: each answer gets a basin of its own.
"""

# %%
# Three classes, and a loss that pins the level: :class:`~sklearn_ebm.losses.SquareSquare` wants the
# right answer at or below 0 and, with ``contrast="all"``, every wrong one at or above the margin,
# here 1.

import numpy as np
from sklearn.datasets import make_blobs
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier
from sklearn_ebm.losses import SquareSquare

centers = [(-2, 0), (2, 0), (0, 3.2)]
X, y = make_blobs([60, 60, 60], centers=centers, cluster_std=0.8, random_state=0)
y = np.array(["A", "B", "C"])[y]
model = make_pipeline(
    StandardScaler(),
    Nystroem(gamma=0.5, n_components=60, random_state=0),
    EBMClassifier(loss=SquareSquare(contrast="all"), beta="auto", C=10.0, random_state=0),
)
model.fit(X, y)
classifier = model[-1]
print(f"accuracy {model.score(X, y):.3f}, beta {classifier.beta_:.2f}")

# %%
# Energies and free energy on a grid. The steps before the classifier are applied by hand, because
# a pipeline passes on `predict` but does not know `energies` and `free_energy`.

x1, x2 = np.meshgrid(np.linspace(-5, 5, 201), np.linspace(-4, 6, 201))
features = model[:-1].transform(np.column_stack([x1.ravel(), x2.ravel()]))
energies = classifier.energies(features)
free_energy = classifier.free_energy(features)

# %%
# One colour scale for all four pictures: dark is low. The black line of the first three is F = 0,
# where the answer fits as well as the loss asks, and the white one is F = 1, the margin. In the
# last one the lines are the borders between the answers that `predict` gives.

import matplotlib.pyplot as plt
from matplotlib.colors import Normalize

MARKERS = {"A": "o", "B": "s", "C": "^"}
COLOURS = {"A": "#E69F00", "B": "#56B4E9", "C": "#FFFFFF"}

figure, axes = plt.subplots(1, 4, figsize=(13, 4.4), sharex=True, sharey=True, layout="constrained")
scale = Normalize(-1, 2)
levels = np.linspace(-1, 2, 13)
panels = [f"energy F(x, {name})" for name in classifier.classes_] + ["free energy"]
surfaces = [*energies.T, free_energy]
for axis, title, surface in zip(axes, panels, surfaces, strict=True):
    shape = surface.reshape(x1.shape)
    filled = axis.contourf(x1, x2, shape, levels, cmap="cividis", norm=scale, extend="both")
    if title != "free energy":
        axis.contour(x1, x2, shape, [0.0, 1.0], colors=["black", "white"], linewidths=2)
    axis.set_title(title, fontsize=14)
    axis.set_xlabel("$x_1$", fontsize=13)
    axis.set_aspect("equal")
    for name in classifier.classes_:
        if title in ("free energy", f"energy F(x, {name})"):
            axis.scatter(
                *X[y == name].T, s=22, marker=MARKERS[name], c=COLOURS[name], edgecolors="black",
                linewidths=0.7, label=f"class {name}",
            )  # fmt: skip
best = energies.argmin(axis=1).reshape(x1.shape)
for answer in range(3):
    axes[3].contour(x1, x2, best == answer, [0.5], colors="black", linewidths=2)
axes[0].set_ylabel("$x_2$", fontsize=13)
handles, labels = axes[3].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=12)
bar = figure.colorbar(filled, ax=axes, shrink=0.85, pad=0.01)
bar.set_label("energy (low: x and y fit)", fontsize=12)
plt.show()

# %%
# Each class lies in the low region of its own surface. The free energy is low where some class
# fits and high where none does: `score_samples` is minus this number. That reading needs a loss
# that pins the level. The same model with ``loss="nll"`` sees only differences of energies, and its
# free energy says nothing about how usual an `x` is.
