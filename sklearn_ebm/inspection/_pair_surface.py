"""The density of a pair of answers at one x, as a surface over both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm.distributions import VectorGaussianMixture
from sklearn_ebm.inspection._axes import COLOURS

if TYPE_CHECKING:
    from sklearn_ebm.inspection.conditional_density import ConditionalDensityDisplay

QUANTITIES = ("energy", "density")

# The mass of each answer that the axes leave out, and how much wider than that they are.
LEFT_OUT, PADDING = 0.002, 0.3

# Energies above the lowest at which colours change, in nats.
ENERGY_LEVELS = (0, 0.3, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 1000)

# Largest area of the marker of a mode, in points².
MODE_AREA = 90


def plot_plane(
    display: ConditionalDensityDisplay,
    *,
    quantity: str,
    modes: bool,
    min_probability: float,
    y_range: Any,
    latent: bool,
    samples: int,
    resolution: int,
    colorbar: bool,
) -> None:
    """Draw the surface, outlines of regions, and what is marked; see `plot` of the display."""
    law, axis = display.law, display.ax_
    if quantity not in QUANTITIES:
        raise ValueError(unknown_name("quantity", quantity, QUANTITIES))
    if law.n_outputs != 2 or len(law) != 1:
        raise ValueError(
            f"A law of {len(law)} rows and {law.n_outputs} answers each has no surface; draw one "
            "row of a pair of answers, or fit each answer alone."
        )
    if latent and not isinstance(law, VectorGaussianMixture):
        raise ValueError(
            f"latent=True marks the means of a mixture of Gaussians, but the law is a "
            f"{type(law).__name__}; pass latent=False, or predict with inference='marginal'."
        )
    ends = _ranges(display, y_range).tolist()
    first, second = (np.linspace(low, high, resolution) for low, high in ends)
    grid = np.stack(np.meshgrid(first, second), axis=-1)
    log_density = law.log_prob(grid.reshape(1, -1, 2)).reshape(grid.shape[:2])
    if quantity == "energy":
        _draw_energy(display, first, second, log_density.max() - log_density, colorbar)
    else:
        _draw_density(display, first, second, np.exp(log_density), colorbar)
    for number, (level, region) in enumerate(display.regions.items()):
        threshold = float(region.log_threshold[0])
        if not log_density.min() < threshold < log_density.max():
            raise ValueError(
                f"The region of level {level:g} has no outline on this grid; raise the resolution, "
                "widen y_range, or leave the level out."
            )
        style = "-" if number == len(display.regions) - 1 else "--"
        display.ribbons_[level] = axis.contour(
            first, second, log_density, [threshold], colors=COLOURS[5], linestyles=style,
            linewidths=1.4,
        )  # fmt: skip
    _mark(display, modes, min_probability, latent, samples)
    axis.set(xlabel=display.y_label[0], ylabel=display.y_label[1])
    axis.set(xlim=first[[0, -1]], ylim=second[[0, -1]])


def _ranges(display: ConditionalDensityDisplay, y_range: Any) -> Array:
    """Ends of both axes, (2, 2)."""
    if y_range is not None:
        return np.broadcast_to(np.asarray(y_range, dtype=np.float64), (2, 2))
    ends = display.law.quantiles([LEFT_OUT / 2, 1 - LEFT_OUT / 2])[0]
    if display.data is not None:
        points = display.data[0]
        ends = np.column_stack(
            [np.minimum(ends[:, 0], points.min(axis=0)), np.maximum(ends[:, 1], points.max(axis=0))]
        )
    pad = PADDING / 2 * (ends[:, 1] - ends[:, 0])
    return ends + pad[:, None] * [-1, 1]


def _draw_energy(
    display: ConditionalDensityDisplay, first: Array, second: Array, energy: Array, bar: bool
) -> None:
    from matplotlib.colors import BoundaryNorm

    norm = BoundaryNorm(ENERGY_LEVELS, 256, extend="max")
    display.density_ = display.ax_.contourf(
        first, second, energy, ENERGY_LEVELS, cmap="viridis", norm=norm, extend="max"
    )
    if bar:
        display.colorbar_ = display.figure_.colorbar(
            display.density_, ax=display.ax_, ticks=[0, 1, 3, 8, 21, 55, 144, 377, 1000]
        )
        display.colorbar_.set_label("β(F − min F), in nats")


def _draw_density(
    display: ConditionalDensityDisplay, first: Array, second: Array, density: Array, bar: bool
) -> None:
    display.density_ = display.ax_.pcolormesh(
        first, second, density, cmap="magma_r", vmin=0, shading="gouraud", rasterized=True
    )
    if bar:
        display.colorbar_ = display.figure_.colorbar(display.density_, ax=display.ax_)
        display.colorbar_.set_label("p(y | x), in 1/(unit of y)²")


def _mark(
    display: ConditionalDensityDisplay,
    modes: bool,
    min_probability: float,
    latent: bool,
    samples: int,
) -> None:
    law, axis = display.law, display.ax_
    if display.data is not None:
        display.points_ = axis.scatter(
            *display.data[0].T, s=9, color="#333333", alpha=0.6, linewidths=0, zorder=2
        )
    if samples:
        display.samples_ = axis.scatter(
            *law.sample(samples, random_state=0)[0].T, s=22, color=COLOURS[4], edgecolors="black",
            linewidths=0.6, zorder=2, label="draws",
        )  # fmt: skip
    if latent:
        heard = law.weights[0] > law.weights[0].max() * 1e-3
        display.latent_ = axis.scatter(
            *law.means[0, heard].T,
            s=7,
            color="white",
            linewidths=0,
            zorder=3,
            label="latent values",
        )
    if modes:
        found = law.modes(min_probability)
        there = found.probabilities[0] > 0
        display.modes_ = axis.scatter(
            *found.answers[0, there].T, s=MODE_AREA * found.probabilities[0, there], color="white",
            edgecolors="black", linewidths=1.2, zorder=4, label="modes",
        )  # fmt: skip
