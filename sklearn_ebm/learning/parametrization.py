"""The parameters in which a solver minimises, and the objective in these parameters.

.. code-block:: none

    F(x, y) = F'(φ(x), y)        φ is fixed, and computed once for all rows
    sample weights and penalty   divided by the mean weight
    templates                    for standardised columns; a single one for two classes
    float64 rows                 with a copy in float32
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.arrays import row_slices, take_rows
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import Energy
from sklearn_ebm.energies._linear.antisymmetric import Antisymmetric
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses._among import Among
from sklearn_ebm.losses.negatives.class_base import ClassNegatives
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.sampled_objective import SampledObjective

# Smallest and largest number of entries of X for which a float32 copy is made: with fewer it is not
# faster, with more it takes too much memory.
FLOAT32_SMALLEST, FLOAT32_LARGEST = 2**16, 2**27

# Weights within this factor of their mean are safe in float32.
FLOAT32_WEIGHTS = 1e12


class Parametrization:
    """An objective on some rows, and the parameters over which it is minimised.

    Parameters
    ----------
    energy : Energy
        The energy, initialised for the rows.
    loss : Loss
        The loss.
    rows : Rows
        Rows with the numbers of the correct answers as y.
    seen : ndarray of bool of shape (n_classes,)
        True for the answers that the loss depends on.
    C : float
        Inverse strength of the penalty.
    wants_standardized : bool
        Whether the solver uses standardised parameters if the energy has them.
    workers : callable
        A function like `map`; see `Workers`.
    negatives : ClassNegatives or None
        How wrong classes are drawn; None if all are compared with.

    Attributes
    ----------
    unit : float
        The mean weight. Weights are divided by it, so that sums over rows do not overflow.
    standardized : Energy or None
        The energy in the parameters of the solver; None if these are its own parameters.
    objective : Objective
        The objective in the parameters of the solver.
    """

    def __init__(
        self,
        energy: Energy,
        loss: Loss,
        rows: Rows,
        *,
        seen: npt.NDArray[np.bool_],
        C: float,
        wants_standardized: bool,
        workers: Callable[..., Any] = map,
        negatives: ClassNegatives | None = None,
    ) -> None:
        self.loss, self.among, self.n_answers = loss, Among.of(loss, seen), len(seen)
        self.workers = workers
        self.represent: Callable[[Any], Any] | None
        self.represent, self.inner = energy._split_features() or (None, energy)
        self.rows = rows._replace(X=standardize_rows(rows.X, self.represent, workers))
        self.wants_standardized = wants_standardized
        self.negatives = negatives
        self.unit = float(rows.weight.mean())
        self._C = C
        self.penalty = penalty_of(energy, loss, self.n_answers, C) / self.unit

    @property
    def inverse_penalty(self) -> float:
        """C in units of the mean weight."""
        return self._C * self.unit

    def first_params(self, rng: np.random.RandomState) -> Params:
        """Parameters of the energy from which learning starts."""
        return self.inner.start(self.rows, self.n_answers, rng)

    @cached_property
    def standardized(self) -> Any:
        """The energy in standardised parameters, or None."""
        if not self.wants_standardized:
            return None
        energy: Any = self.inner.templates.standardized(self.rows.X, self._relative_weights)
        opposite = self.n_answers == 2 and not self.loss.traits.fixes_level
        return Antisymmetric(energy) if energy is not None and opposite else energy

    @cached_property
    def objective(self) -> Objective:
        """The objective that is minimised."""
        plain = self._sum_over(self.rows._replace(weight=self._relative_weights), self.penalty)
        if self.standardized is None:
            return plain
        return conditioned_objective(plain, self.standardized)

    def held_out(self, rows: Rows) -> Objective:
        """Return the objective on other rows, without penalty, in the parameters of the energy."""
        X = standardize_rows(rows.X, self.represent, self.workers)
        return self._sum_over(rows._replace(X=X), 0.0)

    def vector(self, params: Params) -> Array:
        """Return the solver's vector for parameters of the energy."""
        if self.standardized is not None:
            params = self.standardized.from_params(params)
        return self.objective.layout.pack(params)

    def params(self, w: Array) -> Params:
        """Return the parameters of the energy for a vector of the solver."""
        params = self.objective.layout.unpack(w)
        params = params if self.standardized is None else self.standardized.to_params(params)
        return params if self.loss.traits.fixes_level else self.inner.templates.centered(params)

    @cached_property
    def _relative_weights(self) -> npt.NDArray[np.float64]:
        """Weights in units of their mean."""
        return self.rows.weight if self.unit == 1 else self.rows.weight / self.unit

    def _sum_over(self, rows: Rows, penalty: float) -> Objective:
        if self.negatives is not None:
            frequency = frequency_of(self.rows, self.n_answers)
            return SampledObjective(
                self.inner, self.loss, *rows, self.n_answers, penalty, self.workers,
                negatives=self.negatives, frequency=frequency,
            )  # fmt: skip
        return Objective(self.inner, self.among, *rows, self.n_answers, penalty, self.workers)


