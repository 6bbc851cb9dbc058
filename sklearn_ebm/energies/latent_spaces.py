"""Spaces of a continuous latent variable, as windows over which it is eliminated.

The integral over z is a sum over windows around the points of a grid. In each window the decoder is
taken to be straight and z to be normal around a grid point, with half a step as deviation:
neighbouring windows then add up to a constant within 2 %. For a window with tangents A, one column
for each axis and as long as half a step, y is normal around the decoder's answer with the
covariance of the noise plus A Aᵀ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from sklearn_ebm._params import Array

# Deviation of a window, in steps of the grid.
WINDOW = 0.5

# Normal latents are taken from so many deviations on either side.
TAILS = 3.0


@dataclass(frozen=True)
class Axis:
    """One coordinate of the grid.

    Attributes
    ----------
    size : int
        Points.
    closed : bool
        Whether the last point is a neighbour of the first one.
    """

    size: int
    closed: bool

    def tangents(self, answers: Array, axis: int) -> Array:
        """Half a step along the axis: differences of neighbours, one-sided at the ends."""
        forth, back = np.roll(answers, -1, axis), np.roll(answers, 1, axis)
        result = (forth - back) * (WINDOW / 2)
        if not self.closed:
            first, last = _at(axis, 0), _at(axis, -1)
            result[first] = (answers[_at(axis, 1)] - answers[first]) * WINDOW
            result[last] = (answers[last] - answers[_at(axis, -2)]) * WINDOW
        return result

    def pullback(self, slope: Array, axis: int) -> Array:
        """Slopes in the answers, from slopes in the tangents."""
        half = slope * (WINDOW / 2)
        if not self.closed:
            half[_at(axis, 0)] = 0
            half[_at(axis, -1)] = 0
        result = np.roll(half, 1, axis) - np.roll(half, -1, axis)
        if not self.closed:
            for end, neighbour, sign in ((0, 1, -1.0), (-1, -2, 1.0)):
                whole = slope[_at(axis, end)] * (WINDOW * sign)
                result[_at(axis, end)] += whole
                result[_at(axis, neighbour)] -= whole
        return result


def _at(axis: int, number: int) -> Any:
    """Index of one place along an axis counted from the end."""
    return (..., number, *(slice(None),) * (-axis - 1))


class LatentSpace(Protocol):
    """Latent values, and the windows around them.

    Attributes
    ----------
    features : ndarray of shape (points, c)
        What the decoder sees: of the latent values, and perhaps of points beside them.
    log_prior : ndarray of shape (z,)
        Of each window.
    """

    @property
    def features(self) -> Array:
        """What the decoder sees, (points, c)."""

    @property
    def log_prior(self) -> Array:
        """Of each window, (z,)."""

    def windows(self, answers: Array) -> tuple[Array, Array]:
        """Middles (..., z, q) and tangents (..., z, q, p), from answers (..., points, q)."""

    def pullback(self, in_middles: Array, in_tangents: Array) -> Array:
        """Slopes in the answers, from slopes in middles and tangents."""


@dataclass(frozen=True)
class Grid:
    """A product of axes; see `LatentSpace`."""

    features: Array
    log_prior: Array
    axes: tuple[Axis, ...]

    def windows(self, answers: Array) -> tuple[Array, Array]:
        """The answers themselves, and half a step along each axis."""
        grid = answers.reshape(*answers.shape[:-2], *(axis.size for axis in self.axes), -1)
        n = len(self.axes)
        parts = [axis.tangents(grid, number - n - 1) for number, axis in enumerate(self.axes)]
        return answers, np.stack([part.reshape(answers.shape) for part in parts], axis=-1)

    def pullback(self, in_middles: Array, in_tangents: Array) -> Array:
        """Slopes in the answers."""
        shape, n = in_middles.shape, len(self.axes)
        sizes = [axis.size for axis in self.axes]
        total = in_middles.copy()
        for number, axis in enumerate(self.axes):
            part = np.ascontiguousarray(in_tangents[..., number])
            grid = part.reshape(*shape[:-2], *sizes, shape[-1])
            total += axis.pullback(grid, number - n - 1).reshape(shape)
        return total


@dataclass(frozen=True)
class Scattered:
    """Points of a standard normal law in p dimensions, too many for a grid; see `LatentSpace`.

    A window is as wide as h = m^(−1/(p+4)) for m points, which are drawn in by √(1 − h²), so that
    all windows together have the variance of the law. Along each coordinate a point at the distance
    h stands beside each of them, to which the tangent goes.
    """

    features: Array
    log_prior: Array

    def windows(self, answers: Array) -> tuple[Array, Array]:
        """The answers at the points, and what the points beside them add."""
        points = answers.reshape(*answers.shape[:-2], -1, len(self.log_prior), answers.shape[-1])
        middles = points[..., 0, :, :]
        tangents = points[..., 1:, :, :] - points[..., :1, :, :]
        return middles, np.moveaxis(tangents, -3, -1)

    def pullback(self, in_middles: Array, in_tangents: Array) -> Array:
        """Slopes in the answers."""
        beside = np.moveaxis(in_tangents, -1, -3)
        middles = in_middles - in_tangents.sum(axis=-1)
        both = np.concatenate([middles[..., None, :, :], beside], axis=-3)
        return both.reshape(*in_middles.shape[:-2], -1, in_middles.shape[-1])


def circle(size: int) -> Grid:
    """Angles at equal distances; the decoder sees cosine and sine."""
    angle = 2 * np.pi * np.arange(size) / size
    features = np.column_stack([np.cos(angle), np.sin(angle)]) * np.sqrt(2)
    return Grid(features, np.full(size, -np.log(size)), (Axis(size, closed=True),))


def interval(size: int) -> Grid:
    """Uniform numbers of deviation 1, at equal distances."""
    values = (np.arange(size) + 0.5) / size * 2 - 1
    features = values[:, None] * np.sqrt(3)
    return Grid(features, np.full(size, -np.log(size)), (Axis(size, closed=False),))


def square(size: int) -> Grid:
    """Pairs of such numbers; `size` points along each side."""
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
    """Points of a standard normal law in several dimensions, always the same ones."""
    uniform = qmc.Halton(n_dimensions, scramble=True, seed=0).random(size)
    points = ndtri(uniform)
    points -= points.mean(axis=0)
    points /= points.std(axis=0)
    width = size ** (-1 / (n_dimensions + 4))
    points *= np.sqrt(1 - width**2)
    beside = points[None] + width * np.eye(n_dimensions)[:, None, :]
    features = np.concatenate([points[None], beside]).reshape(-1, n_dimensions)
    return Scattered(features, np.full(size, -np.log(size)))


#: Every grid by its name, with the points along each axis that it has by default.
LATENT_SPACES = {
    "circle": (circle, 64),
    "interval": (interval, 48),
    "square": (square, 12),
    "gaussian": (gaussian, 48),
}

# Scattered points, by default.
POINTS = 128
