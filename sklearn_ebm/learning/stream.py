"""Learning from a stream (`partial_fit`): one pass over each part of the data."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import Energy
from sklearn_ebm.learning.compatibility import refuse_overflow
from sklearn_ebm.learning.parametrization import (
    frequency_of,
    in_dtype,
    own_copy,
    penalty_of,
    standardize_rows,
)
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses._among import Among
from sklearn_ebm.losses.negatives.class_base import ClassNegatives
from sklearn_ebm.solvers import SOLVERS
from sklearn_ebm.solvers._sampled_search import ClassMoments
from sklearn_ebm.solvers.base import Problem, Solver
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.sampled_objective import SampledObjective

# Initial learning rates of a stream with the default solver: for energies that are linear in the
# parameters, and for all others.
LINEAR_STREAM_RATE, STREAM_RATE = 0.1, 0.03


class Stream(NamedTuple):
    """State of learning from a stream.

    Attributes
    ----------
    energy : Energy
        The energy, initialised with the first part.
    params : dict of str to ndarray
        Current parameters, by name.
    memory : object
        Memory of the solver.
    unit : float
        Mean weight of the first part, by which all weights are divided.
    weight : float
        Sum of the weights of all rows so far.
    parts : int
        Number of parts so far.
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
    negatives: ClassNegatives | None = None,
) -> Stream:
    """Make one pass over a part of a stream, from the parameters after earlier parts or a fit.

    The objective is the weighted mean of ℓ over the rows, plus ‖W‖²/(2C) divided by the total
    weight of all rows so far. The loss is restricted to the classes `among` which rows have
    occurred so far, a mask of shape (k,).
    """
    if stream is None:
        energy = energy.initialized(rows, n_answers, rng)
        start = energy.start(rows, n_answers, rng)
        stream = Stream(energy, start, None, float(rows.weight.mean()), 0.0, 0)
    energy, params, memory, unit, seen, parts = stream
    energy = own_copy(energy)
    total = seen + float(rows.weight.sum())
    if among.sum() == 1:  # a single class: nothing is learned
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
    part = Rows(features, rows.y, rows.weight / unit)
    objective: Objective
    if negatives is None:
        objective = Objective(inner, Among.of(loss, among), *part, n_answers, penalty)
    else:
        frequency = _frequency(part, n_answers, memory, among)
        objective = SampledObjective(
            inner, loss, *part, n_answers, penalty, negatives=negatives, frequency=frequency
        )
    w = objective.layout.pack(params)
    if memory is None and not parts:  # a new stream, or one that continues a fit
        memory = solver.remembered(w, round(seen / unit))
    with np.errstate(over="ignore", invalid="ignore"):  # overflow is an error below
        problem = Problem(objective, w, tol=tol, max_iter=1, rng=rng, memory=memory)
        result = solver.minimize(problem)
    refuse_overflow(result, loss, rows.X.dtype)
    params = in_dtype(objective.layout.unpack(result.w), rows.X.dtype)
    return Stream(energy, params, result.memory, unit, total, parts + 1)


def _frequency(
    part: Rows, n_answers: int, memory: Any, among: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Sum of the weights of the rows of each class so far, (k,); 1 if it is not known."""
    frequency = frequency_of(part, n_answers)
    if isinstance(memory, ClassMoments):
        frequency += memory.frequency
    return np.where(among, np.where(frequency > 0, frequency, 1.0), 0.0)


def _steps_of_streams(energy: Energy, n_rows: int) -> Solver:
    """Return the default solver for a part of a stream, which is Adam.

    A part of n rows makes √n steps on √n rows each, because a fixed batch size would give too few
    steps in small parts and too many in large ones. The rate is high at first, so that short
    streams make progress, and decreases with the root of the number of steps, so that long ones
    converge.
    """
    rate = LINEAR_STREAM_RATE if energy.traits.linear else STREAM_RATE
    return SOLVERS["adam"](
        learning_rate=rate, batch_size=math.ceil(math.sqrt(n_rows)), schedule="root"
    )
