"""Inference at a positive temperature: the free energy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
            odds, is_first = self._odds(energies)
            free = energies.min(axis=-1) - np.log1p(odds) / self.beta
            return Eliminated(free, _weights_of_two(odds, is_first, energies))
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
            return _weights_of_two(*self._odds(energies), energies)
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

    def _odds(self, energies: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Of two values, the weight of the higher one against the lower; is the first the lower?"""
        apart = energies[..., 1] - energies[..., 0]
        is_first = apart >= 0
        odds = np.abs(apart, out=apart)
        odds *= -self.beta
        return np.exp(odds, out=odds), is_first


def _weights_of_two(odds: Array, is_first: npt.NDArray[np.bool_], energies: Array) -> Array:
    """1/(1 + odds) for the lower of two values, odds/(1 + odds) for the higher."""
    likely = odds + 1
    np.reciprocal(likely, out=likely)
    odds *= likely
    weights = np.empty_like(energies)
    weights[..., 0] = np.where(is_first, likely, odds)
    weights[..., 1] = np.where(is_first, odds, likely)
    return weights
