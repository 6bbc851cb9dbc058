"""Modes of a scalar density, and the probabilities of their basins."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.distributions._numerics.profile import profile_of
from sklearn_ebm.distributions._numerics.protocol import ResolvedDensity
from sklearn_ebm.distributions.base import Modes


def merge_maxima(density: ResolvedDensity, min_probability: float, min_depth: float) -> Modes:
    """Return modes with the probability between neighbouring minima; merge small ones.

    While a row has several basins and the least probable one has less than `min_probability`, it is
    merged with its neighbour across the higher of the two adjacent minima; the higher peak is kept.
    Then the shallowest minimum is removed while its density is less than the fraction `min_depth`
    below the lower of the adjacent peaks.
    """
    with np.errstate(divide="ignore"):
        least_dip = -np.log1p(-min_depth)  # in log p
    profile = profile_of(density)
    peaks, valleys = profile.peaks, profile.valleys
    heights = _where_known(peaks, density._log_prob, -np.inf)
    walls = _where_known(valleys, density._log_prob, -np.inf)
    below = _where_known(valleys, density._cdf, 1.0)
    ends = np.ones((len(peaks), 1))
    masses = np.diff(np.concatenate([0 * ends, below, ends], axis=1), axis=1)
    masses[np.isnan(peaks)] = np.nan

    while peaks.shape[1] > 1:
        several = np.isfinite(peaks[:, 1])
        lightest = np.where(np.isnan(masses), np.inf, masses).min(axis=1)
        light = several & (lightest < min_probability)
        dips = _dips(heights, walls)
        rows = np.flatnonzero(light | (several & (dips.min(axis=1) < least_dip)))
        if not len(rows):
            break
        wall = np.where(
            light[rows], _wall_to_remove(masses[rows], walls[rows]), dips[rows].argmin(axis=1)
        )
        merged = _merge(wall, peaks[rows], heights[rows], masses[rows])
        peaks[rows, :-1], heights[rows, :-1], masses[rows, :-1] = merged
        peaks[rows, -1], heights[rows, -1], masses[rows, -1] = np.nan, -np.inf, np.nan
        if walls.shape[1] > 1:
            walls[rows, :-1] = _without(walls[rows], wall)
        walls[rows, -1] = -np.inf
        widest = int(np.isfinite(peaks).sum(axis=1).max())
        peaks, heights, masses = peaks[:, :widest], heights[:, :widest], masses[:, :widest]
        walls = walls[:, : max(widest - 1, 0)]

    masses = np.where(np.isnan(masses), 0.0, masses)
    order = np.argsort(-masses, axis=1, kind="stable")
    return Modes(
        np.take_along_axis(peaks, order, axis=1), np.take_along_axis(masses, order, axis=1)
    )


def _where_known(points: Array, function: object, otherwise: float) -> Array:
    """Apply a function to points padded with NaN; the value at the padding is `otherwise`."""
    assert callable(function)
    known = np.isfinite(points)
    anywhere = np.where(known, points, 0.0)
    return np.where(known, function(anywhere), otherwise) if points.size else anywhere


def _dips(heights: Array, walls: Array) -> Array:
    """Decrease of log p from the lower of two neighbouring peaks to the minimum between them."""
    lower = np.minimum(heights[:, :-1], heights[:, 1:])
    return np.where(np.isfinite(lower), lower - np.where(np.isfinite(lower), walls, 0), np.inf)


def _wall_to_remove(masses: Array, walls: Array) -> Index:
    """Index of the higher minimum next to the least probable basin of each row."""
    rows = np.arange(len(masses))
    lightest = np.nanargmin(masses, axis=1)
    outside = np.full((len(walls), 1), -np.inf)
    fenced = np.concatenate([outside, walls, outside], axis=1)
    left, right = fenced[rows, lightest], fenced[rows, lightest + 1]
    # If the density is 0 at both minima, either neighbour is valid.
    to_the_right = (right > left) | (lightest == 0)
    return np.where(to_the_right, lightest, lightest - 1)


def _merge(wall: Index, peaks: Array, heights: Array, masses: Array) -> tuple[Array, Array, Array]:
    """Peaks, heights and masses after the removal of one minimum, with one column fewer."""
    rows = np.arange(len(peaks))
    higher = np.where(heights[rows, wall + 1] > heights[rows, wall], wall + 1, wall)
    total = masses[rows, wall] + masses[rows, wall + 1]
    peak, height = peaks[rows, higher], heights[rows, higher]
    result = [_without(array, wall) for array in (peaks, heights, masses)]
    for array, value in zip(result, (peak, height, total), strict=True):
        array[rows, wall] = value
    return result[0], result[1], result[2]


def _without(array: Array, column: Index) -> Array:
    """The array without one column of each row."""
    kept = np.arange(array.shape[1] - 1)[None, :]
    return np.take_along_axis(array, kept + (kept >= column[:, None]), axis=1)
