"""The mean curvature of the loss times the Gram matrix of the features."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.hessian import loss_curvature_of
from sklearn_ebm.solvers.objective import Block, Objective
from sklearn_ebm.solvers.preconditioners.base import (
    Preconditioner,
    positive_level,
    with_sums_of_columns,
)

# Largest number of answers whose curvatures are coupled in a Kronecker product.
KRONECKER_ANSWERS = 400

# Rows that are drawn for a Gram matrix: DRAWN_SHARE for each column, at least FEWEST_DRAWN, and all
# rows if there are fewer than WORTH_DRAWING times as many.
DRAWN_SHARE, FEWEST_DRAWN, WORTH_DRAWING = 40, 4096, 2


class Kronecker(Preconditioner):
    """The mean curvature of the loss times the Gram matrix of the features.

    B̄ ⊗ G + diag(λ) with B̄ = Σᵢ wᵢBᵢ and G = Σᵢ wᵢφᵢφᵢᵀ/Σᵢ wᵢ, which is the Hessian if curvature
    and features are independent. With R² = λ + ε, where ε is a ridge for parameters without
    penalty, this is

    .. code-block:: none

        R (B̄ ⊗ R⁻¹GR⁻¹ + 1) R,    B̄ = A diag(a) Aᵀ,    R⁻¹GR⁻¹ = V diag(v) Vᵀ

    and a product with its inverse costs k·p·(k + p) operations: rotate by A and V, divide by
    |a| v + 1, rotate back. a < 0 only if the loss is not convex; its magnitude keeps the step of a
    direction without penalty in proportion to the curvature. `renewed` updates the curvature and
    keeps the Gram matrix.

    Parameters
    ----------
    objective : Objective
        Objective of an energy with `gram` and a loss with curvature.
    w : ndarray of shape (size,)
        Parameters.
    rng : RandomState, optional
        Source of random numbers for the selection of rows for the Gram matrix, if there are many
        for each column; None uses all rows.

    References
    ----------
    Dauphin, Pascanu, Gulcehre, Cho, Ganguli, Bengio, "Identifying and attacking the saddle point
    problem in high-dimensional non-convex optimization" (2014). :arxiv:`1406.2572`
    """

    def __init__(
        self, objective: Objective, w: Array, rng: np.random.RandomState | None = None
    ) -> None:
        gram = _gram(objective, rng) / objective.weight.sum()
        k, p = objective.n_templates, len(gram)
        penalty = objective.penalty.reshape(k, p)[0]
        # Whitened by penalty and ridge: (a G + λ) = R (a R⁻¹GR⁻¹ + 1) R with R² = λ + ε.
        mean = self._mean_curvature(objective, w)
        level = float(np.max(np.abs(mean.diagonal() if mean.ndim == 2 else mean)))
        self.root = np.sqrt(penalty + 1e-7 * positive_level(level, objective))
        self.values, self.vectors = np.linalg.eigh(gram / self.root / self.root[:, None])
        self._combine(mean, objective)

    def renewed(self, objective: Objective, w: Array) -> Kronecker:
        """Return the product with the curvature at other parameters."""
        other = object.__new__(Kronecker)
        other.root, other.values, other.vectors = self.root, self.values, self.vectors
        other._combine(self._mean_curvature(objective, w), objective)
        return other

    @staticmethod
    def _mean_curvature(objective: Objective, w: Array) -> Array:
        """Σ wᵢ Bᵢ (k, k), or its diagonal (k,) if there are many answers."""
        coupled = objective.n_templates <= KRONECKER_ANSWERS

        def of_block(block: Block) -> tuple[Array]:
            curvature = loss_curvature_of(objective, w, block)
            weight = block.weight.astype(curvature.diagonal.dtype)
            return (
                (curvature.total(weight) if coupled else weight @ curvature.diagonals()).astype(
                    float
                ),
            )

        return objective.sum_over_rows(of_block)[0]

    def _combine(self, mean: Array, objective: Objective) -> None:
        self.answers = None
        levels = mean
        if mean.ndim == 2:
            levels, self.answers = np.linalg.eigh(mean)
        levels = np.abs(levels)
        top = positive_level(float(levels.max()), objective)
        levels = np.maximum(levels, 1e-6 * top)
        self.stiffness = levels[:, None] * np.maximum(self.values, 0.0) + 1.0

    def __call__(self, gradient: Array) -> Array:
        """Rotate to both eigenbases, divide, and rotate back."""
        rotated = (gradient.reshape(len(self.stiffness), -1) / self.root) @ self.vectors
        if self.answers is not None:
            rotated = self.answers @ ((self.answers.T @ rotated) / self.stiffness)
        else:
            rotated /= self.stiffness
        return ((rotated @ self.vectors.T) / self.root).ravel()


def _gram(objective: Objective, rng: np.random.RandomState | None = None) -> Array:
    """Σ wᵢ φᵢφᵢᵀ, or its estimate from a subset of the rows, with the exact diagonal."""
    gram, n_rows = objective.energy.templates.gram, len(objective.y)
    assert gram is not None
    n_drawn = max(DRAWN_SHARE * objective.layout.size // objective.n_templates, FEWEST_DRAWN)
    if rng is None or n_rows < WORTH_DRAWING * n_drawn:
        (total,) = objective.sum_over_rows(lambda block: (gram(block.X, block.weight),))
        return total
    drawn = np.sort(rng.randint(n_rows, size=n_drawn))

    def of_block(block: Block) -> tuple[Array]:
        first, last = np.searchsorted(drawn, [block.rows.start, block.rows.stop])
        some = block.take(drawn[first:last] - block.rows.start)
        return (gram(some.X, some.weight),)

    (total,) = objective.sum_over_rows(of_block)
    return with_sums_of_columns(total * (n_rows / n_drawn), _diagonal(objective), 1)


def _diagonal(objective: Objective) -> Array:
    """Diagonal of Σ wᵢ φᵢφᵢᵀ."""
    templates = objective.energy.templates

    def of_block(block: Block) -> tuple[Array]:
        diagonal = templates.curvature_diagonal(block.X, block.weight[:, None])
        assert diagonal is not None
        return (np.concatenate([np.ravel(part) for part in diagonal.values()]),)

    return objective.sum_over_rows(of_block)[0]
