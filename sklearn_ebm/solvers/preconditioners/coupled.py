"""The whole Hessian on a sample of the rows."""

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

# A row is drawn with a probability of at least this share of the average one.
FLOOR = 0.1

# Where all rows are used, those whose curvature is below this share of the mean are left out.
NEGLIGIBLE = 1e-3

# More than this share of a block is used as a whole: copies take longer than their products.
WORTH_COPYING = 0.75

# Fewest and most rows that are drawn, for each parameter.
FEWEST_SHARE, MOST_SHARE = 5, 40
MOST_ROWS = 2**16

# Passes over the features that the products come with, in units of a product with one column.
PASSES = 20

# Relative size of what is added to the diagonal, so that a factor exists in float32.
JITTER = 2e-6


class Coupled(Preconditioner):
    """The Hessian on a sample of the rows, factorised.

    Σᵢ∈S wᵢ/πᵢ Bᵢ ⊗ φᵢφᵢᵀ + diag(λ), with a row in S with probability πᵢ: in proportion to
    wᵢ max_c (Bᵢ)_cc, but for a floor. Its mean over draws is the Hessian, and then each column is
    scaled to what it is in all rows. With N = kp parameters,
    max(5N, 10 (4p + 60) n/(kp²)) rows are drawn, and no more than max(40N, 65,536); the second
    number takes about 5 + 75/p evaluations, however many rows there are.

    Parameters
    ----------
    objective : Objective
        With an energy that gives `normal_matrix` and a loss with curvature.
    w : ndarray of shape (size,)
    rng : RandomState
        Draws the rows.
    """

    def __init__(self, objective: Objective, w: Array, rng: np.random.RandomState) -> None:
        matrix, self.cost = _sampled_hessian(objective, w, rng)
        top = positive_level(float(matrix.diagonal().max()), objective)
        # A common shift of free parameters may cost nothing, so they need some ridge of their own.
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
        """Solve with the factor."""
        if self.factor is None:
            return np.full_like(gradient, np.nan)
        return cho_solve(self.factor, gradient, check_finite=False)


def _sampled_hessian(
    objective: Objective, w: Array, rng: np.random.RandomState
) -> tuple[Array, float]:
    """Σ wᵢ Bᵢ ⊗ φᵢφᵢᵀ on rows drawn by their curvature, and what that costs in evaluations."""
    size = objective.layout.size
    everything = _budget(objective) >= len(objective.y)
    chosen, diagonal = ({}, None) if everything else _draw(objective, w, rng)

    def of_block(block: Block) -> tuple[Array, int]:
        share: Array = np.ones(1)
        if not everything:
            part, share = chosen[block.rows.start]
            if not len(part):
                return np.zeros((size, size)), 0
            block = block.take(part)
        curvature = loss_curvature_of(objective, w, block)
        if everything:
            block, curvature = _without_negligible(block, curvature)
        matrix = objective.energy.templates.normal_matrix(block.X, curvature, block.weight * share)
        assert matrix is not None
        return matrix.astype(np.float64, copy=False), block.X.shape[0]

    matrix, n_used = objective.sum_over_rows(of_block)
    if diagonal is not None:
        matrix = with_sums_of_columns(matrix, diagonal, objective.n_templates)
    return matrix, _cost(objective, n_used)


def _without_negligible(block: Block, curvature: Curvature) -> tuple[Block, Curvature]:
    """The rows of a block with curvature, where the others are many enough to be worth a copy."""
    sizes = block.weight * np.abs(curvature.diagonals()).max(axis=1)
    with np.errstate(invalid="ignore"):
        part = np.flatnonzero(sizes > NEGLIGIBLE * sizes.mean())
    if len(part) > WORTH_COPYING * len(sizes):
        return block, curvature
    return block.take(part), curvature.take(part)


def _budget(objective: Objective) -> float:
    """How many rows are drawn."""
    n_rows, size = len(objective.y), objective.layout.size
    k, p = objective.n_templates, size // objective.n_templates
    budget = max(FEWEST_SHARE * size, 10 * (4 * p + 60) * n_rows / (k * p**2))
    # Few rare rows may hold much of the curvature: no fewer than so many, if there are.
    return min(budget, max(MOST_SHARE * size, MOST_ROWS), n_rows)


def _cost(objective: Objective, n_drawn: float) -> float:
    """What the matrix takes, in evaluations.

    The products UᵀU are about twice as fast for each of their n·N² operations as those of an
    evaluation, 4 n N; finding the rows takes one forward pass. With several templates U has to be
    made first, and that takes as long again as the products.
    """
    size = objective.layout.size + PASSES
    made = 2 if objective.n_templates > 1 else 1
    return made * (1.0 + n_drawn * size / (8 * len(objective.y)))


def expected_cost(objective: Objective) -> float:
    """What `Coupled` takes at most, in evaluations."""
    return _cost(objective, _budget(objective))


def _draw(
    objective: Objective, w: Array, rng: np.random.RandomState
) -> tuple[dict[int, tuple[Index, npt.NDArray[np.float64]]], Array]:
    """Rows and their factors 1/probability, by the first row of their block; and Σ of all rows.

    The second is the diagonal of the Hessian: it comes with the same pass.
    """
    n_rows = len(objective.y)

    def of_block(block: Block) -> tuple[list[Array], Array]:
        share = weighted_diagonals(objective, w, block)
        sizes = np.abs(share).max(axis=1).astype(np.float32)
        return [sizes], diagonal_of(objective, share, block)

    parts, diagonal = objective.sum_over_rows(of_block)
    total = sum(float(part.sum(dtype=np.float64)) for part in parts) + np.finfo(float).tiny
    budget = _budget(objective)
    chosen = {}
    for rows, sizes in zip(objective.slices, parts, strict=True):
        chance = budget / (1 + FLOOR) * (sizes / total + FLOOR / n_rows)
        np.minimum(chance, 1.0, out=chance)
        part = np.flatnonzero(rng.uniform(size=len(sizes)) < chance)
        chosen[rows.start] = part, 1 / chance[part].astype(np.float64)
    return chosen, diagonal
