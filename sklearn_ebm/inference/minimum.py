"""Elimination by the minimum, the limit of zero temperature."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.array_api import device_of, namespace_of, numpy_namespace
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.inference.base import Eliminated, Elimination


class Minimum(Elimination):
    """Elimination of a variable by its minimum.

    F = min_z E(z),

    where E(z) are the energies of the values z. The weights are 1 at the first minimum and 0
    elsewhere.

    See Also
    --------
    SoftMinimum : Elimination by the free energy, at a positive temperature.

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

    takes_minimum = True

    def __call__(self, energies: Array) -> Eliminated:
        """Eliminate the last axis by its minimum.

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
        best = xp.argmin(energies, axis=-1, keepdims=True)
        lowest = xp.take_along_axis(energies, best, axis=-1)[..., 0]
        return Eliminated(lowest, _one_at(xp, best, energies))


def _one_at(xp: Any, place: Any, like: Array) -> Array:
    """1 at an index (..., 1) of the last axis, else 0; shape, dtype and order of `like`."""
    if xp is numpy_namespace:
        weights = np.zeros_like(like)
        np.put_along_axis(weights, place, 1.0, axis=-1)
        return weights
    places = xp.arange(like.shape[-1], dtype=place.dtype, device=device_of(xp, like))
    return xp.astype(places == place, like.dtype)
