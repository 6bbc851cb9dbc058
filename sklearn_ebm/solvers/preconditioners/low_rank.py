"""The penalty plus a matrix of low rank, if only few rows have curvature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import issparse, vstack

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.solvers.hessian import loss_curvature_of
from sklearn_ebm.solvers.objective import Block, Objective
from sklearn_ebm.solvers.preconditioners.base import (
    Preconditioner,
    weighted_diagonals,
)

# Largest number of directions of curvature, whose Gram matrix is factorised.
MOST_DIRECTIONS = 2500

# With more rows, only this number of the strongest directions is used, and REST_SHARE of the
# diagonal of the others, because the full diagonal overestimates rows with different nonzero
# columns.
STRONGEST_ROWS = 300
REST_SHARE = 0.3

# Directions with a curvature below this fraction of the penalty are omitted.
FAINTEST = 0.02

# Largest total size of the eigenproblems of size k, k³ for each row with curvature.
MOST_EIGEN_WORK = 5e7

# Intercepts without penalty get this fraction of the curvature in their direction as a penalty.
FREE_SHARE = 1e-3


class LowRank(Preconditioner):
    """(Λ + U Uᵀ)⁻¹ = Λ⁻¹ − Λ⁻¹ U (1 + Uᵀ Λ⁻¹ U)⁻¹ Uᵀ Λ⁻¹ (Woodbury).

    Λ is the penalty plus the diagonal of omitted directions. The columns of U are v ⊗ φ(x) for rows
    with curvature; the sum of v vᵀ over the columns of one row is the Hessian of its loss. At a low
    temperature only rows close to a kink have curvature. If these are few, this is the full
    Hessian.

    Parameters
    ----------
    rows : ndarray or CSR of shape (m, p)
        φ of the rows with curvature.
    owner : ndarray of int of shape (r,)
        Index of the row of each direction.
    directions : ndarray of shape (r, n_classes)
        The vectors v.
    stiffness : ndarray of shape (p,)
        Λ, the same for all answers.
    cost : float
        Cost in evaluations; infinite if directions are omitted, so that it is updated as rarely as
        a cheap preconditioner.

    References
    ----------
    Hager, "Updating the Inverse of a Matrix", SIAM Review 31 (1989) 221-239. :doi:`10.1137/1031049`
    """

    def __init__(
        self, rows: Any, owner: Index, directions: Array, stiffness: Array, cost: float
    ) -> None:
        self.rows, self.owner, self.directions, self.cost = rows, owner, directions, cost
        self.inverse = 1 / stiffness
        weighted = rows.multiply(self.inverse).tocsr() if issparse(rows) else rows * self.inverse
        gram = weighted @ rows.T
        gram = gram.toarray() if issparse(gram) else gram
        system = gram[np.ix_(owner, owner)] * (directions @ directions.T)
        system[np.diag_indices(len(system))] += 1.0
        self.factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)

    def __call__(self, gradient: Array) -> Array:
        """Multiply by the inverse: two products with the rows, and a solve between them."""
        k = self.directions.shape[1]
        scaled = gradient.reshape(k, -1) * self.inverse
        projected = np.einsum("ij,ij->i", (self.rows @ scaled.T)[self.owner], self.directions)
        solved = cho_solve(self.factor, projected, check_finite=False)
        back = np.zeros((self.rows.shape[0], k))
        np.add.at(back, self.owner, solved[:, None] * self.directions)
        return (scaled - (self.rows.T @ back).T * self.inverse).ravel()


def low_rank(objective: Objective, w: Array, lengths: Array | None = None) -> LowRank | None:
    """Return the preconditioner at `w`; None if it is not possible or too expensive.

    Parameters
    ----------
    objective : Objective
        Objective of an energy with templates and a loss with curvature.
    w : ndarray of shape (size,)
        Parameters.
    lengths : ndarray of shape (n_samples,), optional
        Result of `squared_lengths`, which does not depend on the parameters.
    """
    k = objective.n_templates
    penalty = objective.penalty.reshape(k, -1)[0]
    inverse = _inverse(objective)
    sizes, means = _curvatures(objective, w)
    reach = sizes * (squared_lengths(objective) if lengths is None else lengths)
    used = np.flatnonzero(reach > FAINTEST)
    whole = len(used) <= MOST_DIRECTIONS
    if not whole:
        if not issparse(objective.X):
            return None  # a Kronecker product is then the better model
        used = np.sort(np.argpartition(reach, -STRONGEST_ROWS)[-STRONGEST_ROWS:])
    if not len(used) or len(used) * k**3 > MOST_EIGEN_WORK:
        return None
    rows, matrices = _curvature_of(objective, w, used)
    values, vectors = np.linalg.eigh(matrices)
    strength = values * np.asarray(_square(rows) @ inverse).reshape(-1, 1)
    faintest = FAINTEST
    if not whole:
        faintest = max(faintest, float(np.sort(strength, axis=None)[-STRONGEST_ROWS]))
    owner, number = np.nonzero(strength >= faintest)
    if not 0 < len(owner) <= MOST_DIRECTIONS:
        return None
    directions = vectors[owner, :, number] * np.sqrt(values[owner, number])[:, None]
    stiffness = penalty
    if not whole:
        stiffness = penalty + _rest(objective, means, used, owner, directions)
    pull = np.square(directions).sum() / k
    free = penalty == 0
    stiffness = np.where(free, np.maximum(stiffness, FREE_SHARE * max(pull, 1e-300)), stiffness)
    entries = objective.X.nnz if issparse(objective.X) else objective.X.size
    cost = 1.0 + len(owner) ** 2 * (len(owner) / 3 + 100) / (4.0 * entries * k)
    try:
        return LowRank(rows, owner, directions, stiffness, cost if whole else np.inf)
    except LinAlgError:
        return None


def features_of(objective: Objective) -> Callable[[Any], Any]:
    """φ, as a function of rows."""
    features = objective.energy.templates.features
    assert features is not None
    return features


def _square(rows: Any) -> Any:
    return rows.multiply(rows) if issparse(rows) else np.square(rows)


def _inverse(objective: Objective) -> Array:
    """1/λ of the columns, (p,); 0 for intercepts."""
    penalty = objective.penalty.reshape(objective.n_templates, -1)[0]
    return np.where(penalty > 0, 1 / np.where(penalty > 0, penalty, 1.0), 0.0)


def squared_lengths(objective: Objective) -> Array:
    """Σⱼ φⱼ²/λⱼ of each row, (n,): curvature relative to the penalty, if ∂²ℓ/∂F² = 1."""
    inverse = _inverse(objective)

    def of_block(block: Block) -> tuple[list[Array]]:
        square = _square(features_of(objective)(block.X))
        return ([np.asarray(square @ inverse).ravel()],)

    return np.concatenate(objective.sum_over_rows(of_block)[0])


def _curvatures(objective: Objective, w: Array) -> tuple[Array, Array]:
    """Weighted curvature of each row: maximum and mean over the answers, (n,) each."""

    def of_block(block: Block) -> tuple[list[Array], list[Array]]:
        diagonals = weighted_diagonals(objective, w, block)
        return [np.abs(diagonals).max(axis=1)], [diagonals.mean(axis=1)]

    largest, mean = objective.sum_over_rows(of_block)
    return np.concatenate(largest), np.concatenate(mean)


def _rest(
    objective: Objective, means: Array, used: Index, owner: Index, directions: Array
) -> Array:
    """Diagonal of the curvature outside the directions, as a mean over the answers, (p,)."""
    left = means.astype(np.float64)
    left[used] -= np.bincount(owner, np.square(directions).mean(axis=1), minlength=len(used))

    def of_block(block: Block) -> tuple[Array]:
        diagonal = objective.energy.templates.curvature_diagonal(block.X, left[block.rows, None])
        assert diagonal is not None
        return (np.concatenate([np.ravel(part) for part in diagonal.values()]),)

    return REST_SHARE * np.maximum(objective.sum_over_rows(of_block)[0], 0.0)


def _curvature_of(objective: Objective, w: Array, used: Index) -> tuple[Any, Array]:
    """Features and weighted curvature (m, k, k) of some rows, in float64."""
    features, matrices = [], []
    for number, rows in enumerate(objective.slices):
        part = used[(used >= rows.start) & (used < rows.stop)] - rows.start
        if not len(part):
            continue
        block = objective.block(number).take(part)
        features.append(features_of(objective)(block.X).astype(np.float64))
        curvature = loss_curvature_of(objective, w, block)
        matrices.append(curvature.matrices() * block.weight[:, None, None])
    stack = vstack(features, format="csr") if issparse(features[0]) else np.vstack(features)
    return stack, np.concatenate(matrices)
