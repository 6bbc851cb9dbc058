"""Changes of slopes of losses, so that those of each answer sum to zero over the rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sklearn_ebm._utils.arrays import right_index
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._right_answers import Mask
from sklearn_ebm.solvers.objective import Block, Objective

# Largest number of answers for a circulation, which needs a matrix of all pairs.
MOST_ANSWERS = 2000

# Flows below this fraction of the total flow of a class are set to zero.
NEGLIGIBLE_FLOW = 1e-12

# Up to this number of answers, sums by correct answer are a product with a dense mask.
DENSE_MASK_ANSWERS = 32


def balance_of(objective: Objective) -> Balance | None:
    """Return the method of balancing for a loss; None if there are too many answers."""
    if objective.loss.traits.fixes_level:
        return _Scaled()
    if objective.n_answers <= MOST_ANSWERS:
        return _Circulated()  # the tighter bound of the two
    return _Moved() if objective.loss._total_push_only else None


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


class Balance:
    """Base class of changes after which the weighted slopes of each answer sum to zero.

    `marginals` computes sums over a block, and `of` returns the change for the sums of all blocks.
    """

    def marginals(self, slope: Array, block: Block) -> Array:
        """Sums of the slopes of each answer if correct, and of negative ones if wrong, (2, k)."""
        index = right_index(block.correct)
        pull = np.bincount(index[1], block.weight * slope[index], minlength=slope.shape[1])
        return np.stack([pull, pull - block.weight @ slope])

    def of(self, marginals: Array) -> Callable[[Array, Mask], Array]:
        """Return ``(slope, correct) -> slope``."""
        raise NotImplementedError


class _Moved(Balance):
    """Balance by moving slope, in each row, between wrong answers.

    Let push be the sum of the negative slopes of an answer where it is wrong, and pull the sum of
    its slopes where it is correct. The fraction (push − pull)⁺/push of its slopes is moved to the
    answers that lack push, in proportion to their lack. The loss must limit only the sum of the
    slopes of a row (`Traits.total_push_only`). It needs k sums instead of k².
    """

    def of(self, marginals: Array) -> Callable[[Array, Mask], Array]:
        """Return the change; rows in which an answer is correct reduce its slope."""
        pull, push = marginals[0], marginals[1].clip(min=0)
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
            moved = right + result.sum(axis=1)  # the removed slope
            result[index] = right
            return result - moved[:, None] * share

        return change


class _Scaled(Balance):
    """Balance by scaling the larger of the two sums of each answer to the smaller."""

    def of(self, marginals: Array) -> Callable[[Array, Mask], Array]:
        """Return the change, for losses that limit each slope of a row separately."""
        pull, push = marginals.clip(min=0)
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


class _Circulated(Balance):
    """Balance by scaling the rows of each correct answer, so that the slopes form a circulation."""

    def marginals(self, slope: Array, block: Block) -> Array:
        """Sums of the slopes by correct answer and answer, (k, k)."""
        return _by_right_answer(slope, block)

    def of(self, marginals: Array) -> Callable[[Array, Mask], Array]:
        """Return the change, for losses that limit the slopes of each pair of answers."""
        push = -marginals
        np.fill_diagonal(push, 0.0)
        factors = _circulation(push.clip(min=0))
        of_rows = factors.max(axis=1)
        others = ~np.eye(len(factors), dtype=bool)
        alike = bool((factors == of_rows[:, None])[others].all())

        def change(slope: Array, correct: Mask) -> Array:
            index = right_index(correct)
            if alike:  # all factors of a row are equal
                return slope * np.take(of_rows, index[1])[:, None]
            result = slope * np.take(factors.T, index[1], axis=1).T
            result[index] = 0
            result[index] = -result.sum(axis=1)
            return result

        return change


def _circulation(push: Array) -> Array:
    """Factors θᵢ ≤ 1 for the rows of a matrix that make its row sums and column sums equal.

    They solve Σᵢ θᵢ fᵢⱼ = θⱼ Σⱼ' fⱼⱼ', so θᵢ Σⱼ fᵢⱼ is the stationary distribution of a Markov
    chain. At the minimum of the objective all are 1. Flow between strongly connected components
    cannot return and is set to zero.

    Examples
    --------
    The flow is 4 from the first class to the second, and 1 in the other direction. With the factor
    ¼ for the first they are equal:

    >>> _circulation(np.array([[0.0, 4.0], [1.0, 0.0]]))
    array([[0.  , 0.25],
           [1.  , 0.  ]])
    """
    # Slopes may be decreased, so flows of the size of rounding errors are set to zero; otherwise
    # the Markov chain could be too ill-conditioned.
    if len(push) == 2:  # two classes have a closed form
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
        balance[-1] = 1.0  # the distribution sums to one
        try:
            stationary = np.linalg.solve(balance, np.eye(len(members))[-1])
        except np.linalg.LinAlgError:
            continue  # these classes are omitted, which gives a weaker bound
        factor = stationary.clip(min=0) / out
        theta[members] = factor / factor.max()
    return np.where(flow > 0, theta[:, None], 0.0)
