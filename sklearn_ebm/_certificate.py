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

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sklearn_ebm._arrays import right_index
from sklearn_ebm._objective import Objective
from sklearn_ebm._params import Array
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses.base import Mask, split_right

# The balance needs a table of all pairs of answers.
MOST_ANSWERS = 2000


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
    conjugate = objective.loss.conjugate
    possible = objective.energy.linear and objective.loss.convex
    if (
        conjugate is None
        or not possible
        or not (objective.penalty > 0).any()
        or objective.n_answers > MOST_ANSWERS
    ):
        return Certificate(objective.value(w), -np.inf, 0.0)
    objective = objective.exact()  # a small gap between two sums does not survive float32
    params = objective.layout.unpack(w)
    factors = None if objective.fully_penalized else _balance(objective, slopes_of, w)
    tied = objective.penalty > 0
    value = 0.5 * float((objective.penalty * w) @ w)
    dual, at_zero, smoothing = 0.0, 0.0, 0.0
    gradient = np.zeros_like(w)
    with np.errstate(over="ignore", invalid="ignore"):
        for X, correct, weight, _ in objective.blocks():
            energies, pullback, *_ = objective.energy.linearize(params, X)
            loss = objective.loss(energies, correct)[0]
            slope = slopes_of(energies, correct)[1]
            touch = loss + conjugate(slope, correct) - np.einsum("ij,ij->i", slope, energies)
            smoothing += float(weight @ touch.astype(np.float64))
            value += float(weight @ loss.astype(np.float64))
            if factors is not None:
                slope = _apply(factors, slope, correct, objective.loss.pinned)
            dual += float(weight @ conjugate(slope, correct).astype(np.float64))
            at_zero += float(weight @ conjugate(np.zeros_like(slope), correct).astype(np.float64))
            gradient += objective.layout.pack(pullback(slope * weight[:, None]))
        free = np.abs(gradient[~tied]).sum()
        quadratic = float((gradient[tied] / objective.penalty[tied]) @ gradient[tied])
    if (
        not np.isfinite(dual + quadratic)
        or free > 1e-3 * np.sqrt(objective.noise) * objective.weight.sum()
    ):
        return Certificate(value, -np.inf, smoothing)
    # −(1 − θ) at_zero − θ dual − θ² quadratic/2 is a lower bound for θ in [0, 1].
    rise = at_zero - dual
    theta = float(np.clip(rise / quadratic, 0, 1)) if quadratic > 0 else 1.0
    return Certificate(value, -at_zero + theta * rise - 0.5 * theta**2 * quadratic, smoothing)


def _balance(objective: Objective, slopes_of: Loss, w: Array) -> tuple[Array, Array]:
    """Factors for the slopes, by right answer (row) and answer (column), that balance each answer.

    Returns factors for wrong answers (k, k) and, for a pinned loss, for right answers (k,).
    """
    params = objective.layout.unpack(w)
    k = objective.n_answers
    push, pull = np.zeros((k, k)), np.zeros(k)
    for X, correct, weight, _ in objective.blocks():
        slope = slopes_of(objective.energy.linearize(params, X).energies, correct)[1]
        _, right = split_right(slope, correct)
        weighted = np.where(correct, 0, -slope) * weight[:, None]
        answer = right_index(correct)[1]
        mine = sparse.csr_array(
            (np.ones(len(answer)), (answer, np.arange(len(answer)))), shape=(k, len(answer))
        )
        push += mine @ weighted
        pull += mine @ (weight * right)
    if objective.loss.pinned:
        away = push.sum(axis=0)
        both = np.clip(np.minimum(pull, away), 0, None)
        with np.errstate(divide="ignore", invalid="ignore"):
            right_factor = np.where(pull > 0, both / pull, 0.0)
            wrong_factor = np.where(away > 0, both / away, 0.0)
        return np.broadcast_to(wrong_factor, (k, k)), right_factor
    return _circulation(push), np.ones(k)


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


def _apply(factors: tuple[Array, Array], slope: Array, correct: Mask, pinned: bool) -> Array:
    """Scale the slopes; in a loss of differences the right answer balances its row."""
    wrong_factor, right_factor = factors
    answer = right_index(correct)[1]
    scaled = np.where(correct, 0, slope * wrong_factor[answer])
    index, right = split_right(slope, correct)
    scaled[index] = right * right_factor[answer] if pinned else -scaled.sum(axis=1)
    return scaled
