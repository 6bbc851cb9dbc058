"""Spaces of a continuous latent variable, with grids over which it is eliminated.

The integral over z is approximated by a sum over windows around grid points. In each window the
decoder is approximated as linear, and z is normal around the grid point, with half a grid step as
its standard deviation; the sum of neighbouring windows is constant within 2 %. For the tangents A,
one column of half a grid step for each axis, y is normal around the output of the decoder, with the
covariance of the noise plus A Aᵀ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.parameters import Array

# Standard deviation of a window, in steps of the grid.
WINDOW = 0.5

# Range of a grid for a normal latent variable, in standard deviations on both sides.
TAILS = 3.0


@dataclass(frozen=True)
class Axis:
    """An axis of the grid.

    Attributes
    ----------
    size : int
        Number of points.
    closed : bool
        Whether the first and the last point are neighbours.
    """

    size: int
    closed: bool

    def tangents(self, answers: Array, axis: int) -> Array:
        """Half a grid step, from differences of neighbours; `axis` is counted from the end.

        At an end, the grid is extended linearly by one point.
        """
        first, last = _at(answers, axis, 0, 1), _at(answers, axis, -1, None)
        if self.closed:
            before, after = last, first
        else:
            before = 2 * first - _at(answers, axis, 1, 2)
            after = 2 * last - _at(answers, axis, -2, -1)
        longer = namespace_of(answers).concat([before, answers, after], axis=axis)
        result = _at(longer, axis, 2, None) - _at(longer, axis, 0, -2)
        result *= WINDOW / 2
        return result

    def pullback(self, slope: Array, axis: int) -> Array:
        """Derivatives in the answers, from derivatives in the tangents."""
        first, last = _at(slope, axis, 0, 1), _at(slope, axis, -1, None)
        if self.closed:
            parts = [last, slope, first]
        else:
            # The extension of the grid depends on both points at an end.
            parts = [-2 * first, 2 * first, _at(slope, axis, 1, -1), 2 * last, -2 * last]
        longer = namespace_of(slope).concat(parts, axis=axis)
        result = _at(longer, axis, 0, -2) - _at(longer, axis, 2, None)
        result *= WINDOW / 2
        return result


def _at(array: Array, axis: int, first: int, last: int | None) -> Array:
    """Slice of an axis that is counted from the end."""
    part: Array = array[(..., slice(first, last), *(slice(None),) * (-axis - 1))]
    return part


class LatentSpace(Protocol):
    """Latent values, and the windows around them.

    Attributes
    ----------
    features : ndarray of shape (points, c)
        Inputs of the decoder for the latent values, and for further points if needed.
    log_prior : ndarray of shape (z,)
        Logarithms of the prior of each window.
    """

    @property
    def features(self) -> Array:
        """Inputs of the decoder, (points, c)."""

    @property
    def log_prior(self) -> Array:
        """Logarithms of the prior of each window, (z,)."""

    def windows(self, answers: Array) -> tuple[Array, list[Array]]:
        """Means (..., z), and tangents (..., z) for each axis, from answers (..., points)."""

    def pullback(self, in_middles: Array, in_tangents: list[Array]) -> Array:
        """Derivatives in the answers, from derivatives in means and tangents."""


@dataclass(frozen=True)
class Grid:
    """A product of axes; see `LatentSpace`."""

    features: Array
    log_prior: Array
    axes: tuple[Axis, ...]

    def windows(self, answers: Array) -> tuple[Array, list[Array]]:
        """The answers, and half a grid step for each axis."""
        xp, grid = namespace_of(answers), self._grid(answers)
        parts = [axis.tangents(grid, place) for place, axis in self._placed()]
        return answers, [xp.reshape(part, answers.shape) for part in parts]

    def pullback(self, in_middles: Array, in_tangents: list[Array]) -> Array:
        """Derivatives in the answers."""
        xp, total = namespace_of(in_middles), in_middles
        for (place, axis), slope in zip(self._placed(), in_tangents, strict=True):
            total = total + xp.reshape(axis.pullback(self._grid(slope), place), total.shape)
        return total

    def _placed(self) -> list[tuple[int, Axis]]:
        """The axes, with their positions counted from the end."""
        return [(place - len(self.axes), axis) for place, axis in enumerate(self.axes)]

    def _grid(self, values: Array) -> Array:
        """Values (..., points) on the grid."""
        shape = (*values.shape[:-1], *(axis.size for axis in self.axes))
        grid: Array = namespace_of(values).reshape(values, shape)
        return grid


@dataclass(frozen=True)
class Scattered:
    """Standard normal points in p dimensions, too many for a grid; see `LatentSpace`.

    The standard deviation of a window is h = m^(−1/(p+4)) for m points, which are scaled by
    √(1 − h²), so that the windows together have the variance of the distribution. Tangents are
    differences to further points at the distance h in each coordinate.
    """

    features: Array
    log_prior: Array

    def windows(self, answers: Array) -> tuple[Array, list[Array]]:
        """The answers at the points, and differences to the further points."""
        shape = (*answers.shape[:-1], -1, len(self.log_prior))
        points = namespace_of(answers).reshape(answers, shape)
        middles = points[..., 0, :]
        return middles, [points[..., n, :] - middles for n in range(1, points.shape[-2])]

    def pullback(self, in_middles: Array, in_tangents: list[Array]) -> Array:
        """Derivatives in the answers."""
        result: Array = namespace_of(in_middles).concat(
            [in_middles - sum(in_tangents), *in_tangents], axis=-1
        )
        return result


def circle(size: int) -> Grid:
    """Equidistant angles; inputs of the decoder are cosine and sine."""
    angle = 2 * np.pi * np.arange(size) / size
    features = np.column_stack([np.cos(angle), np.sin(angle)]) * np.sqrt(2)
    return Grid(features, np.full(size, -np.log(size)), (Axis(size, closed=True),))


def interval(size: int) -> Grid:
    """Equidistant numbers with a uniform prior and standard deviation 1."""
    values = (np.arange(size) + 0.5) / size * 2 - 1
    features = values[:, None] * np.sqrt(3)
    return Grid(features, np.full(size, -np.log(size)), (Axis(size, closed=False),))


def square(size: int) -> Grid:
    """Pairs of the numbers of `interval`; `size` points for each side."""
    side = interval(size)
    first, second = np.meshgrid(side.features[:, 0], side.features[:, 0], indexing="ij")
    features = np.column_stack([first.ravel(), second.ravel()])
    return Grid(features, np.full(size**2, -2 * np.log(size)), side.axes * 2)


def gaussian(size: int) -> Grid:
    """A standard normal number, on a grid with the prior as weights."""
    values = np.linspace(-TAILS, TAILS, size)
    log_prior = -0.5 * values**2
    log_prior -= np.log(np.exp(log_prior).sum())
    return Grid(values[:, None], log_prior, (Axis(size, closed=False),))


def gaussian_points(size: int, n_dimensions: int) -> Scattered:
    """Points of a standard normal distribution in several dimensions, always the same ones."""
    uniform = qmc.Halton(n_dimensions, scramble=True, seed=0).random(size)
    points = ndtri(uniform)
    points -= points.mean(axis=0)
    points /= points.std(axis=0)
    width = size ** (-1 / (n_dimensions + 4))
    points *= np.sqrt(1 - width**2)
    beside = points[None] + width * np.eye(n_dimensions)[:, None, :]
    features = np.concatenate([points[None], beside]).reshape(-1, n_dimensions)
    return Scattered(features, np.full(size, -np.log(size)))


#: Every grid by its name, with its default number of points for each axis.
LATENT_SPACES = {
    "circle": (circle, 64),
    "interval": (interval, 48),
    "square": (square, 12),
    "gaussian": (gaussian, 48),
}

# Default number of scattered points.
POINTS = 128


@lru_cache(maxsize=32)
def latent_space(name: str, size: int | None, n_dimensions: int) -> LatentSpace:
    """Return a grid by its name, or scattered points; the result is cached and read-only."""
    if n_dimensions > 1:
        return gaussian_points(size or POINTS, n_dimensions)
    make, usual = LATENT_SPACES[name]
    return make(size or usual)
