"""The contract of an initial matrix, and the curvature of the loss that all of them need."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.hessian import loss_curvature_of
from sklearn_ebm.solvers.objective import Block, Objective

# A column of which a sample holds less than this share counts as unrelated to the others.
REPRESENTED = 0.5


class Preconditioner(ABC):
    """A model of the inverse Hessian, as a function of the gradient.

    Attributes
    ----------
    cost : float
        What making it takes, in evaluations of the objective.
    """

    cost: float = 1.0

    @abstractmethod
    def __call__(self, gradient: Array) -> Array:
        """Model times gradient, both of shape (size,)."""


def positive_level(level: float, objective: Objective) -> float:
    """A level of curvature; where nothing bends, as between two kinks, that of a plain square."""
    return level if 1e-290 < level < np.inf else float(objective.weight.sum())


def weighted_diagonals(objective: Objective, w: Array, block: Block) -> Array:
    """Weight times curvature in each template's energy, (n, k)."""
    share = loss_curvature_of(objective, w, block).diagonals()
    share *= block.weight.astype(share.dtype, copy=False)[:, None]
    return share


def with_sums_of_columns(matrix: Array, diagonal: Array, n_templates: int) -> Array:
    """Σᵢ wᵢ Bᵢ ⊗ φᵢφᵢᵀ on a sample of rows, scaled so that each column has the sum of all rows.

    A sample may miss the few rows that make up a column. What is left of that column may be
    constant, and would then seem to be the intercept: it is better off without its relations to
    other columns. All templates are scaled alike, so that a shift of all of them still costs
    nothing where it did before.

    Parameters
    ----------
    matrix : ndarray of shape (k·p, k·p)
    diagonal : ndarray of shape (k·p,)
        What the diagonal would be with all rows.
    n_templates : int
        k.

    Returns
    -------
    ndarray of shape (k·p, k·p)

    Examples
    --------
    The sample holds a quarter too little of the first column and nearly nothing of the second:

    >>> sample = np.array([[3.0, 0.5], [0.5, 0.1]])
    >>> with_sums_of_columns(sample, np.array([4.0, 2.0]), 1).round(9)
    array([[4., 0.],
           [0., 2.]])
    """
    k = n_templates
    blocks = matrix.reshape(k, -1, k, len(matrix) // k)
    found = matrix.diagonal().reshape(k, -1).sum(axis=0)
    whole = diagonal.reshape(k, -1).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(found > 0, whole / found, 0.0)
    factor = np.where(found > REPRESENTED * whole, np.sqrt(ratio), 0.0)
    result = blocks * factor[:, None, None] * factor
    own = np.arange(len(factor))
    result[:, own, :, own] = blocks[:, own, :, own] * ratio[:, None, None]
    result = result.reshape(matrix.shape)
    missing = np.flatnonzero(np.tile(found <= 0, k))
    result[missing, missing] = diagonal[missing]
    return result
