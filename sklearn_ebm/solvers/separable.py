"""Test whether a linear energy separates the samples."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.arrays import ones
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.base import Iterate, Problem
from sklearn_ebm.solvers.objective import Block, Objective
from sklearn_ebm.solvers.preconditioned import PreconditionedLBFGS

# Largest number of iterations, and tolerance, of the search for separating parameters.
ITERATIONS, TOLERANCE = 200, 1e-6


def separates(objective: Objective, w: Array) -> bool:
    """Whether the loss has no slope at any sample, so that a perceptron makes no mistake."""
    params = objective.layout.unpack(w)

    def of_block(block: Block) -> tuple[int]:
        energies = objective.energy.linearize(params, block.X).energies
        return (int(np.count_nonzero(objective.loss(energies, block.correct)[1].any(axis=1))),)

    return objective.sum_over_rows(of_block)[0] == 0


def separable(objective: Objective) -> bool:
    """Search for parameters that separate the samples, and return whether there are any.

    The smoothed loss, without penalty and with equal sample weights, tends to zero if such
    parameters exist. Otherwise its minimum is above zero.

    Parameters
    ----------
    objective : Objective
        Objective of a linear energy and an online loss.

    Examples
    --------
    Three points on a line are separable, unless the middle one is of another class than both
    others:

    >>> from sklearn_ebm.energies import Linear
    >>> from sklearn_ebm.losses import Perceptron
    >>> for y in ([0, 0, 1], [0, 1, 0]):
    ...     X, y = np.array([[-1.0], [0.0], [1.0]]), np.array(y)
    ...     separable(Objective(Linear(), Perceptron(), X, y, np.ones(3), 2, 0.0))
    True
    False
    """
    X, y, k = objective.X, objective.y, objective.n_answers
    weight = ones(len(y))
    energy = objective.energy.templates.standardized(X, weight) or objective.energy
    rule = Objective(energy, objective.loss, X, y, weight, k, 0.0, objective.workers)
    found = False

    def stop(iterate: Iterate) -> bool:
        nonlocal found
        found = separates(rule, iterate.w)
        return found

    problem = Problem(
        rule.with_loss(objective.loss.smoothed(1.0)), np.zeros(rule.layout.size),
        tol=TOLERANCE, max_iter=ITERATIONS, rng=np.random.RandomState(0), monitor=stop,
    )  # fmt: skip
    PreconditionedLBFGS().minimize(problem)
    return found
