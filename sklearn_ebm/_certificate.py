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
        or objective.penalty == 0
        or objective.n_answers > MOST_ANSWERS
    ):
        return Certificate(objective.value(w), -np.inf, 0.0)
    objective = objective.exact()  # a small gap between two sums does not survive float32
    params = objective.layout.unpack(w)
    factors = None if objective.penalized.all() else _balance(objective, slopes_of, w)
    value = 0.5 * objective.penalty * float(w[objective.penalized] @ w[objective.penalized])
    dual, at_zero, smoothing = 0.0, 0.0, 0.0
    gradient = np.zeros_like(w)
    with np.errstate(over="ignore", invalid="ignore"):
        for X, correct, weight in objective.rows():
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
        free = np.abs(gradient[~objective.penalized]).sum()
        quadratic = float(
            (gradient[objective.penalized] / objective.penalty) @ gradient[objective.penalized]
        )
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
    for X, correct, weight in objective.rows():
        slope = slopes_of(objective.energy.linearize(params, X).energies, correct)[1]
        _, right = split_right(slope, correct)
        weighted = np.where(correct, 0, -slope) * weight[:, None]
        mine = correct.astype(np.float64)
        push += mine.T @ weighted
        pull += mine.T @ (weight * right)
    if objective.loss.pinned:
        away = push.sum(axis=0)
        both = np.clip(np.minimum(pull, away), 0, None)
        with np.errstate(divide="ignore", invalid="ignore"):
            right_factor = np.where(pull > 0, both / pull, 0.0)
            wrong_factor = np.where(away > 0, both / away, 0.0)
        return np.broadcast_to(wrong_factor, (k, k)), right_factor
    return _circulation(push), np.ones(k)


def _circulation(push: Array) -> Array:
    """Factors ≤ 1 of the form dᵢ/dⱼ that make row sums and column sums of a matrix equal.

    Osborne's balancing in the 1-norm. An answer that is only pushed or only pulled drops out.

    References
    ----------
    Osborne, "On Pre-Conditioning of Matrices" (1960). :doi:`10.1145/321043.321048`
    """
    flow = push.copy()
    alive = np.ones(len(flow), dtype=bool)
    log_d = np.zeros(len(flow))
    for _ in range(100):
        out, into = flow.sum(axis=1), flow.sum(axis=0)
        lost = alive & ((out <= 0) | (into <= 0))
        if lost.any():
            alive &= ~lost
            flow[lost], flow[:, lost] = 0.0, 0.0
            continue
        if not alive.any() or np.abs(out - into).sum() <= 1e-15 * out.sum():
            break
        for j in np.flatnonzero(alive):
            row, column = flow[j].sum(), flow[:, j].sum()
            if row <= 0 or column <= 0:
                continue
            factor = np.sqrt(column / row)
            flow[j] *= factor
            flow[:, j] /= factor
            log_d[j] += np.log(factor)
    exponent = log_d[:, None] - log_d[None, :]
    used = flow > 0
    highest = exponent[used].max() if used.any() else 0.0
    return np.where(alive[:, None] & alive[None, :], np.exp(np.minimum(exponent - highest, 0)), 0.0)


def _apply(factors: tuple[Array, Array], slope: Array, correct: Mask, pinned: bool) -> Array:
    """Scale the slopes; in a loss of differences the right answer balances its row."""
    wrong_factor, right_factor = factors
    answer = correct.argmax(axis=1)
    scaled = np.where(correct, 0, slope * wrong_factor[answer])
    index, right = split_right(slope, correct)
    scaled[index] = right * right_factor[answer] if pinned else -scaled.sum(axis=1)
    return scaled
