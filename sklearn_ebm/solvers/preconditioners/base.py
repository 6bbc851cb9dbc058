"""Base class of preconditioners, and the curvature of the loss that they use."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.hessian import loss_curvature_of
from sklearn_ebm.solvers.objective import Block, Objective

# A column is decoupled from all others if a subset of the rows has less than this fraction of it.
REPRESENTED = 0.5


class Preconditioner(ABC):
    """A model of the inverse Hessian, as a function of the gradient.

    Attributes
    ----------
    cost : float
        Cost of its computation, in evaluations of the objective.
    """

    cost: float = 1.0

    @abstractmethod
    def __call__(self, gradient: Array) -> Array:
        """Multiply a gradient (size,) by the model of the inverse Hessian."""


def positive_level(level: float, objective: Objective) -> float:
    """Return a level of curvature, or that of a square if it is 0, as between two kinks."""
    return level if 1e-290 < level < np.inf else float(objective.weight.sum())


def weighted_diagonals(objective: Objective, w: Array, block: Block) -> Array:
    """Second derivatives in the output of each template, times the sample weights, (n, k)."""
    diagonals = loss_curvature_of(objective, w, block).diagonals()
    diagonals *= block.weight.astype(diagonals.dtype, copy=False)[:, None]
    return diagonals


def with_sums_of_columns(matrix: Array, diagonal: Array, n_templates: int) -> Array:
    """Scale Σᵢ wᵢ Bᵢ ⊗ φᵢφᵢᵀ on a subset of the rows to the diagonal for all rows.

    The subset may lack most of the few rows in which a column is not zero. The rest of the column
    may be constant, and thus look like the intercept. Such a column is decoupled from all others.
    All templates are scaled by the same factors, so that a common shift of the templates, to which
    the objective is indifferent, remains in the null space.

    Parameters
    ----------
    matrix : ndarray of shape (k·p, k·p)
        The sum over the subset.
    diagonal : ndarray of shape (k·p,)
        The diagonal of the sum over all rows.
    n_templates : int
        Number k of templates.

    Returns
    -------
    ndarray of shape (k·p, k·p)
        The scaled matrix.

    Examples
    --------
    The subset has three quarters of the first column and almost nothing of the second:

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
