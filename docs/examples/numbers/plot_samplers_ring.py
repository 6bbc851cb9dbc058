r"""
Five samplers on a ring
=======================

A sampler draws answers :math:`y` from the Gibbs distribution :math:`e^{-F(y)}/Z` and needs only
the energy and its slopes, not :math:`Z`. Some samplers move locally. Others also jump. On this
energy the difference shows.
"""

# %%
# The answers lie on a ring with two valleys, at its left and its right end. Between the valleys the
# energy is higher by 3.5. All chains start in the right valley.

import warnings

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ebm.exceptions import SamplingWarning
from sklearn_ebm.samplers import Langevin, sample

RADIUS, WIDTH, BARRIER = 2.0, 0.15, 3.5


def ring(X, y):
    """Energies (n,), and their slopes in y (n, 2)."""
    away = ((y**2).sum(axis=1) - RADIUS**2) / (2 * RADIUS)
    energies = away**2 / (2 * WIDTH**2) - BARRIER * (y[:, 0] / RADIUS) ** 2
    slopes = (away / (WIDTH**2 * RADIUS))[:, None] * y
    slopes[:, 0] -= 2 * BARRIER * y[:, 0] / RADIUS**2
    return energies, slopes


# %%
# ``sample`` adapts the step size by 500 steps, and then makes 1,000 steps with each of four chains.
# The step size of ``Langevin`` is not adapted, because nothing is rejected.
#
# The diagnostics are the mean acceptance probability, the effective number of draws (ESS) for the
# centre of an output, and R-hat. R-hat compares the chains with each other, and is 1 if they agree.
# The worse of the two outputs is reported. A warning is issued for an ESS below 400, or an R-hat
# above 1.01.

samplers = {
    "Langevin": Langevin(step_size=0.07),
    "MALA": "mala",
    "HMC": "hmc",
    "jumps": "independence",
    "tempering": "tempering",
}
results = {}
print("           acceptance   ESS  R-hat  in the left valley  warnings")
for name, sampler in samplers.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SamplingWarning)
        result = sample(
            ring, [[0.0]], start=[RADIUS, 0.0], sampler=sampler, random_state=0
        )
    results[name] = result
    acceptance, ess, _, r_hat, _, _ = result.diagnostics
    left = (result.draws[..., 0] < 0).mean()
    print(
        f"{name:10s} {acceptance[0]:10.2f} {ess.min():5.0f} {r_hat.max():6.2f}"
        f" {left:19.2f} {len(caught):9d}"
    )

# %%
# The first 300 steps of two chains on the energy surface.
#
# ``Langevin`` and ``MALA`` do not leave the valley in which they start. ``HMC`` follows the ring,
# but crosses so rarely that the valleys differ in weight. ``"independence"`` alternates HMC with
# jumps to draws of a proposal: a density that is fitted around minima, which descents from many
# starts find. ``"tempering"`` has further chains at smaller β, for which the barrier is lower, and
# exchanges answers with them. It takes four chains for one, but needs no proposal.
#
# R-hat rises if chains stay in different valleys, as those of HMC. It does not show a valley that
# no chain has reached: for MALA it is lower than for HMC, although half of the probability is
# missing.

grid = np.linspace(-2.7, 2.7, 181)
plane = np.stack(np.meshgrid(grid, grid), axis=-1)
surface = ring(None, plane.reshape(-1, 2))[0].reshape(181, 181)

ORANGE, YELLOW = "#D55E00", "#F0E442"


def draw(axis, name):
    """Draw the energy surface, and the chains of a sampler."""
    axis.contourf(grid, grid, np.minimum(surface, 12), levels=24, cmap="Blues_r")
    chains = results[name].draws[0, :2, :300]
    for chain, color in zip(chains, (ORANGE, YELLOW), strict=True):
        axis.plot(*chain.T, ".-", color=color, linewidth=0.4, markersize=2.5)
    axis.set(title=name, aspect="equal", xticks=[-2, 0, 2], yticks=[-2, 0, 2])


figure, axis = plt.subplots(figsize=(5.0, 4.6), layout="constrained")
draw(axis, "jumps")
axis.set(xlabel="first output", ylabel="second output")
plt.show()

# %%
# The other samplers:

figure, axes = plt.subplots(
    2, 2, figsize=(6.4, 6.4), sharex=True, sharey=True, layout="constrained"
)
others = ("Langevin", "MALA", "HMC", "tempering")
for axis, name in zip(axes.flat, others, strict=True):
    draw(axis, name)
plt.show()

# %%
# The angles of all draws, and their exact density, the line:

angle, radius = np.linspace(-np.pi, np.pi, 361), np.linspace(1, 3, 401)
polar = radius[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
exact = radius @ np.exp(-ring(None, polar.reshape(-1, 2))[0]).reshape(401, 361)
exact /= exact[:-1].mean() * 2 * np.pi

figure, axes = plt.subplots(1, 5, figsize=(7.2, 2.2), sharey=True, layout="constrained")
for axis, (name, result) in zip(axes, results.items(), strict=True):
    drawn = np.arctan2(result.draws[0, ..., 1], result.draws[0, ..., 0]).ravel()
    axis.hist(drawn, bins=60, range=(-np.pi, np.pi), density=True, color="#56B4E9")
    axis.plot(angle, exact, color="black", linewidth=1.2)
    axis.set_xticks([-np.pi, 0, np.pi], ["−π", "0", "π"])
    axis.set_ylim(0, 1.5)
    axis.set_title(name, fontsize="medium")
axes[0].set_ylabel("density")
plt.show()
