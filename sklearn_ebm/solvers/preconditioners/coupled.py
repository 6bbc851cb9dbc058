"""The full Hessian on a subset of the rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.losses.curvature import Curvature
from sklearn_ebm.solvers.hessian import loss_curvature_of
from sklearn_ebm.solvers.objective import Block, Objective
from sklearn_ebm.solvers.preconditioners.base import (
    Preconditioner,
    positive_level,
    weighted_diagonals,
    with_sums_of_columns,
)
from sklearn_ebm.solvers.preconditioners.diagonal import diagonal_of

# Smallest probability of drawing a row, relative to the mean probability.
FLOOR = 0.1

# If all rows may be used, those with a curvature below this fraction of the mean are omitted.
NEGLIGIBLE = 1e-3

# A block is used without a copy if at least this fraction of its rows is needed.
WORTH_COPYING = 0.75

# Smallest and largest number of rows that are drawn, for each parameter.
FEWEST_SHARE, MOST_SHARE = 5, 40
MOST_ROWS = 2**16

# Cost of the passes over the features, in products with one column.
PASSES = 20

# Number added to the diagonal, relative to its maximum, so that a factor exists in float32.
JITTER = 2e-6


class Coupled(Preconditioner):
    """The factorised Hessian on a random subset S of the rows.

    Σᵢ∈S wᵢ/πᵢ Bᵢ ⊗ φᵢφᵢᵀ + diag(λ), where πᵢ is the probability of drawing a row: proportional to
    wᵢ max_c (Bᵢ)_cc, with a lower bound. The expectation of the sum is the Hessian without the
    penalty. Each column is then scaled to its diagonal for all rows. With n rows and N = kp
    parameters, max(5N, 10 (4p + 60) n/(kp²)) rows are drawn, but at most max(40N, 65,536). The
    second argument of the first maximum costs about 5 + 75/p evaluations for any n.

    Parameters
    ----------
    objective : Objective
        Objective of an energy with `normal_matrix` and a loss with curvature.
    w : ndarray of shape (size,)
        Parameters.
    rng : RandomState
        Source of random numbers.
    """

    def __init__(self, objective: Objective, w: Array, rng: np.random.RandomState) -> None:
        matrix, self.cost = _sampled_hessian(objective, w, rng)
        top = positive_level(float(matrix.diagonal().max()), objective)
        # The objective may be constant under a shift of parameters without penalty: add a ridge.
        ridge = objective.penalty + 1e-6 * top * (objective.penalty == 0)
        place = np.diag_indices(len(matrix))
        jitter = JITTER
        self.factor = None
        while self.factor is None and jitter * top < np.inf:
            trial = matrix.copy()
            trial[place] += ridge + jitter * top
            try:
                self.factor = cho_factor(trial, lower=True, overwrite_a=True, check_finite=False)
            except LinAlgError:
                jitter *= 100

    def __call__(self, gradient: Array) -> Array:
        """Solve with the Cholesky factor."""
        if self.factor is None:
            return np.full_like(gradient, np.nan)
        return cho_solve(self.factor, gradient, check_finite=False)


def _sampled_hessian(
    objective: Objective, w: Array, rng: np.random.RandomState
) -> tuple[Array, float]:
    """Σ wᵢ Bᵢ ⊗ φᵢφᵢᵀ on rows drawn by their curvature, and its cost in evaluations."""
    size = objective.layout.size
    everything = _budget(objective) >= len(objective.y)
    chosen, diagonal = ({}, None) if everything else _draw(objective, w, rng)

    def of_block(block: Block) -> tuple[Array, int]:
        factor: Array = np.ones(1)
        if not everything:
            part, factor = chosen[block.rows.start]
            if not len(part):
                return np.zeros((size, size)), 0
            block = block.take(part)
        curvature = loss_curvature_of(objective, w, block)
        if everything:
            block, curvature = _without_negligible(block, curvature)
        matrix = objective.energy.templates.normal_matrix(block.X, curvature, block.weight * factor)
        assert matrix is not None
        return matrix.astype(np.float64, copy=False), block.X.shape[0]

    matrix, n_used = objective.sum_over_rows(of_block)
    if diagonal is not None:
        matrix = with_sums_of_columns(matrix, diagonal, objective.n_templates)
    return matrix, _cost(objective, n_used)


def _without_negligible(block: Block, curvature: Curvature) -> tuple[Block, Curvature]:
    """Omit the rows of a block without curvature, if they are enough to justify a copy."""
    sizes = block.weight * np.abs(curvature.diagonals()).max(axis=1)
    with np.errstate(invalid="ignore"):
        part = np.flatnonzero(sizes > NEGLIGIBLE * sizes.mean())
    if len(part) > WORTH_COPYING * len(sizes):
        return block, curvature
    return block.take(part), curvature.take(part)


def _budget(objective: Objective) -> float:
    """Number of rows that are drawn."""
    n_rows, size = len(objective.y), objective.layout.size
    k, p = objective.n_templates, size // objective.n_templates
    budget = max(FEWEST_SHARE * size, 10 * (4 * p + 60) * n_rows / (k * p**2))
    # The upper limit is at least MOST_ROWS, because few rows may have much of the curvature.
    return min(budget, max(MOST_SHARE * size, MOST_ROWS), n_rows)


def _cost(objective: Objective, n_drawn: float) -> float:
    """Cost of the matrix, in evaluations.

    An operation of the products UᵀU, n·N² in total, takes about half the time of one of an
    evaluation, 4 n N in total; selecting the rows takes one forward pass. With several templates U
    has to be computed first, which takes as long as the products.
    """
    size = objective.layout.size + PASSES
    factor = 2 if objective.n_templates > 1 else 1
    return factor * (1.0 + n_drawn * size / (8 * len(objective.y)))


def expected_cost(objective: Objective) -> float:
    """Largest cost of `Coupled`, in evaluations."""
    return _cost(objective, _budget(objective))


def _draw(
    objective: Objective, w: Array, rng: np.random.RandomState
) -> tuple[dict[int, tuple[Index, npt.NDArray[np.float64]]], Array]:
    """Draw rows; return them with their factors 1/probability, by the first row of their block.

    The second result is the diagonal of the Hessian, which the same pass computes.
    """
    n_rows = len(objective.y)

    def of_block(block: Block) -> tuple[list[Array], Array]:
        curvature = weighted_diagonals(objective, w, block)
        sizes = np.abs(curvature).max(axis=1).astype(np.float32)
        return [sizes], diagonal_of(objective, curvature, block)

    parts, diagonal = objective.sum_over_rows(of_block)
    total = sum(float(part.sum(dtype=np.float64)) for part in parts) + np.finfo(float).tiny
    budget = _budget(objective)
    chosen = {}
    for rows, sizes in zip(objective.slices, parts, strict=True):
        probability = budget / (1 + FLOOR) * (sizes / total + FLOOR / n_rows)
        np.minimum(probability, 1.0, out=probability)
        part = np.flatnonzero(rng.uniform(size=len(sizes)) < probability)
        chosen[rows.start] = part, 1 / probability[part].astype(np.float64)
    return chosen, diagonal
