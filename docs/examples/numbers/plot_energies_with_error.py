r"""
A density with the error of its normalisation
=============================================

An energy of any form, :math:`F(x, y)`, has the density :math:`p(y \mid x) = e^{-F(x, y)}/Z(x)`. If
:math:`Z(x)` is estimated from draws, :math:`\log p = -F - \log Z` has the standard error of
:math:`\log Z`. It should be reported, and only if it describes the error.
"""

# %%
# The samples lie on two branches that do not touch. At each :math:`x`, an answer is on the upper
# branch with probability 0.8.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.distributions import VectorGaussianMixture
from sklearn_ebm.inference import log_partition

rng = np.random.default_rng(0)
X = rng.uniform(-2.6, -0.5, (1000, 1))
height = -np.sin(X[:, 0])
y = np.where(
    rng.random(1000) < 0.8,
    height + 0.075 * rng.normal(size=1000),
    -height + 0.15 * rng.normal(size=1000),
)


def true_log_prob(x, y):
    """Logarithm of the density from which the samples are drawn."""
    upper, lower = norm(-np.sin(x), 0.075), norm(np.sin(x), 0.15)
    return np.log(0.8 * upper.pdf(y) + 0.2 * lower.pdf(y))


reg = LatentEBMRegressor("joint", max_iter=80, random_state=0).fit(X, y)

# %%
# ``surface`` is the energy as a function of the answers of some samples. ``log_partition`` computes
# :math:`\log Z` by quadrature, which has no random error if there is one output. With more than two
# outputs, importance sampling is the usual way. Here both can be compared.

x_new = np.linspace(-2.5, -0.6, 11)[:, None]
surface = reg.surface(x_new)
exact = log_partition(surface, method="quadrature")
estimate = log_partition(surface, method="importance", n_draws=200)
inside = np.abs(estimate.value - exact.value) < 1.96 * estimate.standard_error
error, ess = estimate.standard_error.max(), estimate.ess.min()
print(f"largest standard error {error:.3f}, ESS from {ess:.0f}")
print(
    f"{inside.sum()} of {len(x_new)} values within 1.96 standard errors of quadrature"
)

# %%
# The wrong proposal
# ------------------
#
# This proposal covers the upper branch only. The weights are nearly equal, so the effective number
# of draws is high and the standard error is small. But the lower branch is missing from
# :math:`\log Z`, which is too low by about :math:`-\log 0.8 = 0.22`. The weights cannot show what
# they have not seen. A second, wider proposal can: where the two estimates disagree, ``reliable``
# is False and ``interval`` returns NaN. This test has errors of its own: if the wider proposal has
# few effective draws, it may overlook the difference.

n = len(x_new)
upper = VectorGaussianMixture(
    np.ones((n, 1)), -np.sin(x_new)[:, None], np.full((n, 1, 1, 1), 0.15)
)
missed = log_partition(surface, method="importance", proposal=upper)
error, ess = missed.standard_error.max(), missed.ess.min()
print(f"largest standard error {error:.3f}, ESS from {ess:.0f}")
print(f"error of log Z: {np.mean(missed.value - exact.value):.2f} on average")
print(f"not reliable at {(~missed.reliable).sum()} of {n} values of x")
print(f"interval at the first of them: {missed.interval()[0]}")

# %%
# The learned energy, dark where it is low:

grid_x, grid_y = np.linspace(-2.6, -0.5, 106), np.linspace(-1.6, 1.6, 161)
pairs = np.broadcast_to(grid_y[None, :, None], (len(grid_x), len(grid_y), 1))
energies = np.clip(reg.surface(grid_x[:, None]).energies(pairs).T, -4, 12)

figure, axis = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
shown = axis.contourf(grid_x, grid_y, energies, np.arange(-4, 13), cmap="Blues_r")
figure.colorbar(shown, label="energy, cut at 12")
axis.plot(X[::5, 0], y[::5], ".", color="#D55E00", markersize=3)
axis.set(xlabel="x", ylabel="y", title="Energy, and a fifth of the samples")
plt.show()

# %%
# The density at :math:`x = -1.55`, with two standard errors of :math:`\log Z` on both sides: the
# same error for all :math:`y`.

place = n // 2
grid_y = np.linspace(-2, 1.8, 191)
log_p = -surface[[place]].energies(grid_y[None, :, None])[0] - estimate.value[place]
truth = true_log_prob(x_new[place, 0], grid_y)
half = 2 * estimate.standard_error[place]
figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
axis.plot(grid_y, truth, "--", color="0.4", label="truth")
axis.plot(grid_y, log_p, color="#0072B2", label="learned")
axis.fill_between(grid_y, log_p - half, log_p + half, color="#0072B2", alpha=0.35)
axis.set(ylim=(-8, 2.5), xlabel="y", ylabel="log p(y | x), in nats")
axis.set_title(f"Density at x = −{-x_new[place, 0]:.2f}")
axis.legend(loc="upper left")
plt.show()

# %%
# :math:`\log Z` with intervals of 95 %, and that of the wrong proposal, without intervals:

half = np.abs(estimate.interval().T - estimate.value)
figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
axis.plot(x_new, exact.value, "-", color="0.4", label="quadrature")
axis.errorbar(
    x_new[:, 0], estimate.value, half, fmt="o", color="#0072B2", markersize=4,
    capsize=3, label="importance sampling",
)  # fmt: skip
axis.plot(x_new, missed.value, "x", color="#D55E00", label="one branch missed")
axis.set(xlabel="x", ylabel="log Z, in nats", title="log Z, with intervals of 95 %")
axis.set_ylim(top=exact.value.max() + 0.9)
axis.legend(loc="upper left")
plt.show()
