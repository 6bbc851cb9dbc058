r"""The objective of learning: the weighted sum of the losses of all samples, plus the penalty.

.. code-block:: none

    f(W) = Σᵢ wᵢ ℓ(F_W(xᵢ, ·), yᵢ) + (λ/2) ‖W_penalised‖²

    params --energy--> F (n, k) --loss--> value (n,)
    params <-pullback- dF       <-slope-

Each arrow acts on every sample separately, except the pullback, which sums over samples. The sum
is therefore computed in blocks. Sample weights, blocks and the penalty appear in this module only.

========== ================= =====================================================
symbol     shape             meaning
========== ================= =====================================================
W          (size,) float64   parameters as one vector; `layout` has names and shapes
F, slope   (block, k)        energies, dℓ/dF; in the dtype of X
value      (block,)          losses; summed in float64
w          (n,) float64      sample weights, all positive
λ          (size,) float64   `penalty`; zero for intercepts
========== ================= =====================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse

from sklearn_ebm._utils.arrays import AnswerMask, blocks_of, correct_mask, ones, take_rows
from sklearn_ebm._utils.parameters import Array, ParameterLayout, Params
from sklearn_ebm.energies import Energy
from sklearn_ebm.losses import Loss

# Rows are rounded to float32 if X has at most this number of entries, and if none is larger than
# LARGEST_ENTRY, so that fourth powers do not overflow.
LARGEST_ROUNDED, LARGEST_ENTRY = 2**27, 1e8

# Blocks are summed in this number of groups, and the groups in order. The rounding does therefore
# not depend on the number of threads.
MOST_GROUPS = 16

# Masks of correct answers are kept up to this size, in bytes.
KEPT_MASKS = 2**22


class Block(NamedTuple):
    """A block of samples: features, mask of the correct answers, weights, and slice of the data."""

    X: Any
    correct: AnswerMask
    weight: npt.NDArray[np.float64]
    rows: slice

    def take(self, part: npt.NDArray[np.intp]) -> Block:
        """Return a selection of these samples; `rows` remains the slice of the whole block."""
        mask = self.correct[part].view(AnswerMask)
        return Block(self.X[part], mask, self.weight[part], self.rows)


class Gradient:
    """Array for the gradient of a step, which is used again for the next step.

    Attributes
    ----------
    vector : ndarray of shape (size,)
        The gradient.
    params : dict
        Views into the vector, by name of the parameter.
    """

    def __init__(self, layout: ParameterLayout, dtype: Any) -> None:
        self.vector = np.empty(layout.size, dtype)
        self.params = layout.unpack(self.vector)


class Objective:
    """The weighted sum of the losses of all samples, plus the penalty.

    Parameters
    ----------
    energy : Energy
        The energy F.
    loss : Loss
        The loss ℓ.
    X : ndarray or CSR of shape (n_samples, n_features)
        The input samples.
    y : ndarray of int of shape (n_samples,)
        Index of the correct answer.
    weight : ndarray of shape (n_samples,)
        Sample weights, all positive.
    n_answers : int
        Number k of answers.
    penalty : float or ndarray of shape (size,)
        λ ≥ 0: one number for all penalised parameters, or one for each parameter.
    workers : callable, default=map
        A function like `map` that processes the blocks, perhaps in several threads; see `Workers`.
        Not used for energies that support only one thread.

    Attributes
    ----------
    layout : ParameterLayout
        Names and shapes of the parameters in the vector.
    float32_copy : Objective or None
        The same objective in the same parameters, with samples in float32.

    Examples
    --------
    Two points at ±1, with all parameters 0: both classes have the probability ½, so the value is
    2 log 2. The slopes ∓½ of the two points add up to a gradient of ±1 for each coefficient:

    >>> from sklearn_ebm.energies import Linear
    >>> from sklearn_ebm.losses import NLL
    >>> X, y = np.array([[-1.0], [1.0]]), np.array([0, 1])
    >>> objective = Objective(Linear(), NLL(), X, y, np.ones(2), n_answers=2, penalty=1.0)
    >>> value, gradient = objective.evaluate(np.zeros(4))
    >>> round(value, 4), gradient  # of two coefficients, then of two intercepts
    (1.3863, array([ 1., -1.,  0.,  0.]))
    """

    def __init__(
        self,
        energy: Energy,
        loss: Loss,
        X: Any,
        y: npt.NDArray[np.intp],
        weight: npt.NDArray[np.float64],
        n_answers: int,
        penalty: Any,
        workers: Callable[..., Any] = map,
    ) -> None:
        self.energy = energy
        self.loss = loss
        self.X = X
        self.y = y
        self.weight = weight
        self.n_answers = n_answers
        self.n_templates = energy.templates.n_templates(n_answers)
        self.workers = workers if energy.traits.threads else map
        self.layout = ParameterLayout(energy.shapes(X.shape[1], n_answers))
        self.penalized = self.layout.mask(energy.penalized)
        self.penalty = np.where(self.penalized, penalty, 0.0)
        self.slices = list(blocks_of(X, max(energy._width(n_answers), n_answers)))
        self.equal_weights = bool((weight == 1).all())
        self.dtype = X.dtype
        self.float32_copy: Objective | None = None
        keep = X.shape[0] * n_answers <= KEPT_MASKS
        self._masks = [correct_mask(y[rows], n_answers) for rows in self.slices] if keep else None
        n_groups = min(MOST_GROUPS, len(self.slices))
        bounds = np.linspace(0, len(self.slices), n_groups + 1).astype(int)
        self._groups = [range(a, b) for a, b in pairwise(bounds)]

    def with_loss(self, loss: Loss) -> Objective:
        """Return the objective with another loss; samples and blocks are not copied."""
        other = copy(self)
        other.loss = loss
        if self.float32_copy is not None:
            other.float32_copy = self.float32_copy.with_loss(loss)
        return other

    def unpenalized(self) -> Objective:
        """Return the objective without the penalty."""
        other = copy(self)
        other.penalty = np.zeros_like(self.penalty)
        return other

    def exact(self) -> Objective:
        """Return the objective with energies in float64, without a float32 copy.

        Samples in float32 are converted block by block, so X is not copied.
        """
        other = copy(self)
        other.float32_copy = None
        other.dtype = np.dtype(np.float64)
        return other

    def rounded(self) -> Objective:
        """Return the objective with samples rounded to float32 if they fit; else itself.

        It is for mini-batches, whose noise is far larger than the rounding.
        """
        entries = self.X.data if issparse(self.X) else self.X
        keep = self.X.dtype == np.float32 or not self.energy.traits.float32_steps
        if keep or entries.size > LARGEST_ROUNDED or not entries.size:
            return self
        if not max(abs(float(entries.min())), abs(float(entries.max()))) <= LARGEST_ENTRY:
            return self
        other = copy(self)
        other.X = self.X.astype(np.float32)
        other.dtype = other.X.dtype
        return other

    @property
    def noise(self) -> float:
        """Relative rounding error of the value."""
        return 32 * float(np.finfo(self.dtype).eps)

    @property
    def fully_penalized(self) -> bool:
        """Whether every parameter is penalised."""
        return bool((self.penalty > 0).all())

    def block(self, number: int) -> Block:
        """One block of samples."""
        rows = self.slices[number]
        X = take_rows(self.X, rows).astype(self.dtype, copy=False)
        kept = self._masks
        mask = correct_mask(self.y[rows], self.n_answers) if kept is None else kept[number]
        weight = ones(rows.stop - rows.start) if self.equal_weights else self.weight[rows]
        return Block(X, mask, weight, rows)

    def blocks(self) -> Iterator[Block]:
        """All blocks of samples in their order."""
        return map(self.block, range(len(self.slices)))

    def sum_over_rows(self, of_block: Callable[[Block], Iterable[Any]]) -> list[Any]:
        """Sum the results of a function of a block over all blocks, in a fixed order.

        Parameters
        ----------
        of_block : callable
            The function of a `Block`; it returns terms: numbers, arrays, or lists.

        Returns
        -------
        list
            Sums of the terms; lists are concatenated.
        """

        def of_group(numbers: range) -> list[Any]:
            total: list[Any] = []
            # Trial steps may overflow; solvers shorten the step if the value is not finite.
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                for number in numbers:
                    total = _add(total, of_block(self.block(number)))
            return total

        result: list[Any] = []
        for terms in self.workers(of_group, self._groups):
            result = _add(result, terms)
        return result

    def weighted(self, slope: Array, weight: Array) -> Array:
        """Multiply slopes by the weights of their samples, in place."""
        if not self.equal_weights:
            slope *= weight.astype(slope.dtype, copy=False)[:, None]
        return slope

    def evaluate(self, w: Array) -> tuple[float, Array]:
        """Value and gradient at `w`; the value is not finite if a step was far too long."""
        params = self.layout.unpack(w)

        def of_block(block: Block) -> tuple[float, Array]:
            energies, pullback, *_ = self.energy.linearize(params, block.X)
            row_value, slope = self.loss(energies, block.correct)
            gradient = self.layout.pack(pullback(self.weighted(slope, block.weight)))
            return float(block.weight @ row_value.astype(np.float64, copy=False)), gradient

        value, gradient = self.sum_over_rows(of_block)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            pull = self.penalty * w
            value += 0.5 * float(pull @ w)
            gradient += pull
        return value, gradient

    def on_batch(
        self, params: Params, rows: Any, factor: float, energy: Energy, gradient: Gradient
    ) -> float:
        """Compute factor · Σ wᵢ ℓᵢ over some samples, without the penalty, and its gradient.

        Parameters
        ----------
        params : dict
            Parameters by name, in the dtype of the samples.
        rows : ndarray of int, or slice
            The samples.
        factor : float
            1/b gives the mean over a batch of b samples, or a part of that mean.
        energy : Energy
            The energy for this step; see `Energy._for_step`.
        gradient : Gradient
            Array that receives the gradient.

        Returns
        -------
        float
            The value.
        """
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            X = self.X[rows] if isinstance(rows, np.ndarray) else take_rows(self.X, rows)
            line = energy.linearize(params, X)
            row_value, slope = self.loss(line.energies, correct_mask(self.y[rows], self.n_answers))
            weight = self.weight[rows]
            slope = self.weighted(slope, weight)
            slope *= factor
            if line.pullback_into is None:
                self.layout.pack(line.pullback(slope), out=gradient.vector)
            else:
                line.pullback_into(slope, gradient.params)
            return factor * float(weight @ row_value.astype(np.float64, copy=False))

    def penalty_at(self, w: Array) -> float:
        """(λ/2) ‖W‖² of the penalised parameters."""
        return 0.5 * float((self.penalty * w) @ w)

    def value(self, w: Array) -> float:
        """Value at `w`, without the gradient."""
        params = self.layout.unpack(w)

        def of_block(block: Block) -> tuple[float]:
            energies = self.energy.linearize(params, block.X).energies
            row_value, _ = self.loss(energies, block.correct)
            return (float(block.weight @ row_value.astype(np.float64, copy=False)),)

        (value,) = self.sum_over_rows(of_block)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            return value + self.penalty_at(w)


def _add(total: list[Any], terms: Iterable[Any]) -> list[Any]:
    """Add terms to a total, one by one; arrays in place."""
    terms = list(terms)
    if not total:
        return terms
    for number, term in enumerate(terms):
        total[number] += term
    return total
