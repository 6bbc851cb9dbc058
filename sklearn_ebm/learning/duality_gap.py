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
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sklearn_ebm._utils.arrays import correct_mask, right_index
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses._right_answers import Mask
from sklearn_ebm.solvers.objective import Block, Objective

Pullback: TypeAlias = Callable[[Array], Params]

# The circulation needs a table of all pairs of answers.
MOST_ANSWERS = 2000

# Flows below this share of all that leaves or enters a class count as none.
NEGLIGIBLE_FLOW = 1e-12

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


def certifiable(objective: Objective) -> bool:
    """Whether there is a bound: for a convex loss with a conjugate, a linear energy, a penalty.

    Free intercepts must be balanced as well, which is not done for very many classes where each
    pair of them has its own limits.
    """
    loss = objective.loss
    dual = loss.convex and loss.conjugate is not None and objective.energy.linear
    balanced = objective.fully_penalized or _balance_of(objective) is not None
    return dual and bool((objective.penalty > 0).any()) and balanced


def certify(
    objective: Objective, slopes_of: Loss | Array, w: Array, *, worth: float = np.inf
) -> Certificate:
    """Evaluate the objective at `w`, and bound its minimum from below.

    Parameters
    ----------
    objective : Objective
        With the loss that is to be minimised.
    slopes_of : Loss or ndarray of shape (n, k)
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
        self.balance = None if objective.fully_penalized else _balance_of(objective)
        # Not where rows are converted by block: the converted ones would be kept, too.
        few = len(objective.y) * objective.n_answers <= KEPT_ENTRIES
        plain = objective.X.dtype == objective.dtype
        self.kept: dict[int, tuple[Array, Pullback]] | None = {} if few and plain else None
        self.tally: Array = np.zeros(0)
        self.size = 0.0  # of the weighted slopes, Σᵢ wᵢ ‖gᵢ‖₁

    def _slope(self, block: Block) -> tuple[Array, Pullback]:
        energies, pullback, *_ = self.objective.energy.linearize(self.params, block.X)
        return self._slope_at(energies, block), pullback

    def _slope_at(self, energies: Array, block: Block) -> Array:
        given = self.slopes_of
        if isinstance(given, np.ndarray):
            return given[block.rows].copy(order="F")  # whoever gets it may work in it
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
                apart = loss + conjugate(slope, block.correct)
                apart -= np.einsum("ij,ij->i", slope, energies)
                touch = float(block.weight @ apart)
            if self.kept is not None:
                self.kept[block.rows.start] = slope, pullback
            tally = np.zeros(0) if self.balance is None else self.balance.tally(slope, block)
            return float(block.weight @ loss), touch, tally

        value, touch, self.tally = objective.sum_over_rows(of_block)
        return value, touch

    def sums(self) -> tuple[float, float, Array]:
        """Σ wᵢ ℓᵢ*(0), Σ wᵢ ℓᵢ*(gᵢ) and the pullback of the slopes; the second pass."""
        objective, conjugate = self.objective, self.objective.loss.conjugate
        assert conjugate is not None
        k = objective.n_answers
        balanced = None if self.balance is None else self.balance.of(self.tally)

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


class _Balance:
    """Changes slopes so that those of each answer, weighted, sum to zero over the rows.

    `tally` adds up over blocks what `of` needs to know; `of` gives the change of the slopes.
    """

    def tally(self, slope: Array, block: Block) -> Array:
        """Pull at each answer where it is right, and push at it where it is wrong, (2, k)."""
        index = right_index(block.correct)
        pull = np.bincount(index[1], block.weight * slope[index], minlength=slope.shape[1])
        return np.stack([pull, pull - block.weight @ slope])

    def of(self, tally: Array) -> Callable[[Array, Mask], Array]:
        """Return ``(slope, correct) -> slope``."""
        raise NotImplementedError


class _Moved(_Balance):
    """Push is moved, in each row, from answers with too much of it to those with too little.

    Of the push at an answer the share (push − pull)⁺/push is removed; what a row loses so goes to
    the answers that lack push, in proportion to what they lack. It needs a loss in which only the
    sum of the pushes of a row is limited (`Loss.shares_push`), and k numbers instead of k².
    """

    def of(self, tally: Array) -> Callable[[Array, Mask], Array]:
        """Return the change; an answer's own rows take push by pulling less."""
        pull, push = tally[0], tally[1].clip(min=0)
        surplus = np.minimum((push - pull).clip(min=0), push)
        lack = (pull - push).clip(min=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            removed = np.where(push > 0, surplus / push, 0.0)
            share = lack / lack.sum() if lack.any() else lack

        def change(slope: Array, correct: Mask) -> Array:
            index = right_index(correct)
            right = slope[index]
            result = slope * (1 - removed)
            result[index] = 0
            moved = right + result.sum(axis=1)  # what was there less what is left
            result[index] = right
            return result - moved[:, None] * share

        return change


class _Scaled(_Balance):
    """Right and wrong answers are scaled apart, down to the smaller of their two sums."""

    def of(self, tally: Array) -> Callable[[Array, Mask], Array]:
        """Return the change, for losses in which nothing ties the answers of a row together."""
        pull, push = tally.clip(min=0)
        both = np.minimum(pull, push)
        with np.errstate(divide="ignore", invalid="ignore"):
            of_right = np.where(pull > 0, both / pull, 0.0)
            of_wrong = np.where(push > 0, both / push, 0.0)

        def change(slope: Array, correct: Mask) -> Array:
            index = right_index(correct)
            result = slope * of_wrong
            result[index] = slope[index] * of_right[index[1]]
            return result

        return change


class _Circulated(_Balance):
    """The rows of each right answer are scaled so that the pushes between answers circulate."""

    def tally(self, slope: Array, block: Block) -> Array:
        """Sums of the slopes by right answer and answer, (k, k)."""
        return _by_right_answer(slope, block)

    def of(self, tally: Array) -> Callable[[Array, Mask], Array]:
        """Return the change, for losses in which each pair of answers has its own limits."""
        push = -tally
        np.fill_diagonal(push, 0.0)
        factors = _circulation(push.clip(min=0))
        of_rows = factors.max(axis=1)
        others = ~np.eye(len(factors), dtype=bool)
        alike = bool((factors == of_rows[:, None])[others].all())

        def change(slope: Array, correct: Mask) -> Array:
            index = right_index(correct)
            if alike:  # nothing drops out, so a row as a whole is scaled
                return slope * np.take(of_rows, index[1])[:, None]
            result = slope * np.take(factors.T, index[1], axis=1).T
            result[index] = 0
            result[index] = -result.sum(axis=1)
            return result

        return change


def _balance_of(objective: Objective) -> _Balance | None:
    """How the slopes of a loss can be balanced; None where there are too many answers for it."""
    if objective.loss.pinned:
        return _Scaled()
    if objective.n_answers <= MOST_ANSWERS:
        return _Circulated()  # the tighter bound of the two
    return _Moved() if objective.loss.shares_push else None


def _circulation(push: Array) -> Array:
    """Factors θᵢ ≤ 1 for the rows of a matrix that make its row sums and column sums equal.

    They solve Σᵢ θᵢ fᵢⱼ = θⱼ Σⱼ' fⱼⱼ', so θᵢ Σⱼ fᵢⱼ is the stationary law of a Markov chain. At the
    minimum all are 1. Flow between strongly connected components cannot return and drops out.

    Examples
    --------
    Rows of the first class push the second by 4, those of the second push the first by 1. A quarter
    of the first makes them equal:

    >>> _circulation(np.array([[0.0, 4.0], [1.0, 0.0]]))
    array([[0.  , 0.25],
           [1.  , 0.  ]])
    """
    # Slopes may always shrink, so flows that rounding cannot tell from none are dropped: a chain
    # that is held together by them has no law that could be computed.
    if len(push) == 2:  # of two, no chain has to be solved
        least = min(push[0, 1], push[1, 0])
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(push > 0, least / push, 0.0)
    push = np.where(push > NEGLIGIBLE_FLOW * push.sum(axis=1, keepdims=True), push, 0.0)
    push = np.where(push > NEGLIGIBLE_FLOW * push.sum(axis=0), push, 0.0)
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
        try:
            law = np.linalg.solve(balance, np.eye(len(members))[-1])
        except np.linalg.LinAlgError:
            continue  # these classes drop out: a weaker bound, but a bound
        factor = law.clip(min=0) / out
        theta[members] = factor / factor.max()
    return np.where(flow > 0, theta[:, None], 0.0)
