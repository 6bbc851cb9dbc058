"""Points that resolve a sum of bumps, as few as its narrowest bumps ask for."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._params import Array

#: How far from the outermost means the knots reach, in scales: a Gaussian has 1e-15 beyond 8.
REACH = 8.0
#: The widest cell at a bump, in its scales.
FINEST = 0.5
#: The widest cell away from a bump, as a part of the distance to it.
OPENING = 1 / 3


def march(means: Array, scales: Array) -> Array:
    """Walk over each row from left to right with steps min_k max(s_k/2, |x − μ_k|/3).

    At a bump a step is half of its scale, and away from it a third of the distance; so a bump that
    is a million times narrower than the others is reached, resolved and left within some 70 steps,
    and bumps that lie over each other share their points.

    Parameters
    ----------
    means, scales : ndarray of shape (n, K)
        Where the bumps are, and how wide.

    Returns
    -------
    ndarray of shape (n, g)
        Sorted; a row that needs fewer than g points ends with repetitions of its last one.

    Examples
    --------
    >>> import numpy as np
    >>> march(np.array([[0.0]]), np.array([[1.0]])).round(1)[0, :12]
    array([-8. , -5.3, -3.6, -2.4, -1.6, -1.1, -0.6, -0.1,  0.4,  0.9,  1.4, 1.9])
    """
    last = (means + REACH * scales).max(axis=1)
    x = (means - REACH * scales).min(axis=1)
    columns = [x.copy()]
    active = np.arange(len(means))
    finest = FINEST * scales
    while len(active):
        here = x[active]
        gaps = np.abs(here[:, None] - means)
        gaps *= OPENING
        step = np.maximum(gaps, finest, out=gaps).min(axis=1)
        # A bump that no floating-point number resolves is stepped over.
        here = np.minimum(here + np.maximum(step, 4 * np.spacing(np.abs(here))), last[active])
        x[active] = here
        columns.append(x.copy())
        going = here < last[active]
        if not going.all():
            active, means, finest = active[going], means[going], finest[going]
    return np.stack(columns, axis=1)
