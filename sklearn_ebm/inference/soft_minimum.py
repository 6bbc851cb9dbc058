"""Elimination of a variable by its free energy."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

import numpy as np

from sklearn_ebm._utils.array_api import (
    constant,
    in_dtype,
    in_place,
    namespace_of,
    numpy_namespace,
    reduce_last_axis,
    side_by_side,
    smallest_normal,
)
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.inference.base import Eliminated, Elimination


def _floor(xp: Any, like: Array) -> tuple[Any, Any]:
    """The least exponent that is told from −∞, and its exponential, for arrays like another."""
    if xp is numpy_namespace:
        return _floor_of_numpy(like.dtype)
    floor = constant(xp, 0.9 * math.log(smallest_normal(xp, like.dtype)), like.dtype, like)
    return floor, xp.exp(floor)


@lru_cache(maxsize=8)
def _floor_of_numpy(dtype: Any) -> tuple[Any, Any]:
    """The same as numbers of NumPy, which may be kept: they belong to no device and no graph."""
    floor = dtype.type(0.9 * math.log(smallest_normal(numpy_namespace, dtype)))
    return floor, np.exp(floor)


class SoftMinimum(Elimination):
    """Elimination of a variable by its free energy, F = −(1/β) log Σ_z exp(−β E(z)).

    The weights are the Gibbs distribution exp(−βE)/Σ exp(−βE). The sum is not divided by the number
    k of values, so F lies below the minimum by at most (1/β) log k and tends to it as β → ∞.

    Parameters
    ----------
    beta : float, default=1.0
        Inverse temperature β > 0, in 1/(unit of the energies).

    See Also
    --------
    Minimum : Elimination by the minimum, the limit β → ∞.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 1.3. :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    Two equal energies have equal weights, and F = E − (log 2)/β:

    >>> import numpy as np
    >>> from sklearn_ebm.inference import SoftMinimum
    >>> free, weights = SoftMinimum(beta=2.0)(np.array([[1.0, 1.0]]))
    >>> free.round(6), weights
    (array([0.653426]), array([[0.5, 0.5]]))
    """

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    def __call__(self, energies: Array) -> Eliminated:
        """Eliminate the last axis by its free energy.

        Parameters
        ----------
        energies : array of shape (..., n_values)
            Energies of each value of the variable; +inf excludes a value.

        Returns
        -------
        Eliminated
            Energies of shape (...) and weights of shape (..., n_values).
        """
        xp = namespace_of(energies)
        if energies.shape[-1] == 2:
            odds, weights = self._of_two(xp, energies)
            below = in_place(xp, "log1p", odds)
            if self.beta != 1:
                below /= self.beta
            return Eliminated(reduce_last_axis(xp, "min", energies) - below, weights)
        lowest, weights, total = self.unnormalised(energies)
        weights *= 1 / total
        below = in_place(xp, "log", total)
        if self.beta != 1:
            below /= self.beta
        lowest -= below
        return Eliminated(lowest[..., 0], weights)

    def weights(self, energies: Array) -> Array:
        """Return the Gibbs distribution alone, without the free energy.

        Parameters
        ----------
        energies : array of shape (..., n_values)
            Energies of each value of the variable; +inf excludes a value.

        Returns
        -------
        weights : array of shape (..., n_values)
            Gibbs probabilities.
        """
        if energies.shape[-1] == 2:
            return self._of_two(namespace_of(energies), energies)[1]
        _, weights, total = self.unnormalised(energies)
        weights *= 1 / total
        return weights

    def unnormalised(self, energies: Array) -> tuple[Array, Array, Array]:
        """Return the lowest energies, the weights exp(−β(E − lowest)), and their sums.

        Parameters
        ----------
        energies : array of shape (..., n_values)
            Energies of each value of the variable; +inf excludes a value.

        Returns
        -------
        lowest, weights, total : array of shape (..., 1), (..., n_values) and (..., 1)
            The last axis is kept.
        """
        xp = namespace_of(energies)
        lowest = reduce_last_axis(xp, "min", energies, keepdims=True)
        weights: Array = lowest - energies  # the largest exponent is then 0: no overflow
        if self.beta == 1:
            weights = in_place(xp, "exp", weights)
        else:
            # At a low temperature most exponents are far below any that counts. Denormal numbers
            # are slow: cut off before them, and taken off again, so that nothing stays nothing.
            floor, nothing = _floor(xp, weights)
            with np.errstate(over="ignore"):  # of energies that are as large as floats are
                weights *= self.beta
            weights = in_place(xp, "maximum", weights, floor)
            weights = in_place(xp, "exp", weights)
            weights -= nothing
        return lowest, weights, reduce_last_axis(xp, "sum", weights, keepdims=True)

    def _of_two(self, xp: Any, energies: Array) -> tuple[Array, Array]:
        """Odds of the higher of two energies against the lower, and the weights of both.

        Each weight is e^{min(βd, 0)} / (1 + e^{−β|d|}) with the difference d to the other energy:
        the larger of the odds and a mask is the numerator, which takes less time than a choice by
        the mask or another exponential.
        """
        apart = energies[..., 1] - energies[..., 0]
        if self.beta != 1:
            with np.errstate(over="ignore"):  # of energies that are as large as floats are
                apart *= self.beta
        odds = in_place(xp, "exp", in_place(xp, "negative", xp.abs(apart)))
        total = odds + 1.0

        def weight(lower: Any, **out: Any) -> Array:
            numerator = in_place(xp, "maximum", in_dtype(xp, lower, odds.dtype), odds)
            return xp.divide(numerator, total, **out)

        first, second = partial(weight, apart >= 0.0), partial(weight, apart <= 0.0)
        return odds, side_by_side(xp, energies, first, second)
