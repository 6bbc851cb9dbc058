"""Special functions of the losses, for arrays of any library."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import (
    at_least,
    in_dtype,
    in_place,
    namespace_of,
    smallest_normal,
)
from sklearn_ebm._utils.parameters import Array


def sigmoid(u: Array) -> Array:
    """σ(u) = 1/(1 + e^{−u}), without overflow or loss of digits.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.array([-1000.0, 0.0, np.log(3)])).round(6)
    array([0.  , 0.5 , 0.75])
    """
    return sigmoid_and_odds(u)[0]


def sigmoid_and_odds(u: Array, temperature: float = 1.0) -> tuple[Array, Array]:
    """Compute σ(u/T) and the odds exp(−abs(u)/T).

    σ(u) = exp(min(u, 0))/(1 + exp(−abs(u))) has no positive exponent, so nothing overflows. Its
    numerator is the maximum of the odds and the mask u ≥ 0, which is faster than a selection by the
    mask or a second exponential.
    """
    xp = namespace_of(u)
    odds = xp.abs(u)
    odds *= -1 / temperature
    odds = in_place(xp, "exp", odds)
    slope = in_place(xp, "maximum", in_dtype(xp, u >= 0.0, odds.dtype), odds)
    slope /= odds + 1.0
    return slope, odds


def xlogy(x: Array, y: Array) -> Array:
    """x log y for x, y ≥ 0, which is 0 at x = y = 0.

    Examples
    --------
    >>> import numpy as np
    >>> xlogy(np.array([0.0, 2.0]), np.array([0.0, np.e])) + 0.0
    array([0., 2.])
    """
    xp = namespace_of(x, y)
    # 0 log(tiny) is 0, so no branch is needed at y = 0.
    result = in_place(xp, "log", at_least(xp, y, smallest_normal(xp, y.dtype)))
    result *= x
    return result
