"""Are there parameters of a linear energy with which no sample is a mistake?"""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.arrays import ones
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.base import Iterate, Problem
from sklearn_ebm.solvers.objective import Block, Objective
from sklearn_ebm.solvers.preconditioned import PreconditionedLBFGS

# The search ends after so many iterations, or where it expects to lower the loss by less than this.
ITERATIONS, TOLERANCE = 200, 1e-6


def hinge_scale(objective: Objective, w: Array) -> bool:
    """Whether no sample has a slope: a perceptron then makes no mistake."""
    params = objective.layout.unpack(w)

    def of_block(block: Block) -> tuple[int]:
        energies = objective.energy.linearize(params, block.X).energies
        return (int(np.count_nonzero(objective.loss(energies, block.correct)[1].any(axis=1))),)

    return objective.sum_over_rows(of_block)[0] == 0


def separable(objective: Objective) -> bool:
    """Whether parameters are found that make no mistake.

    The smooth version of the loss, without a penalty and whatever the weights of the samples, falls
    to zero where there are such parameters, and has a minimum above zero where there are none.

    Parameters
    ----------
    objective : Objective
        Of a linear energy and an online loss.

    Examples
    --------
    Two points on a line can be told apart, three can not where the one between them is of another
    class:

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

    def look(iterate: Iterate) -> bool:
        nonlocal found
        found = hinge_scale(rule, iterate.w)
        return found

    problem = Problem(
        rule.with_loss(objective.loss.smoothed(1.0)), np.zeros(rule.layout.size),
        tol=TOLERANCE, max_iter=ITERATIONS, rng=np.random.RandomState(0), monitor=look,
    )  # fmt: skip
    PreconditionedLBFGS().minimize(problem)
    return found
