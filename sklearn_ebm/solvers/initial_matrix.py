r"""Initial matrices for quasi-Newton steps: cheap models of the inverse Hessian.

With templates θ (k, p) and features φ, the Hessian of the objective is

.. code-block:: none

    Σᵢ wᵢ Bᵢ ⊗ φᵢφᵢᵀ + diag(λ),      Bᵢ (k, k): curvature of the loss in the energies of row i

=========== ====================================== =======================================
model       what it keeps                          for
=========== ====================================== =======================================
`Coupled`   all of it, on a sample of the rows     few parameters
`Kronecker` (Σ wᵢBᵢ/Σw) ⊗ (Σ wᵢφᵢφᵢᵀ)              many parameters, dense rows
`Diagonal`  its diagonal                           sparse rows, and very many columns
=========== ====================================== =======================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import issparse

from sklearn_ebm._curvature import Curvature
from sklearn_ebm._objective import Block, Objective
from sklearn_ebm._params import Array

# Largest number of parameters for which the whole Hessian is factorised.
COUPLED_SIZE = 1000

# Largest number of answers whose curvatures are coupled in a Kronecker product.
KRONECKER_ANSWERS = 400

# A row is drawn with a probability of at least this share of the average one.
FLOOR = 0.1

# Rows whose curvature is below this share of the mean are left out.
NEGLIGIBLE = 1e-3

# Iterations at which cheap matrices are renewed.
RENEWALS = (0, 5, 10, 20)

# A matrix serves at least so many evaluations.
FEWEST_STEPS = 5

# Relative size of what is added to the diagonal, so that a factor exists in float32.
JITTER = 2e-6


class InitialMatrix(ABC):
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


class Coupled(InitialMatrix):
    """The Hessian on a sample of the rows, factorised.

    Rows are drawn in proportion to their curvature and weighted by the inverse of their
    probability. Its cost is about that of ten evaluations, however many rows there are.
    """

    def __init__(self, objective: Objective, w: Array, rng: np.random.RandomState) -> None:
        matrix, self.cost = _sampled_hessian(objective, w, rng)
        top = _positive(float(matrix.diagonal().max()), objective)
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


class Kronecker(InitialMatrix):
    """The mean curvature of the loss times the Gram matrix of the features.

    Both are diagonalised, so a product costs k·p·(k + p). The Gram matrix stays the same while
    the curvature is renewed: `renewed` shares it.
    """

    def __init__(self, objective: Objective, w: Array) -> None:
        gram = _gram(objective) / objective.weight.sum()
        k, p = objective.n_answers, len(gram)
        self.penalty = objective.penalty.reshape(k, p)[0]
        # Whitened by penalty and ridge together: (a G + λ) = R (a R⁻¹GR⁻¹ + 1) R with R² = λ + ε.
        mean = self._mean_curvature(objective, w)
        level = float(np.max(mean.diagonal() if mean.ndim == 2 else mean))
        self.root = np.sqrt(self.penalty + 1e-7 * _positive(level, objective))
        self.values, self.vectors = np.linalg.eigh(gram / self.root / self.root[:, None])
        self._combine(mean, objective)

    def renewed(self, objective: Objective, w: Array) -> Kronecker:
        """Return that with the curvature at other parameters."""
        other = object.__new__(Kronecker)
        other.penalty, other.root = self.penalty, self.root
        other.values, other.vectors = self.values, self.vectors
        other._combine(self._mean_curvature(objective, w), objective)
        return other

    @staticmethod
    def _mean_curvature(objective: Objective, w: Array) -> Array:
        """Σ wᵢ Bᵢ (k, k), or its diagonal (k,) where there are many answers."""
        coupled = objective.n_answers <= KRONECKER_ANSWERS

        def of_block(block: Block) -> tuple[Array]:
            bend = _bend(objective, w, block)
            share = block.weight.astype(bend.diagonal.dtype)
            return ((bend.total(share) if coupled else share @ bend.diagonals()).astype(float),)

        return objective.sum_over_rows(of_block)[0]

    def _combine(self, mean: Array, objective: Objective) -> None:
        self.answers = None
        levels = mean
        if mean.ndim == 2:
            levels, self.answers = np.linalg.eigh(mean)
        top = _positive(float(levels.max()), objective)
        levels = np.maximum(levels, 1e-6 * top)
        self.stiffness = levels[:, None] * np.maximum(self.values, 0.0) + 1.0

    def __call__(self, gradient: Array) -> Array:
        """Rotate to both bases, divide, rotate back."""
        turned = (gradient.reshape(len(self.stiffness), -1) / self.root) @ self.vectors
        if self.answers is not None:
            turned = self.answers @ ((self.answers.T @ turned) / self.stiffness)
        else:
            turned /= self.stiffness
        return ((turned @ self.vectors.T) / self.root).ravel()


class Diagonal(InitialMatrix):
    """The diagonal of the Hessian."""

    def __init__(self, objective: Objective, w: Array) -> None:
        energy = objective.energy

        def of_block(block: Block) -> tuple[Array]:
            share = _bend(objective, w, block).diagonals()
            share *= block.weight.astype(share.dtype)[:, None]
            return (objective.layout.pack(energy.curvature_diagonal(block.X, share)),)

        stiffness = objective.sum_over_rows(of_block)[0] + objective.penalty
        top = float(stiffness.max())
        self.inverse = 1 / np.maximum(stiffness, 1e-10 * top if top > 0 else 1.0)

    def __call__(self, gradient: Array) -> Array:
        """Divide by the diagonal."""
        return self.inverse * gradient


class Ruler(InitialMatrix):
    """The squares of the objective's `scale`: for energies and losses without curvature."""

    def __init__(self, objective: Objective) -> None:
        self.inverse = objective.scale() ** 2

    def __call__(self, gradient: Array) -> Array:
        """Multiply by the squares."""
        return self.inverse * gradient


