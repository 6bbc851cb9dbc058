"""Vectorised root finding, with a bracket for each root."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index

#: Function of the points (j,) and of the indices (j,) of their problems; returns values (j,).
Function = Callable[[Array, Index], Array]


def find_roots(
    function: Function,
    low: Array,
    high: Array,
    at_low: Array,
    at_high: Array,
    *,
    tolerance: float = 1e-13,
    enough: npt.ArrayLike = 0.0,
    start: Array | None = None,
    max_iterations: int = 120,
) -> Array:
    """Find roots x with f(x) = 0 in [low, high], by Chandrupatla's method.

    It uses inverse quadratic interpolation if the last three points indicate convergence, and
    bisection otherwise, so that a kink, a jump or an infinite value costs steps but never the root.
    The function is evaluated only for problems that are not yet solved.

    Parameters
    ----------
    function : callable
        ``function(x, index)``: the values at x (j,), of the problems `index` (j,).
    low, high : ndarray of shape (m,)
        Brackets.
    at_low, at_high : ndarray of shape (m,)
        Values there. If both have the same sign, the end with the smaller absolute value is
        returned.
    tolerance : float, default=1e-13
        Width of a bracket, relative to the first one, at which the search ends.
    enough : float or ndarray of shape (m,), default=0.0
        Largest absolute value that counts as zero.
    start : ndarray of shape (m,), optional
        First points, inside the brackets; by default their midpoints.
    max_iterations : int, default=120
        Largest number of steps; bisection alone would need about 50.

    Returns
    -------
    ndarray of shape (m,)

    References
    ----------
    Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear
    function without using derivatives", Advances in Engineering Software 28 (1997) 145-149.
    :doi:`10.1016/S0965-9978(96)00051-8`

    Examples
    --------
    >>> import numpy as np
    >>> squares = np.array([4.0, 9.0])
    >>> low, high = np.zeros(2), np.full(2, 10.0)
    >>> find_roots(
    ...     lambda x, index: x**2 - squares[index], low, high, low - squares, 100 - squares
    ... )
    array([2., 3.])
    """
    roots = np.where(np.abs(at_low) <= np.abs(at_high), low, high)
    limit = np.broadcast_to(np.asarray(enough, dtype=np.float64), roots.shape)
    smallest = np.minimum(np.abs(at_low), np.abs(at_high))
    index = np.flatnonzero((np.sign(at_low) * np.sign(at_high) < 0) & (smallest > limit))
    # b and a enclose the root; a is the latest point, and c the previous one.
    b, a, f_b, f_a = low[index], high[index], at_low[index], at_high[index]
    narrow = tolerance * np.abs(a - b)
    step = np.full(len(index), 0.5)
    if start is not None:
        step = np.clip((start[index] - a) / (b - a), 1e-3, 1 - 1e-3)
    for _ in range(max_iterations):
        if not len(index):
            break
        x = a + step * (b - a)
        value = function(x, index)
        same = np.sign(value) == np.sign(f_a)
        c, f_c = np.where(same, a, b), np.where(same, f_a, f_b)
        b, f_b = np.where(same, b, a), np.where(same, f_b, f_a)
        a, f_a = x, value
        best = np.where(np.abs(f_a) < np.abs(f_b), a, b)
        resolution = narrow + 2 * np.finfo(np.float64).eps * np.abs(best)
        width = np.abs(b - a)
        done = (width <= resolution) | (np.minimum(np.abs(f_a), np.abs(f_b)) <= limit[index])
        step = _next_step((a, b, c), (f_a, f_b, f_c))
        with np.errstate(divide="ignore", invalid="ignore"):
            least = np.minimum(0.5 * resolution / width, 0.5)
        step = np.clip(step, least, 1 - least)
        roots[index] = best  # the result if max_iterations is reached
        if done.any():
            left = ~done
            index, narrow, step = index[left], narrow[left], step[left]
            a, b, f_a, f_b = a[left], b[left], f_a[left], f_b[left]
    return roots


def _next_step(points: tuple[Array, Array, Array], values: tuple[Array, Array, Array]) -> Array:
    """Position of the next point between a and b, from 0 to 1."""
    (a, b, c), (f_a, f_b, f_c) = points, values
    with np.errstate(all="ignore"):
        position = (a - b) / (c - b)
        height = (f_a - f_b) / (f_c - f_b)
        interpolates = (height**2 < position) & ((1 - height) ** 2 < 1 - position)
        step = f_a / (f_b - f_a) * f_c / (f_b - f_c)
        step += (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
    return np.where(interpolates & np.isfinite(step), step, 0.5)


#: Like `Function`, but returns values and slopes.
FunctionAndSlope = Callable[[Array, Index], tuple[Array, Array]]


def find_roots_by_slopes(
    function: FunctionAndSlope,
    low: Array,
    high: Array,
    rising: npt.NDArray[np.bool_],
    start: Array,
    *,
    tolerance: float = 1e-13,
    enough: float = 0.0,
    near_slopes: bool = False,
    max_iterations: int = 120,
) -> Array:
    """Find roots of monotone functions in [low, high], by Newton's method within brackets.

    A step that would leave the bracket, or that follows a step which did not halve the value, is
    replaced by a bisection, so a wrong slope costs steps but never the root. From a good start, two
    or three evaluations are enough, and values at the ends of the brackets are not needed.

    Parameters
    ----------
    function : callable
        ``function(x, index)``: the values and the slopes at x (j,), of the problems `index` (j,).
    low, high : ndarray of shape (m,)
        Brackets.
    rising : ndarray of bool of shape (m,)
        Whether the function increases with x.
    start : ndarray of shape (m,)
        First points.
    tolerance : float, default=1e-13
        Length of a step, relative to the first bracket, at which the search ends.
    enough : float, default=0.0
        Largest absolute value that counts as zero.
    near_slopes : bool, default=False
        Whether slopes are approximate, so that a short step does not mean that the root is close.
    max_iterations : int, default=120
        Largest number of steps.

    Returns
    -------
    ndarray of shape (m,)

    Examples
    --------
    >>> import numpy as np
    >>> squares = np.array([4.0, 9.0])
    >>> low, high = np.zeros(2), np.full(2, 10.0)
    >>> def function(x, index):
    ...     return x**2 - squares[index], 2 * x
    >>> find_roots_by_slopes(function, low, high, np.array([True, True]), high / 2)
    array([2., 3.])
    """
    low, high = low.copy(), high.copy()
    narrow = tolerance * (high - low)
    roots = np.where((start >= low) & (start <= high), start, 0.5 * (low + high))
    size = np.full(len(roots), np.inf)
    index = np.arange(len(roots))
    for _ in range(max_iterations):
        if not len(index):
            break
        x = roots[index]
        value, slope = function(x, index)
        beyond = (value > 0) == rising[index]
        high[index] = np.where(beyond, x, high[index])
        low[index] = np.where(beyond, low[index], x)
        with np.errstate(all="ignore"):
            new = x - value / slope
        inside = (new >= low[index]) & (new <= high[index])
        resolution = narrow[index] + 2 * np.finfo(np.float64).eps * np.abs(x)
        slow = np.abs(value) > 0.5 * size[index]
        if near_slopes:
            slow |= np.abs(new - x) <= resolution
        new = np.where(inside & ~slow, new, 0.5 * (low[index] + high[index]))
        # After a bisection, the next step may be a Newton step again.
        size[index] = np.where(slow, np.inf, np.abs(value))
        good = np.abs(value) <= enough
        done = good | (np.abs(new - x) <= resolution)
        roots[index] = np.where(good, x, new)
        index = index[~done]
    return roots
