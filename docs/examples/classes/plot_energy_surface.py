"""
An energy surface
=================

An energy :math:`F(x, y)` is low if the answer `y` fits the input `x`. For three classes in the
plane the model consists of three surfaces, one for each class. The free energy is low if at least
one class fits.

The features of the linear energy are radial basis functions. The energy is linear in its parameters
but not in `x`: each class has a low-energy region of its own.
"""

# %%
# Three classes, and a loss that pins the level: :class:`~sklearn_ebm.losses.SquareSquare` aims at
# energies of right answers at or below 0 and, with ``contrast="all"``, energies of all wrong
# answers at or above the margin, here 1.

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
    EBMClassifier(
        loss=SquareSquare(contrast="all"), beta="auto", C=10.0, random_state=0
    ),
)
model.fit(X, y)
classifier = model[-1]
print(f"accuracy {model.score(X, y):.3f}, beta {classifier.beta_:.2f}")

# %%
# Energies and free energy on a grid. The transformers are applied explicitly, because a pipeline
# has no methods `energies` and `free_energy`.

x1, x2 = np.meshgrid(np.linspace(-5, 5, 201), np.linspace(-4, 6, 201))
features = model[:-1].transform(np.column_stack([x1.ravel(), x2.ravel()]))
energies = classifier.energies(features)
free_energy = classifier.free_energy(features)

# %%
# All four panels use the same colour scale; dark is low. In the first three, the black line is
# F = 0, the target for right answers, and the white line is F = 1, the margin. In the last panel
# the lines are decision boundaries.

import matplotlib.pyplot as plt
from matplotlib.colors import Normalize

MARKERS = {"A": "o", "B": "s", "C": "^"}
COLOURS = {"A": "#E69F00", "B": "#56B4E9", "C": "#FFFFFF"}

figure, axes = plt.subplots(
    1, 4, figsize=(13, 4.4), sharex=True, sharey=True, layout="constrained"
)
scale = Normalize(-1, 2)
levels = np.linspace(-1, 2, 13)
panels = [f"energy F(x, {name})" for name in classifier.classes_] + ["free energy"]
surfaces = [*energies.T, free_energy]
for axis, title, surface in zip(axes, panels, surfaces, strict=True):
    shape = surface.reshape(x1.shape)
    filled = axis.contourf(
        x1, x2, shape, levels, cmap="cividis", norm=scale, extend="both"
    )
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
# The energy of each class is low at its samples. The free energy is low if a class fits and high if
# none does; `score_samples` is minus the free energy. This interpretation requires a loss that pins
# the level: ``loss="nll"`` depends only on differences of energies, so it does not determine the
# level of the free energy.
