"""
Kernel energies
===============

A kernel energy is a linear energy on features of a Gaussian kernel. It is as flexible as a support
vector machine, and has the losses, the bound on the optimality gap and the probabilities of a
linear energy. In this example it separates three arms of a spiral, with a small number of
landmarks.
"""

# %%
# Three arms, with noise.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Kernel

rng = np.random.RandomState(0)
y = np.arange(450) % 3
radius = rng.uniform(0.3, 3.0, size=450)
angle = 1.6 * radius + 2 * np.pi / 3 * y + 0.15 * rng.normal(size=450)
X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])

clf = EBMClassifier(
    energy=Kernel(n_components=60, gamma=1.0), loss="nll", C=30.0, random_state=0
).fit(X, y)
print(f"accuracy {clf.score(X, y):.3f}, gap to the minimum below {clf.gap_:.0e}")

# %%
# The probability of the predicted class; crosses are the landmarks, 60 of 450 samples.

across, up = np.meshgrid(np.linspace(-3.4, 3.4, 161), np.linspace(-3.4, 3.4, 161))
plane = np.column_stack([across.ravel(), up.ravel()])
best = clf.predict_proba(plane).max(axis=1).reshape(across.shape)
COLOURS = ("#E69F00", "#56B4E9", "#D55E00")


def scatter(axis, k):
    """Draw the samples of a class."""
    shown = {"s": 12, "color": COLOURS[k], "edgecolor": "black", "linewidth": 0.3}
    axis.scatter(*X[y == k].T, **shown)
    axis.set_aspect("equal")


figure, axis = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
shade = axis.pcolormesh(across, up, best, cmap="Greys", vmin=1 / 3, vmax=1)
for k in range(3):
    scatter(axis, k)
landmarks = clf.energy_.transformer.landmarks
axis.scatter(*landmarks.T, marker="x", s=24, color="#009E73", linewidth=1.4)
figure.colorbar(shade, label="highest probability")
plt.show()

# %%
# The energy of each class is low along its arm. Contours connect points of equal energy.

energies = clf.energies(plane)
limits = {"vmin": np.percentile(energies, 1), "vmax": np.percentile(energies, 99)}
figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.6), sharey=True, layout="constrained")
for k, axis in enumerate(axes):
    surface = energies[:, k].reshape(across.shape)
    shade = axis.pcolormesh(
        across, up, surface, cmap="viridis", rasterized=True, **limits
    )
    axis.contour(across, up, surface, levels=6, colors="white", linewidths=0.5)
    scatter(axis, k)
    axis.set_title(f"class {k}")
figure.colorbar(shade, ax=axes, label="F(x, y)", shrink=0.9)
plt.show()

# %%
# **How many landmarks?** More landmarks approximate the kernel better, and take proportionally more
# time. The held-out log-loss shows how many are sufficient.

new_angle = 1.6 * radius + 2 * np.pi / 3 * y + 0.15 * rng.normal(size=450)
X_new = np.column_stack([radius * np.cos(new_angle), radius * np.sin(new_angle)])
numbers = (5, 10, 20, 40, 80, 160, 320)
losses = {}
for approximation in ("nystroem", "fourier"):
    losses[approximation] = []
    for number in numbers:
        energy = Kernel(n_components=number, gamma=1.0, approximation=approximation)
        model = EBMClassifier(energy=energy, C=30.0, random_state=0).fit(X, y)
        losses[approximation].append(
            -model.predict_log_proba(X_new)[np.arange(450), y].mean()
        )

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for (approximation, curve), marker in zip(losses.items(), "os", strict=True):
    ax.plot(numbers, curve, marker=marker, label=approximation)
ax.set(
    xscale="log", xlabel="features", ylabel="held-out log-loss, nats", ylim=(0, None)
)
ax.set_xticks(numbers, [str(number) for number in numbers], minor=False)
ax.minorticks_off()
ax.legend(frameon=False)
plt.show()
