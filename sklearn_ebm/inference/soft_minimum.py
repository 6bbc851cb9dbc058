"""Inference at a positive temperature: the free energy."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._params import Array
from sklearn_ebm.inference.base import Eliminated, Elimination


class SoftMinimum(Elimination):
    """F = −(1/β) log Σ_z exp(−β E(z)); the weights are the Gibbs law exp(−βE)/Σ exp(−βE).

    The sum is a plain sum, not an average, so F lies below the minimum by at most (1/β) log k and
    tends to it as β → ∞.

    Parameters
    ----------
    beta : float, default=1.0
        Inverse temperature β > 0, in 1/(unit of the energies).

    See Also
    --------
    Minimum : the limit β → ∞.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 1.3. :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    Two energies that are equal share the probability, and F = E − (log 2)/β:

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
        energies : ndarray of shape (..., k)
            Energies; +inf marks a value that is not available.

        Returns
        -------
        Eliminated
            Energies of shape (...) and weights of shape (..., k).
        """
        if energies.shape[-1] == 2:
            odds, weights = self._of_two(energies)
            return Eliminated(energies.min(axis=-1) - np.log1p(odds) / self.beta, weights)
        lowest, weights, total = self.unnormalised(energies)
        weights *= 1 / total
        return Eliminated((lowest - np.log(total) / self.beta)[..., 0], weights)

    def weights(self, energies: Array) -> Array:
        """Return the Gibbs law alone, without the free energy.

        Parameters
        ----------
        energies : ndarray of shape (..., k)
            Energies; +inf marks a value that is not available.

        Returns
        -------
        ndarray of shape (..., k)
        """
        if energies.shape[-1] == 2:
            return self._of_two(energies)[1]
        _, weights, total = self.unnormalised(energies)
        weights *= 1 / total
        return weights

    def unnormalised(self, energies: Array) -> tuple[Array, Array, Array]:
        """Lowest energies, exp(−β(E − lowest)), and their sums, all with the last axis.

        Parameters
        ----------
        energies : ndarray of shape (..., k)

        Returns
        -------
        lowest, weights, total : ndarray of shape (..., 1), (..., k) and (..., 1)
        """
        lowest = energies.min(axis=-1, keepdims=True)
        weights = lowest - energies  # the largest exponent is then 0: no overflow
        if self.beta == 1:
            np.exp(weights, out=weights)
        else:
            # At a low temperature most exponents are far below any that counts. Denormal numbers
            # are slow: cut off before them, and taken off again, so that nothing stays nothing.
            floor = weights.dtype.type(0.9 * np.log(np.finfo(weights.dtype).tiny))
            weights *= self.beta
            np.maximum(weights, floor, out=weights)
            np.exp(weights, out=weights)
            weights -= np.exp(floor)
        return lowest, weights, weights.sum(axis=-1, keepdims=True)

    def _of_two(self, energies: Array) -> tuple[Array, Array]:
        """Odds of the higher of two energies against the lower, and the weights of both.

        Each weight is e^{min(βd, 0)} / (1 + e^{−β|d|}) with the difference d to the other energy:
        the larger of the odds and a mask is the numerator, which takes less time than a choice by
        the mask or another exponential.
        """
        apart = energies[..., 1] - energies[..., 0]
        if self.beta != 1:
            apart *= self.beta
        odds = np.exp(-np.abs(apart))
        total = odds + 1
        weights = np.empty_like(energies)
        np.divide(np.maximum(odds, apart >= 0), total, out=weights[..., 0])
        np.divide(np.maximum(odds, apart <= 0), total, out=weights[..., 1])
        return odds, weights
