"""Inference at zero temperature."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._params import Array
from sklearn_ebm.inference.base import Eliminated, Elimination


class Minimum(Elimination):
    """F = min_z E(z); the weights are 1 at the first minimum and 0 elsewhere.

    See Also
    --------
    SoftMinimum : the same at a positive temperature.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 1.2. :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.inference import Minimum
    >>> free, weights = Minimum()(np.array([[3.0, 1.0, 2.0]]))
    >>> free, weights
    (array([1.]), array([[0., 1., 0.]]))
    """

    def __call__(self, energies: Array) -> Eliminated:
        """Eliminate the last axis by its minimum.

        Parameters
        ----------
        energies : ndarray of shape (..., k)
            Energies; +inf marks a value that is not available.

        Returns
        -------
        Eliminated
            Energies of shape (...) and weights of shape (..., k).
        """
        best = np.expand_dims(energies.argmin(axis=-1), -1)
        weights = np.zeros_like(energies)
        np.put_along_axis(weights, best, 1.0, axis=-1)
        return Eliminated(np.take_along_axis(energies, best, axis=-1)[..., 0], weights)
