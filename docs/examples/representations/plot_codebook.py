"""
Codebooks: images as a few whole numbers
========================================

:class:`~sklearn_ebm.representation.VectorQuantizer` and
:class:`~sklearn_ebm.representation.VQAutoencoder` represent a sample by the numbers of codes. Only
samples near the reconstructions of these codes have a low energy, so the number of codes limits the
volume of low energy.
"""

# %%
# Two codebooks of 6 bits
# -----------------------
#
# Each of the 64 codes of a ``VectorQuantizer`` is a vector of its own.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_ebm.representation import VectorQuantizer, VQAutoencoder

X = load_digits().data / 16
X_train, X_test = X[:1500], X[1500:]


def mosaic(images, n_columns, gap=2):
    """Put images of 8 × 8 pixels side by side."""
    framed = np.full((len(images) // n_columns, n_columns, 8 + gap, 8 + gap), np.nan)
    framed[..., gap:, gap:] = images.reshape(-1, n_columns, 8, 8)
    return framed.transpose(0, 2, 1, 3).reshape(-1, n_columns * (8 + gap))


def show(axis, images, n_columns, title, **colors):
    """Draw a mosaic without ticks."""
    axis.imshow(
        mosaic(images, n_columns), **{"cmap": "Greys", "vmin": 0, "vmax": 1} | colors
    )
    axis.set_title(title)
    axis.axis("off")


def with_networks(n_codes):
    """Return an auto-encoder with two groups of codes."""
    return VQAutoencoder(
        n_codes, n_groups=2, hidden_layer_sizes=(128,), activation="silu", max_iter=100
    )


whole = VectorQuantizer(64).fit(X_train)
coder = with_networks(8).fit(X_train)
pairs = np.stack(np.divmod(np.arange(64), 8), axis=1)

figure, axis = plt.subplots(figsize=(4.6, 4.8), layout="constrained")
show(axis, whole.inverse_transform(np.arange(64)[:, None]), 8, "64 codes")
plt.show()

# %%
# A code of this ``VQAutoencoder`` has two numbers from 0 to 7, and the decoder turns each pair into
# an image: the first number is the row, the second the column.

figure, axis = plt.subplots(figsize=(4.6, 4.8), layout="constrained")
show(axis, coder.inverse_transform(pairs), 8, "8 codes in each of 2 groups")
plt.show()

# %%
# Levels
# ------
#
# With two levels, the second level quantises what the first leaves unexplained. Its codes are
# differences of images: violet pixels are added and orange ones are removed. Each sum of a code of
# the first level and one of the second is a reconstruction, again 64 of them.

levels = VectorQuantizer(8, n_levels=2).fit(X_train)
first, second = levels.codebooks_[0]
figure, axes = plt.subplots(2, 1, figsize=(7, 2.9), layout="constrained")
show(axes[0], first, 8, "codes of the first level")
show(axes[1], second, 8, "codes of the second level", cmap="PuOr", vmin=-0.6, vmax=0.6)
plt.show()

# %%
# Equal bits
# ----------
#
# The mean energy of held-out images at the same number of bits. One codebook of b bits has
# :math:`2^b` vectors; two levels or two groups have :math:`2 \cdot 2^{b/2}`, 32 instead of 256 for
# 8 bits.

BITS = (4, 6, 8)
systems = {
    "two groups": (lambda n: VectorQuantizer(n, n_groups=2), "s", "#E69F00"),
    "two levels": (lambda n: VectorQuantizer(n, n_levels=2), "o", "#0072B2"),
    "one codebook": (lambda n: VectorQuantizer(n * n), "^", "#000000"),
    "VQAutoencoder, two groups": (with_networks, "D", "#CC79A7"),
}
figure, axis = plt.subplots(figsize=(6, 3.8), layout="constrained")
fitted = {}
for name, (made, marker, color) in systems.items():
    fitted[name] = [made(2 ** (bits // 2)).fit(X_train) for bits in BITS]
    errors = [model.reconstruction_error(X_test).mean() for model in fitted[name]]
    axis.plot(BITS, errors, marker=marker, color=color, label=name)
    print(f"{name:26s}", *(f"{error:.2f}" for error in errors))
axis.set(xlabel="bits of a code", xticks=BITS, ylim=0)
axis.set_ylabel("mean ½‖x − reconstruction‖²")
axis.legend(frameon=False)
plt.show()

# %%
# Reconstructions
# ---------------
#
# Held-out images, and their reconstructions from 8 bits. One codebook has the lowest error, since
# all its vectors are free, but it has eight times as many of them. Levels and groups are for codes
# of more bits, where one codebook would have more vectors than there are samples.

shown = X_test[:12]
figure, axes = plt.subplots(5, 1, figsize=(7, 2.7), layout="constrained")
rows = {"x": shown} | {
    name: models[-1].inverse_transform(models[-1].transform(shown))
    for name, models in fitted.items()
}
for axis, (name, images) in zip(axes, rows.items(), strict=True):
    show(axis, images, 12, "")
    axis.text(
        -0.02, 0.5, name, transform=axis.transAxes, ha="right", va="center", fontsize=11
    )
plt.show()