def frequency_of(rows: Rows, n_answers: int) -> npt.NDArray[np.float64]:
    """Sum of the weights of the rows of each class, (k,)."""
    frequency: npt.NDArray[np.float64] = np.zeros(n_answers)
    frequency += np.bincount(rows.y, rows.weight, minlength=n_answers)
    return frequency


def penalty_of(energy: Energy, loss: Loss, n_answers: int, C: float) -> float:
    """Return λ, which is 0 for C = inf and for an online loss, whose penalised minimum is zero.

    It is doubled if each of two classes has a template, so that C has the same meaning as in
    scikit-learn's binary estimators, which have a single vector of coefficients.
    """
    if loss.traits.online:
        return 0.0
    return (2.0 if n_answers == 2 and energy.traits.redundant_binary_templates else 1.0) / C


def standardize_rows(
    X: Any, represent: Callable[[Any], Any] | None, workers: Callable[..., Any] = map
) -> Any:
    """Compute φ for all rows, in blocks that are divided among threads."""
    if represent is None:
        return X
    first = represent(take_rows(X, slice(0, 1)))
    if sparse.issparse(first):
        return represent(X)
    rows = np.empty((X.shape[0], first.shape[1]), dtype=first.dtype)

    def fill(part: slice) -> None:
        rows[part] = represent(take_rows(X, part))

    list(workers(fill, row_slices(X.shape[0], first.shape[1])))
    return rows


def conditioned_objective(plain: Objective, energy: Any) -> Objective:
    """The objective in the parameters of a standardised energy, with a float32 copy if useful."""
    k, weight = plain.n_answers, plain.weight
    penalty = plain.penalty.max() * np.concatenate(
        [np.ravel(part) for part in energy.penalty_factor(k).values()]
    )

    def over(part: Any, X: Any) -> Objective:
        return Objective(part, plain.loss, X, plain.y, weight, k, penalty, plain.workers)

    # Energies are in float64 for any dtype of X; float32 rows are converted block by block.
    objective = over(energy, plain.X).exact()
    size = plain.X.nnz if sparse.issparse(plain.X) else plain.X.size
    moderate = weight.max() <= FLOAT32_WEIGHTS and weight.min() >= 1 / FLOAT32_WEIGHTS
    if FLOAT32_SMALLEST <= size <= FLOAT32_LARGEST and moderate and not _is_mapped(plain.X):
        rounded = energy.standardized_rows(plain.X, plain.workers)
        if rounded is not None:
            objective.float32_copy = over(*rounded)
    return objective


def _is_mapped(X: Any) -> bool:
    """Whether an array is a view of a file."""
    while X is not None:
        if isinstance(X, np.memmap):
            return True
        X = getattr(X, "base", None)
    return False


def in_dtype(params: Params, dtype: Any) -> Params:
    """Return copies of parameters in a dtype."""
    return {name: part.astype(dtype) for name, part in params.items()}


def own_copy(energy: Energy) -> Energy:
    """Return the energy, or a copy if learning would change the energy of an earlier fit."""
    return deepcopy(energy) if energy.traits.stateful else energy
