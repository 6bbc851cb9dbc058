"""
A neural network as an energy, with early stopping
==================================================

One network computes the energies of all classes. The loss determines the shape of the energy
surface, and the loss of held-out samples determines when learning stops.
"""

# %%
# **Three losses, one architecture.** Each panel shows the energy of class 0 over the plane; dark is
# low. ``nll`` and ``hinge`` depend only on differences between the energies, so the level of one
# energy is arbitrary. ``square_square`` aims at energies of right answers at 0 or below, and of
# wrong answers at the margin or above: the black line is F = 0, the white line F = 1, the margin.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import MLP

X, y = make_moons(400, noise=0.15, random_state=0)
across, up = np.meshgrid(np.linspace(-1.9, 2.9, 141), np.linspace(-1.4, 1.9, 121))
plane = np.column_stack([across.ravel(), up.ravel()])
network = MLP(hidden_layer_sizes=(40, 40), activation="silu")

figure, axes = plt.subplots(
    3, 1, figsize=(6.0, 9.0), sharex=True, sharey=True, layout="constrained"
)
for ax, loss in zip(axes, ("nll", "hinge", "square_square"), strict=True):
    clf = EBMClassifier(energy=network, loss=loss, C=100.0, random_state=0).fit(X, y)
    surface = clf.energies(plane)[:, 0].reshape(across.shape)
    limit = np.percentile(np.abs(surface), 85)
    shade = ax.pcolormesh(across, up, surface, cmap="viridis", vmin=-limit, vmax=limit)
    if loss == "square_square":
        ax.contour(
            across,
            up,
            surface,
            levels=[0, 1],
            colors=["black", "white"],
            linewidths=1.2,
        )
    for label, colour in enumerate(("#E69F00", "#56B4E9")):
        ax.scatter(
            *X[y == label].T, s=7, color=colour, edgecolor="black", linewidth=0.3
        )
    ax.set_title(f"{loss}: accuracy {clf.score(X, y):.3f}")
    figure.colorbar(shade, ax=ax, label="F(x, 0)")
plt.show()

# %%
# **When should learning stop?** A large network overfits few, noisy samples: the objective
# continues to decrease long after the loss of held-out samples has started to increase.
# ``early_stopping=True`` stops soon after this point and keeps the parameters of the best pass. It
# works with all solvers.

import warnings

from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm.solvers import Adam

X_noisy, y_noisy = make_moons(600, noise=0.35, random_state=1)
X_train, y_train, X_val, y_val = (
    X_noisy[:150],
    y_noisy[:150],
    X_noisy[150:],
    y_noisy[150:],
)
settings = {
    "energy": MLP(hidden_layer_sizes=(200, 200)),
    "C": 1e6,
    "solver": Adam(learning_rate=3e-3, schedule="constant"),
    "max_iter": 300,
    "tol": 1e-6,
}
held_out = {"X_val": X_val, "y_val": y_val}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is reached
    long = EBMClassifier(**settings, random_state=0).fit(X_train, y_train, **held_out)
short = EBMClassifier(
    **settings, early_stopping=True, n_iter_no_change=20, random_state=0
)
short.fit(X_train, y_train, **held_out)
best = int(np.argmin(short.validation_loss_curve_))
for name, clf in (("all passes", long), ("stopped early", short)):
    loss = -clf.predict_log_proba(X_val)[np.arange(len(y_val)), y_val].mean()
    print(f"{name}: {clf.n_iter_} passes, held-out log-loss {loss:.3f}")

# sphinx_gallery_thumbnail_number = 2
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
passes = np.arange(1, len(long.validation_loss_curve_) + 1)
ax.plot(passes, long.validation_loss_curve_, color="#D55E00", label="held-out loss")
objective = long.loss_curve_[-len(passes) :] / len(X_train)
ax.plot(passes, objective, color="#0072B2", label="objective / n")
ax.axvline(best + 1, color="#777777", linewidth=1)
ax.annotate("kept", (best + 1, 0), xytext=(4, 6), textcoords="offset points")
ax.set(xlabel="passes over the samples", ylabel="mean loss (nats)", ylim=(0, 1.5))
ax.legend(frameon=False)
plt.show()
