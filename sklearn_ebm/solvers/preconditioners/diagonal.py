"""The diagonal of the Hessian, or a bound on it."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.hessian import scale_of
from sklearn_ebm.solvers.objective import Block, Objective
from sklearn_ebm.solvers.preconditioners.base import Preconditioner, weighted_diagonals


class Diagonal(Preconditioner):
    """The diagonal of the Hessian, |Σᵢ wᵢ (Bᵢ)_cc φᵢⱼ²| + λⱼ for template c and column j.

    The sum is negative only if the loss is not convex; see `Kronecker` for its magnitude.

    Parameters
    ----------
    objective : Objective
        Objective of an energy with `curvature_diagonal` and a loss with curvature.
    w : ndarray of shape (size,)
        Parameters.
    """

    def __init__(self, objective: Objective, w: Array) -> None:
        stiffness = np.abs(hessian_diagonal(objective, w)) + objective.penalty
        top = float(stiffness.max())
        self.inverse = 1 / np.maximum(stiffness, 1e-10 * top if top > 0 else 1.0)

    def __call__(self, gradient: Array) -> Array:
        """Divide by the diagonal."""
        return self.inverse * gradient


class DiagonalScaling(Preconditioner):
    """The squares of `scale_of`, for energies or losses without curvature.

    Parameters
    ----------
    objective : Objective
        The objective.
    """

    def __init__(self, objective: Objective) -> None:
        self.inverse = scale_of(objective) ** 2

    def __call__(self, gradient: Array) -> Array:
        """Multiply by the squared scales."""
        return self.inverse * gradient


def hessian_diagonal(objective: Objective, w: Array) -> Array:
    """Diagonal of the Hessian without the penalty, (size,)."""

    def of_block(block: Block) -> tuple[Array]:
        return (diagonal_of(objective, weighted_diagonals(objective, w, block), block),)

    return objective.sum_over_rows(of_block)[0]


def diagonal_of(objective: Objective, curvature: Array, block: Block) -> Array:
    """Σᵢ hᵢ φⱼ² over some rows, (size,), for weighted second derivatives h (n, k)."""
    diagonal = objective.energy.templates.curvature_diagonal(block.X, curvature)
    assert diagonal is not None
    return objective.layout.pack(diagonal)
