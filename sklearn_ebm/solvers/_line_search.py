"""The line search of all batch solvers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
MAX_TRIALS = 40


class Step(NamedTuple):
    """The point that a line search found, with the value and the gradient."""

    point: Array
    value: float
    gradient: Array


@np.errstate(over="ignore", invalid="ignore")  # an infinite slope means that the step is too long
def line_search(
    evaluate: Callable[[Array], tuple[float, Array]],
    point: Array,
    value: float,
    gradient: Array,
    direction: Array,
    noise: float,
) -> Step | None:
    """Find a step that satisfies the weak Wolfe conditions, by bisection and expansion.

    If the decrease is below rounding, a step is also accepted if the value increases by at most
    `noise`, relative, and the slope in the direction decreases in magnitude (the approximate Wolfe
    conditions of Hager and Zhang). A value that is not finite means that the step is too long.

    Parameters
    ----------
    evaluate : callable
        The function point -> value, gradient.
    point : ndarray of shape (size,)
        Point from which the search starts.
    value : float
        Value at `point`.
    gradient : ndarray of shape (size,)
        Gradient at `point`.
    direction : ndarray of shape (size,)
        A direction of descent.
    noise : float
        Relative rounding error of the values.

    Returns
    -------
    Step or None
        None if no step in the direction decreases the value.

    References
    ----------
    Hager, Zhang, "A New Conjugate Gradient Method with Guaranteed Descent and an Efficient Line
    Search" (2005). :doi:`10.1137/030601880`
    """
    descent = float(gradient @ direction)
    if not descent < 0:
        return None
    near, far, length = 0.0, np.inf, 1.0
    fallback = None
    for _ in range(MAX_TRIALS):
        trial = point + length * direction
        if not np.any(trial != point):
            return fallback
        trial_value, trial_gradient = evaluate(trial)
        slope = float(trial_gradient @ direction) if np.isfinite(trial_value) else np.inf
        lower = trial_value <= value + SUFFICIENT_DECREASE * length * descent
        level = trial_value <= value + noise * abs(value)
        level = level and slope <= (2 * SUFFICIENT_DECREASE - 1) * descent
        if not np.isfinite(slope) or not (lower or level):
            far = length
        elif slope < CURVATURE * descent:
            near = length
            if trial_value < value:
                fallback = Step(trial, trial_value, trial_gradient)
        else:
            return Step(trial, trial_value, trial_gradient)
        if np.isinf(far):
            length = 4 * near
        elif near == 0 and np.isfinite(slope):
            # The minimum of the parabola through the two slopes, kept inside the bracket.
            guess = length * descent / (descent - slope) if slope > descent else 0.5 * far
            length = float(np.clip(guess, 0.1 * far, 0.7 * far))
        else:
            length = 0.5 * (near + far)
    return fallback
