"""Spaces of a continuous latent variable, as grids over which it is eliminated.

The integral over z is a sum over windows of the grid. In each window the decoder is taken to be
straight and z to be normal around a grid point, with half a step as deviation: neighbouring windows
then add up to a constant within 2 %. For a window with tangents A, one column for each axis and as
long as half a step, y is normal around the decoder's answer with the covariance of the noise plus
A Aᵀ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

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


@dataclass(frozen=True)
class LatentSpace:
    """A grid of latent values.

    Attributes
    ----------
    features : ndarray of shape (z, c)
        What the decoder sees of each value.
    log_prior : ndarray of shape (z,)
    axes : tuple of Axis
        The grid is their product; none for scattered points, which have no windows.
    """

    features: Array
    log_prior: Array
    axes: tuple[Axis, ...]

    def tangents(self, answers: Array) -> Array:
        """A of each window, (..., z, q, p), from the decoder's answers (..., z, q)."""
        grid = answers.reshape(*answers.shape[:-2], *(axis.size for axis in self.axes), -1)
        n = len(self.axes)
        parts = [axis.tangents(grid, number - n - 1) for number, axis in enumerate(self.axes)]
        return np.stack([part.reshape(answers.shape) for part in parts], axis=-1)

    def pullback(self, slope: Array) -> Array:
        """Slopes in the decoder's answers, from slopes in A."""
        shape, n = slope.shape[:-1], len(self.axes)
        sizes = [axis.size for axis in self.axes]
        total = np.zeros(shape, dtype=slope.dtype)
        for number, axis in enumerate(self.axes):
            part = np.ascontiguousarray(slope[..., number])
            grid = part.reshape(*shape[:-2], *sizes, shape[-1])
            total += axis.pullback(grid, number - n - 1).reshape(shape)
        return total


def circle(size: int) -> LatentSpace:
    """Angles at equal distances; the decoder sees cosine and sine."""
    angle = 2 * np.pi * np.arange(size) / size
    features = np.column_stack([np.cos(angle), np.sin(angle)]) * np.sqrt(2)
    return LatentSpace(features, np.full(size, -np.log(size)), (Axis(size, closed=True),))


def interval(size: int) -> LatentSpace:
    """Numbers of deviation 1, at equal distances."""
    values = (np.arange(size) + 0.5) / size * 2 - 1
    features = values[:, None] * np.sqrt(3)
    return LatentSpace(features, np.full(size, -np.log(size)), (Axis(size, closed=False),))


def square(size: int) -> LatentSpace:
    """Pairs of such numbers; `size` points along each side."""
    side = interval(size)
    first, second = np.meshgrid(side.features[:, 0], side.features[:, 0], indexing="ij")
    features = np.column_stack([first.ravel(), second.ravel()])
    return LatentSpace(features, np.full(size**2, -2 * np.log(size)), side.axes * 2)


def gaussian(size: int) -> LatentSpace:
    """A standard normal number, on a grid with the prior as weights."""
    values = np.linspace(-TAILS, TAILS, size)
    log_prior = -0.5 * values**2
    log_prior -= np.log(np.exp(log_prior).sum())
    return LatentSpace(values[:, None], log_prior, (Axis(size, closed=False),))


#: Every space by its name, with the points that its grid has by default along each axis.
LATENT_SPACES = {
    "circle": (circle, 64),
    "interval": (interval, 48),
    "square": (square, 12),
    "gaussian": (gaussian, 48),
}
