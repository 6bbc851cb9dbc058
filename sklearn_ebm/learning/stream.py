"""Learning from a stream: one pass over each part of the data, which is then forgotten."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import Energy
from sklearn_ebm.learning.compatibility import refuse_overflow
from sklearn_ebm.learning.parametrization import in_dtype, own_copy, penalty_of, standardize_rows
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses._among import Among
from sklearn_ebm.solvers import SOLVERS
from sklearn_ebm.solvers.base import Problem, Solver
from sklearn_ebm.solvers.objective import Objective

# The first steps of a stream, where the user names no solver for mini-batches: of energies linear
# in what they learn, which have one minimum, and of all others.
LINEAR_STREAM_RATE, STREAM_RATE = 0.1, 0.03


class Stream(NamedTuple):
    """What passes over parts of the data have learned so far.

    Attributes
    ----------
    energy : Energy
        As it was prepared for the first part.
    params : dict of str to ndarray
    memory : object
        What the solver keeps from one pass to the next.
    unit : float
        The mean weight of the first part: weights of all parts are measured in it.
    weight : float
        Sum of the weights of all rows so far.
    parts : int
        How many parts there were.
    """

    energy: Energy
    params: Params
    memory: object
    unit: float
    weight: float
    parts: int


def learn_part(
    energy: Energy,
    loss: Loss,
    solver: Solver | None,
    rows: Rows,
    *,
    n_answers: int,
    C: float,
    tol: float,
    rng: np.random.RandomState,
    stream: Stream | None,
    among: npt.NDArray[np.bool_],
) -> Stream:
    """One pass over some rows of a stream, from where the parts before it, or a fit, ended.

    Steps follow the gradient of the mean over rows of w ℓ plus ‖W‖²/(2C) shared out over the weight
    of all rows so far. The loss looks at the answers `among` those that rows had so far, (k,).
    """
    if stream is None:
        energy = energy.initialized(rows, n_answers, rng)
        start = energy.start(rows, n_answers, rng)
        stream = Stream(energy, start, None, float(rows.weight.mean()), 0.0, 0)
    energy, params, memory, unit, seen, parts = stream
    energy = own_copy(energy)
    total = seen + float(rows.weight.sum())
    if among.sum() == 1:  # there is nothing to be told apart
        return Stream(energy, in_dtype(params, rows.X.dtype), memory, unit, total, parts + 1)
    # A solver divides the penalty by the number of rows in this part.
    penalty = penalty_of(energy, loss, n_answers, C) * len(rows.y) / total
    represent, inner = energy._split_features() or (None, energy)
    if solver is not None and (solver.stochastic or solver.online):
        solver = solver.for_partial_fit()
    else:
        online = loss.traits.online
        solver = SOLVERS["averaged"]() if online else _steps_of_streams(inner, len(rows.y))
    features = standardize_rows(rows.X, represent)
    objective = Objective(
        inner, Among.of(loss, among), features, rows.y, rows.weight / unit, n_answers, penalty
    )
    w = objective.layout.pack(params)
    if memory is None and not parts:  # a new start, or the rows of a fit
        memory = solver.remembered(w, round(seen / unit))
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        problem = Problem(objective, w, tol=tol, max_iter=1, rng=rng, memory=memory)
        result = solver.minimize(problem)
    refuse_overflow(result, loss, rows.X.dtype)
    params = in_dtype(objective.layout.unpack(result.w), rows.X.dtype)
    return Stream(energy, params, result.memory, unit, total, parts + 1)


def _steps_of_streams(energy: Energy, n_rows: int) -> Solver:
    """Return Adam for a part of a stream, where the user names no solver for mini-batches.

    A part of n rows makes √n steps on √n rows each: steps of a fixed number of rows would be too
    few in small parts and too many in large ones. They are long at first, so that a short stream
    gets anywhere, and shorter with the root of their number, so that a long one comes to rest.
    """
    rate = LINEAR_STREAM_RATE if energy.traits.linear else STREAM_RATE
    return SOLVERS["adam"](
        learning_rate=rate, batch_size=math.ceil(math.sqrt(n_rows)), schedule="root"
    )
