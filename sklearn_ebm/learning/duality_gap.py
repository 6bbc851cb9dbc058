r"""A lower bound of the minimum of the objective, from slopes of the losses.

For an energy that is linear in W and a convex loss, all slopes gᵢ in the domain of the conjugate ℓ*
whose pullback to the parameters without penalty is zero give the bound

.. code-block:: none

    min f  ≥  −Σᵢ wᵢ ℓ*(gᵢ) − ‖Σᵢ wᵢ gᵢ ∂F/∂W‖² / (2λ)        (Fenchel duality)

The slopes at the current parameters nearly satisfy these conditions. For intercepts without
penalty, the weighted slopes of each answer must sum to zero over the rows; `balance_of` returns a
change of the slopes that achieves this. Scaling all slopes by θ ∈ [0, 1] keeps them in the domain;
the optimal θ has a closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.learning._dual_balance import balance_of
from sklearn_ebm.losses import Loss
from sklearn_ebm.solvers.objective import Block, Objective

Pullback: TypeAlias = Callable[[Array], Params]

# Up to this number of slopes they are kept between the two passes over the rows, else recomputed.
KEPT_ENTRIES = 2**21


class Certificate(NamedTuple):
    """Value of the objective, lower bound of its minimum, and smoothing error.

    Attributes
    ----------
    value : float
        f(W), with the original loss.
    bound : float
        A lower bound of min f; −inf if there is none.
    smoothing : float
        Smoothing error Σᵢ wᵢ [ℓ(Fᵢ) + ℓ*(gᵢ) − ⟨gᵢ, Fᵢ⟩] ≥ 0, the part of the gap caused by slopes
        of a smoothed loss. A lower temperature decreases it, a better solution the rest of the gap.
    """

    value: float
    bound: float
    smoothing: float


def certifiable(objective: Objective) -> bool:
    """Whether a bound is possible: for a convex loss with a conjugate, linear energy and penalty.

    Slopes must also be balanced if intercepts are free; for some losses this is not implemented for
    a very large number of classes.
    """
    loss = objective.loss
    dual = loss.traits.convex and loss.conjugate is not None and objective.energy.traits.linear
    balanced = objective.fully_penalized or balance_of(objective) is not None
    return dual and bool((objective.penalty > 0).any()) and balanced


def certify(
    objective: Objective, slopes_of: Loss | Array, w: Array, *, worth: float = np.inf
) -> Certificate:
    """Evaluate the objective at `w`, and bound its minimum from below.

    Parameters
    ----------
    objective : Objective
        The objective, with the original loss.
    slopes_of : Loss or ndarray of shape (n_samples, n_classes)
        The loss whose slopes are the dual point, either the original loss or a smoothed one; or
        slopes in the domain of the conjugate.
    w : ndarray of shape (size,)
        Parameters.
    worth : float, default=inf
        If the smoothing error exceeds this fraction of the value, the bound is not computed, which
        saves the second of two passes over the rows.

    Returns
    -------
    Certificate
        Value, bound and smoothing error.
    """
    if not certifiable(objective):
        return Certificate(objective.value(w), -np.inf, 0.0)
    tied = objective.penalty > 0
    # A small difference of two sums cannot be computed in float32.
    dual = _DualPoint(objective.exact(), slopes_of, w)
    value, smoothing = dual.value()
    with np.errstate(over="ignore", invalid="ignore"):
        value += 0.5 * float((objective.penalty * w) @ w)
        if smoothing > worth * abs(value):
            return Certificate(value, -np.inf, smoothing)
        at_zero, conjugate, gradient = dual.sums()
        free = np.abs(gradient[~tied]).sum()
        quadratic = float((gradient[tied] / objective.penalty[tied]) @ gradient[tied])
    slack = 1e-3 * np.sqrt(dual.objective.noise) * dual.size
    if not np.isfinite(conjugate + quadratic) or free > slack:
        return Certificate(value, -np.inf, smoothing)
    # −(1 − θ) at_zero − θ conjugate − θ² quadratic/2 is a lower bound for θ in [0, 1].
    rise = at_zero - conjugate
    theta = float(np.clip(rise / quadratic, 0, 1)) if quadratic > 0 else 1.0
    return Certificate(value, -at_zero + theta * rise - 0.5 * theta**2 * quadratic, smoothing)


class _DualPoint:
    """Slopes at w, balanced so that their pullback to free parameters is zero."""

    def __init__(self, objective: Objective, slopes_of: Loss | Array, w: Array) -> None:
        self.objective = objective
        self.slopes_of = slopes_of
        self.params = objective.layout.unpack(w)
        self.balance = None if objective.fully_penalized else balance_of(objective)
        # Not if rows are converted by block, as the converted blocks would be kept too.
        few = len(objective.y) * objective.n_answers <= KEPT_ENTRIES
        plain = objective.X.dtype == objective.dtype
        self.kept: dict[int, tuple[Array, Pullback]] | None = {} if few and plain else None
        self.marginals: Array = np.zeros(0)
        self.size = 0.0  # Σᵢ wᵢ ‖gᵢ‖₁

    def _slope(self, block: Block) -> tuple[Array, Pullback]:
        energies, pullback, *_ = self.objective.energy.linearize(self.params, block.X)
        return self._slope_at(energies, block), pullback

    def _slope_at(self, energies: Array, block: Block) -> Array:
        given = self.slopes_of
        if isinstance(given, np.ndarray):
            return given[block.rows].copy(order="F")  # the caller may overwrite it
        return given(energies, block.correct)[1]

    def value(self) -> tuple[float, float]:
        """Σ wᵢ ℓᵢ and the smoothing error; the first pass over the rows."""
        objective, conjugate = self.objective, self.objective.loss.conjugate
        same = self.slopes_of is objective.loss

        def of_block(block: Block) -> tuple[Any, ...]:
            energies, pullback, *_ = objective.energy.linearize(self.params, block.X)
            loss, slope = objective.loss(energies, block.correct)
            smoothing = 0.0
            if not same:
                slope = self._slope_at(energies, block)
                assert conjugate is not None
                fenchel_gap = loss + conjugate(slope, block.correct)
                fenchel_gap -= np.einsum("ij,ij->i", slope, energies)
                smoothing = float(block.weight @ fenchel_gap)
            if self.kept is not None:
                self.kept[block.rows.start] = slope, pullback
            marginals = (
                np.zeros(0) if self.balance is None else self.balance.marginals(slope, block)
            )
            return float(block.weight @ loss), smoothing, marginals

        value, smoothing, self.marginals = objective.sum_over_rows(of_block)
        return value, smoothing

    def sums(self) -> tuple[float, float, Array]:
        """Σ wᵢ ℓᵢ*(0), Σ wᵢ ℓᵢ*(gᵢ) and the pullback of the slopes; the second pass."""
        objective, conjugate = self.objective, self.objective.loss.conjugate
        assert conjugate is not None
        k = objective.n_answers
        balanced = None if self.balance is None else self.balance.of(self.marginals)

        def of_block(block: Block) -> tuple[Any, ...]:
            if self.kept is None:
                slope, pullback = self._slope(block)
            else:
                slope, pullback = self.kept.pop(block.rows.start)
            if balanced is not None:
                slope = balanced(slope, block.correct)
            dual = float(block.weight @ conjugate(slope, block.correct))
            weighted = objective.weighted(slope, block.weight)
            size = float(np.abs(weighted).sum())
            return dual, size, objective.layout.pack(pullback(weighted))

        dual, self.size, gradient = objective.sum_over_rows(of_block)
        weight = None if objective.equal_weights else objective.weight
        at_zero = sum(
            share * float(conjugate(np.zeros((1, k)), correct_mask(np.array([answer]), k))[0])
            for answer, share in enumerate(np.bincount(objective.y, weight, minlength=k).tolist())
        )
        return at_zero, dual, gradient
