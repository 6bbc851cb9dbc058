"""The positive part and its soft version: the one kink that the losses share."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from sklearn_ebm._params import Array


def positive_part(u: Array, temperature: float = 0.0) -> tuple[Array, Array]:
    """[u]⁺ and its slope; at temperature T, T log(1 + e^{u/T}) and σ(u/T).

    The soft version lies above [u]⁺ by at most T log 2. At the kink u = 0 of the hard one the
    slope is 1.

    Parameters
    ----------
    u : ndarray
    temperature : float, default=0.0
        In the units of `u`.

    Returns
    -------
    value, slope : ndarray
        Of the shape and dtype of `u`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.losses import positive_part
    >>> positive_part(np.array([-1.0, 0.0, 2.0]))
    (array([0., 0., 2.]), array([0., 1., 1.]))
    >>> positive_part(np.array([0.0]), temperature=2.0)[0].round(4)  # 2 log 2
    array([1.3863])
    """
    if temperature == 0.0:
        return np.maximum(u, 0), (u >= 0).astype(u.dtype)
    # [u]⁺ + T log(1 + e^{-|u|/T}): the exponent is never positive, so nothing overflows.
    odds = np.abs(u)
    odds *= -1 / temperature
    np.exp(odds, out=odds)
    slope = np.exp(np.minimum(u, 0) / temperature)  # 1, or the odds: no choice by a mask
    slope /= 1 + odds
    return np.maximum(u, 0) + temperature * np.log1p(odds), slope


def positive_part_curvature(u: Array, temperature: float = 0.0) -> Array:
    """Second derivative of `positive_part`: σ(1 − σ)/T, and 0 away from the kink at T = 0."""
    if temperature == 0.0:
        return np.zeros_like(u)
    slope = expit(u / temperature)
    return slope * (1 - slope) / temperature
