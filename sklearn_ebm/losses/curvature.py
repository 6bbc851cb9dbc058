"""Second derivatives of a loss in the energies of each sample, in a compact form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index


class Curvature(NamedTuple):
    """Second derivatives of a loss in the m energies of each sample, diag(h) + Σᵣ sᵣ uᵣ uᵣᵀ.

    Every loss of this package has this form, with a diagonal h and a few outer products, so
    that each takes n_samples·m numbers instead of n_samples·m². A loss may fill it with arrays of
    other libraries, but the methods, which the solvers use, need NumPy arrays.

    Attributes
    ----------
    diagonal : ndarray of shape (n_samples, m)
        The diagonal h.
    outer : tuple of (float, ndarray of shape (n_samples, m))
        Pairs of a factor sᵣ, of either sign, and the vectors uᵣ.

    Examples
    --------
    diag(1, 2) − (1, 1)(1, 1)ᵀ = [[0, −1], [−1, 1]]:

    >>> import numpy as np
    >>> from sklearn_ebm.losses.curvature import Curvature
    >>> curvature = Curvature(np.array([[1.0, 2.0]]), ((-1.0, np.array([[1.0, 1.0]])),))
    >>> curvature.product(np.array([[1.0, 0.0]]))
    array([[ 0., -1.]])
    """

    diagonal: Array
    outer: tuple[tuple[float, Array], ...] = ()

    def product(self, direction: Array) -> Array:
        """Multiply the second derivatives of each sample by a direction.

        Parameters
        ----------
        direction : ndarray of shape (n_samples, m)
            Change of the energies.

        Returns
        -------
        ndarray of shape (n_samples, m)
            Change of the slope.
        """
        result = self.diagonal * direction
        for factor, vector in self.outer:
            scale = factor * np.einsum("ij,ij->i", vector, direction)
            result += scale[:, None].astype(result.dtype, copy=False) * vector
        return result

    def take(self, rows: Index) -> Curvature:
        """Select samples.

        Parameters
        ----------
        rows : ndarray of int or bool, or slice
            The samples.

        Returns
        -------
        Curvature
            Second derivatives of these samples.
        """
        outer = tuple((factor, vector[rows]) for factor, vector in self.outer)
        return Curvature(self.diagonal[rows], outer)

    def diagonals(self) -> Array:
        """Return the diagonal of the matrix of each sample, (n_samples, m)."""
        result = self.diagonal.copy(order="K")
        for factor, vector in self.outer:
            result += factor * np.square(vector)
        return result

    def total(self, weight: Array) -> Array:
        """Sum the matrices of all samples, with weights.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,)
            Sample weights.

        Returns
        -------
        ndarray of shape (m, m)
            Σᵢ wᵢ (diag(hᵢ) + Σᵣ sᵣ uᵣ uᵣᵀ).
        """
        weight = weight.astype(self.diagonal.dtype, copy=False)
        result = np.diag(weight @ self.diagonal)
        for factor, vector in self.outer:
            result += factor * ((vector * weight[:, None]).T @ vector)
        return result

    def matrices(self) -> Array:
        """Return the matrix of each sample, (n_samples, m, m)."""
        n_rows, m = self.diagonal.shape
        result = np.zeros((n_rows, m, m))
        result[:, np.arange(m), np.arange(m)] = self.diagonal
        for factor, vector in self.outer:
            result += factor * vector[:, :, None] * vector[:, None, :]
        return result
