r"""How far from the minimum? A lower bound on it, from the slopes of the losses.

For an energy that is linear in W and a convex loss, every set of slopes gᵢ in the domain of the
conjugate ℓ* whose pullback leaves the unpenalised parameters alone gives

.. code-block:: none

    min f  ≥  −Σᵢ wᵢ ℓ*(gᵢ) − ‖Σᵢ wᵢ gᵢ ∂F/∂W‖² / (2λ)        (Fenchel duality)

The slopes at the current parameters nearly qualify. The intercepts ask that the weighted slopes of
each answer sum to zero over the rows; `balance_of` says what makes them. Scaling all slopes by
θ ∈ [0, 1] keeps them in the domain, and the best θ is known in closed form.
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

# Slopes of so many energies are kept between the two passes over the rows; of more, computed twice.
KEPT_ENTRIES = 2**21


class Certificate(NamedTuple):
    """Value of the objective, a lower bound on its minimum, and what smoothing costs.

    Attributes
    ----------
    value : float
        f(W), with the loss itself.
    bound : float
        A lower bound on min f; −inf where there is none.
    smoothing : float
        Σᵢ wᵢ [ℓ(Fᵢ) + ℓ*(gᵢ) − ⟨gᵢ, Fᵢ⟩] ≥ 0: the part of the gap that is there because the slopes
        are those of a smoothed loss. Only cooling lowers it; a better solution lowers the rest.
    """

    value: float
    bound: float
    smoothing: float


def certifiable(objective: Objective) -> bool:
    """Whether there is a bound: for a convex loss with a conjugate, a linear energy, a penalty.

    Free intercepts must be balanced as well, which is not done for very many classes where each
    pair of them has its own limits.
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
        With the loss that is to be minimised.
    slopes_of : Loss or ndarray of shape (n_samples, n_classes)
        The loss whose slopes serve as the dual point: the same, or a smoothed version of it. Or
        slopes in the domain of the conjugate, wherever they come from.
    w : ndarray of shape (size,)
    worth : float, default=inf
        Where smoothing alone costs more than this share of the value, no bound is looked for: the
        second of two passes over the rows is spared.

    Returns
    -------
    Certificate
    """
    if not certifiable(objective):
        return Certificate(objective.value(w), -np.inf, 0.0)
    tied = objective.penalty > 0
    # A small gap between two sums does not survive float32.
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
    """Slopes at some parameters, balanced so that nothing pulls at a free parameter."""

    def __init__(self, objective: Objective, slopes_of: Loss | Array, w: Array) -> None:
        self.objective = objective
        self.slopes_of = slopes_of
        self.params = objective.layout.unpack(w)
        self.balance = None if objective.fully_penalized else balance_of(objective)
        # Not where rows are converted by block: the converted ones would be kept, too.
        few = len(objective.y) * objective.n_answers <= KEPT_ENTRIES
        plain = objective.X.dtype == objective.dtype
        self.kept: dict[int, tuple[Array, Pullback]] | None = {} if few and plain else None
        self.marginals: Array = np.zeros(0)
        self.size = 0.0  # of the weighted slopes, Σᵢ wᵢ ‖gᵢ‖₁

    def _slope(self, block: Block) -> tuple[Array, Pullback]:
        energies, pullback, *_ = self.objective.energy.linearize(self.params, block.X)
        return self._slope_at(energies, block), pullback

    def _slope_at(self, energies: Array, block: Block) -> Array:
        given = self.slopes_of
        if isinstance(given, np.ndarray):
            return given[block.rows].copy(order="F")  # the caller may work in it
        return given(energies, block.correct)[1]

    def value(self) -> tuple[float, float]:
        """Σ wᵢ ℓᵢ, and what smoothing costs; the first pass over the rows."""
        objective, conjugate = self.objective, self.objective.loss.conjugate
        same = self.slopes_of is objective.loss

        def of_block(block: Block) -> tuple[Any, ...]:
            energies, pullback, *_ = objective.energy.linearize(self.params, block.X)
            loss, slope = objective.loss(energies, block.correct)
            touch = 0.0
            if not same:
                slope = self._slope_at(energies, block)
                assert conjugate is not None
                fenchel_gap = loss + conjugate(slope, block.correct)
                fenchel_gap -= np.einsum("ij,ij->i", slope, energies)
                touch = float(block.weight @ fenchel_gap)
            if self.kept is not None:
                self.kept[block.rows.start] = slope, pullback
            marginals = (
                np.zeros(0) if self.balance is None else self.balance.marginals(slope, block)
            )
            return float(block.weight @ loss), touch, marginals

        value, touch, self.marginals = objective.sum_over_rows(of_block)
        return value, touch

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
