"""Second derivatives of a loss in the energies of each sample, in a form that stays small."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index


class Curvature(NamedTuple):
    """Second derivatives of a loss in the energies of each sample, diag(h) + Σᵣ sᵣ uᵣ uᵣᵀ.

    Every loss of this package has this form, with at most two outer products: n·m numbers for each
    instead of n·m².

    Losses fill it with arrays of the library that they are given; the methods, which are for the
    solvers, work on NumPy's alone.

    Attributes
    ----------
    diagonal : ndarray of shape (n_samples, m)
        h.
    outer : tuple of (float, ndarray of shape (n_samples, m))
        Pairs of a factor sᵣ, of either sign, and vectors uᵣ.

    Examples
    --------
    diag(1, 2) − (1, 1)(1, 1)ᵀ = [[0, −1], [−1, 1]]:

    >>> import numpy as np
    >>> from sklearn_ebm.losses.curvature import Curvature
    >>> bend = Curvature(np.array([[1.0, 2.0]]), ((-1.0, np.array([[1.0, 1.0]])),))
    >>> bend.product(np.array([[1.0, 0.0]]))
    array([[ 0., -1.]])
    """

    diagonal: Array
    outer: tuple[tuple[float, Array], ...] = ()

    def product(self, direction: Array) -> Array:
        """Second-derivative product, sample by sample.

        Parameters
        ----------
        direction : ndarray of shape (n_samples, m)
            dF.

        Returns
        -------
        ndarray of shape (n_samples, m)
            The change of the slope.
        """
        result = self.diagonal * direction
        for factor, vector in self.outer:
            along = factor * np.einsum("ij,ij->i", vector, direction)
            result += along[:, None].astype(result.dtype, copy=False) * vector
        return result

    def take(self, rows: Index) -> Curvature:
        """Return the curvature of the selected samples."""
        outer = tuple((factor, vector[rows]) for factor, vector in self.outer)
        return Curvature(self.diagonal[rows], outer)

    def diagonals(self) -> Array:
        """Return the diagonal of each sample's matrix, (n, m)."""
        result = self.diagonal.copy(order="K")
        for factor, vector in self.outer:
            result += factor * np.square(vector)
        return result

    def total(self, weight: Array) -> Array:
        """Σᵢ wᵢ (diag(hᵢ) + Σᵣ sᵣ uᵣ uᵣᵀ) over the samples.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,)

        Returns
        -------
        ndarray of shape (m, m)
        """
        share = weight.astype(self.diagonal.dtype, copy=False)
        result = np.diag(share @ self.diagonal)
        for factor, vector in self.outer:
            result += factor * ((vector * share[:, None]).T @ vector)
        return result

    def matrices(self) -> Array:
        """Return the matrix of each sample, (n, m, m)."""
        n_rows, m = self.diagonal.shape
        result = np.zeros((n_rows, m, m))
        result[:, np.arange(m), np.arange(m)] = self.diagonal
        for factor, vector in self.outer:
            result += factor * vector[:, :, None] * vector[:, None, :]
        return result
