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
            return self._of_two(energies)
        lowest = energies.min(axis=-1, keepdims=True)
        weights = energies - lowest  # the largest exponent is then 0: no overflow
        weights *= -self.beta
        np.exp(weights, out=weights)
        total = weights.sum(axis=-1, keepdims=True)
        weights /= total
        return Eliminated((lowest - np.log(total) / self.beta)[..., 0], weights)

    def _of_two(self, energies: Array) -> Eliminated:
        """Of two values, from their difference: one exponential for each row."""
        first, second = energies[..., 0], energies[..., 1]
        apart = second - first
        odds = np.abs(apart)
        odds *= -self.beta
        np.exp(odds, out=odds)  # of the higher value against the lower, never above 1
        likely = 1 / (1 + odds)
        unlikely = odds * likely
        is_first = apart >= 0
        weights = np.empty_like(energies)
        weights[..., 0] = np.where(is_first, likely, unlikely)
        weights[..., 1] = np.where(is_first, unlikely, likely)
        free = np.minimum(first, second) - np.log1p(odds) / self.beta
        return Eliminated(free, weights)
