"""Points that resolve a sum of bumps, as few as its narrowest bumps ask for."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array

#: How far from the outermost means the knots reach, in scales: a Gaussian has 1e-15 beyond 8.
REACH = 8.0
#: The widest cell at a bump, in its scales.
FINEST = 1.0
#: The widest cell away from a bump, as a part of the distance to it.
OPENING = 1 / 3


def adaptive_knots(means: Array, scales: Array, finest: float = FINEST) -> Array:
    """Walk over each row from left to right, with steps that every bump on the way allows.

    A bump allows max(`finest` s, |x − μ|/3), and where it is more than 8 s away it allows any step
    that leads no nearer. So a bump that is a million times narrower than the others is reached,
    resolved and left within some 40 steps, and bumps that lie over each other share their points.

    Parameters
    ----------
    means, scales : ndarray of shape (n_samples, K)
        Where the bumps are, and how wide.
    finest : float, default=FINEST
        The widest cell at a bump, in its scales.

    Returns
    -------
    ndarray of shape (n_samples, g)
        Sorted; a row that needs fewer than g points ends with repetitions of its last one.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_knots(np.array([[0.0]]), np.array([[1.0]]), finest=0.5).round(1)[0, :12]
    array([-8. , -5.3, -3.6, -2.4, -1.6, -1.1, -0.6, -0.1,  0.4,  0.9,  1.4, 1.9])
    """
    reach, least = REACH * scales, finest * scales
    begin, end = means - reach, means + reach
    first, last = begin.min(axis=1), end.max(axis=1)
    x = first.copy()
    columns = [x.copy()]
    active = np.arange(len(means))
    while len(active):
        here = x[active, None]
        step = np.abs(here - means)
        step *= OPENING
        np.maximum(step, least, out=step)
        np.maximum(step, begin - here, out=step)
        np.copyto(step, np.inf, where=end < here)
        here = here[:, 0]
        # A bump that no floating-point number resolves is stepped over.
        step = np.maximum(step.min(axis=1), 4 * np.spacing(np.abs(here)))
        here = np.minimum(here + step, last[active])
        x[active] = here
        columns.append(x.copy())
        going = here < last[active]
        # To leave rows behind takes a copy of the others: only where it saves something.
        if going.mean() < 0.8:
            active, means, least, begin, end = (
                array[going] for array in (active, means, least, begin, end)
            )
    return np.stack(columns, axis=1)
