"""
The plane of codes of a variational auto-encoder
================================================

:class:`~sklearn_ebm.representation.VariationalAutoencoder` with a code of two components places
images of digits in a plane. Each point of the plane is a code, and the decoder turns it into an
image.
"""

# %%
# Learning
# --------
#
# Pixels from 0 to 1 are taken as probabilities of ink: a Bernoulli likelihood. The evidence lower
# bound (ELBO) is the quantity that learning raises. The log-likelihood, estimated by importance
# sampling, is at least as high; the difference is the price of a normal q(z | x) and of the
# encoder.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_ebm.representation import VariationalAutoencoder

X, y = load_digits(return_X_y=True)
X = X / 16
vae = VariationalAutoencoder(
    2,
    hidden_layer_sizes=(128, 64),
    activation="silu",
    likelihood="bernoulli",
    max_iter=200,
).fit(X[:1500])

log_likelihood, standard_error = vae.log_likelihood(X[1500:])
print(f"ELBO of held-out images:           {vae.elbo(X[1500:]).mean():.1f} nats")
print(f"log-likelihood of the same images: {log_likelihood.mean():.1f} nats")
print(f"mean standard error of one image:   {standard_error.mean():.2f} nats")

# %%
# The plane, decoded
# ------------------
#
# The codes are on a grid. Neighbours are similar, because the noise of the code makes them share
# samples during learning. Between two digits there are images that resemble both.

SIDE, GAP = 15, 3  # images in a row, and white pixels between them
steps = np.linspace(-2.5, 2.5, SIDE)
codes = np.stack(np.meshgrid(steps, steps[::-1]), axis=-1).reshape(-1, 2)
images = vae.inverse_transform(codes).reshape(SIDE, SIDE, 8, 8)
framed = np.pad(images, [(0, 0), (0, 0), (GAP, 0), (GAP, 0)])
picture = framed.transpose(0, 2, 1, 3).reshape(SIDE * (8 + GAP), -1)
half = 0.5 * (steps[-1] - steps[0]) * SIDE / (SIDE - 1)

figure, axis = plt.subplots(figsize=(6.5, 6.5), layout="constrained")
axis.imshow(
    np.pad(picture, [(0, GAP), (0, GAP)]), cmap="Greys", vmin=0, vmax=1,
    extent=[-half, half, -half, half],
)  # fmt: skip
axis.set(xticks=range(-2, 3), yticks=range(-2, 3), xlabel="$z_1$", ylabel="$z_2$")
axis.set_title("images that the codes stand for")
plt.show()

# %%
# Codes of samples
# ----------------
#
# Each symbol is the code of one image, the mean of q(z | x). The labels were not used in learning,
# and still most digits have regions of their own. The circles contain half and 95 % of the prior.

COLORS = [
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#B8A800",
    "#0072B2", "#D55E00", "#CC79A7", "#7F7F7F", "#6A3D9A",
]  # fmt: skip
placed = vae.transform(X[:1500])
figure, axis = plt.subplots(figsize=(6.5, 6.5), layout="constrained")
for digit, color in enumerate(COLORS):
    of_digit = placed[y[:1500] == digit]
    axis.scatter(*of_digit.T, marker=f"${digit}$", s=28, color=color, linewidths=0)
for share in (0.5, 0.95):
    radius = np.sqrt(-2 * np.log(1 - share))
    axis.add_patch(
        plt.Circle((0, 0), radius, fill=False, color="#555555", linestyle="--")
    )
axis.set(xlabel="$z_1$", ylabel="$z_2$", title="codes of 1,500 images", aspect="equal")
plt.show()

# %%
# New images
# ----------
#
# ``sample`` draws a code from p(z), then a sample from p(x | z). With a Bernoulli likelihood the
# pixels are 0 or 1; the picture shows the probabilities of ink of drawn codes instead.

drawn = np.random.default_rng(0).normal(size=(32, 2))
figure, axes = plt.subplots(2, 16, figsize=(7.2, 1.2), layout="constrained")
for axis, image in zip(axes.flat, vae.inverse_transform(drawn), strict=True):
    axis.imshow(image.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
    axis.axis("off")
plt.show()
