"""
Kernel energies
===============

A kernel energy is a linear energy on features of a Gaussian kernel. It is as flexible as a support
vector machine, and has the losses, the bound on the optimality gap and the probabilities of a
linear energy. In this example it separates three arms of a spiral, with a small number of
landmarks.
"""

# %%
# Three arms, with noise. The first three panels below show the energy of each class over the plane,
# which is low along its arm. The last panel shows the probability of the predicted class.

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
# Contours connect points of equal energy; crosses are the landmarks, 60 of 450 samples.

across, up = np.meshgrid(np.linspace(-3.4, 3.4, 161), np.linspace(-3.4, 3.4, 161))
plane = np.column_stack([across.ravel(), up.ravel()])
energies = clf.energies(plane)
best = clf.predict_proba(plane).max(axis=1)
COLOURS = ("#E69F00", "#56B4E9", "#D55E00")

figure, axes = plt.subplots(
    1, 4, figsize=(13, 3.7), sharex=True, sharey=True, layout="constrained"
)
landmarks = clf.energy_.transformer.landmarks
limits = {"vmin": np.percentile(energies, 1), "vmax": np.percentile(energies, 99)}
for k, ax in enumerate(axes[:3]):
    surface = energies[:, k].reshape(across.shape)
    shade = ax.pcolormesh(
        across, up, surface, cmap="viridis", rasterized=True, **limits
    )
    ax.contour(across, up, surface, levels=6, colors="white", linewidths=0.5)
    ax.scatter(*X[y == k].T, s=8, color=COLOURS[k], edgecolor="black", linewidth=0.3)
    ax.set_title(f"energy of class {k}")
figure.colorbar(shade, ax=axes[:3].tolist(), label="F(x, y)", shrink=0.9)
shade = axes[3].pcolormesh(
    across, up, best.reshape(across.shape), cmap="Greys", vmin=1 / 3, vmax=1
)
for k in range(3):
    axes[3].scatter(
        *X[y == k].T, s=8, color=COLOURS[k], edgecolor="black", linewidth=0.3
    )
axes[3].scatter(*landmarks.T, marker="x", s=18, color="#009E73", linewidth=1.2)
axes[3].set_title("highest probability")
figure.colorbar(shade, ax=axes[3], shrink=0.9)
for ax in axes:
    ax.set_aspect("equal")

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
