r"""Weighted points of each row, merged in cells much narrower than the kernel that blurs them.

Merging points in cells of width a·h changes a kernel density of bandwidth h by little:

.. code-block:: none

    TV(Σ_i w_i N(v_i, h²), Σ_c W_c N(m_c, h² + s_c²)) ≤ 0.0409 a³

Within a cell of width D = a h the distribution V of the points and the Gaussian N(m, s²) have the
same mean and variance, so the densities blurred by h differ by third-order terms alone:

.. code-block:: none

    ‖f − g‖₁ ≤ (1/6) h⁻³ ∫|φ'''| (E|V − m|³ + E|s Z|³),    ∫|φ'''| = (2 + 8 e^(−3/2))/√(2π) = 1.510

Of all distributions on an interval of width D, that of two equally likely ends has the largest
third moment, E|V − m|³ = D³/8, and the largest variance, D²/4, for which E|s Z|³ = 2√(2/π) D³/8.
The total variation is half of the sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.energies._bank.leaves import rows_of


class BinnedPoints(NamedTuple):
    """Weighted points with a variance each, sorted within each row.

    Attributes
    ----------
    indptr : ndarray of int of shape (m + 1,)
        Start of each row, as in CSR.
    weight, mean, variance : ndarray of shape (n_points,)
        Weights, means and variances of the points.
    """

    indptr: Index
    weight: Array
    mean: Array
    variance: Array

    def merged(self, origin: Array, width: Array) -> BinnedPoints:
        """Merge points whose means lie in the same cell of a row, with the same two moments.

        Parameters
        ----------
        origin, width : ndarray of shape (m,)
            Cells of row i are [origin_i + k width_i, origin_i + (k + 1) width_i).

        Examples
        --------
        Points 0 and 1 lie in the same cell of width 2; they have the mean ½ and the variance ¼:

        >>> points = BinnedPoints(
        ...     np.array([0, 3]), np.array([0.25, 0.25, 0.5]), np.arange(3.0), np.zeros(3)
        ... )
        >>> _, weight, mean, variance = points.merged(np.zeros(1), np.full(1, 2.0))
        >>> weight, mean, variance
        (array([0.5, 0.5]), array([0.5, 2. ]), array([0.25, 0.  ]))
        """
        row = rows_of(self.indptr)
        place = np.floor((self.mean - origin[row]) / width[row])
        begins = np.empty(len(place), dtype=bool)
        begins[0] = True
        np.not_equal(place[1:], place[:-1], out=begins[1:])
        begins[self.indptr[:-1]] = True
        starts = np.flatnonzero(begins)
        weight = np.add.reduceat(self.weight, starts)
        mean = np.add.reduceat(self.weight * self.mean, starts) / weight
        offset = self.mean - np.repeat(mean, np.diff(starts, append=len(place)))
        within = self.weight * (self.variance + offset**2)
        variance = np.add.reduceat(within, starts) / weight
        return BinnedPoints(np.searchsorted(starts, self.indptr), weight, mean, variance)

    def dense(self) -> tuple[Array, Array, Array]:
        """Weights, means and variances as arrays (m, largest number of points), padded by zeros."""
        row = rows_of(self.indptr)
        place = np.arange(len(row)) - self.indptr[row]
        shape = len(self.indptr) - 1, int(np.diff(self.indptr).max())
        result = np.zeros((3, *shape))
        result[:, row, place] = self.weight, self.mean, self.variance
        return result[0], result[1], result[2]


def points_of(weights: Any, values: Array) -> BinnedPoints:
    """Convert CSR weights with sorted indices, and values (n,) in ascending order, to points."""
    return BinnedPoints(
        weights.indptr, weights.data, values[weights.indices], np.zeros(len(weights.data))
    )
