"""The positive part and its smooth version, the kink of all pairwise losses."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import at_least, in_dtype, in_place, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._special import sigmoid_and_odds


def positive_part(u: Array, temperature: float = 0.0) -> tuple[Array, Array]:
    """Compute [u]⁺ and its slope, or the smooth T log(1 + e^{u/T}) and its slope σ(u/T).

    The smooth version lies above [u]⁺ = max(0, u) by at most T log 2. At the kink u = 0 the slope
    of [u]⁺ is taken as 1.

    Parameters
    ----------
    u : array
        Energies, or differences of energies.
    temperature : float, default=0.0
        T, in the units of `u`; 0 is the positive part itself.

    Returns
    -------
    value, slope : array
        Arrays of the shape and dtype of `u`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.losses._positive_part import positive_part
    >>> positive_part(np.array([-1.0, 0.0, 2.0]))
    (array([0., 0., 2.]), array([0., 1., 1.]))
    >>> positive_part(np.array([0.0]), temperature=2.0)[0].round(4)  # 2 log 2
    array([1.3863])
    """
    xp = namespace_of(u)
    if temperature == 0.0:
        return at_least(xp, u, 0.0), in_dtype(xp, u >= 0.0, u.dtype)
    # [u]⁺ + T log(1 + e^{-|u|/T}) has no positive exponent, so nothing overflows.
    slope, odds = sigmoid_and_odds(u, temperature)
    value = in_place(xp, "log1p", odds)
    if temperature != 1:
        value *= temperature
    value += at_least(xp, u, 0.0)
    return value, slope


def positive_part_curvature(u: Array, temperature: float = 0.0) -> Array:
    """Second derivative of `positive_part`: σ(1 − σ)/T, and 0 away from the kink at T = 0."""
    if temperature == 0.0:
        return namespace_of(u).zeros_like(u)
    slope, _ = sigmoid_and_odds(u, temperature)
    return slope * (1 - slope) / temperature