def _positive(level: float, objective: Objective) -> float:
    """A level of curvature; where nothing bends, as between two kinks, that of a plain square."""
    return level if 1e-290 < level < np.inf else float(objective.weight.sum())


def _gram(objective: Objective) -> Array:
    """Σ wᵢ φᵢφᵢᵀ."""
    energy = objective.energy
    (total,) = objective.sum_over_rows(lambda block: (energy.gram(block.X, block.weight),))
    return total


def _sampled_hessian(
    objective: Objective, w: Array, rng: np.random.RandomState
) -> tuple[Array, float]:
    """Σ wᵢ Bᵢ ⊗ φᵢφᵢᵀ on rows drawn by their curvature, and what that costs in evaluations."""
    n_rows, size = len(objective.y), objective.layout.size
    (parts,) = objective.sum_over_rows(lambda block: ([_row_sizes(objective, w, block)],))
    sizes = np.concatenate(parts) + np.finfo(float).tiny
    k, p = objective.n_answers, size // objective.n_answers
    budget = max(5 * size, 10 * (4 * p + 60) * n_rows / (k * p**2))
    if budget < n_rows:
        chance = np.minimum(budget * (sizes / sizes.sum() + FLOOR / n_rows) / (1 + FLOOR), 1.0)
        shares = np.where(rng.uniform(size=n_rows) < chance, 1 / chance, 0.0)
    else:
        shares = np.where(sizes > NEGLIGIBLE * sizes.mean(), 1.0, 0.0)

    def of_block(block: Block) -> tuple[Array]:
        share = shares[block.rows]
        part = np.flatnonzero(share)
        if not len(part):
            return (np.zeros((size, size)),)
        block = block.take(part) if len(part) < len(share) else block
        bend = _bend(objective, w, block)
        return (objective.energy.normal_matrix(block.X, bend, block.weight * share[part]),)

    (matrix,) = objective.sum_over_rows(of_block)
    # The products UᵀU are about twice as fast for each of their n·N² operations as those of an
    # evaluation, 4 n N; finding the rows takes one forward pass.
    cost = 1.0 + np.count_nonzero(shares) * size / (8 * n_rows)
    return matrix.astype(np.float64), cost


def _bend(objective: Objective, w: Array, block: Block) -> Curvature:
    """Curvature of the loss in some rows."""
    energies = objective.energy.linearize(objective.layout.unpack(w), block.X).energies
    assert objective.loss.curvature is not None
    return objective.loss.curvature(energies, block.correct)


def _row_sizes(objective: Objective, w: Array, block: Block) -> Array:
    """Weight times largest curvature of each row."""
    return block.weight * np.abs(_bend(objective, w, block).diagonals()).max(axis=1)


class Model(ABC):
    """Which initial matrix, and when it is renewed."""

    @abstractmethod
    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> InitialMatrix | None:
        """Return a new matrix where one is due, else None.

        Parameters
        ----------
        iteration : int
            0 at the start, and again where the loss has changed.
        spent : int
            Evaluations since the last renewal.
        objective : Objective
        w : ndarray
        """


class CoupledModel(Model):
    """A Kronecker product to begin with, then the coupled Hessian.

    It is renewed once the evaluations since the last time have cost as much as it does: whether
    renewals or more steps would have been the better choice, the cost is at most twice the least.
    """

    def __init__(self, rng: np.random.RandomState) -> None:
        self.rng = rng
        self.cost = 0.0
        self.begun = False

    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> InitialMatrix | None:
        """Return a new matrix where one is due, else None."""
        if not self.begun:
            self.begun = True
            return Kronecker(objective, w)
        if 0 < iteration and spent < max(self.cost, FEWEST_STEPS):
            return None
        matrix = Coupled(objective, w, self.rng)
        self.cost = matrix.cost
        return matrix


class ScheduledModel(Model):
    """A matrix that is renewed at fixed iterations, and after the last each time they double."""

    def __init__(self, make: Callable[[Objective, Array], InitialMatrix]) -> None:
        self.make = make

    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> InitialMatrix | None:
        """Return a new matrix where one is due, else None."""
        last = RENEWALS[-1]
        doubled = iteration > last and iteration % last == 0 and (iteration // last).bit_count() == 1
        if iteration in RENEWALS or doubled:
            return self.make(objective, w)
        return None


class KroneckerModel(ScheduledModel):
    """A Kronecker product, whose Gram matrix stays the same."""

    def __init__(self) -> None:
        super().__init__(self._renew)
        self.first: Kronecker | None = None

    def _renew(self, objective: Objective, w: Array) -> InitialMatrix:
        if self.first is None:
            self.first = Kronecker(objective, w)
            return self.first
        return self.first.renewed(objective, w)


def model_of(objective: Objective, rng: np.random.RandomState) -> Model:
    """Choose by what energy and loss can say of their curvature, and by n, p, k and sparsity."""
    X, k = objective.X, objective.n_answers
    p = objective.layout.size // k
    probe = objective.energy.gram(X[:1], objective.weight[:1])
    if probe is None or objective.loss.curvature is None:
        return ScheduledModel(lambda objective, w: Ruler(objective))
    if k * p <= COUPLED_SIZE and objective.loss.convex:
        return CoupledModel(rng)
    # Diagonalising costs about 10 p³, an evaluation 4 n p k: no more than some thirty of them.
    if not issparse(X) and p * p <= 12 * len(objective.y) * k:
        return KroneckerModel()
    return ScheduledModel(Diagonal)
