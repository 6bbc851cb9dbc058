"""Local descent over a latent variable of energies that need not be convex."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from sklearn_ebm._utils.parameters import Array

#: z -> energies (n,), and the gradient of their smooth part (n, n_components).
Smooth: TypeAlias = Callable[[Array], tuple[Array, Array]]

#: (z, steps) -> argmin_u g(u) + ‖u − z‖²/(2 step) for the steps (n, 1) of the samples.
Proximal: TypeAlias = Callable[[Array, Array], Array]

# A step that lowers the energy is followed by one that is longer by this factor, any other by one
# of half its length.
LONGER = 1.3


def local_descent(
    energy: Smooth, proximal: Proximal, start: Array, max_iter: int
) -> tuple[Array, Array]:
    """Lower the energies of samples by proximal gradient steps of individual lengths.

    A step is taken only if it lowers the energy of its sample, so that the result is never worse
    than the start.

    Parameters
    ----------
    energy : callable
        Function from latent variables to energies and gradients.
    proximal : callable
        Proximal operator of the part of the energy that is not smooth.
    start : ndarray of shape (n_samples, n_components)
        Where to start; not changed.
    max_iter : int
        Number of steps.

    Returns
    -------
    values : ndarray of shape (n_samples, n_components)
        The latent variables.
    energies : ndarray of shape (n_samples,)
        Their energies.

    Examples
    --------
    The minimum of (z² − 1)² next to 0.5 is 1:

    >>> z, energies = local_descent(
    ...     lambda z: (((z**2 - 1) ** 2)[:, 0], 4 * z * (z**2 - 1)),
    ...     lambda z, steps: z,
    ...     np.array([[0.5]]),
    ...     max_iter=100,
    ... )
    >>> z.round(4), bool(energies[0] < 1e-9)
    (array([[1.]]), True)
    """
    z = start.copy()
    energies, gradient = energy(z)
    size = np.linalg.norm(gradient, axis=1, keepdims=True)
    unit = np.maximum(np.linalg.norm(z, axis=1, keepdims=True), z.dtype.type(1e-3))
    steps = np.where(size > 0, 0.1 * unit / np.where(size > 0, size, 1), 1)
    steps = steps.astype(z.dtype, copy=False)
    for _ in range(max_iter):
        with np.errstate(over="ignore", invalid="ignore"):
            candidate = proximal(z - steps * gradient, steps)
            value, slope = energy(candidate)
        lower = value < energies
        z[lower], energies[lower], gradient[lower] = candidate[lower], value[lower], slope[lower]
        steps *= np.where(lower, LONGER, 0.5)[:, None].astype(z.dtype)
    return z, energies
