r"""How far from the minimum? A lower bound on it, from the slopes of the losses.

For an energy that is linear in W and a convex loss, every set of slopes gᵢ in the domain of the
conjugate ℓ* whose pullback leaves the unpenalised parameters alone gives

.. code-block:: none

    min f  ≥  −Σᵢ wᵢ ℓ*(gᵢ) − ‖Σᵢ wᵢ gᵢ ∂F/∂W‖² / (2λ)        (Fenchel duality)

The slopes at the current parameters nearly qualify. The intercepts ask that the weighted slopes of
each answer sum to zero over the rows; `_balance` scales them so that they do. Scaling all slopes by
θ ∈ [0, 1] keeps them in the domain, and the best θ is known in closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sklearn_ebm._arrays import correct_mask, right_index
from sklearn_ebm._objective import Block, Objective
from sklearn_ebm._params import Array, Params
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses.base import Mask

Pullback: TypeAlias = Callable[[Array], Params]

# The balance needs a table of all pairs of answers.
MOST_ANSWERS = 2000

# Slopes of so many energies are kept between the two passes over the rows; of more, computed twice.
KEPT_ENTRIES = 2**21

# Up to so many answers, sums by right answer are a product with a dense mask.
DENSE_MASK_ANSWERS = 32


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


def certify(objective: Objective, slopes_of: Loss, w: Array) -> Certificate:
    """Evaluate the objective at `w`, and bound its minimum from below.

    Parameters
    ----------
    objective : Objective
        With the loss that is to be minimised.
    slopes_of : Loss
        The loss whose slopes serve as the dual point: the same, or a smoothed version of it.
    w : ndarray of shape (size,)

    Returns
    -------
    Certificate
    """
    possible = objective.energy.linear and objective.loss.convex
    tied = objective.penalty > 0
    if (
        objective.loss.conjugate is None
        or not possible
        or not tied.any()
        or objective.n_answers > MOST_ANSWERS
    ):
        return Certificate(objective.value(w), -np.inf, 0.0)
    # A small gap between two sums does not survive float32.
    dual = _DualPoint(objective.exact(), slopes_of, w)
    value, smoothing = dual.value()
    at_zero, conjugate, gradient = dual.sums()
    with np.errstate(over="ignore", invalid="ignore"):
        value += 0.5 * float((objective.penalty * w) @ w)
        free = np.abs(gradient[~tied]).sum()
        quadratic = float((gradient[tied] / objective.penalty[tied]) @ gradient[tied])
    slack = 1e-3 * np.sqrt(dual.objective.noise) * objective.weight.sum()
    if not np.isfinite(conjugate + quadratic) or free > slack:
        return Certificate(value, -np.inf, smoothing)
    # −(1 − θ) at_zero − θ conjugate − θ² quadratic/2 is a lower bound for θ in [0, 1].
    rise = at_zero - conjugate
    theta = float(np.clip(rise / quadratic, 0, 1)) if quadratic > 0 else 1.0
    return Certificate(value, -at_zero + theta * rise - 0.5 * theta**2 * quadratic, smoothing)


class _DualPoint:
    """Slopes at some parameters, balanced so that nothing pulls at a free parameter."""

    def __init__(self, objective: Objective, slopes_of: Loss, w: Array) -> None:
        self.objective = objective
        self.slopes_of = slopes_of
        self.params = objective.layout.unpack(w)
        self.balanced = not objective.fully_penalized
        # Not where rows are converted by block: the converted ones would be kept, too.
        few = len(objective.y) * objective.n_answers <= KEPT_ENTRIES
        plain = objective.X.dtype == objective.dtype
        self.kept: dict[int, tuple[Array, Pullback]] | None = {} if few and plain else None
        self.table = np.zeros((objective.n_answers, objective.n_answers))

    def _slope(self, block: Block) -> tuple[Array, Pullback]:
        energies, pullback, *_ = self.objective.energy.linearize(self.params, block.X)
        return self.slopes_of(energies, block.correct)[1], pullback

    def value(self) -> tuple[float, float]:
        """Σ wᵢ ℓᵢ, and what smoothing costs; the first pass over the rows."""
        objective, conjugate = self.objective, self.objective.loss.conjugate
        same = self.slopes_of is objective.loss

        def of_block(block: Block) -> tuple[Any, ...]:
            energies, pullback, *_ = objective.energy.linearize(self.params, block.X)
            loss, slope = objective.loss(energies, block.correct)
            touch = 0.0
            if not same:
                slope = self.slopes_of(energies, block.correct)[1]
                assert conjugate is not None
                apart = loss + conjugate(slope, block.correct)
                apart -= np.einsum("ij,ij->i", slope, energies)
                touch = float(block.weight @ apart)
            if self.kept is not None:
                self.kept[block.rows.start] = slope, pullback
            table = _by_right_answer(slope, block) if self.balanced else self.table
            return float(block.weight @ loss), touch, table.copy()

        value, touch, self.table = objective.sum_over_rows(of_block)
        return value, touch

    def sums(self) -> tuple[float, float, Array]:
        """Σ wᵢ ℓᵢ*(0), Σ wᵢ ℓᵢ*(gᵢ) and the pullback of the slopes; the second pass."""
        objective, conjugate = self.objective, self.objective.loss.conjugate
        assert conjugate is not None
        k = objective.n_answers
        factors = _balance(self.table, objective.loss.pinned) if self.balanced else None

        def of_block(block: Block) -> tuple[Any, ...]:
            kept = self.kept is not None
            slope, pullback = self.kept.pop(block.rows.start) if kept else self._slope(block)
            if factors is not None:
                slope = factors.apply(slope, block.correct)
            dual = float(block.weight @ conjugate(slope, block.correct))
            weighted = objective.weighted(slope, block.weight)
            return dual, objective.layout.pack(pullback(weighted))

        dual, gradient = objective.sum_over_rows(of_block)
        everyone = np.arange(k)
        of_answer = conjugate(np.zeros((k, k), order="F"), correct_mask(everyone, k))
        at_zero = float(np.bincount(objective.y, objective.weight, minlength=k) @ of_answer)
        return at_zero, dual, gradient


def _by_right_answer(slope: Array, block: Block) -> Array:
    """Weighted sums of the slopes over the rows of each right answer: (right answer, answer)."""
    _, answer = right_index(block.correct)
    k = slope.shape[1]
    if k <= DENSE_MASK_ANSWERS:
        return (block.correct.T * block.weight).view(np.ndarray) @ slope
    mine = sparse.csr_array(
        (block.weight, answer, np.arange(len(answer) + 1)), shape=(len(answer), k)
    )
    return mine.T @ slope


class _Factors(NamedTuple):
    """Factors ≤ 1 for slopes.

    Attributes
    ----------
    of_rows : ndarray of shape (k,) or None
        One for the rows of each right answer; the slopes of a row then keep their balance.
    of_pairs : ndarray of shape (k, k) or None
        One for each wrong answer (column) of each right answer (row).
    of_right : ndarray of shape (k,) or None
        One for the right answer; None where it balances its row.
    """

    of_rows: Array | None
    of_pairs: Array | None
    of_right: Array | None

    def apply(self, slope: Array, correct: Mask) -> Array:
        """Return the slopes, scaled."""
        index = right_index(correct)
        answer = index[1]
        if self.of_rows is not None:
            return slope * self.of_rows[answer][:, None]
        assert self.of_pairs is not None
        scaled = slope * np.take(self.of_pairs.T, answer, axis=1).T
        scaled[index] = 0
        if self.of_right is None:
            scaled[index] = -scaled.sum(axis=1)
        else:
            scaled[index] = slope[index] * self.of_right[answer]
        return scaled


def _balance(table: Array, pinned: bool) -> _Factors:
    """Factors that make the weighted slopes of each answer sum to zero over the rows.

    Parameters
    ----------
    table : ndarray of shape (k, k)
        Sums of the slopes: of answer (column) over the rows of each right answer (row).
    pinned : bool
        Whether right and wrong answers may be scaled apart.
    """
    pull = table.diagonal().copy()
    push = -table
    np.fill_diagonal(push, 0.0)
    push = push.clip(min=0)
    if not pinned:
        factors = _circulation(push)
        theta = factors.max(axis=1)
        if ((factors == theta[:, None]) | (push == 0)).all():
            return _Factors(theta, None, None)
        return _Factors(None, factors, None)
    away = push.sum(axis=0)
    both = np.clip(np.minimum(pull, away), 0, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        right_factor = np.where(pull > 0, both / pull, 0.0)
        wrong_factor = np.where(away > 0, both / away, 0.0)
    return _Factors(None, np.tile(wrong_factor, (len(pull), 1)), right_factor)


def _circulation(push: Array) -> Array:
    """Factors θᵢ ≤ 1 for the rows of a matrix that make its row sums and column sums equal.

    They solve Σᵢ θᵢ fᵢⱼ = θⱼ Σⱼ' fⱼⱼ', so θᵢ Σⱼ fᵢⱼ is the stationary law of a Markov chain. At the
    minimum all are 1. Flow between strongly connected components cannot return and drops out.
    """
    n_parts, part_of = connected_components(push > 0, connection="strong")
    flow = np.where(part_of[:, None] == part_of[None, :], push, 0.0)
    theta = np.zeros(len(flow))
    for part in range(n_parts):
        members = np.flatnonzero(part_of == part)
        if len(members) < 2:
            continue
        inner = flow[np.ix_(members, members)]
        out = inner.sum(axis=1)
        balance = inner.T / out - np.eye(len(members))
        balance[-1] = 1.0  # the law sums to one
        law = np.linalg.solve(balance, np.eye(len(members))[-1])
        factor = law.clip(min=0) / out
        theta[members] = factor / factor.max()
    return np.where(flow > 0, theta[:, None], 0.0)


