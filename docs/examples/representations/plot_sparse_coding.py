"""
Sparse coding: atoms, codes and certificates
============================================

:class:`~sklearn_ebm.representation.SparseCoding` explains each sample by a few atoms of a learned
dictionary. Its energy is half the squared reconstruction error plus a penalty on the code.
"""

# %%
# Atoms
# -----
#
# The atoms that are learned from handwritten digits resemble digits and parts of them. Red and grey
# pixels have opposite signs.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_ebm.inference import Descent
from sklearn_ebm.representation import SparseCoding

X, _ = load_digits(return_X_y=True)
X = X / 16
coding = SparseCoding(64, alpha=0.2).fit(X[:1500])

figure, axes = plt.subplots(6, 10, figsize=(7.2, 4.6), layout="constrained")
order = np.argsort(-np.abs(coding.transform(X[:1500])).sum(axis=0))
for axis, atom in zip(axes.flat, coding.dictionary_[order[:60]], strict=True):
    axis.imshow(atom.reshape(8, 8), cmap="RdGy", vmin=-0.35, vmax=0.35)
    axis.axis("off")
figure.suptitle("60 atoms, the most used first")
plt.show()

# %%
# Reconstructions
# ---------------
#
# A larger penalty leads to fewer atoms and a larger error.

digit = X[1500:1501]
figure, axes = plt.subplots(1, 5, figsize=(7.2, 1.9), layout="constrained")
axes[0].imshow(digit.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
axes[0].set_title("x")
for axis, alpha in zip(axes[1:], (0.05, 0.2, 0.5, 1.0), strict=True):
    fixed = SparseCoding(
        64, alpha=alpha, dictionary=coding.dictionary_, max_iter=0
    ).fit(X)
    code = fixed.transform(digit)
    axis.imshow(
        fixed.inverse_transform(code).reshape(8, 8), cmap="Greys", vmin=0, vmax=1
    )
    axis.set_title(f"α = {alpha:g},\n{(code != 0).sum()} atoms", fontsize="medium")
for axis in axes:
    axis.axis("off")
plt.show()

# %%
# Certificates
# ------------
#
# The duality gap bounds how much lower the energy of the best code can be. It is computed from the
# code alone, and it decreases with the number of iterations, faster with momentum (FISTA) than
# without (ISTA).

new = X[1500:]
figure, axis = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
steps = np.array([1, 3, 10, 30, 100, 300])
for momentum, name, color in ((True, "FISTA", "#0072B2"), (False, "ISTA", "#D55E00")):
    gaps = []
    for n_steps in steps:
        descent = Descent(max_iter=int(n_steps), tol=1e-12, momentum=momentum)
        coded = SparseCoding(
            64, alpha=0.2, dictionary=coding.dictionary_, max_iter=0, inference=descent
        ).fit(X)
        gaps.append(coded.transform(new, return_gap=True)[1].mean())
    axis.loglog(steps, gaps, "o-", color=color, label=name)
axis.set_xlabel("iterations")
axis.set_ylabel("mean duality gap (energy)")
axis.legend()
plt.show()
