"""
Prototypes of digits
====================

The energy :math:`F(x, y)` of `Prototypes` is the squared distance from `x` to the nearest of a few
prototypes of class `y`. Prototypes have the format of the inputs, so prototypes of digits are
images. Depending on the loss, they resemble typical members of their class, or emphasise what
distinguishes it from other classes.
"""

# %%
# Effect of the loss
# ------------------
#
# All three models are initialised with K-means within each class. The loss ``"energy"`` depends
# only on right answers and stays at this solution. The other losses also raise the energies of
# wrong answers, so their prototypes become less typical and more discriminative.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Prototypes

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
models = {}
for loss, C in [("energy", 1.0), ("lvq2", 1.0), ("nll", 1.0)]:
    energy = Prototypes(n_prototypes=2, inference="min")
    models[loss] = EBMClassifier(energy, loss, C=C).fit(X_train, y_train)
    accuracy = models[loss].score(X_test, y_test)
    print(f"{loss:7s} accuracy on new digits {accuracy:.3f}")

figure, axes = plt.subplots(6, 10, figsize=(7.2, 4.8), layout="constrained")
for row, (loss, model) in enumerate(models.items()):
    for number in range(10):
        for which in range(2):
            axis = axes[2 * row + which, number]
            picture = model.prototypes_[number, which].reshape(8, 8)
            axis.imshow(picture, cmap="RdGy", vmin=-1.2, vmax=1.2)
            axis.set(xticks=[], yticks=[])
    axes[2 * row, 0].set_ylabel(loss, loc="bottom")
figure.suptitle("two prototypes per class; red: negative values, impossible for pixels")
plt.show()

# %%
# The surface of each class
# -------------------------
#
# Two classes in the plane, one of them with two clusters. The energy of each class has a minimum at
# each of its prototypes. ``C`` determines how far the learned prototypes (dots) move from their
# K-means start (crosses) to improve the discrimination.

rng = np.random.RandomState(0)
lumps = np.array([[-2.5, 0.0], [2.5, 0.0], [0.0, 0.6]])
toy = rng.normal(size=(240, 2)) * [0.6, 1.0] + np.repeat(lumps, 80, axis=0)
label = np.repeat(["outer", "outer", "inner"], 80)
model = EBMClassifier(Prototypes(n_prototypes=2), "nll").fit(toy, label)
start = EBMClassifier(Prototypes(n_prototypes=2), "nll", C=1e-9).fit(toy, label)

x1, x2 = np.meshgrid(np.linspace(-5, 5, 201), np.linspace(-4, 4, 161))
grid = np.column_stack([x1.ravel(), x2.ravel()])
surfaces = model.energies(grid)
levels = np.linspace(0, 20, 11)
figure, axes = plt.subplots(2, 1, figsize=(5.6, 7.6), sharex=True, layout="constrained")
for number, axis in enumerate(axes):
    name = model.classes_[number]
    surface = surfaces[:, number].reshape(x1.shape)
    filled = axis.contourf(x1, x2, surface, levels, cmap="cividis", extend="max")
    axis.scatter(
        *toy[label == name].T, s=8, c="white", edgecolors="black", linewidths=0.4
    )
    axis.scatter(
        *start.prototypes_[number].T, s=90, c="#E69F00", marker="x", linewidths=2.5
    )
    axis.scatter(*model.prototypes_[number].T, s=70, c="#E69F00", edgecolors="black")
    axis.set(title=f"F(x, {name})", aspect="equal", ylabel="$x_2$")
axes[1].set_xlabel("$x_1$")
figure.colorbar(filled, ax=axes, shrink=0.7, label="energy")
plt.show()

# %%
# The probability of the inner class, dark where it is 1:

# sphinx_gallery_thumbnail_number = 3
figure, axis = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
inner = model.predict_proba(grid)[:, 0].reshape(x1.shape)
axis.contourf(x1, x2, inner, np.linspace(0, 1, 11), cmap="Greys")
for name, marker in (("inner", "o"), ("outer", "^")):
    axis.scatter(
        *toy[label == name].T, s=16, marker=marker, c="white", edgecolors="black",
        linewidths=0.5, label=name,
    )  # fmt: skip
axis.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
axis.legend(loc="lower right")
plt.show()

# %%
# A collapsed energy
# ------------------
#
# With ``shared=True`` all classes have the same prototypes, so the energies of all classes are
# equal at every `x`, with any loss. `fit` issues a warning.

import warnings

from sklearn_ebm.exceptions import CollapseWarning

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", CollapseWarning)
    pool = EBMClassifier(Prototypes(n_prototypes=4, shared=True), "energy").fit(
        toy, label
    )
print(caught[0].message)

figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), sharey=True, layout="constrained")
line = np.column_stack([np.linspace(-5, 5, 201), np.zeros(201)])
titles = ("prototypes of each class, nll", "shared prototypes: collapsed")
for axis, fitted, title in zip(axes, (model, pool), titles, strict=True):
    for column, style in ((0, "-"), (1, "--")):
        axis.plot(
            line[:, 0], fitted.energies(line)[:, column], style,
            linewidth=2.5 - column, color=("#0072B2", "#E69F00")[column],
            label=f"F(x, {fitted.classes_[column]})",
        )  # fmt: skip
    axis.set_title(title, fontsize="medium")
    axis.set_xlabel("$x_1$, along $x_2 = 0$")
    axis.set_ylim(0, 25)
    axis.legend(loc="upper center")
axes[0].set_ylabel("energy")
plt.show()
