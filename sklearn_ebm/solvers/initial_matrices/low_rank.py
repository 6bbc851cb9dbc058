"""The penalty plus the curvature of the few rows that bend."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import issparse, vstack

from sklearn_ebm._objective import Block, Objective
from sklearn_ebm._params import Array
from sklearn_ebm.solvers.initial_matrices.base import InitialMatrix, bend_of, row_sizes

# Most directions of curvature: their Gram matrix is factorised.
MOST_DIRECTIONS = 2500

# Directions whose curvature is below this share of the penalty change nothing.
FAINTEST = 0.02

# Largest total size k³ of the small eigenproblems, one for each row that bends.
MOST_EIGEN_WORK = 5e7

# The free intercepts get this share of the curvature in their direction as a penalty.
FREE_SHARE = 1e-3


class LowRank(InitialMatrix):
    """(Λ + U Uᵀ)⁻¹ = Λ⁻¹ − Λ⁻¹ U (1 + Uᵀ Λ⁻¹ U)⁻¹ Uᵀ Λ⁻¹ (Woodbury).

    Λ is the penalty. The columns of U are v ⊗ φ(x) for the rows that bend: v vᵀ summed over the
    columns of one row is the curvature of its loss. At a low temperature these are the rows near a
    kink, far fewer than there are rows or parameters, and this is then the whole Hessian but for
    directions that are not felt beside the penalty.

    Parameters
    ----------
    objective : Objective
    rows : ndarray or CSR of shape (m, p)
        φ of the rows that bend.
    owner : ndarray of int of shape (r,)
        For each direction its row among them.
    directions : ndarray of shape (r, k)
        v.

    References
    ----------
    Hager, "Updating the Inverse of a Matrix", SIAM Review 31 (1989) 221-239. :doi:`10.1137/1031049`
    """

    def __init__(self, objective: Objective, rows: Any, owner: Array, directions: Array) -> None:
        # owner: the row of each direction v (len(owner), k)
        k = objective.n_answers
        self.rows, self.owner, self.directions = rows, owner, directions
        penalty = objective.penalty.reshape(k, -1) * (1 + objective.nearness)
        free = (penalty == 0).any(axis=0)
        pull = np.square(directions).sum() / k
        self.inverse = 1 / np.where(free, FREE_SHARE * max(pull, 1e-300), penalty[0])
        weighted = rows.multiply(self.inverse).tocsr() if issparse(rows) else rows * self.inverse
        gram = weighted @ rows.T
        gram = gram.toarray() if issparse(gram) else gram
        system = gram[np.ix_(owner, owner)] * (directions @ directions.T)
        system[np.diag_indices(len(system))] += 1.0
        self.factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
        self.cost = 1.0 + len(owner) ** 2 * (len(owner) / 3 + 100) / (
            4.0 * (objective.X.nnz if issparse(objective.X) else objective.X.size) * k
        )

    def __call__(self, gradient: Array) -> Array:
        """Two products with the rows that bend, and a solve between them."""
        k = self.directions.shape[1]
        scaled = gradient.reshape(k, -1) * self.inverse
        along = np.einsum("ij,ij->i", (self.rows @ scaled.T)[self.owner], self.directions)
        share = cho_solve(self.factor, along, check_finite=False)
        back = np.zeros((self.rows.shape[0], k))
        np.add.at(back, self.owner, share[:, None] * self.directions)
        return (scaled - (self.rows.T @ back).T * self.inverse).ravel()


def low_rank(objective: Objective, w: Array) -> LowRank | None:
    """Return the matrix at some parameters; None where too many rows bend for it."""
    k = objective.n_answers
    penalty = objective.penalty.reshape(k, -1)[0] * (1 + objective.nearness)
    inverse = np.where(penalty > 0, 1 / np.where(penalty > 0, penalty, 1.0), 0.0)

    def of_block(block: Block) -> tuple[Any, ...]:
        sizes = row_sizes(objective, w, block)
        used = np.flatnonzero(sizes > 0)
        rows = objective.energy.features(block.X[used])
        square = rows.multiply(rows) if issparse(rows) else np.square(rows)
        return [np.asarray(sizes[used] * (square @ inverse)).ravel()], [used + block.rows.start]

    reach, place = objective.sum_over_rows(of_block)
    reach, place = np.concatenate(reach), np.concatenate(place)
    used = place[reach > FAINTEST]
    if len(used) > MOST_DIRECTIONS or len(used) * k**3 > MOST_EIGEN_WORK or not len(used):
        return None
    rows, matrices = _curvature_of(objective, w, used)
    values, vectors = np.linalg.eigh(matrices)
    square = rows.multiply(rows) if issparse(rows) else np.square(rows)
    strong = values * np.asarray(square @ inverse).reshape(-1, 1) > FAINTEST
    owner, number = np.nonzero(strong)
    if not 0 < len(owner) <= MOST_DIRECTIONS:
        return None
    directions = vectors[owner, :, number] * np.sqrt(values[owner, number])[:, None]
    try:
        return LowRank(objective, rows, owner, directions)
    except LinAlgError:
        return None


def _curvature_of(objective: Objective, w: Array, used: Array) -> tuple[Any, Array]:
    """Features and weighted curvature (m, k, k) of some rows, in float64."""
    features, matrices = [], []
    for number, rows in enumerate(objective.slices):
        part = used[(used >= rows.start) & (used < rows.stop)] - rows.start
        if not len(part):
            continue
        block = objective.block(number).take(part)
        features.append(objective.energy.features(block.X).astype(np.float64))
        bend = bend_of(objective, w, block)
        matrices.append(bend.matrices() * block.weight[:, None, None])
    stack = vstack(features, format="csr") if issparse(features[0]) else np.vstack(features)
    return stack, np.concatenate(matrices)
