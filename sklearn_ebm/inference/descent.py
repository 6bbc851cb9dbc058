"""Elimination of continuous latent variables by proximal gradient descent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.validation import level, positive_integer, switch

# Iterations between two certificates, each of which costs about one iteration.
BETWEEN_CERTIFICATES = 10


class Descended(NamedTuple):
    """Result of a descent.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_components)
        The latent variable of each sample.
    energies : ndarray of shape (n_samples,)
        Its energy.
    gaps : ndarray of shape (n_samples,)
        Upper bounds of the energy minus the minimum over the latent variable.
    n_iter : int
        Largest number of iterations of a sample.
    """

    values: Array
    energies: Array
    gaps: Array
    n_iter: int


class LatentProblem(ABC):
    """Energies of samples as functions of a continuous latent variable: E(z) = f(z) + g(z).

    f is smooth and convex; g is convex and has a proximal operator.

    Attributes
    ----------
    lipschitz : float
        A Lipschitz constant L of the gradient of f, for all samples.
    scale : ndarray of shape (n_samples,)
        Energies by which the duality gaps are divided: that of z = 0, for example.
    """

    lipschitz: float
    scale: Array

    @abstractmethod
    def gradient(self, z: Array, rows: Index) -> Array:
        """Compute the gradient of f at z, for some of the samples.

        Parameters
        ----------
        z : ndarray of shape (n_rows, n_components)
            Values of the latent variable.
        rows : ndarray of int of shape (n_rows,)
            Indices of the samples.

        Returns
        -------
        ndarray of shape (n_rows, n_components)
        """

    @abstractmethod
    def proximal(self, z: Array, step: float) -> Array:
        """Compute argmin_u g(u) + ‖u − z‖²/(2 step).

        Parameters
        ----------
        z : ndarray of shape (n_rows, n_components)
            Values after a gradient step; may be overwritten.
        step : float
            Step size 1/L.

        Returns
        -------
        ndarray of shape (n_rows, n_components)
        """

    @abstractmethod
    def certificate(self, z: Array, gradient: Array, rows: Index) -> tuple[Array, Array]:
        """Compute energies and duality gaps.

        Parameters
        ----------
        z : ndarray of shape (n_rows, n_components)
            Values of the latent variable.
        gradient : ndarray of shape (n_rows, n_components)
            Gradient of f at z.
        rows : ndarray of int of shape (n_rows,)
            Indices of the samples.

        Returns
        -------
        energies, gaps : ndarray of shape (n_rows,)
        """


class Descent(Documented, BaseEstimator):
    r"""Proximal gradient descent over a continuous latent variable, for many samples at once.

    .. code-block:: none

        z ← prox(u − ∇f(u)/L),    u ← z + momentum · (z − z_before)

    With momentum this is FISTA, restarted for each sample when the momentum points uphill; without
    momentum it is ISTA. A sample is finished when its duality gap is at most `tol` times its
    energy at z = 0, and is then left out of the iterations.

    Parameters
    ----------
    max_iter : int, default=1000
        Maximum number of iterations.
    tol : float, default=1e-4
        Largest duality gap, relative to the energy at z = 0.
    momentum : bool, default=True
        Whether to use momentum.

    References
    ----------
    Beck, Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems",
    SIAM Journal on Imaging Sciences 2 (2009) 183-202. :doi:`10.1137/080716542`

    O'Donoghue, Candès, "Adaptive restart for accelerated gradient schemes", Foundations of
    Computational Mathematics 15 (2015) 715-732. :doi:`10.1007/s10208-013-9150-3`

    Examples
    --------
    As the inference of `sklearn_ebm.representation.SparseCoding`, here to a smaller gap:

    >>> import numpy as np
    >>> from sklearn_ebm.inference import Descent
    >>> from sklearn_ebm.representation import SparseCoding
    >>> X = np.eye(3)
    >>> coding = SparseCoding(
    ...     3, alpha=0.1, inference=Descent(tol=1e-8), random_state=0
    ... ).fit(X)
    >>> _, gap = coding.transform(X, return_gap=True)
    >>> bool((gap <= 1e-8 * 0.5).all())
    True
    """

    def __init__(self, max_iter: int = 1000, tol: float = 1e-4, momentum: bool = True) -> None:
        self.max_iter = max_iter
        self.tol = tol
        self.momentum = momentum

    def _validate(self) -> None:
        positive_integer("max_iter", self.max_iter, of="Descent", least=0)
        level("tol", self.tol, self.tol, of="Descent")
        switch("momentum", self.momentum, of="Descent")

    def minimize(self, problem: LatentProblem, start: Array) -> Descended:
        """Minimise the energies of all samples over the latent variable.

        Parameters
        ----------
        problem : LatentProblem
            The energies.
        start : ndarray of shape (n_samples, n_components)
            Where to start; not changed.

        Returns
        -------
        Descended
            Values, energies and duality gaps; a gap above `tol` means that `max_iter` was reached.
        """
        n = len(start)
        rows, step = np.arange(n), 1.0 / problem.lipschitz
        found = start.copy()
        z, u = start.copy(), start.copy()
        t = np.ones(n, dtype=start.dtype)
        energies, gaps = problem.certificate(z, problem.gradient(z, rows), rows)
        iteration = 0
        for iteration in range(1, self.max_iter + 1):
            if (iteration - 1) % BETWEEN_CERTIFICATES == 0:
                open_ = gaps[rows] > self.tol * problem.scale[rows]
                found[rows] = z
                rows, z, u, t = rows[open_], z[open_], u[open_], t[open_]
                if not len(rows):
                    iteration -= 1
                    break
            before, z = z, problem.proximal(u - step * problem.gradient(u, rows), step)
            change = z - before
            u, t = self._extrapolated(z, u, change, t)
            if iteration % BETWEEN_CERTIFICATES == 0 or iteration == self.max_iter:
                energies[rows], gaps[rows] = problem.certificate(z, problem.gradient(z, rows), rows)
        found[rows] = z
        return Descended(found, energies, gaps, iteration)

    def _extrapolated(self, z: Array, u: Array, change: Array, t: Array) -> tuple[Array, Array]:
        """Where the next gradient is computed, and the next weights of the momentum."""
        if not self.momentum:
            return z, t
        restart = np.einsum("nk,nk->n", u - z, change) > 0
        t = np.where(restart, np.ones_like(t), t)
        after = (1 + np.sqrt(1 + 4 * t**2)) / 2
        momentum = np.where(restart, np.zeros_like(t), (t - 1) / after)
        return z + momentum[:, None] * change, after.astype(t.dtype, copy=False)
