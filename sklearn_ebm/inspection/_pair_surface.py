"""Plot of the density of two outputs at one x."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm.distributions import VectorGaussianMixture
from sklearn_ebm.inspection._axes import COLOURS

QUANTITIES = ("energy", "density")

# Probability of each output outside the axes, before they are widened, and this widening.
LEFT_OUT, PADDING = 0.002, 0.3

# Levels of the colours: energies above the lowest one, in nats.
ENERGY_LEVELS = (0, 0.3, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 1000)

# Largest area of the marker of a mode, in points².
MODE_AREA = 90


class SurfaceArtists(NamedTuple):
    """Artists of the plot; None for those that were not requested.

    Attributes
    ----------
    density, colorbar : artist or None
    outlines : dict of float to artist
        Outlines of the regions, by level.
    points, samples, latent, modes : artist or None
    """

    density: Any
    colorbar: Any
    outlines: dict[float, Any]
    points: Any
    samples: Any
    latent: Any
    modes: Any


def plot_plane(
    axis: Any,
    distribution: Any,
    *,
    regions: Mapping[float, Any],
    points: Array | None,
    labels: Sequence[str],
    quantity: str,
    modes: bool,
    min_probability: float,
    y_range: Any,
    latent: bool,
    samples: int,
    resolution: int,
    colorbar: bool,
) -> SurfaceArtists:
    """Draw the surface, outlines of regions, and markers.

    Parameters
    ----------
    axis : matplotlib Axes
    distribution : VectorDistribution
        Distribution of one row with two outputs.
    regions : dict of float to region
        Regions by level, from the largest to the smallest.
    points : ndarray of shape (n_samples, 2) or None
        Pairs of answers to mark.
    labels : pair of str
        Names of the outputs.
    quantity, modes, min_probability, y_range, latent, samples, resolution, colorbar
        See `plot` of the display.
    """
    _refuse(distribution, quantity, latent)
    ends = _ranges(distribution, points, y_range).tolist()
    first, second = (np.linspace(low, high, resolution) for low, high in ends)
    grid = np.stack(np.meshgrid(first, second), axis=-1)
    log_density = distribution.log_prob(grid.reshape(1, -1, 2)).reshape(grid.shape[:2])
    if quantity == "energy":
        density, bar = _draw_energy(axis, first, second, log_density.max() - log_density, colorbar)
    else:
        density, bar = _draw_density(axis, first, second, np.exp(log_density), colorbar)
    outlines = _draw_outlines(axis, regions, first, second, log_density)
    artists = SurfaceArtists(
        density, bar, outlines,
        points=None if points is None else _mark_points(axis, points),
        samples=_mark_samples(axis, distribution, samples) if samples else None,
        latent=_mark_latent(axis, distribution) if latent else None,
        modes=_mark_modes(axis, distribution, min_probability) if modes else None,
    )  # fmt: skip
    axis.set(xlabel=labels[0], ylabel=labels[1])
    axis.set(xlim=first[[0, -1]], ylim=second[[0, -1]])
    return artists


def _refuse(distribution: Any, quantity: str, latent: bool) -> None:
    """Raise ValueError if the arguments are invalid."""
    if quantity not in QUANTITIES:
        raise ValueError(unknown_name("quantity", quantity, QUANTITIES))
    if distribution.n_outputs != 2 or len(distribution) != 1:
        raise ValueError(
            f"{len(distribution)} rows of {distribution.n_outputs} answers each have no surface; "
            "draw one row of a pair of answers, or fit each answer alone."
        )
    if latent and not isinstance(distribution, VectorGaussianMixture):
        raise ValueError(
            f"latent=True marks the means of a mixture of Gaussians, but the distribution is a "
            f"{type(distribution).__name__}; pass latent=False, or predict with "
            "inference='marginal'."
        )


def _ranges(distribution: Any, points: Array | None, y_range: Any) -> Array:
    """Ends of both axes, (2, 2)."""
    if y_range is not None:
        return np.broadcast_to(np.asarray(y_range, dtype=np.float64), (2, 2))
    ends = distribution.quantiles([LEFT_OUT / 2, 1 - LEFT_OUT / 2])[0]
    if points is not None:
        ends = np.column_stack(
            [np.minimum(ends[:, 0], points.min(axis=0)), np.maximum(ends[:, 1], points.max(axis=0))]
        )
    pad = PADDING / 2 * (ends[:, 1] - ends[:, 0])
    return ends + pad[:, None] * [-1, 1]


def _draw_energy(
    axis: Any, first: Array, second: Array, energy: Array, with_bar: bool
) -> tuple[Any, Any]:
    """Draw contours of the energy; return them and the colour bar or None."""
    from matplotlib.colors import BoundaryNorm

    norm = BoundaryNorm(ENERGY_LEVELS, 256, extend="max")
    contours = axis.contourf(
        first, second, energy, ENERGY_LEVELS, cmap="viridis", norm=norm, extend="max"
    )
    if not with_bar:
        return contours, None
    bar = axis.figure.colorbar(contours, ax=axis, ticks=[0, 1, 3, 8, 21, 55, 144, 377, 1000])
    bar.set_label("β(F − min F), in nats")
    return contours, bar


def _draw_density(
    axis: Any, first: Array, second: Array, density: Array, with_bar: bool
) -> tuple[Any, Any]:
    """Draw the density in colours; return the artist and the colour bar or None."""
    mesh = axis.pcolormesh(
        first, second, density, cmap="magma_r", vmin=0, shading="gouraud", rasterized=True
    )
    if not with_bar:
        return mesh, None
    bar = axis.figure.colorbar(mesh, ax=axis)
    bar.set_label("p(y | x), in 1/(unit of y)²")
    return mesh, bar


def _draw_outlines(
    axis: Any, regions: Mapping[float, Any], first: Array, second: Array, log_density: Array
) -> dict[float, Any]:
    """Draw a contour for each region, the narrowest as a solid line."""
    outlines = {}
    for number, (level, region) in enumerate(regions.items()):
        threshold = float(region.log_threshold[0])
        if not log_density.min() < threshold < log_density.max():
            raise ValueError(
                f"The region of level {level:g} has no outline on this grid; raise the resolution, "
                "widen y_range, or leave the level out."
            )
        style = "-" if number == len(regions) - 1 else "--"
        outlines[level] = axis.contour(
            first, second, log_density, [threshold], colors=COLOURS[5], linestyles=style,
            linewidths=1.4,
        )  # fmt: skip
    return outlines


def _mark_points(axis: Any, points: Array) -> Any:
    return axis.scatter(*points.T, s=9, color="#333333", alpha=0.6, linewidths=0, zorder=2)


def _mark_samples(axis: Any, distribution: Any, n_samples: int) -> Any:
    return axis.scatter(
        *distribution.sample(n_samples, random_state=0)[0].T,
            s=22, color=COLOURS[4], edgecolors="black",
        linewidths=0.6, zorder=2, label="draws",
    )  # fmt: skip


def _mark_latent(axis: Any, distribution: Any) -> Any:
    heard = distribution.weights[0] > distribution.weights[0].max() * 1e-3
    return axis.scatter(
        *distribution.means[0, heard].T,
        s=7,
        color="white",
        linewidths=0,
        zorder=3,
        label="latent values",
    )


def _mark_modes(axis: Any, distribution: Any, min_probability: float) -> Any:
    found = distribution.modes(min_probability)
    there = found.probabilities[0] > 0
    return axis.scatter(
        *found.answers[0, there].T, s=MODE_AREA * found.probabilities[0, there], color="white",
        edgecolors="black", linewidths=1.2, zorder=4, label="modes",
    )  # fmt: skip
