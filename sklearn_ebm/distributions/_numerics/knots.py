"""Adaptive knots, which resolve the components of a mixture with few points."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array

#: Distance of the outermost knots from the means, in scales; a Gaussian has the probability 1e-15
#: beyond 8.
REACH = 8.0
#: Largest cell at the mean of a component, in its scales.
FINEST = 1.0
#: Largest cell away from a component, as a fraction of the distance to its mean.
OPENING = 1 / 3


def adaptive_knots(means: Array, scales: Array, finest: float = FINEST) -> Array:
    """Place knots from left to right, with steps that resolve every component.

    A component allows steps of at most max(`finest` s, d/3), where d is the distance to its mean;
    beyond 8 s, it only limits steps towards it. A component that is a million times narrower than
    the others is therefore resolved with about 40 knots, and overlapping components share knots.

    Parameters
    ----------
    means, scales : ndarray of shape (n_samples, K)
        Means and scales of the components.
    finest : float, default=FINEST
        Largest cell at the mean of a component, in its scales.

    Returns
    -------
    ndarray of shape (n_samples, g)
        Sorted knots; rows with fewer than g knots repeat the last one.

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
        # A component narrower than the spacing of floats is skipped.
        step = np.maximum(step.min(axis=1), 4 * np.spacing(np.abs(here)))
        here = np.minimum(here + step, last[active])
        x[active] = here
        columns.append(x.copy())
        going = here < last[active]
        # Finished rows are dropped only if that saves more than the copy of the others costs.
        if going.mean() < 0.8:
            active, means, least, begin, end = (
                array[going] for array in (active, means, least, begin, end)
            )
    return np.stack(columns, axis=1)
