"""Quantiles, distribution functions and scores of weighted draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array


class WeightedDraws(NamedTuple):
    """Sorted draws of each output, with their weights.

    Attributes
    ----------
    draws : ndarray of shape (n_samples, s, n_outputs)
        Draws, sorted along the second axis for each output.
    weights : ndarray of shape (n_samples, s, n_outputs)
        Their weights, which sum to 1.
    """

    draws: Array
    weights: Array

    def positions(self) -> Array:
        """Return the distribution function at the draws: the weight below plus half of their own.

        Examples
        --------
        >>> weights = np.array([[[0.5], [0.2], [0.3]]])
        >>> WeightedDraws(np.array([[[1.0], [2.0], [5.0]]]), weights).positions()[0, :, 0]
        array([0.25, 0.6 , 0.85])
        """
        return np.cumsum(self.weights, axis=1) - 0.5 * self.weights

    def quantiles(self, probabilities: Array) -> Array:
        """Interpolate the draws at probabilities (m,), of shape (n_samples, n_outputs, m)."""
        n_rows, _, n_outputs = self.draws.shape
        positions = self.positions()
        result = np.empty((n_rows, n_outputs, len(probabilities)))
        for row, output in np.ndindex(n_rows, n_outputs):
            at, draws = positions[row, :, output], self.draws[row, :, output]
            result[row, output] = np.interp(probabilities, at, draws)
        return result

    def cdf(self, y: Array) -> Array:
        """Interpolate the distribution functions at y (n, m, n_outputs); 0 and 1 outside."""
        positions = self.positions()
        result = np.empty(y.shape)
        for row, output in np.ndindex(len(y), y.shape[2]):
            at, draws = positions[row, :, output], self.draws[row, :, output]
            result[row, :, output] = np.interp(y[row, :, output], draws, at, left=0, right=1)
        return result

    def crps(self, y: Array) -> Array:
        """E|Y − y| − ½ E|Y − Y'| of different draws Y and Y', at y (n, m, n_outputs).

        Examples
        --------
        Draws 0 and 2 with equal weights: at y = 0, ½ (0 + 2) − ½ · 2 = 0.

        >>> draws = WeightedDraws(np.array([[[0.0], [2.0]]]), np.full((1, 2, 1), 0.5))
        >>> draws.crps(np.array([[[0.0], [3.0]]]))[0, :, 0]
        array([0., 1.])
        """
        below = np.cumsum(self.weights, axis=1)[:, :-1]
        spread = (np.diff(self.draws, axis=1) * below * (1 - below)).sum(axis=1)
        # Pairs of a draw with itself are left out, and the others have the sum 1 − Σ w².
        others = 1 - np.square(self.weights).sum(axis=1)
        spread /= np.maximum(others, np.finfo(np.float64).tiny)
        scores = np.empty(y.shape)
        for column in range(y.shape[1]):
            distances = np.abs(self.draws - y[:, [column]])
            scores[:, column] = (self.weights * distances).sum(axis=1) - spread
        return scores


def sorted_draws(draws: Array, weights: Array) -> WeightedDraws:
    """Sort draws (n, s, n_outputs) with weights (n, s) separately for each output."""
    order = np.argsort(draws, axis=1)
    wide = np.broadcast_to(weights[:, :, None], draws.shape)
    return WeightedDraws(
        np.take_along_axis(draws, order, axis=1), np.take_along_axis(wide, order, axis=1)
    )
