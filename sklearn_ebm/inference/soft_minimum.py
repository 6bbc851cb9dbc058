"""Elimination by the free energy, at a positive temperature."""

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
    """The smallest exponent in use and its exponential, in the dtype and library of an array."""
    if xp is numpy_namespace:
        return _floor_of_numpy(like.dtype)
    floor = constant(xp, 0.9 * math.log(smallest_normal(xp, like.dtype)), like.dtype, like)
    return floor, xp.exp(floor)


@lru_cache(maxsize=8)
def _floor_of_numpy(dtype: Any) -> tuple[Any, Any]:
    """`_floor` for NumPy; its numbers belong to no device and no graph, so they are cached."""
    floor = dtype.type(0.9 * math.log(smallest_normal(numpy_namespace, dtype)))
    return floor, np.exp(floor)


class SoftMinimum(Elimination):
    """Elimination of a variable by its free energy.

    F = −(1/β) log Σ_z exp(−β E(z)),

    where E(z) is the energy of the value z. A call returns F and the weights of the values, their
    Gibbs distribution exp(−β E(z))/Σ_z' exp(−β E(z')). The sum is not divided by the number k of
    values, so F lies below the minimum by at most (1/β) log k. F tends to the minimum as β → ∞.

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
    Two equal energies have the probability ½ each, and F = E − (log 2)/β:

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
        """Compute only the Gibbs distribution, without the free energy.

        Parameters
        ----------
        energies : array of shape (..., n_values)
            Energies of each value of the variable; +inf excludes a value.

        Returns
        -------
        array of shape (..., n_values)
            Probabilities of the values.
        """
        if energies.shape[-1] == 2:
            return self._of_two(namespace_of(energies), energies)[1]
        _, weights, total = self.unnormalised(energies)
        weights *= 1 / total
        return weights

    def unnormalised(self, energies: Array) -> tuple[Array, Array, Array]:
        """Compute the Gibbs distribution before its normalisation.

        Parameters
        ----------
        energies : array of shape (..., n_values)
            Energies; +inf marks a value that is not available.

        Returns
        -------
        lowest : array of shape (..., 1)
            The lowest energies.
        weights : array of shape (..., n_values)
            exp(−β(E − lowest)).
        total : array of shape (..., 1)
            Sums of the weights.
        """
        xp = namespace_of(energies)
        lowest = reduce_last_axis(xp, "min", energies, keepdims=True)
        weights: Array = lowest - energies  # the largest exponent is then 0: no overflow
        if self.beta == 1:
            weights = in_place(xp, "exp", weights)
        else:
            # At a low temperature most exponents are far below zero, and their exponentials would
            # be denormal numbers, which are slow. Clipping avoids them; the exponential of the
            # bound is subtracted, so that such weights are exactly 0.
            floor, offset = _floor(xp, weights)
            with np.errstate(over="ignore"):  # for energies close to the largest float
                weights *= self.beta
            weights = in_place(xp, "maximum", weights, floor)
            weights = in_place(xp, "exp", weights)
            weights -= offset
        return lowest, weights, reduce_last_axis(xp, "sum", weights, keepdims=True)

    def _of_two(self, xp: Any, energies: Array) -> tuple[Array, Array]:
        """Odds of the higher of two energies against the lower, and the weights of both.

        Each weight is e^{min(βd, 0)} / (1 + e^{−β|d|}) with the difference d to the other energy.
        Its numerator is the maximum of the odds and a mask, which is faster than a selection by the
        mask or a second exponential.
        """
        difference = energies[..., 1] - energies[..., 0]
        if self.beta != 1:
            with np.errstate(over="ignore"):  # for energies close to the largest float
                difference *= self.beta
        odds = in_place(xp, "exp", in_place(xp, "negative", xp.abs(difference)))
        total = odds + 1.0

        def weight(lower: Any, **out: Any) -> Array:
            numerator = in_place(xp, "maximum", in_dtype(xp, lower, odds.dtype), odds)
            return xp.divide(numerator, total, **out)

        first, second = partial(weight, difference >= 0.0), partial(weight, difference <= 0.0)
        return odds, side_by_side(xp, energies, first, second)
