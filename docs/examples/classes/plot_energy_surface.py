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
# The energy of one class, A, and all samples. Dark is low.

import matplotlib.pyplot as plt
from matplotlib.colors import Normalize

MARKERS = {"A": "o", "B": "s", "C": "^"}
COLOURS = {"A": "#E69F00", "B": "#56B4E9", "C": "#FFFFFF"}
levels = np.linspace(-1, 2, 13)

figure, axis = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
surface = energies[:, 0].reshape(x1.shape)
filled = axis.contourf(x1, x2, surface, levels, cmap="cividis", extend="both")
for name in classifier.classes_:
    axis.scatter(
        *X[y == name].T, s=26, marker=MARKERS[name], c=COLOURS[name],
        edgecolors="black", linewidths=0.7, label=f"class {name}",
    )  # fmt: skip
axis.set(xlabel="$x_1$", ylabel="$x_2$", title="F(x, A)", aspect="equal")
axis.legend()
figure.colorbar(filled, label="energy (low: x and A fit)")
plt.show()

# %%
# All four panels use the same colour scale. In the first three, the black line is F = 0, the target
# for right answers, and the white line is F = 1, the margin. In the last panel the lines are
# decision boundaries.

figure, axes = plt.subplots(
    2, 2, figsize=(7.2, 7.4), sharex=True, sharey=True, layout="constrained"
)
scale = Normalize(-1, 2)
panels = [f"energy F(x, {name})" for name in classifier.classes_] + ["free energy"]
surfaces = [*energies.T, free_energy]
for axis, title, surface in zip(axes.flat, panels, surfaces, strict=True):
    shape = surface.reshape(x1.shape)
    filled = axis.contourf(
        x1, x2, shape, levels, cmap="cividis", norm=scale, extend="both"
    )
    if title != "free energy":
        axis.contour(x1, x2, shape, [0.0, 1.0], colors=["black", "white"], linewidths=2)
    axis.set_title(title)
    axis.set_aspect("equal")
    for name in classifier.classes_:
        if title in ("free energy", f"energy F(x, {name})"):
            axis.scatter(
                *X[y == name].T, s=16, marker=MARKERS[name], c=COLOURS[name],
                edgecolors="black", linewidths=0.7, label=f"class {name}",
            )  # fmt: skip
best = energies.argmin(axis=1).reshape(x1.shape)
for answer in range(3):
    axes[1, 1].contour(x1, x2, best == answer, [0.5], colors="black", linewidths=2)
for axis in axes[1]:
    axis.set_xlabel("$x_1$")
for axis in axes[:, 0]:
    axis.set_ylabel("$x_2$")
handles, labels = axes[1, 1].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=3)
bar = figure.colorbar(filled, ax=axes, shrink=0.7, pad=0.02)
bar.set_label("energy (low: x and y fit)")
plt.show()

# %%
# The energy of each class is low at its samples. The free energy is low if a class fits and high if
# none does; `score_samples` is minus the free energy. This interpretation requires a loss that pins
# the level: ``loss="nll"`` depends only on differences of energies, so it does not determine the
# level of the free energy.
