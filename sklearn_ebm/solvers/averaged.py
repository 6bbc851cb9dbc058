"""Averaged online steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.solvers.base import STOPPED_BY_MONITOR, Iterate, Problem, Result, Solver
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.separable import separable, separates

# Energies are computed for this many rows at once, until the first mistake among them.
LOOK_AHEAD = 64
DENSE_COLUMNS = 20_000

# Default of max_iter: the passes that process VISITS rows in total, within these limits.
VISITS, FEWEST_PASSES, MOST_PASSES = 300_000, 100, 1_000

NOT_SEPARABLE = "the loss no longer falls, and no weights were found that separate the rows"
SEPARABLE = "every pass made mistakes, although there are weights that separate the rows"


class Steps(NamedTuple):
    """State of the search.

    Attributes
    ----------
    w : ndarray of shape (size,)
        Parameters after the last step.
    lag : ndarray of shape (size,)
        Σ t·step over all steps, where t is the number of samples processed before the step.
    seen : float
        Number of samples processed.
    answer : ndarray of shape (size,)
        Parameters that the search returned.
    """

    w: Array
    lag: Array
    seen: float
    answer: Array


class Averaged(Solver):
    """Averaged online steps, as in the averaged perceptron.

    w ← w − weight · dℓ/dw

    for each sample with a loss ℓ > 0; the result is the mean of w over all samples processed. The
    penalised sum of an online loss has its minimum at zero parameters, so the penalty is not used.
    Each pass visits the samples in a new random order. The search ends after a pass without a
    mistake. If the mean does not separate the samples, the parameters of that pass are returned
    instead of the mean.

    If the loss at the mean has not decreased by 0.1 % for `patience` passes, the solver tests
    whether any parameters separate the samples, by minimising the smoothed loss. If it finds none,
    the search ends. Otherwise the search continues; if it reaches ``max_iter`` passes, it has not
    converged. ``tol`` is not used.

    Parameters
    ----------
    patience : int, default=3
        Number of passes without progress after which the solver tests for separability.

    References
    ----------
    Collins, "Discriminative Training Methods for Hidden Markov Models" (2002), section 2.5.
    :doi:`10.3115/1118693.1118694`

    Examples
    --------
    >>> from sklearn_ebm.solvers import Averaged
    >>> Averaged(patience=2)
    Averaged(patience=2)
    """

    online = True

    def __init__(self, patience: int = 3) -> None:
        self.patience = patience

    def iterations_for(self, objective: Objective) -> int:
        """Return the default of ``max_iter``, in passes over the samples.

        Parameters
        ----------
        objective : Objective
            The objective.

        Returns
        -------
        int
            Largest number of iterations.
        """
        return min(max(VISITS // len(objective.y), FEWEST_PASSES), MOST_PASSES)

    def remembered(self, start: Array, n_rows: float) -> Steps:
        """Return a memory with `start` both as the mean and as the last parameters.

        Parameters
        ----------
        start : ndarray of shape (size,)
            Parameters.
        n_rows : int
            Number of samples.

        Returns
        -------
        object
            Memory for `Problem`.
        """
        return Steps(start, np.zeros_like(start), n_rows, start)

    def minimize(self, problem: Problem) -> Result:
        """Pass over the samples from the start; see ``Solver``.

        Parameters
        ----------
        problem : Problem
            Objective, start and stopping rules.

        Returns
        -------
        Result
            Parameters found, and how the search ended.
        """
        positive_integer("patience", self.patience, of="Averaged")
        objective, start, _, max_iter, rng, monitor, memory = problem
        n_rows = len(objective.y)
        before = memory if isinstance(memory, Steps) else self.remembered(start, 0)
        if not np.array_equal(before.answer, start):  # the parameters were changed in between
            before = self.remembered(start, before.seen)
        # A continued search starts from the last w, not from the average that it returned.
        w, lag, seen = before.w.copy(), before.lag.copy(), before.seen
        # The start is not a candidate: at zero parameters the loss is lowest, but nothing is
        # learned.
        best, best_value, stale = start, np.inf, 0
        curve = [objective.value(start)]
        converged, message = False, "max_iter was reached"
        can_separate = False
        for _ in range(max_iter):
            with np.errstate(over="ignore", invalid="ignore"):  # overflow is an error later
                mistakes = _one_pass(objective, w, lag, seen, rng.permutation(n_rows))
            seen += n_rows
            # The mean over all samples processed is w − lag/seen.
            average = w - lag / seen
            value = objective.value(average)
            curve.append(value)
            stale = 0 if value < 0.999 * best_value else stale + 1
            if value < best_value:
                best, best_value = average, value
            if monitor is not None and monitor(
                Iterate(average, value, np.zeros_like(average), np.inf, len(curve))
            ):
                converged, message = True, STOPPED_BY_MONITOR
                break
            if mistakes == 0:
                converged, message = True, "a pass made no mistake"
                best = average if separates(objective, average) else w
                best_value = objective.value(best)
                break
            can_separate = can_separate or (stale >= self.patience and separable(objective))
            if stale >= self.patience and not can_separate:
                converged, message = True, NOT_SEPARABLE
                break
        if can_separate and not converged:
            message = SEPARABLE
        if not max_iter:
            best_value = curve[0]
        return Result(
            best, best_value, len(curve) - 1, converged, message, curve,
            n_evaluations=len(curve), memory=Steps(w, lag, seen, best.astype(objective.dtype)),
        )  # fmt: skip


def _one_pass(
    objective: Objective, w: Array, lag: Array, seen: float, order: npt.NDArray[np.intp]
) -> int:
    """Visit samples in order, changing `w` and `lag` in place; return the number of mistakes."""
    energy, loss, layout = objective.energy, objective.loss, objective.layout
    params = layout.unpack(w)  # views: they follow w
    mistakes = 0
    for start in range(0, len(order), LOOK_AHEAD):
        ahead = order[start : start + LOOK_AHEAD]
        X = objective.X[ahead]
        if sparse.issparse(X) and X.shape[1] <= DENSE_COLUMNS:
            X = X.toarray()  # slicing single rows of a sparse matrix is slower
        correct = correct_mask(objective.y[ahead], objective.n_answers)
        first = 0
        while first < len(ahead):
            energies = energy.linearize(params, X[first:]).energies
            _, slope = loss(energies, correct[first:])
            wrong: npt.NDArray[np.bool_] = np.any(slope, axis=1)
            offset = int(wrong.argmax())
            if not wrong[offset]:
                break
            first += offset
            pullback = energy.linearize(params, X[first : first + 1]).pullback
            change = layout.pack(
                pullback(slope[offset : offset + 1] * objective.weight[ahead[first]])
            )
            w -= change
            lag -= (seen + start + first) * change
            mistakes += 1
            first += 1
    return mistakes
